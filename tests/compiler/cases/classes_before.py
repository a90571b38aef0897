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
        "use step"
        return sqlite3.connect("x").execute("select 1").fetchone()[0]

    @staticmethod
    async def ship(order: Order) -> None:
        "use workflow"
        await order.total()
        await Order.label("x")
        await Order.make("y")

    @staticmethod
    async def label(text: str) -> str:
        "use step"
        return text

    @classmethod
    async def make(cls, text: str) -> Order:
        "use step"
        return cls(text, [])

    async def __secret(self):
        "use step"
        return self


@dataclasses.dataclass
class Item:
    name: str


class Unreached:
    connection = sqlite3.connect
