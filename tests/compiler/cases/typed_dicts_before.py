from typing import Required, TypedDict


class Order(TypedDict, total=False):
    cents: Required[int]
    note: str


async def charge(order: Order) -> Order:
    "use step"
    return order


async def flow(cents: int) -> Order:
    "use workflow"
    return await charge(Order(cents=cents))
