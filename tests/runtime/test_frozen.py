"""Shared state of a template that is no container: classes, objects, iterators, closures."""

from __future__ import annotations

from array import array
from collections import ChainMap, UserDict, UserList
from copy import copy, deepcopy
from types import SimpleNamespace
from typing import Any

import pytest

from tests.runtime.histories import STEPS, run_program
from tests.runtime.test_sandbox import FLOW, guard_of
from wfc import codec
from wfc.runtime.frozen import Freezer

STATE = """
import abc
import array
import asyncio
import contextlib
import enum
import hashlib
import heapq
import io
import itertools
import random
import types
import typing
from collections import ChainMap, UserDict, UserList
from dataclasses import dataclass, field
from functools import cached_property
import pydantic

class Counted:
    n = 0
    _seen = []

    class Inner:
        n = 0

    def bump(self):
        self.n += 1
        return self.n

    @classmethod
    def bump_class(cls):
        cls.n += 1

class Abstract(abc.ABC):
    n = 0

class Meta(type):
    pass

class Both(Abstract, typing.Generic[typing.TypeVar("T")]):
    pass

class Metaed(metaclass=Meta):
    n = 0

class Colour(enum.Enum):
    RED = 1

@dataclass
class Config:
    x: int = 0
    items: list = field(default_factory=list)

@dataclass(slots=True)
class Slotted:
    x: int = 0
    items: list = field(default_factory=list)
    unset: int = field(init=False)

@dataclass(frozen=True)
class Frozen:
    items: list = field(default_factory=list)

class Model(pydantic.BaseModel):
    x: int = 0
    items: list = []

class Cursor:
    def __init__(self):
        self.at = 0
    def __iter__(self):
        return self
    def __next__(self):
        self.at += 1
        return self.at

def closure():
    kept = []
    def add(item):
        kept.append(item)
        return len(kept)
    return add

CONF = Config()
SLOTTED = Slotted()
FROZEN = Frozen()
MODEL = Model()
BUMP = Counted().bump
CURSOR = Cursor()
TABLE = {"conf": Config()}
ADD = closure()
COUNT = itertools.count()
NEXT = itertools.count().__next__
APPEND = [].append
IT = iter([1, 2, 3])
GEN = (i for i in range(3))
THREE = itertools.repeat(1, 3)
BA = bytearray(b"x")
NUMBERS = array.array("i", [1])
SPACE = types.SimpleNamespace(x=1, items=[])
HEAP = [1, 2]
RNG = random.Random(5)
HASH = hashlib.sha256()
TEXT = io.StringIO()
LOCK = asyncio.Lock()
QUEUE = asyncio.Queue()
STACK = contextlib.ExitStack()
CHAIN = ChainMap({"a": 1})
USER_DICT = UserDict(a=1)
USER_LIST = UserList([1])
"""
WRITES = [
    "Counted.n += 1", "del Counted.n", "Counted.Inner.n = 1", "Counted._seen.append(1)",
    "setattr(Counted, 'n', 1)", "Counted.bump_class()", "Abstract.n = 1", "Both.n = 1",
    "Metaed.n = 1", "Model.extra = 1", "CONF.x += 1", "del CONF.x", "CONF.items.append(1)",
    "SLOTTED.x = 1", "SLOTTED.items.append(1)", "FROZEN.items.append(1)", "MODEL.x = 1",
    "MODEL.items.append(1)", "BUMP()", "next(CURSOR)", "TABLE['conf'].x = 1", "ADD(1)",
    "next(COUNT)", "NEXT()", "APPEND(1)", "next(IT)", "list(GEN)", "next(THREE)", "zip(IT)",
    "BA.append(1)", "BA[0] = 2", "NUMBERS.append(1)", "NUMBERS[0] = 2", "SPACE.x = 2",
    "SPACE.items.append(1)", "heapq.heappush(HEAP, 3)", "heapq.heappop(HEAP)", "RNG.random()",
    "HASH.update(b'')", "TEXT.write('a')", "async with LOCK: pass", "QUEUE.put_nowait(1)",
    "STACK.enter_context(None)", "with STACK: pass", "CHAIN['a'] = 2", "USER_DICT['a'] = 2",
    "USER_LIST.append(2)",
]  # fmt: skip


@pytest.mark.parametrize("write", WRITES)
def test_shared_state_cannot_be_written(write: str) -> None:
    """The same history must come to the same, whatever other runs did before."""
    assert guard_of(write, head=STEPS + STATE) == "WFC331"


def test_shared_state_can_be_read() -> None:
    """As it is: of its own class, equal to others, found in its attributes."""
    assert run_program(
        """
async def flow():
    "use workflow"
    mine = Config(1)
    mine.x += 1
    mine.items.append(2)
    other = Model()
    other.x = 5
    return [
        type(CONF) is Config, CONF == Config(), mine.x, mine.items, other.x, MODEL.x, SLOTTED.x,
        bytes(BA), BA == b"x", list(NUMBERS), SPACE.x, CHAIN["a"], USER_DICT["a"], list(USER_LIST),
        isinstance(LOCK, asyncio.Lock), isinstance(Both(), Abstract), Colour(1) is Colour.RED,
        list(zip("ab", itertools.repeat(0))), heapq.nsmallest(1, HEAP), Counted.n, repr(IT),
        hasattr(IT, "__length_hint__"),
    ]
""",
        head=STEPS + STATE,
    ) == [
        True, True, 2, [2], 5, 0, 0, b"x", True, [1], 1, 1, 1, [1], True, True, True,
        [("a", 0), ("b", 0)], [1], 0, "<shared list_iterator>", False,
    ]  # fmt: skip


def test_what_a_run_makes_is_its_own() -> None:
    """Classes made in a run, also of shared bases, and objects of shared classes."""
    assert run_program(
        """
async def flow():
    "use workflow"
    class Mine(Counted, abc.ABC):
        pass
    class Other(metaclass=Meta):
        n = 1
    class Plain:
        n = 1
    Mine.n = 5
    Other.n += 1
    Plain.n += 1
    it = iter([1])
    heap = []
    heapq.heappush(heap, 2)
    cached = Counted()
    cached.bump()
    del cached.n
    mine = Config()
    del mine.items
    return [Mine.n, Counted.n, Other.n, Plain.n, next(it), heap, cached.n, mine.x]
""",
        head=STEPS + STATE,
    ) == [5, 0, 2, 2, 1, [2], 0, 0]


def test_a_wrong_class_statement_fails_as_python_says() -> None:
    """The metaclass conflict is Python's own; any callable may make a class."""
    found = run_program(
        """
async def flow():
    "use workflow"
    try:
        class Wrong(Metaed, abc.ABC):
            pass
    except TypeError as error:
        return [str(error)[:18], MADE]
""",
        head=STEPS + STATE + "class MADE(metaclass=lambda *_: 7): pass\n",
    )
    assert found == ["metaclass conflict", 7]


def test_frameworks_keep_what_they_learn_on_classes() -> None:
    """A model that pydantic completes when it is first used; a cached property; an ABC's cache."""
    assert run_program(
        """
class Late(pydantic.BaseModel):
    after: "list[After]" = []

class After(pydantic.BaseModel):
    x: int = 1

class Lazy:
    @cached_property
    def big(self):
        return 7

LAZY = Lazy()

class Pair(typing.NamedTuple):
    a: int

class Keys(typing.TypedDict):
    a: int

async def flow():
    "use workflow"
    return [Late(after=[{"x": 3}]).after[0].x, LAZY.big, Lazy().big, Pair(1).a, Keys(a=2)]
""",
        head=STEPS + STATE,
    ) == [3, 7, 7, 1, {"a": 2}]


def test_the_message_names_code_and_line() -> None:
    """Where the user's code did it, and in which file."""
    with pytest.raises(AssertionError, match=r"WFC331 at app\.py:\d+"):
        run_program(FLOW + "    Counted.n += 1\n", head=STEPS + STATE)


@pytest.mark.parametrize(
    "value",
    [bytearray(b"x"), array("i", [1]), SimpleNamespace(a=[1])],
    ids=lambda value: type(value).__name__,
)
def test_copies_are_plain(value: Any) -> None:
    """Shallow and deep."""
    frozen = Freezer().freeze(value)
    for made in (copy(frozen), deepcopy(frozen)):
        assert type(made) is type(value)
        assert made == value


def test_frozen_bytes_travel_as_bytes() -> None:
    """A twin is recorded as the plain class is."""
    assert codec.encode(Freezer().freeze(bytearray(b"x")), path="x") == codec.encode(
        bytearray(b"x"), path="x"
    )


@pytest.mark.parametrize("value", [UserDict(a=[1]), UserList([1]), ChainMap({"a": 1})])
def test_a_twin_is_made_once(value: Any) -> None:
    """Whatever name it has, it stays one object; the original is left alone."""
    freezer = Freezer()
    twin = freezer.freeze(value)
    assert freezer.freeze(value) is twin
    assert twin == value
    assert twin is not value


LIMITS = [
    "object.__setattr__(CONF, 'x', 1)",
    "list.append(HEAP, 1)",
    "memoryview(BA)[0] = 1",
    "Counted.bump.seen = 1",
    "Pair.extra = 1",
    "CONF.__dict__['x'] = 1",
    "COUNTER()",
]
HEAD = """
class Pair(typing.NamedTuple):
    a: int

def counter():
    n = 0
    def count():
        nonlocal n
        n += 1
        return n
    return count

COUNTER = counter()
"""


@pytest.mark.parametrize("write", LIMITS)
def test_known_limits(write: str) -> None:
    """What decision 008 says is not seen. Whoever closes one of these corrects the record."""
    body = FLOW + f"    {write}\n    return 'missed'\n"
    assert run_program(body, head=STEPS + STATE + HEAD) == "missed"


def test_frozen_state_is_shown_as_it_was() -> None:
    """Also an object that holds itself."""
    for value in (SimpleNamespace(a=[1], b={2}), bytearray(b"x"), array("i", [1]), UserList([{1}])):
        assert repr(Freezer().freeze(value)) == repr(value)
    own = SimpleNamespace(a=1)
    own.itself = own
    assert repr(Freezer().freeze(own)).startswith("namespace(a=1, itself=namespace(")
