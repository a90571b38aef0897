from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Order:
    cents: int


async def charge(order: Order, then: list[Order] | None = None) -> Order:
    
    return order


async def flow(order: Order) -> Order:
    __wfc__.refuse("flow")
    
__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "flow", flow)
