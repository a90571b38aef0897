from enum import Enum

from pydantic import BaseModel

from wfc import sleep


class Tier(Enum):
    FREE = "free"
    GOLD = "gold"


class Order(BaseModel):
    name: str
    cents: int
    note: str = ""


async def rate(order: Order) -> Tier:
    "use step"
    return Tier.GOLD


async def make(name: str) -> Order:
    "use step"
    return Order(name=name, cents=7, note="soon")


async def flow(name: str) -> list:
    "use workflow"
    order = await make(name)
    tier = await rate(order)
    await sleep(60)
    return [order.cents, tier.value]
