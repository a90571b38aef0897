from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Order:
    cents: int


async def charge(order: Order, then: list[Order] | None = None) -> Order:
    "use step"
    return order


async def flow(order: Order) -> Order:
    "use workflow"
    return await charge(order)
