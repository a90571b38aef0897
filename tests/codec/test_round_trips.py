"""Every type of the table comes back equal and of its own type, and its bytes hold for ever."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import json
import math
import subprocess
import sys
import uuid
import zoneinfo
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codec.kinds import (
    Colour,
    Counting,
    Derived,
    Gift,
    Ids,
    Item,
    Known,
    Model,
    Node,
    Number,
    Open,
    Order,
    Pair,
    Point,
    Right,
    Special,
    Struct,
    Word,
)
from wfc import abi, codec
from wfc.ids import DefinitionId

GOLDEN = Path(__file__).parents[1] / "golden" / "wire" / "payloads-1.json"
ZURICH = zoneinfo.ZoneInfo("Europe/Zurich")


def again(value: Any) -> Any:
    return codec.decode(codec.encode(value, path="the value"), types=Known())


def same(left: Any, right: Any) -> bool:  # noqa: PLR0911 - one line per kind of value
    """Equal, of equal types, NaN equal to itself, in equal order."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float) and math.isnan(left):
        return math.isnan(right)
    if dataclasses.is_dataclass(left):
        names = [field.name for field in dataclasses.fields(left)]
        return all(same(getattr(left, name), getattr(right, name)) for name in names)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left), list(right)) and same(list(left.values()), list(right.values()))
    if isinstance(left, dt.datetime | dt.time):
        return bool(left == right and left.fold == right.fold and left.tzinfo == right.tzinfo)
    if isinstance(left, decimal.Decimal):
        return left.compare_total(right) == 0
    return bool(left == right)


hashable = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary(),
    st.complex_numbers(allow_nan=False), st.decimals(allow_nan=False), st.uuids(), st.dates(),
    st.datetimes(timezones=st.none() | st.timezones() | st.just(dt.UTC)), st.times(),
    st.timedeltas(), st.sampled_from([*Colour, Word.YES, Number.ONE, Right.READ, Right(0)]),
    st.builds(Pair, st.integers(), st.text()), st.builds(Struct, st.integers()),
    st.sampled_from([Path("a/b"), PurePosixPath("/x"), PureWindowsPath("c:/y")]),
    st.builds(range, st.integers(), st.integers(), st.integers(1, 9)), st.timezone_keys().map(
        zoneinfo.ZoneInfo
    ),
)  # fmt: skip
leaves = hashable | st.just(math.nan) | st.binary().map(bytearray)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(hashable, inner, max_size=4),
        st.builds(Item, st.text(), st.integers(), st.lists(st.text(), max_size=2), inner),
        st.builds(Node, inner),
        st.builds(Model, name=st.text(), Count=st.integers()),
        st.builds(Point, st.integers(), labels=st.lists(st.text(), max_size=2)),
    ),
    max_leaves=12,
)


@given(values)
def test_what_was_recorded_comes_back(value: Any) -> None:
    found = again(value)
    assert same(found, value)


@given(st.sets(hashable, max_size=5))
def test_sets_come_back_and_their_bytes_have_one_order(members: set[Any]) -> None:
    assert again(members) == members
    assert again(frozenset(members)) == members
    assert type(again(frozenset(members))) is frozenset
    backwards: set[Any] = set()
    for member in sorted(members, key=repr, reverse=True):
        backwards.add(member)
    assert codec.encode(members, path="v") == codec.encode(backwards, path="v")


@pytest.mark.parametrize(
    "value",
    [
        2**63 - 1, 2**63, 2**64, -(2**63), -(2**63) - 1, 2**1000, -(2**1000), -0.0, math.inf,
        -math.inf, b"", "", [], {}, (), set(), bytearray(b"x"), [bytearray(b"x")],
        {"a": bytearray(b"y")}, decimal.Decimal("NaN"), decimal.Decimal("sNaN"),
        decimal.Decimal("-Infinity"), decimal.Decimal("1.10"), 1j, dt.UTC,
        dt.timezone(dt.timedelta(hours=2), "CEST"), ZURICH, dt.timedelta(days=-1, microseconds=1),
        dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZURICH),
        dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(seconds=1))),
        dt.time(2, 30, fold=1, tzinfo=dt.UTC), range(0), range(2**70, 0, -3),
        uuid.UUID(int=7), {1: {(1, 2): [None]}, None: 1, b"k": 2, 1.5: 3}, Path("x"),
        {2**70: [2**70]}, Right.READ | Right.WRITE,
    ],
    ids=repr,
)  # fmt: skip
def test_edges_come_back(value: Any) -> None:
    assert same(again(value), value)


def test_minus_zero_keeps_its_sign() -> None:
    assert math.copysign(1, again(-0.0)) == -1


def test_large_values_are_compressed_and_come_back() -> None:
    value = ["the same words again and again"] * 1000
    data = codec.encode(value, path="v")
    assert len(data) < 1000
    assert codec.decode(data) == value


def test_what_does_not_shrink_is_not_compressed() -> None:
    noise = b"".join(uuid.uuid5(uuid.NAMESPACE_DNS, str(n)).bytes for n in range(200))
    data = codec.encode(noise, path="v")
    assert data[:2] == b"\x01\x00"
    assert codec.decode(data) == noise


# --- classes -----------------------------------------------------------------------------------


def test_classes_of_every_family_come_back_as_themselves() -> None:
    order = Order("o", (Item("a", 1), Gift("b", message="hi")))
    object.__setattr__(order, "total", 9)
    for value in (
        order, Special(name="n", Count=1), Open(a=1, b=2), Ids([1, 2]), Point(1, 2, ["l"]),  # type: ignore[call-arg]  # extra fields
        Derived(2), Struct(1, "c"), Pair(1), Colour.BLUE, Word.YES, Number.ONE,
    ):  # fmt: skip
        found = again(value)
        assert found == value
        assert type(found) is type(value)


def test_a_pydantic_model_knows_which_fields_were_set() -> None:
    assert again(Model(name="n")).model_dump(exclude_unset=True) == {"name": "n"}


def test_restoring_does_not_construct() -> None:
    value = Counting(1)
    before = Counting.made
    assert again(value) == value
    assert Counting.made == before


def test_a_sandbox_names_its_classes_as_the_world_outside_does() -> None:
    twin = type("Item", (Item,), {"__module__": f"{Item.__module__}@0123456789ab"})
    twin.__qualname__ = "Item"
    assert codec.wire_name(twin) == codec.wire_name(Item)
    assert codec.encode(twin("a"), path="v") == codec.encode(Item("a"), path="v")


def test_a_step_travels_as_a_reference() -> None:
    """Functions are code; a marked one travels by its id."""

    def charge() -> None: ...

    name = DefinitionId("shop:charge")
    charge.__wfc_id__ = name  # type: ignore[attr-defined]  # as `register` sets it
    data = codec.encode([charge], path="v")
    abi.registered[name] = abi.Registration(id=name, kind="step", function=charge)
    try:
        assert codec.decode(data) == [charge]
    finally:
        del abi.registered[name]


# --- for ever ----------------------------------------------------------------------------------

SAMPLES: dict[str, Any] = {
    "none": None, "true": True, "int": 5, "float": 1.5, "str": "grüezi", "bytes": b"\x00\xff",
    "list": [1, "a", None], "dict": {"b": 1, "a": [2]}, "tuple": (1, (2,)), "set": {3, 1, 2},
    "frozenset": frozenset({"b", "a"}), "big": 2**80, "complex": 1 + 2j,
    "decimal": decimal.Decimal("1.10"),
    "datetime": dt.datetime(2024, 10, 27, 2, 30, 1, 5, fold=1, tzinfo=ZURICH),
    "utc": dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "naive": dt.datetime(2024, 1, 1),  # noqa: DTZ001 - naive on purpose
    "date": dt.date(2024, 2, 29), "time": dt.time(1, 2, 3, 4), "delta": dt.timedelta(3, 4, 5),
    "uuid": uuid.UUID(int=1), "path": Path("a/b"), "pure": PureWindowsPath("c:/a"),
    "enum": Colour.RED, "flag": Right.READ | Right.WRITE, "namedtuple": Pair(1),
    "dataclass": Item("a", 2), "pydantic": Model(name="n"), "attrs": Point(1),
    "struct": Struct(1), "error": ValueError("no"), "bytearray": bytearray(b"x"),
    "range": range(1, 5, 2), "zone": ZURICH, "compressed": "a" * 2000,
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_the_payloads_of_a_release_read_for_ever(name: str) -> None:
    golden = bytes.fromhex(json.loads(GOLDEN.read_text())[name])
    found, value = codec.decode(golden, types=Known()), SAMPLES[name]
    if isinstance(value, Exception):
        found, value = repr(found), repr(value)
    assert same(found, value)
    if name != "compressed":  # another zstd may pack better
        assert codec.encode(SAMPLES[name], path="v") == golden


def test_the_ground_loads_no_pydantic() -> None:
    """`import wfc` stays light, and plain payloads never need more."""
    program = (
        "import sys\n"
        "import wfc.codec, wfc.policies, wfc.durations, wfc.eventlog.wire, wfc.eventlog.fold\n"
        "data = wfc.codec.encode({'a': [1, (2,)]}, path='v')\n"
        "assert wfc.codec.decode(data, annotation=dict) == {'a': [1, (2,)]}\n"
        "heavy = {'pydantic', 'pydantic_core', 'libcst', 'tenacity', 'backports.zstd', 'attr'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
