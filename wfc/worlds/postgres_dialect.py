"""The statements of `sql_*.py` as PostgreSQL takes them.

They are written in what both databases have in common. What is left to do here: values are numbered
and say their type, ``/*pg ... */`` is opened, and what only SQLite needs to be told is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

_ONLY_HERE: Final = re.compile(r"/\*pg (.*?)\*/", re.DOTALL)
_ONLY_SQLITE: Final = re.compile(r"\bINDEXED BY \w+")
_MARK: Final = re.compile(r"\?|(?<!:):([a-z_]\w*)")
_RENAMED: Final = (("json_group_object(", "json_object_agg("),)
_TYPES: Final = ((int, "::bigint"), (str, "::text"), (bytes, "::bytea"), (float, "::float8"))


def translated(statement: str, values: Any) -> tuple[str, list[Any]]:
    """Give a statement and its values in the order of their numbers."""
    text, names = _numbered(statement)
    if names is None:
        arguments = list(values)
    else:
        assert isinstance(values, Mapping)
        arguments = [values[name] for name in names]
    return _typed(text, tuple(map(_type_of, arguments))), arguments


def untyped(statement: str) -> str:
    """Give a statement with numbers in the place of ``?``, for values of any type."""
    text, _ = _numbered(statement)
    return _typed(text, ("",) * text.count("\0"))


@lru_cache(maxsize=2048)
def _numbered(statement: str) -> tuple[str, tuple[str, ...] | None]:
    """Write each mark as a NUL, its number and a NUL; give the names in the order of the numbers.

    None in the place of names: the marks were all ``?``.
    """
    text = _ONLY_HERE.sub(r"\1", _ONLY_SQLITE.sub("", statement))
    for ours, theirs in _RENAMED:
        text = text.replace(ours, theirs)
    names: list[str] = []
    count = 0

    def numbered(mark: re.Match[str]) -> str:
        nonlocal count
        name = mark[1]
        if name is None:
            count += 1
            return f"\0{count}\0"
        if name not in names:
            names.append(name)
        return f"\0{names.index(name) + 1}\0"

    text = _MARK.sub(numbered, text)
    assert not (count and names), f"a statement has marks of both kinds: {statement}"
    return text, None if not names else tuple(names)


@lru_cache(maxsize=4096)
def _typed(text: str, types: tuple[str, ...]) -> str:
    """Write the marks as PostgreSQL does, each with the type of its value."""
    return re.sub(
        "\0(\\d+)\0",
        lambda mark: f"${mark[1]}{types[int(mark[1]) - 1]}",
        text,
    )


def _type_of(value: Any) -> str:
    # A value that is absent has no type of its own: its place tells.
    for kind, name in _TYPES:
        if isinstance(value, kind):
            return name
    return ""
