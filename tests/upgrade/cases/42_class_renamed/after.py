from dataclasses import dataclass
from enum import Enum

from wfc import sleep


class Tier(Enum):
    FREE = "free"
    GOLD = "gold"


# wfc: was[Order]
@dataclass
class Purchase:
    name: str
    cents: int
    note: str = ""


async def rate(order: Purchase) -> Tier:
    "use step"
    return Tier.GOLD


async def make(name: str) -> Purchase:
    "use step"
    return Purchase(name, 7, "soon")


async def flow(name: str) -> list:
    "use workflow"
    order = await make(name)
    tier = await rate(order)
    await sleep(60)
    return [order.cents, tier.value]
