"""Annotations that say nothing."""

from typing import Any, Dict, TypedDict


class Order(TypedDict):
    id: str


async def charge(order: dict) -> int:  # WFC404: 25, "`dict`"
    "use step"
    return len(order)


async def refund(order: "Dict | None", reason: object) -> Any:  # WFC404: 25, "`Dict`"  # WFC404: 48, "`object`"  # WFC404: 59, "`Any`"
    "use step"
    return order


async def checkout(order: dict[str, Any]) -> None:  # WFC404: 37, "`Any`"
    "use workflow"
    await charge(order)


async def good_typed(order: Order, counts: dict[str, int]) -> list[str]:
    "use step"
    return [order["id"], *counts]


async def good_workflow(order: Order | None) -> None:
    "use workflow"


def good_helper(order: dict, rest: Any) -> object:
    return order
