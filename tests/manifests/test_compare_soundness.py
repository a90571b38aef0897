"""What is called identical or compatible asks for the same operations: nobody proves it but a run.

Programs are edited at random, token by token and line by line. Both versions are then executed as
the plain Python they are, with steps that only take notes: an oracle that knows no tree, no digest
and no shape.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import os
import random
import tokenize
from collections.abc import Callable, Mapping
from functools import cache
from types import FunctionType
from typing import Any

import pytest

from tests.manifests.versions import only, version_of
from wfc.manifests.compare import compare
from wfc.manifests.levels import Level
from wfc.manifests.manifest import Manifest

PROGRAM = '''
import asyncio

RATE = 2
NAMES = ["a", "b"]


def total(x: int, more: int = 1) -> int:
    """Add."""
    return x * RATE + more


async def both(x: int) -> int:
    await notify("both")
    return await charge(x, 2)


async def charge(cents: int, times: int, name: str = "c") -> int:
    """Charge."""
    "use step"
    return cents


async def notify(who: str) -> None:
    "use step"


async def flow(n: int, loud: bool = False) -> int:
    """Flow."""
    "use workflow"
    x = n
    y = 1
    for name in NAMES:
        x += await charge(total(x), y)
        if x > 3 and not loud:
            await notify(name)
    try:
        y = await charge(times=x, cents=total(y, 2))
        if y < 0:
            raise ValueError(y)
    except ValueError:
        await notify("failed")
        y = 0
    else:
        await notify("done")
    await asyncio.gather(notify("one"), both(y))
    return x + y if loud else x - y
'''
POOL = [
    "x",
    "y",
    "n",
    "loud",
    "name",
    "RATE",
    "NAMES",
    "total",
    "charge",
    "notify",
    "both",
    "cents",
    "times",
    "who",
    "more",
    "0",
    "1",
    "2",
    "3",
    "4",
    "+",
    "-",
    "*",
    "<",
    ">",
    '"a"',
    '"b"',
    '"c"',
    "not",
    "and",
    "or",
    "True",
    "False",
    "None",
    "int",
    "str",
    "|",
    "=",
    "(",
    ")",
    ",",
    ":",
    ",",
    "await",
    "return",
    "*",
    "**",
]
EXAMPLES = int(os.environ.get("WFC_EXAMPLES", "150"))


def edited(text: str, chance: random.Random) -> str:
    """Do one edit."""
    match chance.randrange(8):
        case 0 | 1 | 2:
            return by_token(text, chance, lambda _: chance.choice(POOL))
        case 3:
            return by_token(text, chance, lambda token: f"{token} {chance.choice(POOL)}")
        case 4:
            return by_token(text, chance, lambda _: "")
        case 5:
            old, new = chance.choice(
                [("x", "z"), ("y", "left"), ("Charge.", "Pay."), ("Flow.", "")]
            )
            return text.replace(old, new)
        case 6:
            return by_line(text, chance)
    return by_signature(text, chance)


def by_token(text: str, chance: random.Random, change: Callable[[str], str]) -> str:
    """Put something in the place of a word, a number, a string or an operator."""
    kinds = {tokenize.NAME, tokenize.NUMBER, tokenize.STRING, tokenize.OP}
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    token = chance.choice([one for one in tokens if one.type in kinds])
    lines = text.split("\n")
    row, start = token.start
    end = token.end[1] if token.end[0] == row else len(lines[row - 1])
    line = lines[row - 1]
    lines[row - 1] = line[:start] + change(token.string) + line[end:]
    return "\n".join(lines)


def by_line(text: str, chance: random.Random) -> str:
    """Swap two lines, or let one go or stand twice, or comment on it."""
    lines = text.split("\n")
    at = chance.randrange(len(lines) - 1)
    match chance.randrange(4):
        case 0:
            lines[at], lines[at + 1] = lines[at + 1], lines[at]
        case 1:
            del lines[at]
        case 2:
            lines.insert(at, lines[at])
        case _:
            lines[at] += "  # a comment"
    return "\n".join(lines)


def by_signature(text: str, chance: random.Random) -> str:
    """Change how something is called, as people do when they mean no harm."""
    old = "cents: int, times: int, name"
    new = chance.choice(
        [
            "times: int, cents: int, name",
            "cents: int | None, times: int, name",
            "cents: int, times: int, more: int = 5, name",
            "cents: int, *, times: int, name",
            "cents: int, /, times: int, name",
        ]
    )
    pairs = [
        (old, new),
        ('name: str = "c")', 'name: str = "c", currency: str = "eur")'),
        ('name: str = "c")', "name: str)"),
        ('-> int:\n    """Charge', '-> int | None:\n    """Charge'),
        ("loud: bool = False)", "loud: bool = False, quiet: bool = True)"),
        ("loud: bool = False)", "loud: bool = True)"),
        ("async def charge", "# wfc: was[charge]\nasync def debit"),
        ("async def flow", "# wfc: was[flow]\nasync def stream"),
        ("charge(", "debit("),
        ("cents: int,", "amount: int,  # wfc: was[cents]\n"),
        ("cents=", "amount="),
        ('notify("one"), both(y)', 'notify(who="one"), both(x=y)'),
    ]
    for before, after in chance.sample(pairs, chance.randrange(1, 4)):
        text = text.replace(before, after)
    return text


# --- the oracle ---------------------------------------------------------------------------------

HINTS = {"debit": "charge", "amount": "cents"}
Trace = list[tuple[str, Any]]


class NoRun(Exception):
    """A loop without an end, or a module that cannot be imported as a whole."""


def executed(text: str, flow: str, arguments: Mapping[str, Any]) -> Trace:
    """Give what a run of the program asks for, and how it ends."""
    names: dict[str, Any] = {}
    try:
        exec(compile(text, "shop.py", "exec"), names)  # noqa: S102 - our own program
    except Exception as error:
        raise NoRun from error
    asked: Trace = []
    for name, value in list(names.items()):
        if isinstance(value, FunctionType) and '"use step"' in source_of(text, name):
            names[name] = noting(name, value, asked)
    try:
        asked.append(("returns", asyncio.run(names[flow](**arguments))))
    except NoRun:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is how this program ends
        asked.append(("raises", type(error).__name__))
    return asked


def noting(name: str, function: FunctionType, asked: Trace) -> Callable[..., Any]:
    """Make a step that notes its arguments by name; its result depends on nothing else."""
    signature = inspect.signature(function)

    async def step(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs).arguments
        called = {
            HINTS.get(one, one): getattr(value, "__name__", value) for one, value in bound.items()
        }
        if len(asked) > 300:
            raise NoRun
        asked.append((HINTS.get(name, name), repr(sorted(called.items()))))
        return len(repr(sorted(called.items()))) % 7 - 1 + len(asked) % 3

    return step


def source_of(text: str, name: str) -> str:
    _, _, rest = text.partition(f"def {name}(")
    return rest.partition("\nasync def ")[0].partition("\ndef ")[0]


@cache
def manifest_of(text: str) -> Manifest | None:
    """Build a program; None if it is none, or one that is refused."""
    try:
        compile(text, "shop.py", "exec")
        return Manifest.parse(version_of(text).manifest)
    except (SyntaxError, AssertionError, ValueError):
        return None


def judged(before: str, after: str) -> Level | None:
    old, new = manifest_of(before), manifest_of(after)
    if old is None or new is None or len(old.workflows) != 1:
        return None
    return only(compare(old, new)).level


INPUTS: tuple[Mapping[str, Any], ...] = ({"n": 0}, {"n": 1}, {"n": 4}, {"n": 2, "loud": True})


def flow_of(text: str) -> str:
    return "stream" if "def stream" in text else "flow"


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_what_is_proven_to_be_harmless_is(seed: int) -> None:
    """One edit, or several; from the program, or from an edit of it."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(8):
        before = edited(PROGRAM, chance) if chance.random() < 0.3 else PROGRAM
        after = before
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            try:
                after = edited(after, chance)
            except (tokenize.TokenError, IndentationError, SyntaxError):
                break
        level = judged(before, after)
        if level is None or level >= Level.REPLAY:
            continue
        for arguments in INPUTS:
            try:
                old = executed(before, flow_of(before), arguments)
                new = executed(after, flow_of(after), arguments)
            except NoRun:
                continue
            assert new == old, (level, before, after)


def test_the_oracle_sees_a_difference() -> None:
    """Otherwise it would prove nothing."""
    other = PROGRAM.replace("RATE = 2", "RATE = 3")
    assert executed(PROGRAM, "flow", {"n": 1}) != executed(other, "flow", {"n": 1})
    assert judged(PROGRAM, other) is Level.REPLAY
