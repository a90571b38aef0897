from dataclasses import dataclass
from decimal import Decimal




@dataclass
class Order:
    id: str


@dataclass
class Receipt:
    id: str


charge = __wfc__.step("charge")




def helper(s: socket) -> Fraction:
    return s


async def main(amount: Decimal) -> "dict[str, Decimal]":
    
    helper(amount)
    return await charge(Order("x"))
