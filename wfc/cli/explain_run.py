"""`wfc explain RUN`: where a run stands, what it waits for, and the lines that asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from wfc.cli import output
from wfc.cli.verdicts import to_plain as verdict_to_plain
from wfc.cli.why import to_plain as why_to_plain
from wfc.clock import to_datetime
from wfc.diagnostics import Place
from wfc.runtime.explaining import Explained, Line, Newest

_PLAIN = {"run_created", "run_started", "wait_created", "step_created", "step_started"}


def to_plain(found: Explained) -> dict[str, Any]:
    """Give it for programs."""
    newest = found.newest
    return {
        "id": found.row.run_id,
        "status": found.row.status.value,
        "workflow": found.row.workflow,
        "version": found.row.version,
        "sentence": sentence_of(found),
        "why": why_to_plain(found.why),
        "waiting": [_line(one) for one in found.waiting],
        "events": [_line(one) for one in found.lines],
        "newest": None
        if newest is None
        else {
            "version": newest.version,
            "verdict": None if newest.verdict is None else verdict_to_plain(newest.verdict),
        },
    }


def _line(line: Line) -> dict[str, Any]:
    at = line.at
    return {
        "position": line.position,
        "event": line.event,
        "operation_id": line.operation_id,
        "says": _told(line),
        "at": None if at is None else {"path": at.path, "line": at.line, "column": at.column + 1},
        "source": line.source,
    }


def lines_of(found: Explained) -> Iterator[str]:
    """Write it for people: the sentence, what is waited for, what was done."""
    yield sentence_of(found)
    for line in found.waiting:
        yield f"  {_place(line.at)}{line.source or line.operation_id}"
    done = [line for line in found.lines if line.event not in _PLAIN]
    shown = [(_word(line), _told(line), f"event {line.position}") for line in done]
    widths = [max((len(row[part]) for row in shown), default=0) for part in (0, 1)]
    for line, (word, says, event) in zip(done, shown, strict=True):
        place = _place(line.at).rstrip()
        yield f"  {word:<{widths[0]}}  {says:<{widths[1]}}  {event:<10} {place}".rstrip()
    if found.why.next_action is not None:
        yield f"  to go: {found.why.next_action}"
    yield from _of_versions(found)


def _word(line: Line) -> str:
    if line.operation_id is None:
        return line.event
    kind = line.event.partition("_")[0]
    word = line.operation_id.partition("~")[0].rpartition(":")[2]
    return f"{kind} {word}"


def _place(at: Place | None) -> str:
    return "" if at is None else f"{at.path}:{at.line}   "


def sentence_of(found: Explained) -> str:
    """Say in a sentence where the run stands, and why."""
    return f"{found.row.run_id} is {found.row.status.value}. {found.why.sentence}"


def _told(line: Line) -> str:
    return _instant(line.says) if line.event == "wait" else line.says


def _instant(microseconds: str) -> str:
    at = to_datetime(int(microseconds))
    left = at - datetime.now(UTC)
    seconds = int(left.total_seconds())
    if seconds <= 0:
        return f"{output.rfc3339(at)} (overdue)"
    hours, rest = divmod(seconds, 3600)
    span = f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"
    return f"{output.rfc3339(at)} (in {span})"


def _of_versions(found: Explained) -> Iterator[str]:
    newest: Newest | None = found.newest
    if newest is None:
        yield f"  version {found.row.version}"
    elif newest.verdict is None:
        yield f"  version {found.row.version}, the active one"
    elif newest.verdict:
        yield (
            f"  version {found.row.version}; the active {newest.version} accepts it: "
            f"wfc upgrade {found.row.run_id}"
        )
    else:
        reason = newest.verdict.reasons[0] if newest.verdict.reasons else None
        why = f": {reason.code} {reason.sentence}" if reason is not None else ""
        yield f"  version {found.row.version}; the active {newest.version} does not take it{why}"
