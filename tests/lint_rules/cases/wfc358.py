"""Values of policies that Python refuses at import."""

import wfc
from wfc import Backoff, policy


@policy(attempts=0)  # WFC358: 18, "`attempts` is 0"
async def charge(order_id: str) -> str:
    "use step"
    return order_id


@wfc.policy(timeout="30 parsecs", total="1h")  # WFC358: 21, "30 parsecs"
def refund(order_id: str) -> str:
    "use step"
    return order_id


@policy(attempts=3, backoff=Backoff(initial="5m", maximum="1m"))  # WFC358: 29, "5m"
async def ship(order_id: str) -> str:
    "use step"
    return order_id


@policy(rate="100 per minute", by="customer")  # WFC358: 14, "100/1m"  # WFC358: 35, "customer"
async def mail(order_id: str) -> str:
    "use step"
    return order_id


@policy(timeout=-5)  # WFC358: 17, "-5"
async def checkout(order_id: str) -> str:
    "use workflow"
    return await charge(order_id)


@policy(attempts=5, timeout="30s", total="1h", backoff=Backoff(factor=3), by="order_id", rate="10/1m")
async def good_step(order_id: str) -> str:
    "use step"
    return order_id


@policy(attempts=1, timeout=0.5, cancel="wait", isolation="process")
def good_process(order_id: str) -> str:
    "use step"
    return order_id


@policy(isolation="process", memory="1GiB")
def good_memory(order_id: str) -> str:
    "use step"
    return order_id


@policy(memory="1GiB")  # WFC358: 16, "isolation"
def wide(order_id: str) -> str:
    "use step"
    return order_id


@policy(timeout="3 days", cleanup="1m", retention="never", on_new_version="upgrade")
async def good_workflow(order_id: str) -> str:
    "use workflow"
    return await charge(order_id)
