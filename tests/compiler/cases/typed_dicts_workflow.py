from typing import Required, TypedDict


class Order(TypedDict, total=False):
    cents: Required[int]
    note: str


charge = __wfc__.step("charge")




async def flow(cents: int) -> Order:
    
    return await charge(Order(cents=cents))
