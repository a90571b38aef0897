"""What calls of models cost, where a price is known."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from pydantic_ai.messages import ModelResponse


def price_of(response: ModelResponse) -> Decimal | None:
    """Give the US dollars that one answer cost, for its model and its date; None if unknown."""
    if response.model_name is None:
        return None
    try:
        return response.cost().total_price
    except (LookupError, AssertionError, ImportError):  # no price is known: that is no failure
        return None


def cost_of(responses: Sequence[ModelResponse]) -> Decimal | None:
    """Add prices up; None if one of them is unknown, since a sum without it would mislead."""
    prices = [price_of(one) for one in responses]
    if not prices or any(price is None for price in prices):
        return None
    return sum((price for price in prices if price is not None), Decimal(0))
