from dataclasses import dataclass
from enum import Enum

from wfc import sleep


class Tier(Enum):
    FREE = "free"
    GOLD = "gold"


@dataclass
class Order:
    name: str
    cents: int
    note: str = ""


async def rate(order: Order) -> Tier:
    "use step"
    return Tier.GOLD


async def make(name: str) -> Order:
    "use step"
    return Order(name, 7, "soon")


async def flow(name: str) -> list:
    "use workflow"
    order = await make(name)
    tier = await rate(order)
    await sleep(60)
    return [order.cents, tier.value]
