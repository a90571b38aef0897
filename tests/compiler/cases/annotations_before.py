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
    "use step"
    return Receipt(order.id)


def helper(s: socket) -> Fraction:
    return s


async def main(amount: Decimal) -> "dict[str, Decimal]":
    "use workflow"
    helper(amount)
    return await charge(Order("x"))
