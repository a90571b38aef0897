"""Steps that two parties try again."""

import backoff
import stamina
import tenacity
from tenacity import retry, stop_after_attempt
from wfc import policy


@retry(stop=stop_after_attempt(5))  # WFC354: 2, "`tenacity.retry`"
async def charge(order_id: str) -> str:
    "use step"
    return order_id


@policy(attempts=4)
@stamina.retry(on=ValueError, attempts=3)  # WFC354: 2, "`stamina.retry`"
async def refund(order_id: str) -> str:
    "use step"
    return order_id


@backoff.on_exception(backoff.expo, OSError, max_tries=8)  # WFC354: 2, "`backoff.on_exception`"
def ship(order_id: str) -> str:
    "use step"
    return order_id


@tenacity.retry  # WFC354: 2, "`tenacity.retry`"
def pack(order_id: str) -> str:
    "use step"
    return order_id


@policy(attempts=5)
async def good_policy(order_id: str) -> str:
    "use step"
    return good_helper(order_id)


@retry(stop=stop_after_attempt(3))
def good_helper(order_id: str) -> str:
    return order_id


@policy(attempts=1)
@retry(stop=stop_after_attempt(3))
def good_once(order_id: str) -> str:
    "use step"
    return order_id
