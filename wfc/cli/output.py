"""Results on stdout, everything else on stderr; tables for people, tabs and JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from wfc.cli.common import Color, Common
from wfc.clock import to_datetime

FORMAT = 1
"""The format of the JSON envelope; within it, fields are only added."""


def result(
    common: Common,
    kind: str,
    data: Any,
    *,
    rows: Iterable[Mapping[str, Any]] | None = None,
    text: str | None = None,
    following: str | None = None,
) -> None:
    """Print one result: `data` as JSON if asked for, else `text`, else `rows` (default: `data`)."""
    if common.jsonl:
        for item in data if isinstance(data, list) else [data]:
            _print(json.dumps(item, ensure_ascii=False))
    elif common.json:
        envelope = {"format": FORMAT, "kind": kind, "data": data, "next": following}
        _print(json.dumps(envelope, ensure_ascii=False))
    elif text is not None:
        _print(text)
    else:
        table(common, list(data if rows is None else rows))


def table(common: Common, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows: a table on a terminal, else tab-separated with a header."""
    if not rows:
        return
    names = list(rows[0])
    if is_terminal(sys.stdout):
        _rich_table(common, names, rows)
        return
    _print("\t".join(names))
    for row in rows:
        _print("\t".join(_cell(row[name]) for name in names))


def stream(
    common: Common,
    kind: str,
    items: Sequence[Any],
    *,
    rows: Sequence[Mapping[str, Any]],
    first: bool,
) -> None:
    """Print what has come: an object each, also under ``--json``, or rows under one header."""
    if common.json or common.jsonl:
        for item in items:
            _print(json.dumps({"kind": kind, **item}, ensure_ascii=False))
        return
    if first and rows:
        _print("\t".join(rows[0]))
    for row in rows:
        _print("\t".join(_cell(value) for value in row.values()))


def note(common: Common, text: str) -> None:
    """Say something that is no result, on stderr."""
    if not common.quiet:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def is_terminal(stream: TextIO) -> bool:
    """Tell whether people look at this stream."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def colored(common: Common, stream: TextIO) -> bool:
    """Tell whether to use colour: the flag, else NO_COLOR, CI and TERM=dumb, else a terminal."""
    if common.color is not Color.AUTO:
        return common.color is Color.ALWAYS
    return not (os.environ.get("NO_COLOR") or os.environ.get("CI")) and is_terminal(stream)


def rfc3339(instant: int | datetime | None) -> str | None:
    """Write an instant for programs: UTC, microseconds."""
    if instant is None:
        return None
    moment = to_datetime(instant) if isinstance(instant, int) else instant.astimezone(UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _cell(value: Any) -> str:
    """Write one value so that a row stays a row."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text.replace("\t", " ").replace("\n", " ")


def _rich_table(common: Common, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - a second of start-up only for people
    from rich.table import Table  # noqa: PLC0415 - likewise
    from rich.text import Text  # noqa: PLC0415 - likewise

    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*(Text(_cell(row[name])) for name in names))
    Console(no_color=not colored(common, sys.stdout)).print(made)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
