from __future__ import annotations

import dataclasses
import sqlite3


@dataclasses.dataclass
class Order:
    """An order."""

    id: str
    items: list[Item]

    async def total(self) -> int:
        """Add it up."""
        
        return sqlite3.connect("x").execute("select 1").fetchone()[0]

    @staticmethod
    async def ship(order: Order) -> None:
        __wfc__.refuse("Order.ship")
        



    @staticmethod
    async def label(text: str) -> str:
        
        return text

    @classmethod
    async def make(cls, text: str) -> Order:
        
        return cls(text, [])

    async def __secret(self):
        
        return self


@dataclasses.dataclass
class Item:
    name: str


class Unreached:
    connection = sqlite3.connect
__wfc__.register("step", "Order.total", Order.total)
__wfc__.register("workflow", "Order.ship", Order.ship)
__wfc__.register("step", "Order.label", Order.label)
__wfc__.register("step", "Order.make", Order.make)
__wfc__.register("step", "Order.__secret", Order._Order__secret)
