"""What readers ask a world with tables: statements and the views made of their rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from wfc.errors import LogError
from wfc.eventlog.entity import Run, RunStatus
from wfc.eventlog.event import FailureKind, RunCompleted, RunFailed
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.worlds import rules, sql_events
from wfc.worlds.protocol import RunFilter
from wfc.worlds.sql_runs import COLUMNS, row_of
from wfc.worlds.vault import Vault

_OPEN: Final = frozenset(status for status in RunStatus if not status.ended)
_COLUMNS: Final = ", ".join(f"runs.{name}" for name in COLUMNS)
# The end of a run is its last event: output and error are not kept a second time.
_VIEW: Final = f"""
SELECT {_COLUMNS}, workers.worker_id, events.position, events.body, events.blobs, events.code,
    (SELECT json_group_object(key, value) FROM attributes WHERE attributes.run_id = runs.run_id)
FROM runs
LEFT JOIN workers ON workers.worker_id = runs.owner AND workers.lease_until > :now
LEFT JOIN events ON runs.ended_at IS NOT NULL
    AND events.run_id = runs.run_id AND events.position = runs.length
"""  # noqa: S608 - names of columns
LATE: Final = """
SELECT count(*) FROM runs WHERE late_at IS NOT NULL AND ended_at IS NULL AND late_at < :now
"""
ATTRIBUTES: Final = "SELECT key, value FROM attributes WHERE run_id = ?"
RUN: Final = f"{_VIEW} WHERE runs.run_id = :run_id"
_HOLDS_TEXT: Final = """(
instr(lower(runs.run_id), :search) > 0 OR instr(lower(runs.workflow), :search) > 0
OR EXISTS (SELECT 1 FROM attributes
    WHERE attributes.run_id = runs.run_id AND instr(lower(attributes.value), :search) > 0)
)"""
_HAS_ATTRIBUTE: Final = (
    "EXISTS (SELECT 1 FROM attributes WHERE attributes.run_id = runs.run_id"
    " AND key = :key{number} AND value = :value{number})"
)
_W = TypeVar("_W", RunStatus, FailureKind)
Statement = tuple[str, dict[str, object]]


def view_of(
    values: tuple[Any, ...], blobs: Mapping[bytes, bytes], vault: Vault | None = None
) -> Run:
    """Make the view of a run from a row of `RUN` or `page_of`."""
    row = row_of(values[: len(COLUMNS)])
    living, *last, attributes = values[len(COLUMNS) :]
    named: dict[str, str] = json.loads(attributes or "{}")
    blocked = row.blocked
    status, failure_kind = _word(RunStatus, row.status), _word(FailureKind, row.failure_kind)
    if status is None:
        status, blocked = RunStatus.SUSPENDED, blocked or f"its row says status {row.status!r}"
    output = error = None
    if living is not None:
        status = RunStatus.RUNNING
    if last[0] is not None:
        try:
            end = sql_events.veiled(
                row.run_id, (last[0], last[1], last[2], last[3]), blobs, vault
            ).event
        except LogError as damage:
            # One damaged run must not hide the others from a list.
            end, blocked = None, blocked or str(damage)
        output = end.output if isinstance(end, RunCompleted) else None
        error = end.error if isinstance(end, RunFailed) else None
    return Run(
        run_id=row.run_id,
        workflow=DefinitionId(row.workflow),
        version=VersionId(row.version),
        fingerprint=row.fingerprint,
        status=status,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        length=row.length,
        chapter=row.chapter,
        fence=row.fence,
        owner=row.owner,
        queue=row.queue,
        priority=row.priority,
        not_before=row.not_before,
        wake_at=row.wake_at,
        paused=bool(row.paused),
        cancel_requested=bool(row.cancel_requested),
        blocked=blocked,
        losses=row.losses,
        parent_id=None if row.parent_id is None else RunId(row.parent_id),
        root_id=None if row.root_id is None else RunId(row.root_id),
        output=output,
        error=error,
        failure_kind=failure_kind,
        cancel_reason=row.cancel_reason,
        arguments_digest=row.arguments_digest,
        late_at=row.late_at,
        attributes={key: rules.scalar_of(text) for key, text in named.items()},
    )


def _word(kind: type[_W], text: str | None) -> _W | None:
    """Read a word of a row; one that does not exist must not hide other runs from a list."""
    try:
        return None if text is None else kind(text)
    except ValueError:
        return None


def blobs_of(values: Iterable[tuple[Any, ...]]) -> dict[str, list[bytes]]:
    """Give the blobs that rows of runs need, by run."""
    needed: dict[str, list[bytes]] = {}
    for row in values:
        last = row[len(COLUMNS) + 1 :]
        if last[0] is not None and last[2] is not None:
            needed[row[0]] = sql_events.blob_digests([(last[0], last[1], last[2], last[3])])
    return needed


def page_of(where: RunFilter, place: tuple[int, RunId] | None, limit: int, now: int) -> Statement:
    """Make the statement that lists runs, newest first."""
    conditions: list[str] = []
    values: dict[str, object] = {"now": now, "limit": limit}
    for name in ("workflow", "version", "queue", "parent_id"):
        wanted = getattr(where, name)
        if wanted is not None:
            conditions.append(f"runs.{name} = :{name}")
            values[name] = wanted
    if where.statuses:
        conditions.append(_status_is(where.statuses, values))
    if where.created_from is not None:
        conditions.append("runs.created_at >= :created_from")
        values["created_from"] = where.created_from
    if where.created_until is not None:
        conditions.append("runs.created_at < :created_until")
        values["created_until"] = where.created_until
    if where.late is not None:
        late = "(runs.late_at IS NOT NULL AND coalesce(runs.ended_at, :now) > runs.late_at)"
        conditions.append(late if where.late else f"NOT {late}")
    if where.search is not None:
        conditions.append(_HOLDS_TEXT)
        values["search"] = where.search.lower()
    for number, (key, value) in enumerate(where.attributes.items()):
        conditions.append(_HAS_ATTRIBUTE.format(number=number))
        values[f"key{number}"], values[f"value{number}"] = key, rules.scalar_text(value)
    if place is not None:
        conditions.append("(runs.created_at, runs.run_id) < (:cursor_at, :cursor_id)")
        values["cursor_at"], values["cursor_id"] = place
    chosen = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    order = "ORDER BY runs.created_at DESC, runs.run_id DESC LIMIT :limit"
    return f"{_VIEW} {chosen} {order}", values


def _status_is(statuses: Iterable[str], values: dict[str, object]) -> str:
    """Make the condition on statuses; running is no column but an owner that lives."""
    wanted = sorted(statuses)
    stored = [status for status in wanted if status != RunStatus.RUNNING]
    marks = []
    for number, status in enumerate(stored):
        values[f"status{number}"] = str(status)
        marks.append(f":status{number}")
    choices = []
    if marks:
        choices.append(f"(workers.worker_id IS NULL AND runs.status IN ({', '.join(marks)}))")
    if len(stored) < len(wanted):
        choices.append("workers.worker_id IS NOT NULL")
    chosen = f"({' OR '.join(choices)})"
    # Said apart, so that an index of open runs is used: those that ended are not looked at.
    return f"runs.ended_at IS NULL AND {chosen}" if _OPEN.issuperset(wanted) else chosen
