"""Unions of models that look alike."""

from dataclasses import dataclass
from typing import Annotated, Literal, Union

from pydantic import BaseModel, Field
from wfc import create_hook


class Card(BaseModel):
    number: str
    name: str = ""


class Bank(BaseModel):
    number: str


class Approved(BaseModel):
    kind: Literal["approved"] = "approved"
    by: str


class Rejected(BaseModel):
    kind: Literal["rejected"] = "rejected"
    by: str


@dataclass
class Cash:
    cents: int


@dataclass
class Coupon:
    cents: int
    used: bool = False


Payment = Union[Cash, Coupon]


async def charge(method: Card | Bank) -> str:  # WFC408: 33, "`Card` or `Bank`"
    "use step"
    return method.number


async def count(methods: list[Payment]) -> int:  # WFC408: 31, "`Cash` or `Coupon`"
    "use step"
    return len(methods)


async def checkout(order_id: str) -> None:
    "use workflow"
    async with create_hook(Card | Bank | None, token=order_id) as hook:  # WFC408: 35, "`Card` or `Bank`"
        await hook


async def good_tagged(decision: Approved | Rejected) -> str:
    "use step"
    return decision.by


async def good_discriminated(
    decision: Annotated[Card | Bank, Field(discriminator="kind")],
) -> None:
    "use step"


async def good_other_fields(method: Card | Cash | None) -> None:
    "use step"


def good_helper(method: Card | Bank) -> None:
    print(method)
