"""A golden vector: see tests/golden/fingerprints.py."""
from asyncio import gather, timeout
from contextlib import suppress
from dataclasses import dataclass
import typing as t
from typing import NewType, Optional, Union
from wfc import sleep, policy

RATE = 1.19
TABLE = {"a": 1}
TABLE["b"] = RATE
Cents = NewType("Cents", int)
Money = Union[Cents, "str"]

@dataclass
class Order:
    """An order."""
    items: Optional[t.List[int]]
    cents: Cents = Cents(0)

    def total(self) -> int:
        """Sum."""
        return sum(self.items or []) + helper(self.cents)

def helper(value):
    """Help."""
    return twice(value) * RATE

def twice(value):
    return value * 2 if value else helper(0)

@policy(attempts=5)
async def charge(order: Order, cents: int) -> "str":
    "use step"
    return open("x").read()

async def typed(amounts: t.List[Money], other: t.Optional[t.Dict[str, Order]]) -> None:
    "use step"

@policy(timeout="1h")
async def flow(x: "Optional[int]", y=None, *, z: t.Literal["a", 1] = "a"):
    """Doc."""
    "use workflow"
    a = await charge(x, 3)
    b = await charge(order=x, cents=3)
    c = await charge(*x)
    await sleep("3 days")
    return a, b, c
