from enum import Enum

from pydantic import BaseModel, field_validator

from wfc import sleep


class Tier(Enum):
    FREE = "free"
    GOLD = "gold"


class Order(BaseModel):
    name: str
    cents: int
    note: str = ""

    @field_validator("cents")
    @classmethod
    def much(cls, value: int) -> int:
        if value < 100:
            raise ValueError("too few")
        return value


async def rate(order: Order) -> Tier:
    "use step"
    return Tier.GOLD


async def make(name: str) -> Order:
    "use step"
    return Order(name=name, cents=700, note="soon")


async def flow(name: str) -> list:
    "use workflow"
    order = await make(name)
    tier = await rate(order)
    await sleep(60)
    return [order.cents, tier.value]
