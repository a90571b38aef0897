from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from socket import socket


@dataclass
class Order:
    id: str


@dataclass
class Receipt:
    id: str


async def charge(order: Order) -> "Receipt":
    
    return Receipt(order.id)


def helper(s: socket) -> Fraction:
    return s


async def main(amount: Decimal) -> "dict[str, Decimal]":
    __wfc__.refuse("main")
    

__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "main", main)
