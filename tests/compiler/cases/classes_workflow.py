from __future__ import annotations

import dataclasses



@dataclasses.dataclass
class Order:
    """An order."""

    id: str
    items: list[Item]

    total = __wfc__.step("Order.total")




    @staticmethod
    async def ship(order: Order) -> None:
        
        await order.total()
        await Order.label("x")
        await Order.make("y")

    label = __wfc__.step("Order.label")




    make = __wfc__.step("Order.make")




    __secret = __wfc__.step("Order.__secret")




@dataclasses.dataclass
class Item:
    name: str




