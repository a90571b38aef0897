"""Parts of payloads are blacked out by their place, whatever the payload holds."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from wfc import codec
from wfc.codec.envelope import seal
from wfc.errors import PayloadCorrupt


@dataclass
class Card:
    number: Any
    year: int


class Order(BaseModel):
    card: Any
    notes: list[str] = []


Pair = namedtuple("Pair", "left right")  # noqa: PYI024 - one without annotations is meant
VALUE = {
    "order": Order(card=Card("4111", 2030)),
    "list": [{"a": 1}, {"a": 2}],
    "tuple": ({"a": 1}, 2),
    "pair": Pair(1, 2),
    "price": Decimal("1.50"),
    "large": 1 << 80,
    7: "seven",
}


def hidden(*place: str) -> Any:
    data = codec.redacted(codec.encode(VALUE, path="a test"), place)
    assert data is not None
    types = codec.Registry()
    for kind in (Card, Order, Pair):
        types.register_type(kind)
    return codec.decode(data, types=types)


def test_what_is_hidden_is_hidden_and_nothing_else() -> None:
    """Keys, fields, indices, and any of them."""
    black = codec.REDACTED
    assert hidden("order", "card", "number") == VALUE | {"order": Order(card=Card(black, 2030))}
    assert hidden("order", "card") == VALUE | {"order": Order(card=black)}
    assert hidden("list", "1", "a") == VALUE | {"list": [{"a": 1}, {"a": black}]}
    assert hidden("list", "*", "a") == VALUE | {"list": [{"a": black}, {"a": black}]}
    assert hidden("tuple", "0", "a") == VALUE | {"tuple": ({"a": black}, 2)}
    assert hidden("pair", "right") == VALUE | {"pair": Pair(1, black)}
    assert hidden("large") == VALUE | {"large": black}
    assert hidden("7") == VALUE | {7: black}
    assert hidden("*") == dict.fromkeys(VALUE, black)
    assert hidden() == black


@pytest.mark.parametrize(
    "place", ["nothing", "order.none", "list.2", "list.x.a", "price.1", "tuple.0.b", "large.x"]
)
def test_a_place_that_is_not_there_hides_nothing(place: str) -> None:
    """And is told."""
    assert codec.redacted(codec.encode(VALUE, path="a test"), place.split(".")) is None


@pytest.mark.parametrize("body", [b"\x92\x01", b"\xc1", b"\x01\x01", b"\x81\x91\x01\x01"])
def test_damaged_payloads_are_refused(body: bytes) -> None:
    """As reading them would."""
    with pytest.raises(PayloadCorrupt):
        codec.redacted(seal(body, "a test"), ["a"])
