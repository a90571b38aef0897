"""What an enemy, a mistake or a broken program sends: words, JSON, bytes, programs, from a seed.

Everything here is drawn from a `random.Random`, so a seed that a proof names repeats its findings.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Sequence
from typing import Any, Final

NUMBERS: Final = (
    "0", "-1", "00", "1", "7", "2147483648", "9223372036854775807", "9223372036854775808",
    "-9223372036854775809", "9" * 400, "9" * 5000, "1e308", "1e999", "-0.0", "nan", "inf", "0x10",
    "1_000", "٣", "½", "+5", " 5 ", "5.0",
)  # fmt: skip
"""Numbers that some of the ways to read a number refuse, and others do not."""

WORDS: Final = (
    "", " ", "\t", "\n", "\x00", "a\x00b", "\x1b[31mred\x1b[0m", "\u202etxt.exe",
    "\u2066bidi\u2069",
    "\ud800", "a\udcffb", "\udfff\ud800", "é", "e\u0301", "\U0001f600", "\ufeffbom", "\u2028", "\r",
    "a" * 5000, "%", "%s%n", "%2e%2e%2f", "{}", "{0}", "$HOME", "`x`", "';--", '" OR 1=1', "--",
    "-",
    "-x", "--nothing", "=", "a=", "=b", "a==b", "a:b", ":", "::", "a:b:c", "#", "x#0", "@",
    "@nowhere",
    "@.", "*", "?", "[", "(", "\\", "|", "<script>alert(1)</script>", "null", "true", "NaN", "None",
    "__class__", "__wfc__", "__import__", "wfc.secret", "WFC201", "CON", "aux.txt",
)  # fmt: skip
"""Words that mean something to a terminal, a shell, a database, a format or a file system."""

# None of these may be made by a test that root runs: they climb, or end in what is no folder.
PATHS: Final = (
    ".", "..", "../..", "./.", "../x", "a/../../b", "/dev/null/x", "/proc/self/nothing", "..\\x",
    "nothing/at/all", "file:///dev/null/x", "x/", "x//y", "-/x", "a/\x00", "a" * 300, "b/" * 2000,
    ".hidden", "x.py", "x.json", "x.jsonl", "x.toml", "con.db", "wfc.toml", "\ud800/x",
)  # fmt: skip

URLS: Final = (
    "memory:", "sqlite:", "sqlite://", "sqlite:///", "sqlite:///.", "sqlite:///a\x00b",
    "sqlite:////dev/null/x.db", "sqlite:///wfc.toml", "sqlite:///x?mode=ro", "postgresql://",
    "postgresql://u:s3cr3t@127.0.0.1:1/x", "postgresql://u:s3cr3t@127.0.0.1:99999/x",
    "postgresql://u:s3cr3t@[::1/x", "mysql://u:s3cr3t@127.0.0.1/x", "http://127.0.0.1:1/", "://",
    "sqlite", "x:y", "postgresql://u:s3cr3t@127.0.0.1:1/x?port=2&host=%00",
)  # fmt: skip

DURATIONS: Final = (
    "1s", "-1s", "0", "1 day", "1e9 days", "9" * 30 + "d", "1h1h", "s", "1 fortnight", "P1D", "inf",
    "2024-02-30", "2024-01-01T00:00:00Z", "9999-12-31T23:59:59+23:59", "0001-01-01", "tomorrow",
)  # fmt: skip

JSONS: Final = (
    "{", "}", "[]", "{}", "null", "1e400", "NaN", "-Infinity", '"', '"\\ud800"', '{"a":1,"a":2}',
    "[" * 5000, "[" * 150 + "]" * 150, '{"__class__": "os:system"}', "9" * 5000, "\ufeff{}", "[1,]",
    "'a'", '{"$encrypted": true}', '{"cents": "5"}', "\x00",
)  # fmt: skip


def word(chance: random.Random, known: Sequence[str] = ()) -> str:
    """Give one word; every third is one of `known`, which means something to what is tried."""
    if known and chance.random() < 1 / 3:
        return chance.choice(known)
    kind = chance.choice((NUMBERS, WORDS, WORDS, PATHS, URLS, DURATIONS, JSONS, (), ()))
    return chance.choice(kind) if kind else _random_text(chance)


def _random_text(chance: random.Random) -> str:
    """Give any text, of few letters of one alphabet."""
    alphabet = chance.choice(
        (
            string.printable,
            "".join(map(chr, range(256))),
            "{}[]\"',:0123456789",
            "./\\:%~",
            "".join(chr(chance.randrange(0x110000)) for _ in range(20)),
        )
    )
    return "".join(chance.choices(alphabet, k=chance.randrange(1, 40)))


def value(chance: random.Random, depth: int = 3) -> Any:
    """Give any value that JSON has a form for, and some that only lax readers take."""
    if depth and chance.random() < 1 / 4:
        return [value(chance, depth - 1) for _ in range(chance.randrange(4))]
    if depth and chance.random() < 1 / 3:
        return {word(chance): value(chance, depth - 1) for _ in range(chance.randrange(4))}
    floats = (0.5, -0.0, 1e308, float("inf"), float("nan"))
    whole = (chance.randrange(-5, 100), 2**63, -(2**63) - 1, 10**300)
    leaves = ((word(chance), word(chance)), whole, floats, (None,), (True, False))
    return chance.choice(chance.choice(leaves))


def text(chance: random.Random) -> str:
    """Give JSON, well formed or nearly so."""
    if chance.random() < 1 / 4:
        return chance.choice(JSONS)
    made = json.dumps(value(chance))
    if chance.random() < 1 / 3:
        at = chance.randrange(len(made))
        made = made[:at] + chance.choice(("", "\x00", '"', "\ud800", "[")) + made[at + 1 :]
    return made


def some_bytes(chance: random.Random, whole: bytes = b"") -> bytes:
    """Give random bytes, or `whole` with some of them changed, cut off, or said twice."""
    if not whole or chance.random() < 1 / 8:
        return chance.randbytes(chance.randrange(200))
    made = bytearray(whole)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(made)) if made else 0
        match chance.choice(("flip", "flip", "cut", "insert", "repeat")):
            case "flip" if made:
                made[at] = chance.randrange(256)
            case "cut":
                del made[at : at + chance.randrange(1, 20)]
            case "insert":
                made[at:at] = chance.randbytes(chance.randrange(1, 9))
            case _:
                made[at:at] = made[max(0, at - 30) : at]
    return bytes(made)


def changed(chance: random.Random, plain: Any) -> Any:
    """Give a value made of dicts and lists with one thing in it changed, renamed or gone."""
    if isinstance(plain, dict) and plain and chance.random() < 0.9:
        key = chance.choice(sorted(plain, key=str))
        match chance.choice(("deeper", "deeper", "deeper", "gone", "renamed")):
            case "gone":
                return {name: one for name, one in plain.items() if name != key}
            case "renamed":
                return {(word(chance) if name == key else name): one for name, one in plain.items()}
            case _:
                return {**plain, key: changed(chance, plain[key])}
    if isinstance(plain, (list, tuple)) and plain and chance.random() < 0.9:
        at = chance.randrange(len(plain))
        return [*plain[:at], changed(chance, plain[at]), *plain[at + 1 :]]
    return value(chance, 2)


LINES: Final = (
    '    "use workflow"', '    "use step"', '"use workflow"', "    'use steps'", '    f"use step"',
    '    "use workflow"; "use step"', "# -*- coding: latin-1 -*-", "# -*- coding: nothing -*-",
    "# wfc: allow[WFC201]", "# wfc: was[a:b]", "# noqa: WFC", "async def", "    await f(",
    "x = " + "(" * 300, "x = " + "-" * 3000 + "1", "x = " + "[" * 90 + "]" * 90, "if x:",
    "x = " + "a." * 2000 + "b", "x = " + "1 + " * 3000 + "1", "\\", "\x0c", "\tpass", "match x:",
    "    case {**a}: pass", "x = f'{y!r:{z}}'", "class C[T]: pass", "type X = int", "del (a), [b]",
    "async def f(*, a=await b): pass", "global __wfc__", "import __wfc__", "from . import *",
    "from __future__ import annotations", "from __future__ import braces", "\x00", "\ufeff",
    "é = 1", "x = '\ud800'", "lambda: (yield)", "@@", "def wfc(): return __import__('os')",
    "nonlocal x",
)  # fmt: skip


def program(chance: random.Random, text_: str) -> bytes:
    """Give the bytes of a program with lines taken out, repeated, shifted and put in."""
    lines = text_.splitlines()
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(lines) + 1)
        match chance.choice(("gone", "in", "in", "twice", "shifted", "word")):
            case "gone":
                del lines[at : at + chance.randrange(1, 3)]
            case "in":
                lines.insert(at, chance.choice(LINES))
            case "twice":
                lines[at:at] = lines[max(0, at - 4) : at]
            case "shifted" if at < len(lines):
                lines[at] = " " + lines[at]
            case _ if at < len(lines):
                lines[at] = lines[at].replace(chance.choice(":()=\"'"), word(chance)[:40], 1)
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    return some_bytes(chance, data) if chance.random() < 1 / 5 else data
