"""A grammar of modules with workflows: what they say is drawn once, how it is written by a style.

A program is a tree of plain tuples. Written in two styles it differs in comments, blank lines,
indentation, line breaks, quotes, names of locals, and in `try` and `with` around statements;
none of this may rename a site.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

Statement = tuple[Any, ...]

HEAD = '''"""A module of the grammar."""
from __future__ import annotations

import asyncio
import os, json
from dataclasses import (
    dataclass,
    field,
)
from wfc import policy, sleep

RATE = 3
NAMES = {
    "one": 1,
}
LOG = print("imported")


def helper(value):
    """Help; äöü 🙂."""
    return [each for each in range(value)] or NAMES.get("one", RATE)


def unreached(): return os.getcwd()


@dataclass
class Order:
    cents: int = 0
    lines: list = field(default_factory=list)

    def total(self): return self.cents + RATE

    async def ship(self, to: str) -> str:
        "use step"
        return os.path.join(to, str(self.cents))

    @staticmethod
    async def flow(order):
        "use workflow"
        return await order.ship("x"), order.total()


@policy(attempts=2)
async def charge(value=RATE):
    """Charge."""
    "use step"
    return json.dumps(value)


def refund(value): "use step"; return os.environ.get(value)


'''


class Program(NamedTuple):
    """Workflows by name, each with the statements of its body."""

    workflows: tuple[tuple[str, tuple[Statement, ...]], ...]


_CALLEES = st.sampled_from(["charge", "refund", "sleep", "helper", "Order.flow"])
_SIMPLE: st.SearchStrategy[Statement] = st.one_of(
    st.tuples(st.just("call"), _CALLEES, st.integers(0, 2)),
    st.tuples(st.just("assign"), st.integers(0, 2), _CALLEES, st.integers(0, 2)),
    st.tuples(st.just("gather"), _CALLEES, st.integers(0, 2)),
    st.tuples(st.just("comprehension"), _CALLEES, st.integers(0, 2)),
    st.tuples(st.just("text"), _CALLEES, st.integers(0, 2)),
    st.tuples(st.just("nested"), st.sampled_from(["inner", "other"]), st.integers(0, 2)),
)


def _compound(inner: st.SearchStrategy[Statement]) -> st.SearchStrategy[Statement]:
    block = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.tuples(st.just("if"), st.integers(0, 2), block, block),
        st.tuples(st.just("for"), st.integers(0, 2), block),
        st.tuples(st.just("while"), st.integers(0, 2), block),
        st.tuples(st.just("try"), block, st.sampled_from(["ValueError", "KeyError"]), block, block),
        st.tuples(st.just("match"), st.integers(0, 2), block, block),
    )


_STATEMENTS = st.recursive(_SIMPLE, _compound, max_leaves=8)
PROGRAMS: st.SearchStrategy[Program] = st.lists(
    st.lists(_STATEMENTS, min_size=1, max_size=4).map(tuple), min_size=1, max_size=2
).map(lambda bodies: Program(tuple((f"flow{at}", body) for at, body in enumerate(bodies))))


class Style:
    """How a program is written; the plain style (None) adds nothing to it."""

    def __init__(self, seed: int | None = None, *, wraps: bool = True) -> None:
        """Draw a way of writing; `wraps` allows `try` and `with` around a statement."""
        self.wraps = wraps
        self._dice = random.Random(seed)  # noqa: S311 - a reproducible way of writing
        self._plain = seed is None
        self.indent = "    " if self._plain else self._dice.choice(["    ", "  ", "\t"])
        names = ["alpha", "beta", "gamma"]
        self.names = names if self._plain else self._dice.sample([f"v{n}" for n in range(9)], 3)
        self.quote = "'" if self._dice.random() < 0.5 and not self._plain else '"'

    def likes(self, chance: float) -> bool:
        """Tell whether something that changes nothing is done here."""
        return not self._plain and self._dice.random() < chance


def written(program: Program, style: Style) -> str:
    """Write a program as a module."""
    lines: list[str] = []
    for name, body in program.workflows:
        lines += [
            f"async def {name}(start, gate=None):",
            f"{style.indent}{style.quote}use workflow{style.quote}",
        ]
        lines += [f"{style.indent}{local} = start" for local in style.names]
        for at, statement in enumerate(body):
            lines += _block(statement, style, f"{name}_{at}", 1)
        lines += [f"{style.indent}return {', '.join(style.names)}", ""]
    return HEAD + "\n".join(lines) + "\n"


def _block(statement: Statement, style: Style, mark: str, depth: int) -> list[str]:
    """Write a statement, perhaps with what means nothing around it."""
    pad = style.indent * depth
    before = []
    if style.likes(0.2):
        before.append(f"{pad}# A remark: await charge(1); ü")
    if style.likes(0.2):
        before.append("")
    if style.wraps and style.likes(0.15):
        inside = _statement(statement, style, mark, depth + 1)
        return [*before, f"{pad}try:", *inside, f"{pad}except OSError:", f"{pad}{style.indent}pass"]
    if style.wraps and style.likes(0.15):
        inside = _statement(statement, style, mark, depth + 1)
        return [*before, f"{pad}async with gate:", *inside]
    return before + _statement(statement, style, mark, depth)


def _blocks(body: tuple[Statement, ...], style: Style, mark: str, depth: int) -> list[str]:
    return [
        line
        for at, statement in enumerate(body)
        for line in _block(statement, style, f"{mark}_{at}", depth)
    ]


def _statement(statement: Statement, style: Style, mark: str, depth: int) -> list[str]:
    kind, *parts = statement
    pad = style.indent * depth
    if kind in _COMPOUND:
        heads, blocks = _COMPOUND[kind](style, parts)
        lines = []
        for at, (head, block) in enumerate(zip(heads, blocks, strict=True)):
            extra = head.startswith("case ")
            if extra and not at:
                lines.append(f"{pad}match {style.names[parts[0]]}:")
            lines.append(pad + style.indent * extra + head)
            lines += _blocks(block, style, f"{mark}{'bhf'[at]}", depth + 1 + extra)
        return [*lines, f"{pad}{style.indent}break"] if kind == "while" else lines
    if kind == "call":
        return _call(f"{pad}await ", parts[0], style.names[parts[1]], style, pad)
    if kind == "assign":
        before = f"{pad}{style.names[parts[0]]} = await "
        return _call(before, parts[1], style.names[parts[2]], style, pad)
    subject, local = parts[0], style.names[parts[1]]
    return [pad + line for line in _LINES[kind](style, subject, local, mark)]


_COMPOUND: Final[dict[str, Callable[[Style, list[Any]], tuple[list[str], list[Any]]]]] = {
    "if": lambda style, parts: ([f"if {style.names[parts[0]]}:", "else:"], parts[1:]),
    "for": lambda style, parts: (
        [f"for {style.names[parts[0]]} in helper({style.names[parts[0]]}):"],
        parts[1:],
    ),
    "while": lambda style, parts: ([f"while {style.names[parts[0]]}:"], parts[1:]),
    "try": lambda _, parts: (
        ["try:", f"except {parts[1]}:", "finally:"],
        [parts[0], parts[2], parts[3]],
    ),
    "match": lambda _, parts: (["case 1:", "case _:"], parts[1:]),
}
"""The heads of each compound statement, and its blocks."""
_LINES: Final[dict[str, Callable[[Style, str, str, str], list[str]]]] = {
    "gather": lambda _, callee, local, __: [f"await asyncio.gather({callee}({local}), charge(1))"],
    "comprehension": lambda _, callee, local, __: [
        f"[await {callee}(x) for x in helper({local}) if x]"
    ],
    "text": lambda _, callee, local, __: [
        f'f"ä {{await {callee}({local})!r:>{{RATE}}}} {{helper(2)}}"'
    ],
    "nested": lambda style, name, local, mark: [
        f"async def {name}_{mark}(n: int = RATE, *rest):",
        f'{style.indent}"use step"',
        f"{style.indent}return n, {local}, os.getcwd()",
        f"await {name}_{mark}({local})",
    ],
}
"""The lines of each simple statement, from what it calls or defines and the local it uses."""


def _call(before: str, callee: str, argument: str, style: Style, pad: str) -> list[str]:
    if style.likes(0.3):
        return [
            f"{before}{callee}(  # on three lines",
            f"{pad}{style.indent}{argument},",
            f"{pad})",
        ]
    behind = "  # why" if style.likes(0.2) else ""
    return [f"{before}{callee}({argument}){behind}"]
