from app.prices import PRICE
from wfc import sleep


async def charge(cents: int) -> int:
    "use step"
    return cents


async def flow(order: str) -> int:
    "use workflow"
    await sleep(60)
    return await charge(PRICE)
# file: prices.py
PRICE = 1
