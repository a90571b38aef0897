"""What cannot be recorded is refused with its place, what it is, and what to do instead."""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
import socket
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest

from tests.codec.kinds import Item, Known, Money, Node, Point
from wfc import codec
from wfc.codec import encoding, naming
from wfc.errors import PayloadMismatch, PayloadTooLarge, Unserialisable


def refusal(value: Any, path: str = "the result of charge()") -> str:
    with pytest.raises(Unserialisable) as caught:
        codec.encode(value, path=path)
    return str(caught.value)


def deep(levels: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = wrap(value)
    return value


class Client:
    """A class of no family."""


class Unfriendly(dict[str, Any]):
    """A subclass of a plain type whose repr raises."""

    def __repr__(self) -> str:
        raise RuntimeError

    def __hash__(self) -> int:  # type: ignore[override]  # hashable on purpose, to be a key
        return 1


class Zone(dt.tzinfo):
    """A time zone of the user's own."""

    def utcoffset(self, _: dt.datetime | None) -> dt.timedelta:
        return dt.timedelta(0)

    def dst(self, _: dt.datetime | None) -> None:
        return None

    def tzname(self, _: dt.datetime | None) -> str:
        return "own"


def _generator() -> Any:
    yield 1


def test_a_refusal_names_the_place_inside_an_argument() -> None:
    order = {"items": (1, [Item("a", client=Client())])}
    with pytest.raises(Unserialisable) as caught:
        codec.encode_arguments({"amount": 1, "order": order}, call="charge")
    assert str(caught.value) == (
        "charge() argument `order`: `['items'][1][0].client` is a "
        "tests.codec.test_refusals.Client. Build it in the step."
    )


def test_a_refusal_at_the_top_needs_no_place() -> None:
    assert refusal(Client()) == (
        "the result of charge() is a tests.codec.test_refusals.Client. Build it in the step."
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda: 1, "is a function. Code is no value"),
        (print, "is a function"),
        ("".join, "is a function"),
        (Item, "is a class. Pass its name"),
        (asyncio, "is a module. Import it where it is used"),
        (threading.Lock(), "A lock guards one process only"),
        (threading.Event(), "Threads live in one process only"),
        (asyncio.Event(), "belongs to one event loop"),
        (_generator(), "is a generator. Pass a list"),
        (memoryview(b"x"), "is a memoryview. Pass bytes"),
        (Money(5), "Register it: App.register_type(Money, encode=..., decode=...)"),
        (Counter("a"), "a subclass of dict with a meaning of its own"),
        (OrderedDict(), "a subclass of dict"),
        (object(), "is an object. Build it in the step"),
        ("\ud800", "holds the lone surrogate '\\ud800', which is no text"),
        (dt.datetime(2024, 1, 1, tzinfo=Zone()), "has a time zone of the type"),
    ],
    ids=lambda each: ascii(each) if type(each) is str else type(each).__name__,
)
def test_each_kind_of_value_is_told_what_to_do(value: Any, words: str) -> None:
    assert words in refusal(value)
    assert "`[0]`" in refusal([value])


def test_open_things_are_told_what_to_do(tmp_path: Path) -> None:
    with (tmp_path / "f").open("w") as file, socket.socket() as connection:
        assert "is an open file. Pass its path" in refusal(file)
        assert "A connection lives in one process only" in refusal(connection)


async def test_a_coroutine_is_to_be_awaited() -> None:
    coroutine = asyncio.sleep(0)
    assert "is a coroutine. Await it" in refusal(coroutine)
    await coroutine


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({Client: 1}, "[key <class 'tests.codec.test_refusals.Client'>]"),
        ({"a" * 100: Client()}, "['" + "a" * 59 + "...]"),
        ({Client}, "[member <class 'tests.codec.test_refusals.Client'>]"),
        (frozenset({Client}), "[member <class"),
        (Point(1, Client()), ".y"),  # type: ignore[arg-type]  # the point of the test
        ([{"\udfff": 1}], "[0][key '\\udfff']"),
        ({Unfriendly(): 1}, "[key <Unfriendly>]"),
    ],
    ids=["key", "long key", "member", "frozen member", "attrs", "surrogate key", "unfriendly"],
)
def test_places_read_like_python(value: Any, place: str) -> None:
    assert f"`{place}" in refusal(value)


def test_a_long_way_is_cut() -> None:
    value = deep(60, lambda inner: {"a long name": inner} if inner != 1 else Client())
    assert "...` is a" in refusal(value)


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {"k": v}])
def test_nesting_is_bounded_at_200(wrap: Callable[[Any], Any]) -> None:
    at_most = deep(200, wrap)
    assert codec.decode(codec.encode(at_most, path="v")) == at_most
    assert "is nested more than 200 deep" in refusal(deep(201, wrap))


def test_a_bottomless_value_is_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at a level costs an attempt to encode, so they end at the depth of payloads."""
    looks: list[Any] = []
    attempt = encoding._attempt

    def counted(value: Any) -> Exception | None:
        looks.append(value)
        return attempt(value)

    monkeypatch.setattr(encoding, "_attempt", counted)
    assert "...` is nested more than 200 deep" in refusal(deep(10_000, lambda inner: [inner]))
    assert len(looks) <= 201


def test_flags_without_a_name_are_refused() -> None:
    class Loose(enum.Flag, boundary=enum.KEEP):
        ONE = 1

    assert "has bits without a name" in refusal(Loose(5))


def test_arguments_may_nest_one_less_deep() -> None:
    with pytest.raises(Unserialisable, match=r"^the arguments of f\(\) is nested more than 200"):
        codec.encode_arguments({"a": deep(200, lambda inner: [inner])}, call="f")


def test_objects_may_nest_a_hundred_deep() -> None:
    """An object counts twice, for itself and for its fields."""
    value = deep(99, Node)
    assert codec.decode(codec.encode(value, path="v"), types=Known()) == value
    assert "is nested" in refusal(deep(101, Node))


def test_cycles_are_named() -> None:
    ring: list[Any] = [1]
    ring.append({"again": ring})
    assert "`[1]['again']` contains itself" in refusal(ring)
    node = Node(None)
    node.next = [node]
    assert "contains itself" in refusal(node)


def test_a_field_that_was_never_set_is_named() -> None:
    node = Node(1)
    del node.next
    assert "`[0]` has a field that was never set" in refusal([node])


def test_a_value_that_changes_meanwhile_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """The explanation tries again; by then, another thread may have repaired the value."""
    monkeypatch.setattr(encoding, "_attempt", lambda _: None)
    assert "changed while it was looked at" in refusal(Client())


def test_a_payload_has_a_limit() -> None:
    with pytest.raises(PayloadTooLarge, match="the result is 103 bytes long; the limit is 100"):
        codec.encode(b"x" * 99, path="the result", limit=100)
    with pytest.raises(PayloadTooLarge, match="limit is 67,108,864"):
        codec.encode(bytes(64 * 1024 * 1024 + 1), path="the result")


def test_what_shares_its_parts_endlessly_does_not_fill_the_memory() -> None:
    value: Any = [0] * 1000
    for _ in range(40):
        value = [value, value]
    with pytest.raises(PayloadTooLarge, match="holds more than"):
        codec.encode(value, path="the result")


class Fragile:
    """Its converters raise what they like."""


def _raises(_: object) -> Any:
    raise KeyError("boom")


@pytest.fixture
def fragile() -> Iterator[None]:
    codec.REGISTERED.register_type(Fragile, encode=_raises, decode=_raises, name="fragile")
    yield
    for table in (naming.REGISTERED._by_name, naming.REGISTERED._by_wire_name):
        for name in [name for name, entry in table.items() if entry.kind is Fragile]:
            del table[name]
    naming.REGISTERED.remembered.clear()


@pytest.mark.usefixtures("fragile")
def test_a_converter_that_raises_is_a_refusal_with_its_place() -> None:
    """And no error of the user's where nobody expects one."""
    with pytest.raises(Unserialisable, match=r"`\['a'\]\[1\]` is a Fragile, whose .*KeyError"):
        codec.encode({"a": [1, Fragile()]}, path="v")


@pytest.mark.usefixtures("fragile")
def test_a_converter_that_cannot_read_is_a_mismatch() -> None:
    data = b"\x01\x00" + msgpack.packb(msgpack.ExtType(23, msgpack.packb(["fragile", 5])))
    with pytest.raises(PayloadMismatch, match=r"`decode` of fragile raised KeyError"):
        codec.decode(data)
