"""Annotations win: today's code says what a recorded value is, or that it does not fit."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import (
    Annotated,
    Any,
    ForwardRef,
    Generic,
    Literal,
    NamedTuple,
    Optional,
    Protocol,
    TypeVar,
)

import attrs
import msgspec
import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from tests.codec.kinds import (
    Colour,
    Derived,
    Gift,
    Item,
    Known,
    Model,
    Nothing,
    Open,
    Order,
    Pair,
    Point,
    Special,
    Struct,
    Word,
)
from wfc import codec
from wfc.errors import PayloadMismatch, UnknownType

T = TypeVar("T")


def read(value: Any, annotation: Any, types: codec.Types = Nothing()) -> Any:  # noqa: B008 - holds nothing
    data = codec.encode(value, path="v")
    return codec.decode(data, annotation=annotation, types=types)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (None, type(None)), (5, int), (True, int), ("a", str), (Word.YES, str), (b"a", bytes),
        (True, bool), (1.5, float), ([1], list), ({"a": 1}, dict), ((1, "a"), Any), (5, object),
        ([1], list[int]), ((1, 2), tuple[int, ...]), ({1}, set[int]), (None, Optional[int]),  # noqa: UP045 - the old form is read too
        (5, int | str), ("x", Literal["x", "y"]), (5, Annotated[int, Field(gt=1)]),
        (dt.date(2024, 1, 1), dt.date), (Item("a"), Item), ([Item("a")], list[Item]),
        (Order("o", (Item("a"),)), Order), (Colour.RED, Colour), (Pair(1), Pair),
        ({"a": Model(name="n")}, dict[str, Model]), (Point(1), Point), (Struct(1), Struct),
        (Derived(1), Derived), ([Point(1)], list[Point]), (Open(a=1), Open | None),
    ],
    ids=repr,
)  # fmt: skip
def test_what_fits_is_read_and_its_annotation_is_enough(value: Any, annotation: Any) -> None:
    """No type need be registered that the annotation reaches, however deep it lies."""
    types = Known() if value is Word.YES else Nothing()
    found = read(value, annotation, types)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        ([1, 2], tuple[int, ...], (1, 2)), ([1, 2], set[int], {1, 2}), ((1, 2), list[int], [1, 2]),
        ([1], list[float], [1.0]), ({"name": "n"}, Model, Model(name="n")),
        (["2024-01-01"], list[dt.date], [dt.date(2024, 1, 1)]),
        ({"a": [{"name": "n"}]}, dict[str, list[Model]], {"a": [Model(name="n")]}),
    ],
    ids=repr,
)  # fmt: skip
def test_containers_may_be_those_of_json(value: Any, annotation: Any, expected: Any) -> None:
    """What they hold is taken as strictly as it would be alone."""
    assert read(value, annotation) == expected


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        ("5", int), (5, str), (5, bytes), (1, bool), ("1.5", float), (None, dict), ((1,), list),
        (5, type(None)), (["a"], list[int]), (5, Item), (None, Item), ("z", Literal["x"]),
        (0, Annotated[int, Field(gt=1)]), ({"a": 1}, Model), ([{"a": 1}], list[Item]), (5, Client),
        (["5"], list[int]), ({"a": "5"}, dict[str, int]), ({"5": 1}, dict[int, int]),
        ((1, "5"), tuple[int, int]), ({"5"}, set[int]), ([5], list[str]), ([1], list[bool]),
        ("5", Optional[int]), ([["5"]], list[tuple[int]]), ({"name": 5}, Model),  # noqa: UP045 - the old form is read too
    ] if (Client := type("Client", (), {})) else [],
    ids=repr,
)  # fmt: skip
def test_what_does_not_fit_is_refused(value: Any, annotation: Any) -> None:
    with pytest.raises(PayloadMismatch, match=r"does not fit (.*\n)Either the value was wrong"):
        read(value, annotation)


class Box(BaseModel, Generic[T]):
    v: T


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (Box[str](v="a"), Box[int] | Box[str]), (Box[int](v=3), Box[int] | Box[str]),
        ([Box[str](v="a"), Box[int](v=3)], list[Box[int] | Box[str]]),
        ((Box[int](v=3), Box[str](v="a")), tuple[Box[int], Box[str]]),
        (Box[Box[int]](v=Box[int](v=3)), Box[Box[int]]),
    ],
    ids=repr,
)  # fmt: skip
def test_a_generic_model_is_what_its_annotation_says(value: Any, annotation: Any) -> None:
    """All of them travel under one name, and one payload may hold several."""
    found = read(value, annotation)
    assert found == value
    assert type(found) is type(value)


def test_a_mismatch_says_where() -> None:
    with pytest.raises(PayloadMismatch, match=r"does not fit `list\[int\]`: 1: Input should be a"):
        read([1, "x"], list[int])
    data, _ = codec.encode_arguments({"cents": "many"}, call="f")
    with pytest.raises(
        PayloadMismatch, match=r"^the argument `cents` does not fit `int`: it is a str"
    ):
        codec.decode_arguments(data, {"cents": int}, Nothing())


def test_an_annotation_converts_what_it_can() -> None:
    assert repr(read(5, float)) == "5.0"
    assert read((1, 2), list[int]) == [1, 2]
    assert read("blue", Colour) is Colour.BLUE
    assert read({"name": "n", "Count": 1}, Model) == Model(name="n", Count=1)


def test_a_tagged_subclass_stays_itself() -> None:
    for value, annotation in ((Gift("a"), Item), (Special(name="n"), Model)):
        found = read(value, annotation, Known())
        assert type(found) is type(value)
        assert found == value
        assert read([value], list[annotation], Known()) == [value]  # type: ignore[valid-type]  # made at run time


@dataclasses.dataclass
class Moved:
    name: str
    cents: int = 0
    added: str = "new"


class MovedModel(BaseModel):
    name: str
    added: str = "new"


@attrs.define
class MovedAttrs:
    name: str
    added: list[str] = attrs.field(factory=list)


class MovedStruct(msgspec.Struct):
    name: str
    added: str = "new"


@pytest.mark.parametrize("kind", [Moved, MovedModel, MovedAttrs, MovedStruct])
def test_a_moved_class_still_reads(kind: Any) -> None:
    """Renamed, moved, even of another family: fields that are gone are dropped, new ones added."""
    found = read(Item("a", 5, ["t"]), kind)
    assert type(found) is kind
    assert found == kind(name="a", **({"cents": 5} if kind is Moved else {}))


@pytest.mark.parametrize("kind", [Moved, MovedModel])
def test_a_moved_class_still_reads_inside_a_container(kind: Any) -> None:
    found = read([Item("a")], list[kind])
    assert found == [kind(name="a")]


class Strict(BaseModel):
    name: int


@dataclasses.dataclass
class Needy:
    name: str
    more: int


@attrs.define
class NeedyAttrs:
    name: str
    more: int


class NeedyStruct(msgspec.Struct):
    name: str
    more: int


@pytest.mark.parametrize("kind", [Strict, Needy, NeedyAttrs, NeedyStruct, Pair, int, Protocol])
def test_a_class_that_the_fields_do_not_fill_is_a_mismatch(kind: Any) -> None:
    with pytest.raises((PayloadMismatch, UnknownType)):
        read(Item("a"), kind)


def test_classes_of_every_family_fill_in_what_they_learnt_since() -> None:
    """An old payload of the same class: a removed field is dropped, a defaulted one appears."""
    item = Item("a")
    for old, kind in (
        ({"x": 1, "gone": 2}, Point), ({"a": 1, "gone": 2}, Struct), ({"left": 1, "gone": 2}, Pair),
    ):  # fmt: skip
        found = codec.decode(_tagged(kind, old), types=Known())
        assert found == kind(1)
    assert codec.decode(_tagged(Item, {"name": "a", "gone": 2}), types=Known()) == item
    found = codec.decode(_tagged(Model, {"name": "n", "gone": 2}), types=Known())
    assert found == Model(name="n")
    assert codec.decode(_tagged(Open, {"a": 1, "kept": 2}), types=Known()).kept == 2


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Item, {}), (Point, {}), (Struct, {}), (Pair, {}), (Model, {}), (Derived, {"a": 1}),
        (Model, {"name": []}),
    ],
    ids=repr,
)  # fmt: skip
def test_a_field_without_default_must_be_there(kind: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(PayloadMismatch):
        codec.decode(_tagged(kind, fields), types=Known())


def _tagged(kind: Any, fields: dict[str, Any]) -> bytes:
    import msgpack  # type: ignore[import-untyped]  # noqa: PLC0415 - it ships no types; only here

    body = msgpack.packb([codec.wire_name(kind), fields])
    return b"\x01\x00" + bytes(msgpack.packb(msgpack.ExtType(15, body)))


# --- annotations that say little ---------------------------------------------------------------


class Shaped(Protocol):
    def walk(self) -> None: ...


class Dictionary(TypedDict):
    a: int


class Recursive(BaseModel):
    children: list[Recursive] = []


class Unresolved:
    x: Missing  # type: ignore[name-defined]  # noqa: F821 - the point of the test


@dataclasses.dataclass
class Hidden:
    x: Missing  # type: ignore[name-defined]  # noqa: F821 - the point of the test


UNRESOLVED: Any = ForwardRef("Later")


@pytest.mark.parametrize(
    "annotation",
    [
        "Later",
        UNRESOLVED,
        T,
        Shaped,
        Shaped | int,
        list[Shaped],
        Sequence[UNRESOLVED],
    ],
    ids=str,
)
def test_an_annotation_that_cannot_be_asked_says_nothing(annotation: Any) -> None:
    assert read([5], annotation) == [5]


def test_other_annotations_are_asked() -> None:
    assert read({"a": 1}, Dictionary) == {"a": 1}
    with pytest.raises(PayloadMismatch):
        read({"a": "x"}, Dictionary)
    nested = Recursive(children=[Recursive()])
    assert read(nested, Recursive) == nested
    assert read(Hidden(5), Hidden) == Hidden(5)
    assert read(5, Annotated[int, [], "unhashable"]) == 5
    assert read([Item("a")], Annotated[list[Item], []]) == [Item("a")]


def test_arguments_are_read_for_their_parameters() -> None:
    data, digest = codec.encode_arguments({"b": Item("a"), "a": 1, "c": (2,)}, call="f")
    found = codec.decode_arguments(data, {"a": int, "b": Item}, Nothing())
    assert found == {"a": 1, "b": Item("a"), "c": (2,)}
    assert len(digest) == 16


def test_arguments_without_annotations_are_looked_up() -> None:
    data, _ = codec.encode_arguments({"b": Item("a")}, call="f")
    assert codec.decode_arguments(data, {}, Known()) == {"b": Item("a")}
    with pytest.raises(UnknownType):
        codec.decode_arguments(data, {"other": int}, Nothing())


def test_the_digest_is_of_names_and_values_and_not_of_their_order() -> None:
    one = codec.encode_arguments({"a": 1, "b": "x" * 5000}, call="f")
    two = codec.encode_arguments({"b": "x" * 5000, "a": 1}, call="g()")
    assert one == two
    assert codec.encode_arguments({"a": 2, "b": "x" * 5000}, call="f")[1] != one[1]
    assert codec.encode_arguments({}, call="f")[1].hex() == "ac69880be8c04c40e2fe726341145871"


# --- registration ------------------------------------------------------------------------------


class Celsius(float):
    """A plain type with a meaning of its own."""


def test_a_registered_type_travels_by_its_converters(registry: codec.Registry) -> None:
    registry.register_type(Celsius, encode=float, decode=Celsius, name="weather:celsius")
    data = codec.encode({"t": Celsius(21.5)}, path="v")
    assert b"weather:celsius" in data
    found = codec.decode(data)
    assert type(found["t"]) is Celsius
    assert codec.decode(codec.encode(Celsius(1), path="v"), annotation=Celsius) == Celsius(1)


def test_a_registered_class_without_converters_travels_by_its_fields(
    registry: codec.Registry,
) -> None:
    data = codec.encode(Item("a"), path="v")
    with pytest.raises(UnknownType):
        codec.decode(data)
    registry.register_type(Item)
    assert codec.decode(data) == Item("a")


def test_a_later_registration_counts(registry: codec.Registry) -> None:
    """A class may have been refused before, or have travelled by its fields."""
    with pytest.raises(codec_refusal()):
        codec.encode(Celsius(1), path="v")
    registry.register_type(Celsius, encode=float, decode=Celsius)
    assert codec.decode(codec.encode(Celsius(1), path="v")) == Celsius(1)


def codec_refusal() -> type[Exception]:
    from wfc.errors import Unserialisable  # noqa: PLC0415 - next to its only use

    return Unserialisable


def test_a_registration_must_be_whole_and_unique(registry: codec.Registry) -> None:
    with pytest.raises(ValueError, match="both `encode` and `decode`"):
        registry.register_type(Celsius, encode=float)
    registry.register_type(Item, name="shop:item")
    registry.register_type(Item, name="shop:item")
    with pytest.raises(ValueError, match=r"'shop:item' is registered for tests\.codec\.kinds:Item"):
        registry.register_type(Gift, name="shop:item")


def test_a_payload_of_a_type_that_is_registered_no_more_is_named(
    registry: codec.Registry,
) -> None:
    registry.register_type(Celsius, encode=float, decode=Celsius)
    data = codec.encode(Celsius(1), path="v")
    registry._by_name.clear()
    with pytest.raises(UnknownType, match="`Celsius`"):
        codec.decode(data)


def test_remembered_classes_do_not_fill_the_memory(
    registry: codec.Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wfc.codec.encoding._REMEMBERED_MAX", 3)
    for number in range(10):
        made = dataclasses.make_dataclass(f"Made{number}", [("x", int)])
        codec.encode(made(1), path="v")
    assert len(registry.remembered) <= 3


class Spot(NamedTuple):
    a: float


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (True, int), (3, float), (Spot(1), Spot), (Word.YES, str), (Item("a"), Item), ("5", int),
        ([1], list[int]), ((1, 2), list[int]), (Open(a=1), Open), (Open(a=1), Item), (5, int | str),
    ],
    ids=repr,
)  # fmt: skip
def test_a_type_that_gains_none_reads_what_it_read(value: Any, annotation: Any) -> None:
    """Upgrades count on it: what may be None now reads every recorded value as it did."""

    def found(kind: Any) -> tuple[type, str]:
        try:
            result = read(value, kind, Known())
        except PayloadMismatch as error:
            return PayloadMismatch, str(error).partition(": ")[2]
        return type(result), repr(result)

    assert found(annotation) == found(annotation | None) == found(Optional[annotation])  # noqa: UP045 - the old form is read too
