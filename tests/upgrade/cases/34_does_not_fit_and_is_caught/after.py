"""Sells things."""

from pydantic import BaseModel

from wfc import create_hook, start


class Approval(BaseModel):
    approved: bool


async def charge(order: str, cents: int) -> str:
    "use step"
    return f"paid {order} {cents}"


async def ship(order: str) -> str:
    "use step"
    return f"sent {order}"


async def deliver(order: str) -> str:
    "use workflow"
    return await ship(order)


async def fetch(order: str) -> str:
    "use workflow"
    return order


async def flow(order: str) -> list:
    "use workflow"
    async with create_hook(list[int], token=order) as hook:
        try:
            number = await hook
        except Exception:
            number = 0
        paid = await charge(order, 4200)
    return [paid, number]
