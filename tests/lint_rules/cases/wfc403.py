"""A marked function leaves something unannotated."""

from dataclasses import dataclass


async def charge(order_id, cents: int) -> str:  # WFC403: 1, "`order_id`"
    "use step"
    return order_id


async def refund(order_id: str):  # WFC403: 1, "its result"
    "use step"
    return order_id


async def checkout(*orders) -> None:  # WFC403: 1, "`orders`"
    "use workflow"
    for order in orders:
        await charge(order, 1)


async def good_charge(order_id: str, cents: int) -> str:
    "use step"
    return order_id


def good_helper(order_id):
    return order_id


@dataclass
class Order:
    id: str

    async def good_method(self, cents: int) -> str:
        "use step"
        return self.id
