"""A front: it must start runs, not call workflows."""

import flows
from flows import checkout
from wfc.api import start


async def order(order_id: str) -> str:
    return await checkout(order_id)  # WFC135: 18, "checkout"


async def orders(ids: list[str]) -> None:
    for one in ids:
        await flows.checkout(one)  # WFC135: 15, "checkout"


async def good_order(order_id: str) -> str:
    run = await start(checkout, order_id)
    return run.id


print(checkout("o-1"))  # WFC135: 7, "checkout"
