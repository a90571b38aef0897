from typing import Required, TypedDict


class Order(TypedDict, total=False):
    cents: Required[int]
    note: str


async def charge(order: Order) -> Order:
    
    return order


async def flow(cents: int) -> Order:
    __wfc__.refuse("flow")
    
__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "flow", flow)
