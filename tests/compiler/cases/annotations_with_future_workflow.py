from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Order:
    cents: int


charge = __wfc__.step("charge")




async def flow(order: Order) -> Order:
    
    return await charge(order)
