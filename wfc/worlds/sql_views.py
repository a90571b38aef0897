"""What an event changes in the tables of a world with tables."""

from __future__ import annotations

from typing import Final

from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    AttributesSet,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
    HookConflicted,
    HookCreated,
    HookDisposed,
    HookReceived,
    RunCancelled,
    RunCancelRequested,
    RunCompleted,
    RunFailed,
    RunPaused,
    RunRestarted,
    RunStarted,
    RunUnpaused,
    RunUpgraded,
    RunWoken,
    StepCancelled,
    StepStarted,
)
from wfc.eventlog.renames import Renames
from wfc.eventlog.standing import RUNNING, standing
from wfc.ids import OperationId, RunId
from wfc.worlds import (
    rules,
    schedules,
    sql_doors,
    sql_ends,
    sql_hooks,
    sql_streams,
)
from wfc.worlds import sql_attempts as attempts
from wfc.worlds import sql_children as children
from wfc.worlds.feed import SCHEDULES
from wfc.worlds.sql_runs import RunRow
from wfc.worlds.sql_transaction import Transaction


def apply(  # noqa: C901, PLR0912 - one branch per event that has a view
    transaction: Transaction, run: RunRow, event: Event, at: int
) -> Event:
    """Change the views by one event, and give the event as it is written."""
    step = rules.answered_step(event)
    if step is not None:
        over = not isinstance(event, StepCancelled)
        attempts.drop_attempt(transaction, run, step, over=over)
    match event:
        case StepStarted():
            transaction.execute(
                "UPDATE attempts SET standing = ? WHERE run_id = ? AND operation_id = ?",
                (standing(RUNNING, event.attempt), run.run_id, event.operation_id),
            )
        case RunStarted():
            run.started_at = run.started_at or at
            run.status = RunStatus.SUSPENDED.value
        case RunCancelRequested():
            children.request_cancel(transaction, run, event)
        case RunWoken():
            run.not_before = None
        case RunPaused():
            _pause(transaction, run)
        case RunUnpaused():
            run.paused = 0
        case RunUpgraded():
            run.version, run.fingerprint = event.to_version, event.fingerprint
            if run.over:
                run.status, run.ended_at = RunStatus.SUSPENDED.value, None
                run.failure_kind = None
                sql_streams.reopen_all(transaction, run.run_id)
            for name in (*event.withdrawn, *event.retracted):
                if name in event.withdrawn or not sql_hooks.reopen(transaction, run, name):
                    _take_back(transaction, run, name)
            _rename(transaction, run.run_id, Renames((event,)))
        case RunRestarted():
            _begin_anew(transaction, run, event, at)
        case ChildCreated():
            children.hear(transaction, run.run_id, event)
        case ChildCompleted() | ChildFailed():
            children.heard(transaction, run.run_id, event.operation_id)
        case AttributesSet():
            _set_attributes(transaction, run.run_id, event)
        case HookCreated():
            return sql_hooks.create(transaction, run, event, at)
        case HookConflicted():
            sql_hooks.put(transaction, run, event, at)
        case HookReceived():
            sql_hooks.count(transaction, run, event.operation_id)
        case HookDisposed():
            sql_hooks.dispose(transaction, run, at, event.operation_id)
        case RunCompleted() | RunFailed() | RunCancelled():
            _end(transaction, run, event, at)
        case _:
            pass
    return event


def _begin_anew(transaction: Transaction, run: RunRow, event: RunRestarted, at: int) -> None:
    sql_hooks.forget_chapters(transaction, run, at)
    run.version, run.fingerprint = event.version, event.fingerprint
    run.chapter, run.chapter_at = event.chapter, run.length + 1
    children.forget(transaction, run.run_id)
    sql_streams.forget_writers(transaction, run)


def _pause(transaction: Transaction, run: RunRow) -> None:
    run.paused = 1
    if run.gated:
        sql_doors.halted(transaction, run)


def _set_attributes(transaction: Transaction, run_id: RunId, event: AttributesSet) -> None:
    for key, value in event.changes.items():
        if value is None:
            transaction.execute(
                "DELETE FROM attributes WHERE run_id = ? AND key = ?", (run_id, key)
            )
        else:
            transaction.execute(
                "INSERT INTO attributes (run_id, key, value) VALUES (?, ?, ?)"
                " ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value",
                (run_id, key, rules.scalar_text(value)),
            )


def _rename(transaction: Transaction, run_id: RunId, renames: Renames) -> None:
    """Call queued steps and hooks what the run's new code calls them."""
    if not renames:
        return
    for reading, writing in _NAMED:
        for (name,) in transaction.execute(reading, (run_id,)).fetchall():
            present = renames.operation(name)
            if present != name:
                transaction.execute(writing, (present, run_id, name))


_RENAME_WRITER: Final = (
    "UPDATE stream_writers SET operation_id = ?"
    " WHERE run_id = ? AND operation_id = ? AND writer = run_id"
)
_NAMED: Final = (
    (
        "SELECT operation_id FROM children WHERE run_id = ?",
        "UPDATE children SET operation_id = ? WHERE run_id = ? AND operation_id = ?",
    ),
    (
        "SELECT operation_id FROM stream_writers WHERE run_id = ? AND writer = run_id",
        _RENAME_WRITER,
    ),
    (
        "SELECT operation_id FROM hooks WHERE run_id = ?",
        "UPDATE hooks SET operation_id = ? WHERE run_id = ? AND operation_id = ?",
    ),
    (
        "SELECT operation_id FROM attempts WHERE run_id = ?",
        "UPDATE attempts SET operation_id = ? WHERE run_id = ? AND operation_id = ?",
    ),
    (
        "SELECT operation_id FROM slots WHERE run_id = ? AND operation_id <> ''",
        "UPDATE slots SET operation_id = ? WHERE run_id = ? AND operation_id = ?",
    ),
    (
        "SELECT name FROM messages WHERE run_id = ? AND kind = 'attempt'",
        "UPDATE messages SET name = ? WHERE run_id = ? AND name = ? AND kind = 'attempt'",
    ),
)
"""Where the names of operations stand: to read them, and to write one anew."""


def _take_back(transaction: Transaction, run: RunRow, name: OperationId) -> None:
    """Forget an operation that an upgrade set back to none."""
    attempts.drop_attempt(transaction, run, name, over=False)
    children.take_back(transaction, run.run_id, name)
    place = (run.run_id, name)
    transaction.execute("DELETE FROM hooks WHERE run_id = ? AND operation_id = ?", place)


def _end(
    transaction: Transaction, run: RunRow, event: RunCompleted | RunFailed | RunCancelled, at: int
) -> None:
    status = rules.end_of(event)
    assert status is not None
    run.status, run.ended_at = status.value, at
    if isinstance(event, RunFailed):
        run.failure_kind = event.kind.value
    if isinstance(event, RunCancelled):
        run.cancel_reason = event.reason
    run.owner, run.lost, run.due_at, run.wake_at = None, 0, None, None
    attempts.drop_all(transaction, run)
    sql_hooks.dispose(transaction, run, at)
    sql_streams.close_all(transaction, run.run_id, status)
    if status is not RunStatus.FAILED:  # an upgrade may reopen it
        children.forget(transaction, run.run_id)
    children.wake_hearers(transaction, run)
    sql_ends.ended(transaction, run.run_id, run.workflow, status, run.length + 1)
    if run.run_id.startswith(schedules.PREFIX):
        transaction.news.add(SCHEDULES)  # a firing may wait for this end
