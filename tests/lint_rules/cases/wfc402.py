"""Models that are made in functions."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel


class Order(BaseModel):
    id: str


async def checkout(order_id: str) -> int:
    "use workflow"

    class Receipt(BaseModel):
        cents: int

    @dataclass
    class Card:
        number: str

    async def charge(card: Card) -> Receipt:  # WFC402: 28, "`Card`"  # WFC402: 37, "`Receipt`"
        "use step"
        return Receipt(cents=1)

    async def refund(receipts: "list[Receipt] | None") -> int:  # WFC402: 32, "`Receipt`"
        "use step"
        return len(receipts or [])

    async def good_nested(order: Order) -> Order:
        "use step"
        return order

    await good_nested(Order(id=order_id))
    return await refund([await charge(Card(number="1"))])


async def good_inside(order: Order) -> int:
    "use step"

    class Row(BaseModel):
        id: str

    def good_plain(row: Row) -> str:
        return row.id

    return len(good_plain(Row(id=order.id)))


def good_factory(order_id: str) -> object:
    @dataclass
    class Local:
        id: str

    return Local(order_id)


async def sorting(order_id: str) -> None:
    "use workflow"

    class Mode(StrEnum):
        FAST = "fast"

    async def choose(mode: Mode) -> None:  # WFC402: 28, "`Mode`"
        "use step"

    await choose(Mode.FAST)
