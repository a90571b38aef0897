"""What an object holds beside its fields is refused where it is written, not lost on reading."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import attrs
import pytest
from pydantic import BaseModel, PrivateAttr

from wfc import codec
from wfc.errors import Unserialisable

KINDS: list[type] = []


def known(kind: Any) -> Any:
    KINDS.append(kind)
    return kind


@known
@dataclasses.dataclass
class Doubled:
    n: int

    def __post_init__(self) -> None:
        self.m = self.n * 2


@known
@dataclasses.dataclass
class Declared:
    n: int
    m: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.m = self.n * 2


@known
@dataclasses.dataclass
class Cached:
    n: int

    @functools.cached_property
    def m(self) -> int:
        return self.n * 2


class Base:
    __slots__ = ("__seen", "extra")

    def see(self) -> None:
        self.__seen = True


@known
@dataclasses.dataclass(slots=True)
class Slotted(Base):
    n: int = 0


@known
@attrs.define(slots=False)
class Loose:
    n: int

    def __attrs_post_init__(self) -> None:
        self.m = self.n * 2


@known
@attrs.define
class Tight:
    n: int

    @functools.cached_property
    def m(self) -> int:
        return self.n * 2


class Pair(NamedTuple):
    a: int


@known
class Marked(Pair):
    """A namedtuple whose instances have a dict."""


@known
class Tracked(BaseModel):
    n: int
    _hits: int = 0
    _cache: dict[str, int] = PrivateAttr(default_factory=dict)


@known
class Derived(BaseModel):
    n: int
    _m: int = PrivateAttr()

    def model_post_init(self, _: Any) -> None:
        self._m = self.n * 2


@pytest.fixture(autouse=True)
def _registered(registry: codec.Registry) -> None:
    for kind in KINDS:
        registry.register_type(kind)


def back(value: Any) -> Any:
    return codec.decode(codec.encode(value, path="it"))


def refusal(value: Any) -> str:
    with pytest.raises(Unserialisable) as caught:
        codec.encode({"of": [value]}, path="the result of step `make`")
    return str(caught.value)


def test_what_post_init_sets_beside_the_fields_is_refused_with_its_place() -> None:
    """The object read back would lack it, and fail far from here."""
    assert refusal(Doubled(2)) == (
        "the result of step `make`: `['of'][0]` holds `m`, which is no field of Doubled, so "
        "whoever reads it back would not find it. To keep it declare it, for example "
        "`m: int = field(init=False)`; what can be computed from the fields may be a property or "
        "a functools.cached_property."
    )


def test_what_the_sentence_advises_works() -> None:
    """A declared field travels, and a cached property is computed anew."""
    assert back(Declared(2)).m == 4
    cached = Cached(2)
    assert cached.m == 4
    assert back(cached).m == 4
    tight = Tight(2)
    assert tight.m == 4
    assert back(tight).m == 4


def test_slots_of_a_base_are_no_fields_either() -> None:
    """An unset slot is nothing; a set one would be lost, whatever its name was made into."""
    value = Slotted(1)
    assert back(value) == value
    value.see()
    assert "holds `_Base__seen`" in refusal(value)
    other = Slotted(1)
    other.extra = 3  # type: ignore[attr-defined]  # mypy reads no slots
    assert "holds `extra`" in refusal(other)


def test_attrs_and_namedtuples_are_treated_alike() -> None:
    """Each family has a way to hold more than its fields."""
    assert "`m: int = attrs.field(init=False)`" in refusal(Loose(2))
    marked = Marked(1)
    assert back(marked) == marked
    marked.why = "x"  # type: ignore[attr-defined]  # that it can be set is the point
    assert "holds `why`, which is no field of Marked" in refusal(marked)


def test_private_attributes_of_pydantic_travel_only_where_reading_sets_them_again() -> None:
    """Defaults and what `model_post_init` derives come back; anything else is refused."""
    assert back(Tracked(n=1)) == Tracked(n=1)
    assert back(Derived(n=2))._m == 4
    hit = Tracked(n=1)
    hit._hits = 3
    assert "holds `_hits`" in refusal(hit)
    assert "make it public, for example `hits: int`" in refusal(hit)
    filled = Tracked(n=1)
    filled._cache["a"] = 1
    assert "holds `_cache`" in refusal(filled)
    moved = Derived(n=2)
    moved._m = 5
    assert "holds `_m`" in refusal(moved)
