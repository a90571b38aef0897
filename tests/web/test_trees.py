"""Values as operators see them."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from wfc import codec
from wfc.errors import UnknownType
from wfc.web.trees import BYTES_MAX, NODES_MAX, Painter, is_secret

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Card(BaseModel):
    holder: str
    cvv: str
    pin: SecretStr = SecretStr("1234")


@dataclasses.dataclass
class Point:
    x: int
    y: float


@pytest.mark.parametrize(
    ("value", "tree"),
    [
        ({"a": [1, None, True, "x"]}, {"a": [1, None, True, "x"]}),
        (Decimal("1.20"), {"$type": "Decimal", "value": "1.20"}),
        (NOON, {"$type": "datetime", "value": "2030-01-01 12:00:00+00:00"}),
        (float("nan"), {"$type": "float", "value": "nan"}),
        (2**60, {"$type": "int", "value": str(2**60)}),
        (b"ab", {"$bytes": "YWI=", "size": 2}),
        ((1, 2), {"$type": "tuple", "items": [1, 2]}),
        (Point(1, 2.5), {"$type": "Point", "fields": {"x": 1, "y": 2.5}}),
        ({1: "a"}, {"$type": "dict", "items": [[1, "a"]]}),
        ({"$type": "x"}, {"$type": "dict", "items": [["$type", "x"]]}),
        ({"$encrypted": True}, {"$encrypted": True}),
    ],
)  # fmt: skip
def test_values_keep_their_type(value: object, tree: object) -> None:
    """Plain JSON stands for itself; what has no form there says what it is."""
    found = Painter("shown").tree(value)
    assert found == tree
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True), ("api_key", True), ("apiKey", True), ("client_secret", True),
        ("X-Authorization", True), ("sessionToken", True), ("ssn", True), ("private_key", True),
        ("tokens_used", False), ("keyboard", False), ("secretary", False), ("author", False),
    ],
)  # fmt: skip
def test_secrets_are_known_by_name(name: str, secret: bool) -> None:  # noqa: FBT001 - a table
    """A part of the name says it, whatever the style."""
    assert is_secret(name) is secret


def test_a_secret_is_taken_out_wherever_it_stands() -> None:
    """Under its name it is told by its length, elsewhere its text is replaced."""
    painter = Painter("redacted")
    found = painter.tree({"password": "hunter2hunter2", "note": "use hunter2hunter2 today"})
    assert found == {
        "password": {"$redacted": "str", "length": 14},
        "note": "use [redacted] today",
    }
    assert painter.text("failed for hunter2hunter2") == "failed for [redacted]"
    assert painter.tree({"cvv": "123", "count": "123"})["count"] == "123"  # too short to be one


def test_secret_types_are_secret_under_any_name() -> None:
    """And so are the fields of models by their names."""
    found = Painter("redacted").tree(Card(holder="Ana", cvv="987"))
    assert found["fields"]["pin"] == {"$redacted": "str", "length": 4}
    assert found["fields"]["cvv"] == {"$redacted": "str", "length": 3}
    assert found["fields"]["holder"] == "Ana"


def test_hidden_tells_sizes_alone() -> None:
    """Nothing is decoded for it."""
    data = codec.encode({"a": "secret"}, path="x")
    assert Painter("hidden").payload(data, codec.REGISTERED) == {"$hidden": True, "size": len(data)}
    assert Painter("hidden").tree([1]) == {"$hidden": True, "type": "list"}


def test_the_function_of_the_application_has_the_last_word() -> None:
    """It is asked by path."""

    def redact(path: str, value: Any) -> Any:
        return "***" if path == "/a/0" else value

    assert Painter("redacted", redact).tree({"a": ["x", "y"]}) == {"a": ["***", "y"]}


def test_large_trees_are_cut_with_a_path() -> None:
    """So that no value makes an answer that a browser cannot hold."""
    found = Painter("shown").tree({"a": list(range(3 * NODES_MAX))})
    assert found["a"][-1] == {"$cut": f"/a/{3 * NODES_MAX - 1}"}
    text = Painter("shown").tree(["x" * (BYTES_MAX + 1), "y"])
    assert text == [{"$cut": "/0"}, {"$cut": "/1"}]


def test_what_cannot_be_read_says_why() -> None:
    """Without a traceback, and without the rest failing."""
    encrypted = Painter("shown").payload(codec.ENCRYPTED, codec.REGISTERED)
    assert encrypted == {"$encrypted": True}
    broken = Painter("shown").payload(b"\x01\x00\xc1", codec.REGISTERED)
    assert broken["code"] == "WFC463"
    assert Painter("shown").tree(UnknownType("no type x"))["$unreadable"] == "no type x"


def test_a_value_that_cannot_be_written_is_named() -> None:
    """A `__str__` may do anything."""

    class Wild:
        def __str__(self) -> str:
            raise RuntimeError

    assert "RuntimeError" in Painter("shown").tree(Wild())["value"]
