"""The row of a run: loaded, changed in memory and written back within one transaction."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import RunCreated
from wfc.ids import RunId, WorkerId
from wfc.worlds import rules
from wfc.worlds.sql_transaction import Connection


@dataclass(slots=True, kw_only=True)
class RunRow:
    """A row of `runs`; the fields stand in the order of its columns."""

    run_id: RunId
    fence: int = 0
    length: int = 0
    recorded_at: int = 0
    owner: WorkerId | None = None
    ended_at: int | None = None
    losses: int = 0
    lost: int = 0
    attempt_fence: int = 0
    status: str = RunStatus.PENDING.value
    workflow: str
    version: str
    fingerprint: str
    created_at: int
    started_at: int | None = None
    chapter: int = 1
    queue: str | None = None
    queue_key: str | None = None
    priority: int = 0
    not_before: int | None = None
    wake_at: int | None = None
    due_at: int | None = None
    paused: int = 0
    blocked: str | None = None
    cancel_requested: int = 0
    cancel_reason: str | None = None
    failure_kind: str | None = None
    parent_id: str | None = None
    root_id: str | None = None
    arguments_digest: bytes
    heard: int = 0
    chapter_at: int = 1
    retention_us: int | None = None
    late_at: int | None = None
    gated: int = 0

    @property
    def halted(self) -> bool:
        """Tell whether no worker may take the run."""
        return bool(self.paused) or self.blocked is not None

    @property
    def over(self) -> bool:
        """Tell whether the run has ended."""
        return self.ended_at is not None


COLUMNS: Final = tuple(field.name for field in fields(RunRow))
_SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM runs WHERE run_id = ? /*pg FOR UPDATE */"  # noqa: S608 - fixed names
_INSERT: Final = f"INSERT INTO runs ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - fixed names, and marks


def row_of(values: tuple[Any, ...]) -> RunRow:
    """Make a row of fetched `COLUMNS`."""
    return RunRow(**dict(zip(COLUMNS, values, strict=True)))


def load(connection: Connection, run_id: RunId) -> RunRow | None:
    """Read the row of a run."""
    values = connection.execute(_SELECT, (run_id,)).fetchone()
    return None if values is None else row_of(values)


def create(connection: Connection, run_id: RunId, event: RunCreated, now_us: int) -> RunRow:
    """Write the row of a new run, still without events."""
    row = RunRow(
        run_id=run_id,
        workflow=event.workflow,
        version=event.version,
        fingerprint=event.fingerprint,
        created_at=now_us,
        queue=event.queue,
        queue_key=event.queue_key,
        priority=event.priority,
        not_before=event.not_before,
        due_at=max(now_us, event.not_before or 0),
        parent_id=None if event.parent is None else event.parent.run_id,
        root_id=event.root_id,
        arguments_digest=rules.digest_of(event.arguments),
        retention_us=rules.retention_us(event.retention_s),
        late_at=rules.late_at(event, now_us),
        gated=int(event.queue is not None or event.limit_key is not None),
    )
    connection.execute(_INSERT, tuple(getattr(row, name) for name in COLUMNS))
    connection.executemany(
        "INSERT INTO attributes (run_id, key, value) VALUES (?, ?, ?)",
        [(run_id, key, rules.scalar_text(value)) for key, value in event.attributes.items()],
    )
    return row


def save(connection: Connection, before: RunRow, after: RunRow) -> None:
    """Write what changed: an index is touched only if its column is named."""
    names = [name for name in COLUMNS if getattr(before, name) != getattr(after, name)]
    if names:
        changes = ", ".join(f"{name} = ?" for name in names)
        connection.execute(
            f"UPDATE runs SET {changes} WHERE run_id = ?",  # noqa: S608 - names of columns
            (*(getattr(after, name) for name in names), after.run_id),
        )
