"""Results on stdout, everything else on stderr; tables for people, tabs and JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TextIO

from wfc.cli.common import Color, Common
from wfc.clock import to_datetime

FORMAT = 1
"""The format of the JSON envelope; within it, fields are only added."""
_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_WHOLE: Final = {"id", "run"}
"""Columns that are never broken, since people copy from them."""
_ROOM: Final = 12
"""What each other column gets at least."""


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
            _print(as_json(item))
    elif common.json:
        envelope = {"format": FORMAT, "kind": kind, "data": data, "next": following}
        _print(as_json(envelope))
    elif text is not None:
        _print(text)
    else:
        table(common, list(data if rows is None else rows))


class Pages:
    """A result that comes page by page and is printed as one, with one page in memory."""

    def __init__(self, common: Common, kind: str) -> None:
        """Begin before the first page."""
        self._common = common
        self._kind = kind
        self.empty = True

    def add(self, data: Sequence[Any], rows: Sequence[Mapping[str, Any]]) -> None:
        """Print a page."""
        if self._common.jsonl:
            for item in data:
                _print(as_json(item))
        elif self._common.json:
            for item in data:
                sys.stdout.write((self._head() if self.empty else ", ") + as_json(item))
                self.empty = False
        else:
            table(self._common, rows, header=self.empty)
        self.empty = self.empty and not data

    def end(self, following: str | None = None) -> None:
        """Close what was opened; `following` is the cursor of the next page."""
        if self._common.json and not self._common.jsonl:
            _print(f'{self._head() if self.empty else ""}], "next": {as_json(following)}}}')

    def _head(self) -> str:
        return f'{{"format": {FORMAT}, "kind": {as_json(self._kind)}, "data": ['


def table(common: Common, rows: Sequence[Mapping[str, Any]], *, header: bool = True) -> None:
    """Print rows: a table on a terminal, else tab-separated with a header."""
    if not rows:
        return
    names = list(rows[0])
    if is_terminal(sys.stdout):
        _rich_table(common, names, rows)
        return
    if header:
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
            _print(as_json({"kind": kind, **item}))
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


def counted(number: int, noun: str) -> str:
    """Give a number and what it counts: "1 error", "2 errors"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def is_terminal(stream: TextIO) -> bool:
    """Tell whether people look at this stream."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def colored(common: Common, stream: TextIO) -> bool:
    """Tell whether to use colour: the flag, else NO_COLOR, CI and TERM=dumb, else a terminal."""
    if common.color is not Color.AUTO:
        return common.color is Color.ALWAYS
    return not (os.environ.get("NO_COLOR") or os.environ.get("CI")) and is_terminal(stream)


class Instant(str):
    """An instant as programs read it; a terminal shows it by the clock on the wall."""

    __slots__ = ()

    def for_people(self, now: datetime | None = None) -> str:
        """Give local time, the date unless it is today, and how long ago that was."""
        moment, now = datetime.fromisoformat(self).astimezone(), now or datetime.now(UTC)
        today = moment.date() == now.astimezone().date()
        local = moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")
        return f"{local} ({_distance(now - moment)})"


def rfc3339(instant: int | datetime | None) -> str | None:
    """Write an instant for programs: UTC, microseconds."""
    if instant is None:
        return None
    moment = to_datetime(instant) if isinstance(instant, int) else instant.astimezone(UTC)
    return Instant(moment.isoformat(timespec="microseconds").replace("+00:00", "Z"))


def _distance(past: timedelta) -> str:
    """Say how far away an instant is, in the largest unit that fits."""
    seconds = abs(past.total_seconds())
    unit, length = next((each for each in _UNITS if seconds >= each[1]), _UNITS[-1])
    text = f"{int(seconds // length)} {unit}"
    return f"{text} ago" if past >= timedelta() else f"in {text}"


def as_json(value: Any) -> str:
    """Write JSON that stdout can take: escapes only where it takes no UTF-8."""
    return json.dumps(value, ensure_ascii=not _takes_utf8(sys.stdout))


def _takes_utf8(stream: TextIO) -> bool:
    return (stream.encoding or "utf-8").lower().startswith("utf")


def _cell(value: Any, *, for_people: bool = False) -> str:
    """Write one value so that a row stays a row."""
    if for_people and isinstance(value, Instant):
        return value.for_people()
    text = "" if value is None else value if isinstance(value, str) else as_json(value)
    return text.replace("\t", " ").replace("\n", " ")


def _rich_table(common: Common, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - a second of start-up only for people
    from rich.table import Table  # noqa: PLC0415 - likewise
    from rich.text import Text  # noqa: PLC0415 - likewise

    console = Console(no_color=not colored(common, sys.stdout))
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        if name in _WHOLE:
            longest = max(len(_cell(row[name])) for row in rows)
            # Where it does not fit the terminal breaks the line, and the id can be copied still.
            console.width = max(console.width, longest + _ROOM * (len(names) - 1))
            made.add_column(name, no_wrap=True, min_width=longest)
        else:
            made.add_column(name, overflow="fold")
    for row in rows:
        cells = (_cell(row[name], for_people=True) for name in names)
        made.add_row(*(Text(_writable(cell, sys.stdout)) for cell in cells))
    console.print(made)


def _writable(text: str, stream: TextIO) -> str:
    """Escape what the stream's encoding cannot hold."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _print(text: str) -> None:
    sys.stdout.write(_writable(text, sys.stdout) + "\n")
