"""What a replay may not repeat alike, beside refused names: each rule fires and stays silent."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.compiler.test_gather_effects import ERROR, WARNING, codes, effects_of
from wfc.diagnostics import Severity

STEP = """
async def step(x):
    "use step"
"""


def flow(body: str, before: str = "") -> str:
    """Write a module: imports and helpers, a step, and a workflow with this body."""
    lines = "\n".join(f"    {line}" for line in dedent(body).strip().split("\n"))
    head = f"{dedent(before)}\n{STEP}\n"
    return f'{head}\nasync def flow(xs: list[str], n: int):\n    "use workflow"\n{lines}\n'


SETS: dict[str, tuple[str, Severity]] = {
    "for x in {'a', *xs}:\n    await step(x)": ("WFC310", ERROR),
    "for x in set(xs):\n    await step(x)": ("WFC310", ERROR),
    "for x in {y.upper() for y in xs}:\n    await step(x)": ("WFC310", ERROR),
    "seen = set()\nseen.add(n)\nfor x in seen:\n    await step(x)": ("WFC310", ERROR),
    "left = set(xs) - {'a'}\nreturn list(left)": ("WFC310", ERROR),
    "return ','.join(set(xs))": ("WFC310", ERROR),
    "return next(iter(set(xs)))": ("WFC310", ERROR),
    "return [x for x in set(xs)]": ("WFC310", ERROR),
    "return [*set(xs)]": ("WFC310", ERROR),
    "first = set(xs).pop()\nawait step(first)": ("WFC310", WARNING),
    "words = list(set(xs).union(['a']))\nawait step(words)": ("WFC310", WARNING),
    "for x in set(xs):\n    print(x)": ("WFC310", WARNING),
    "await asyncio.gather(*(step(x) for x in set(xs)))": ("WFC310", ERROR),
    "for x in named():\n    await step(x)": ("WFC310", ERROR),
    "for x in NAMES:\n    await step(x)": ("WFC310", ERROR),
    "for x in plain(xs):\n    await step(x)": ("WFC310", ERROR),
    "for x in await tags(n):\n    await step(x)": ("WFC310", ERROR),
    "found = await tags(n)\nreturn list(found)": ("WFC310", ERROR),
    "todo = set(xs)\ntodo |= {'a'}\nwhile todo:\n    await step(todo.pop())": ("WFC310", ERROR),
    "old, new = {}, {}\nfor x in old.keys() - new.keys():\n    await step(x)": ("WFC310", ERROR),
}
BEFORE = """
import asyncio

NAMES = frozenset({"a", "b"})

def named() -> set[str]:
    return {"a"}

def plain(xs):
    if not xs:
        return {"a"}
    return {x.upper() for x in xs}

async def tags(x) -> set[str]:
    "use step"

async def numbers(x) -> set[int]:
    "use step"
"""


@pytest.mark.parametrize("body", SETS)
def test_the_order_of_a_set_gets_out(tmp_path: Path, body: str) -> None:
    """An error where it decides what is asked or returned, else a warning."""
    assert codes(effects_of(tmp_path, {"flows": flow(body, BEFORE)})) == [SETS[body]]


@pytest.mark.parametrize(
    "body",
    [
        "for x in sorted(set(xs)):\n    await step(x)",
        "return len(set(xs)), min(set(xs)), n in {1, 2}, 'a' in set(xs)",
        "for x in {1, 2, n}:\n    await step(x)",
        "for x in set(range(n)):\n    await step(x)",
        "ids: set[int] = set()\nfor x in ids:\n    await step(x)",
        "for x in {len(x) for x in xs}:\n    await step(x)",
        "return sorted(list(set(xs)))",
        "return sorted(x for x in set(xs))",
        "return {x for x in set(xs)} == set(xs)",
        "return any(x for x in set(xs))",
        "for x in {'a': 1}:\n    await step(x)",
        "old: dict[int, str] = {}\nfor x in old.keys() - {1}:\n    await step(x)",
        "ids: set[int] = set()\nids |= {n}\nfor x in ids:\n    await step(x)",
        "return list(map(plain, [xs])), [*filter(named, xs)]",
        "for x in await numbers(n):\n    await step(x)",
        "for x in sorted(await tags(n)):\n    await step(x)",
        "for x in {'a': 1}.keys():\n    await step(x)",
        "kinds = set(xs)\nkinds = sorted(kinds)\nfor x in kinds:\n    await step(x)",
    ],
)
def test_a_set_without_order_is_silent(tmp_path: Path, body: str) -> None:
    """Sorted, counted, asked for members, or of whole numbers."""
    assert effects_of(tmp_path, {"flows": flow(body, BEFORE)}).diagnostics == ()


def test_the_order_of_a_set_of_another_module(tmp_path: Path) -> None:
    """Imports are followed to what they name."""
    modules = {
        "const": (
            "NAMES = {'a', 'b'}\nNUMBERS = {1, 2}\n"
            "def named() -> set[str]: return NAMES\n"
            "def counted() -> set[int]: return NUMBERS\n"
            "async def tags(x) -> set[str]:\n    'use step'\n"
        ),
        "flows": flow("for x in NAMES:\n    await step(x)", "from app.const import NAMES"),
        "called": flow("for x in named():\n    await step(x)", "from app.const import named"),
        "awaited": flow("return list(await tags(n))", "from app.const import tags"),
        "mapped": flow("return list(map(named, xs))", "from app.const import named"),
        "counted": flow("for x in counted():\n    await step(x)", "from app.const import counted"),
        "more": flow("for x in NUMBERS:\n    await step(x)", "from app.const import NUMBERS"),
    }
    assert codes(effects_of(tmp_path, modules)) == [("WFC310", ERROR)] * 3


STATE: dict[str, tuple[str, Severity]] = {
    "CACHE[n] = xs": ("WFC331", ERROR),
    "del CACHE[n]": ("WFC331", ERROR),
    "SEEN.append(n)": ("WFC331", ERROR),
    "TALLY.n += 1": ("WFC331", ERROR),
    "Tally.n = 1": ("WFC331", ERROR),
    "_, CACHE[n] = xs": ("WFC331", ERROR),
    "Tally.seen.append(n)": ("WFC331", ERROR),
    "return Tally().noted(n)": ("WFC331", ERROR),
    "return next(IDS)": ("WFC331", ERROR),
    "return DICE.random()": ("WFC331", ERROR),
    "global COUNT\nCOUNT = n": ("WFC332", ERROR),
    "return kept(n)": ("WFC333", WARNING),
    "while True:\n    await step(n)": ("WFC340", WARNING),
    "return f'{object()}'": ("WFC312", WARNING),
    "return repr(Tally())": ("WFC312", WARNING),
    "return datetime.now().astimezone()": ("WFC313", WARNING),
    "return datetime.fromtimestamp(n)": ("WFC313", WARNING),
    "return step.__globals__": ("WFC230", ERROR),
    "return Shown(1).x": ("WFC302", ERROR),
    "return Priced(name='a')": ("WFC302", ERROR),
    "return Named(at=n)": ("WFC302", ERROR),
    "return Named(id='a')": ("WFC302", ERROR),
}
AROUND = """
import itertools
import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pydantic import BaseModel, Field

COUNT = 0
CACHE = {}
SEEN = []

IDS = itertools.count(1)
DICE = random.Random(42)

class Tally:
    n = 0
    seen = []
    own = []

    def __init__(self):
        self.own = []

    def noted(self, x):
        self.seen.append(x)

    def kept(self, x):
        self.own.append(x)

TALLY = Tally()

@dataclass
class Shown:
    x: int
    id: uuid.UUID = field(default_factory=uuid.uuid4)

class Priced(BaseModel):
    name: str
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))

@dataclass
class Named:
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

@cache
def kept(x):
    return x
"""


@pytest.mark.parametrize("body", STATE)
def test_state_that_outlives_a_run(tmp_path: Path, body: str) -> None:
    """And loops without end, texts with addresses, the host's zone, fields that draw."""
    assert codes(effects_of(tmp_path, {"flows": flow(body, AROUND)})) == [STATE[body]]


@pytest.mark.parametrize(
    "body",
    [
        "cache = {}\ncache[n] = xs\nreturn cache",
        "xs.append('a')",
        "CACHE = {}\nCACHE[n] = xs",
        "return CACHE.get(n), COUNT, SEEN.copy()",
        "tally = Tally()\ntally.n = 1\ntally.kept(n)",
        "dice = random.Random(42)\nids = itertools.count()\nreturn dice.random(), next(ids)",
        "while True:\n    if await step(n):\n        break",
        "while True:\n    if await step(n):\n        return n",
        "while n:\n    await step(n)",
        "while True:\n    await step(n)\n    await restart(n)",
        "return f'{Shown(1, uuid.uuid4())}'",
        "return datetime.now().astimezone(UTC), datetime.fromtimestamp(n, tz=UTC)",
        "return Shown(x=1, id=uuid.uuid4())",
        "return Priced(name='a', at=datetime.now(UTC))",
        "return Priced(**{'name': 'a'})",
        "return Named(id='a', at=n)",
    ],
)
def test_local_state_is_silent(tmp_path: Path, body: str) -> None:
    """What a run makes for itself it may change; what ends may loop."""
    around = f"from wfc import restart\n{AROUND}"
    assert effects_of(tmp_path, {"flows": flow(body, around)}).diagnostics == ()


def test_all_fields_that_must_be_passed_are_named_at_once(tmp_path: Path) -> None:
    """Nobody passes one only to be told of the next."""
    (finding,) = effects_of(tmp_path, {"flows": flow("return Named()", AROUND)}).diagnostics
    assert "without `id`, which `uuid.uuid4` then fills" in finding.sentence
    assert finding.fix is not None
    assert finding.fix.startswith("pass `id`, `at`; ")


def test_the_order_of_a_set_differs_between_processes(tmp_path: Path) -> None:
    """The sentence says what it differs between: on one machine, in one process, it does not."""
    body = "for x in set(xs):\n    await step(x)"
    (finding,) = effects_of(tmp_path, {"flows": flow(body)}).diagnostics
    assert finding.sentence.endswith("the set `set(xs)`, whose order differs between processes")


def test_a_container_of_another_module_is_changed(tmp_path: Path) -> None:
    """By a method only if the other module says what it is."""
    modules = {
        "state": "SEEN = []\n\nclass Box:\n    def add(self, x): return x\n\nBOX = Box()\n",
        "flows": flow("SEEN.append(n)", "from app.state import SEEN"),
        "more": flow("BOX.add(n)", "from app.state import BOX"),
    }
    assert codes(effects_of(tmp_path, modules)) == [("WFC331", ERROR)]


def test_a_hazard_is_told_with_its_chain_and_can_be_allowed(tmp_path: Path) -> None:
    """As a refused name is."""
    helper = "CACHE = {}\n\ndef keep(x):\n    CACHE[x] = 1\n"
    modules = {"kept": helper, "flows": flow("keep(n)", "from app.kept import keep")}
    (finding,) = effects_of(tmp_path / "a", modules).diagnostics
    assert [link.place.path for link in finding.chain] == ["app/flows.py", "app/kept.py"]
    assert 'workflow "flow" reaches code that changes `CACHE`' in finding.sentence
    modules["kept"] = helper.replace("= 1", "= 1  # wfc: allow[WFC331] a cache of constants")
    effects = effects_of(tmp_path / "b", modules)
    assert effects.diagnostics == ()
    assert effects.allowed == (("WFC331", "app.kept:keep", "a cache of constants"),)


def test_step_bodies_and_unreached_helpers_are_free(tmp_path: Path) -> None:
    """Hazards are facts of every module, and faults only where a workflow reaches them."""
    text = """
        CACHE = {}

        async def step(x):
            "use step"
            CACHE[x] = 1
            for y in {"a", x}:
                print(y)

        def never(x):
            global CACHE
            CACHE = x

        async def flow(x):
            "use workflow"
            return await step(x)
        """
    assert effects_of(tmp_path, {"flows": dedent(text)}).diagnostics == ()
