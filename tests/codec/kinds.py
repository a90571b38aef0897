"""Classes of every family, as a user would write them."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, NamedTuple

import attrs
import msgspec
from pydantic import BaseModel, ConfigDict, Field, RootModel

from wfc.codec import wire_name


@dataclasses.dataclass
class Item:
    name: str
    cents: int = 0
    tags: list[str] = dataclasses.field(default_factory=list)
    client: Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    id: str
    items: tuple[Item, ...] = ()
    total: int = dataclasses.field(default=0, init=False)


@dataclasses.dataclass
class Gift(Item):
    message: str = ""


@dataclasses.dataclass
class Counting:
    """Counts how often it was constructed; restoring must not construct."""

    made = 0
    n: int

    def __post_init__(self) -> None:
        Counting.made += 1


@dataclasses.dataclass(slots=True)
class Node:
    """A list the hard way; slots may be empty."""

    next: Any


class Model(BaseModel):
    name: str
    count: int = Field(default=3, alias="Count")
    item: Item | None = None


class Special(Model):
    extra: str = "x"


class Open(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)
    a: int


class Ids(RootModel[list[int]]):
    pass


@attrs.frozen
class Point:
    x: int
    y: int = 0
    labels: list[str] = attrs.field(factory=list)


@attrs.define
class Derived:
    a: int
    b: int = attrs.field()

    @b.default
    def _twice(self) -> int:
        return self.a * 2


class Struct(msgspec.Struct, frozen=True):
    a: int
    b: str = "b"


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Colour(enum.Enum):
    RED = 1
    BLUE = "blue"


class Word(enum.StrEnum):
    YES = "yes"


class Number(enum.IntEnum):
    ONE = 1


class Right(enum.Flag):
    READ = 1
    WRITE = 2
    ALL = 3


class Money(int):
    """A plain type with a meaning of its own."""


class ShopError(Exception):
    """Takes what it does not pass on, as users' errors do."""

    made = 0

    def __init__(self, order: str, *, code_: int) -> None:
        ShopError.made += 1
        super().__init__(f"order {order}")
        self.order = order
        self.code_ = code_


class DiskError(OSError):
    pass


KNOWN: dict[str, type] = {
    wire_name(kind): kind
    for kind in (
        Item, Order, Gift, Counting, Node, Model, Special, Open, Ids, Point, Derived, Struct, Pair,
        Colour, Word, Number, Right, ShopError, DiskError,
    )
}  # fmt: skip


class Known:
    """The types of this file, as a manifest would give them."""

    def find(self, name: str) -> type | None:
        return KNOWN.get(name)


class Nothing:
    """No types at all."""

    def find(self, name: str) -> type | None:
        assert name
        return None
