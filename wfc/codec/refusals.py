"""Why a value cannot become bytes, where in it the trouble is, and what to do about it.

Only looked at when encoding has failed: the walk tries every part again until it has the smallest
one that fails.
"""

from __future__ import annotations

import datetime as dt
import decimal
import io
import types
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from wfc.codec.families import family_of, fields_of
from wfc.codec.naming import wire_name

PLAIN_BASES: Final = (
    bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset,
    dt.date, dt.time, dt.timedelta, decimal.Decimal, uuid.UUID, PurePath,
)  # fmt: skip
"""Subclasses of these hold more than their base, and nobody can know what."""

NESTING_MAX: Final = 200
"""How deep the values of a payload may nest."""

_PATH_MAX: Final = 300
_KEY_MAX: Final = 60

Attempt = Callable[[Any], Exception | None]


class RefusedError(Exception):
    """A value cannot become bytes; the message goes on after the value's name: "is a ..."."""


def explain(value: Any, path: str, attempt: Attempt) -> str:
    """Say which part of a value cannot be recorded, why, and what to do.

    `attempt` tells what keeps a value from becoming bytes.
    """
    place, culprit = "", value
    above: set[int] = set()
    while True:
        if id(culprit) in above:
            reason = "contains itself, and a payload is a tree. Refer to it by a key"
            break
        # What is deeper than a payload may be fails at each of its levels, and each look costs as
        # much as an attempt to encode: it ends at the level that a payload cannot hold.
        too_deep = len(above) >= NESTING_MAX
        above.add(id(culprit))
        parts = () if too_deep else _parts(culprit)
        failing = next((part for part in parts if attempt(part[1]) is not None), None)
        if failing is None:
            reason = _reason(attempt(culprit))
            break
        place, culprit = place + failing[0], failing[1]
    if len(place) > _PATH_MAX:
        place = f"{place[:_PATH_MAX]}..."
    return f"{path}: `{place}` {reason}." if place else f"{path} {reason}."


def _reason(failure: Exception | None) -> str:
    match failure:
        case UnicodeEncodeError():
            return (
                f"holds the lone surrogate {failure.object[failure.start]!a}, which is no text. "
                "Decode it with the right encoding, or pass bytes"
            )
        case AttributeError():
            return f"has a field that was never set ({failure}). Set it, or give it a default"
        case RecursionError():
            return "is nested too deep"
        case None:
            return "changed while it was looked at. Pass a value that nobody else writes to"
        case _:
            return str(failure)


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Give the parts of a value, each with how Python code reaches it."""
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            yield f"[key {_short(key)}]", key
            yield f"[{_short(key)}]", item
    elif kind in {list, tuple}:
        for index, item in enumerate(value):
            yield f"[{index}]", item
    elif kind in {set, frozenset}:
        for item in value:
            yield f"[member {_short(item)}]", item
    elif not isinstance(value, type) and (family := family_of(kind)) is not None:
        for name, item in _fields(value, family):
            yield f".{name}", item


def _fields(value: Any, family: Any) -> Sequence[tuple[str, Any]]:
    try:
        return tuple(fields_of(value, family).items())
    except AttributeError:
        return ()


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a user's repr may do anything, and this is only a message
        text = f"<{type(value).__qualname__}>"
    return text if len(text) <= _KEY_MAX else f"{text[:_KEY_MAX]}..."


def why_refused(value: Any) -> str:
    """Say what a value is that no payload can hold, and what to do instead."""
    kind = type(value)
    for bases, sentence in _SENTENCES:
        if isinstance(value, bases):
            return sentence
    name = _name(kind)
    module = kind.__module__.partition(".")[0]
    if module in _ADVICE:
        return f"is {_article(name)} {name}. {_ADVICE[module]}"
    if kind in PLAIN_BASES or not issubclass(kind, PLAIN_BASES):
        return f"is {_article(name)} {name}. Build it in the step"
    base = next(base for base in kind.__mro__ if base in PLAIN_BASES)
    return (
        f"is {_article(name)} {name}, a subclass of {base.__name__} with a meaning of its own. "
        f"Register it: App.register_type({kind.__name__}, encode=..., decode=...)"
    )


def why_unknown(kind: type) -> str:
    """Say that no reader finds the class of a value, and what to do about it."""
    name = _name(kind)
    said = f"is {_article(name)} {name}, which no reader may make. "
    if "<locals>" in kind.__qualname__:
        return (
            f"{said}A class inside a function is found by nobody else: move it to the top of its "
            "module and name it in the annotation of the step or parameter"
        )
    return (
        f"{said}Register it: App.register_type({kind.__name__}), or name it in the annotation of "
        "the step or parameter"
    )


_SENTENCES: Final[Sequence[tuple[tuple[type, ...], str]]] = (
    ((type,), "is a class. Pass its name, or an instance"),
    (
        (types.FunctionType, types.BuiltinFunctionType, types.MethodType),
        'is a function. Code is no value: mark it with "use step", or pass a name',
    ),
    ((types.ModuleType,), "is a module. Import it where it is used"),
    ((io.IOBase,), "is an open file. Pass its path and open it in the step"),
    (
        (types.GeneratorType, types.AsyncGeneratorType),
        "is a generator. Pass a list of what it yields",
    ),
    ((types.CoroutineType,), "is a coroutine. Await it and pass what it returns"),
    ((memoryview,), "is a memoryview. Pass bytes(...) of it"),
)
_ADVICE: Final[Mapping[str, str]] = {
    "_thread": "A lock guards one process only. Build it in the step",
    "threading": "Threads live in one process only. Build it in the step",
    "asyncio": "It belongs to one event loop. Build it in the step",
    "_asyncio": "It belongs to one event loop. Build it in the step",
    "socket": "A connection lives in one process only. Open it in the step",
}


def _name(kind: type) -> str:
    return wire_name(kind).removeprefix("builtins:").replace(":", ".")


def _article(name: str) -> str:
    return "an" if name[:1].lower() in set("aeiou") else "a"
