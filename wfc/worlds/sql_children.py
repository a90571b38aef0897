"""Children in a world with tables: who hears of whose end, and whom a cancellation reaches."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from wfc.eventlog.event import ChildCreated, Recorded, RunCancelRequested
from wfc.ids import OperationId, RunId
from wfc.worlds import rules, sql_doors, sql_events, sql_runs
from wfc.worlds.feed import RUNS, run_topic
from wfc.worlds.sql_runs import RunRow
from wfc.worlds.sql_transaction import Transaction

ENDED: Final = """
SELECT operation_id, child_id FROM children
JOIN runs ON runs.run_id = children.child_id AND runs.ended_at IS NOT NULL
WHERE children.run_id = :run_id ORDER BY operation_id LIMIT :limit
"""
UNHEARD: Final = """
SELECT DISTINCT parents.run_id, parents.priority FROM children
JOIN runs ON runs.run_id = children.child_id AND runs.ended_at IS NOT NULL
JOIN runs AS parents ON parents.run_id = children.run_id
WHERE parents.ended_at IS NULL AND parents.paused = 0 AND parents.blocked IS NULL
AND NOT (parents.gated = 1 AND EXISTS (
    SELECT 1 FROM slots WHERE slots.run_id = parents.run_id AND operation_id = '' AND state = 1))
AND NOT EXISTS (
    SELECT 1 FROM messages
    WHERE messages.run_id = parents.run_id AND kind = 'resume' AND name = ''
    AND (worker_id IS NOT NULL OR due <= :now))
ORDER BY parents.run_id LIMIT :limit
"""
"""Runs that have to hear of the end of a child, and that nobody is told to look at."""
_OPEN_CHILDREN: Final = """
SELECT run_id FROM runs
WHERE parent_id = ? AND ended_at IS NULL AND cancel_requested = 0 ORDER BY run_id
"""
_HEARERS: Final = "SELECT run_id FROM children WHERE child_id = ? ORDER BY run_id"


def hear(transaction: Transaction, run_id: RunId, event: ChildCreated) -> None:
    """Let the run hear of the end of the child that the event names."""
    transaction.execute(
        "INSERT INTO children (run_id, operation_id, child_id) VALUES (?, ?, ?)"
        " ON CONFLICT (run_id, operation_id) DO UPDATE SET child_id = excluded.child_id",
        (run_id, event.operation_id, event.run_id),
    )


def heard(transaction: Transaction, run_id: RunId, name: OperationId) -> None:
    """Note that the run's log holds the end of a child."""
    transaction.execute(
        "DELETE FROM children WHERE run_id = ? AND operation_id = ?", (run_id, name)
    )


def forget(transaction: Transaction, run_id: RunId) -> None:
    """Let the run hear of nobody any more."""
    transaction.execute("DELETE FROM children WHERE run_id = ?", (run_id,))


def take_back(transaction: Transaction, run_id: RunId, name: OperationId) -> None:
    """Forget a child that an upgrade does without, and cancel it."""
    found = transaction.execute(
        "DELETE FROM children WHERE run_id = ? AND operation_id = ? RETURNING child_id",
        (run_id, name),
    ).fetchall()
    for (child_id,) in found:
        child = sql_runs.load(transaction.connection, child_id)
        if child is not None and child.parent_id == run_id:
            _tell(transaction, child, rules.taken_back(run_id))


def request_cancel(transaction: Transaction, run: RunRow, event: RunCancelRequested) -> None:
    """Note that the run is to be cancelled, and pass that on to its children."""
    run.cancel_requested, run.cancel_reason = 1, event.reason
    run.not_before = None  # a cancelled run need not wait for its delayed start
    for (child_id,) in transaction.execute(_OPEN_CHILDREN, (run.run_id,)).fetchall():
        (opening,) = sql_events.read_history(transaction, child_id, 0, 1)
        child = sql_runs.load(transaction.connection, child_id)
        if child is not None and not rules.is_detached(opening.event):
            _tell(transaction, child, rules.passed_on(run.run_id))


def _tell(transaction: Transaction, before: RunRow, event: RunCancelRequested) -> None:
    if before.over or before.cancel_requested:
        return
    child = replace(before, length=before.length + 1)
    child.recorded_at = max(transaction.now_us, before.recorded_at)
    recorded = Recorded(position=child.length, recorded_at=child.recorded_at, event=event)
    sql_events.insert(
        transaction.connection,
        child.run_id,
        sql_events.encode(child.run_id, [recorded], transaction.vault),
    )
    request_cancel(transaction, child, event)
    _wake(transaction, before, child)
    transaction.news.update((RUNS, run_topic(child.run_id)))


def wake_hearers(transaction: Transaction, run: RunRow) -> None:
    """Let everybody who waits for the end of `run` look at it."""
    hearers = transaction.execute(_HEARERS, (run.run_id,)).fetchall()
    parents = [] if run.parent_id is None else [(run.parent_id,)]
    for run_id in sorted({found[0] for found in (*hearers, *parents)}):
        before = sql_runs.load(transaction.connection, run_id)
        if before is not None and not before.over:
            _wake(transaction, before, replace(before))


def _wake(transaction: Transaction, before: RunRow, run: RunRow) -> None:
    if run.owner is None:
        run.due_at = max(transaction.now_us, run.not_before or 0)
    sql_doors.wake(transaction, run)
    sql_runs.save(transaction.connection, before, run)
