"""Attempt rows in tables: steps that any worker may run, queued, wanted no more, given up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from wfc.ids import OperationId, RunId
from wfc.worlds import sql_doors
from wfc.worlds import sql_queue as messages
from wfc.worlds.limits import Claimant
from wfc.worlds.protocol import Attempt, Queued
from wfc.worlds.sql_runs import RunRow
from wfc.worlds.sql_transaction import Transaction

_UPSERT_ATTEMPT: Final = """
INSERT INTO attempts (
    run_id, operation_id, fence, worker_id, not_before, priority, lost, unwanted, standing,
    gated, queue)
VALUES (?, ?, 0, NULL, ?, ?, 0, 0, ?, ?, ?)
ON CONFLICT (run_id, operation_id) DO UPDATE SET
    standing = coalesce(
        excluded.standing, CASE attempts.unwanted WHEN 0 THEN attempts.standing END),
    not_before = excluded.not_before, priority = excluded.priority, unwanted = 0,
    gated = max(attempts.gated, excluded.gated), queue = excluded.queue,
    worker_id = CASE attempts.unwanted WHEN 0 THEN attempts.worker_id END,
    lost = CASE attempts.unwanted WHEN 0 THEN attempts.lost ELSE 0 END
"""


def enqueue(transaction: Transaction, queued: Queued) -> None:
    """Queue what somebody asked for; an attempt gets its row. Nothing for a run that has ended."""
    message = queued.message
    ended = transaction.execute(
        "SELECT ended_at FROM runs WHERE run_id = ?", (message.run_id,)
    ).fetchone()
    if ended is not None and ended[0] is not None:
        return
    enqueue_open(transaction, queued)


def enqueue_open(
    transaction: Transaction,
    queued: Queued,
    run: RunRow | None = None,
    standing: int | None = None,
) -> None:
    """Do the same for a run that is known not to have ended; `run` is its row, if it is loaded, and
    `standing` is of the step.
    """
    message = queued.message
    due = max(transaction.now_us, queued.not_before)
    if isinstance(message, Attempt):
        transaction.execute(
            _UPSERT_ATTEMPT,
            (
                message.run_id,
                message.operation_id,
                queued.not_before,
                queued.priority,
                standing,
                queued.gate is not None,
                queued.queue,
            ),
        )
        if queued.gate is not None and not _passes(transaction, queued, message, run, due):
            return  # it is called in its turn
    messages.put(transaction, message, due, queued.priority, queued.queue)


def _passes(
    transaction: Transaction, queued: Queued, message: Attempt, run: RunRow | None, due: int
) -> bool:
    """Let an attempt knock at its gate, unless it is not due yet; tell whether it may be taken."""
    if run is not None:
        run.gated = 1
    else:
        transaction.execute("UPDATE runs SET gated = 1 WHERE run_id = ?", (message.run_id,))
    assert queued.gate is not None
    claimant = Claimant(message.run_id, message.operation_id)
    sql_doors.enter(transaction, claimant, [queued.gate], priority=queued.priority, since=due)
    if due > transaction.now_us:
        return True
    return sql_doors.doors(transaction, run).knock(claimant)


def drop_attempt(
    transaction: Transaction, run: RunRow, operation_id: OperationId, *, over: bool
) -> None:
    """Want the step's attempt no more; its holder learns it by heartbeat, unless it is `over`.

    Until then the body may still run, and keeps the slot that it holds.
    """
    place = (run.run_id, operation_id)
    found = transaction.execute(
        "SELECT worker_id, gated FROM attempts WHERE run_id = ? AND operation_id = ?", place
    ).fetchone()
    if found is None:
        return
    worker_id, gated = found
    transaction.execute(
        "DELETE FROM messages WHERE run_id = ? AND kind = 'attempt' AND name = ?", place
    )
    if worker_id is None:
        transaction.execute("DELETE FROM attempts WHERE run_id = ? AND operation_id = ?", place)
    else:
        transaction.execute(
            "UPDATE attempts SET unwanted = 1 WHERE run_id = ? AND operation_id = ?", place
        )
    if gated and (over or worker_id is None):
        sql_doors.doors(transaction, run).leave(Claimant(run.run_id, operation_id))


def drop_all(transaction: Transaction, run: RunRow) -> None:
    """Forget messages and attempts of a run that has ended."""
    run_id = run.run_id
    transaction.execute("DELETE FROM messages WHERE run_id = ?", (run_id,))
    transaction.execute("DELETE FROM attempts WHERE run_id = ? AND worker_id IS NULL", (run_id,))
    transaction.execute("UPDATE attempts SET unwanted = 1 WHERE run_id = ?", (run_id,))
    if run.gated:
        sql_doors.ended(transaction, run)


def forget_unwanted(transaction: Transaction, worker_id: str) -> list[tuple[RunId, OperationId]]:
    """Forget what a worker holds that nobody wants any more, and name it."""
    found: Iterable[tuple[RunId, OperationId, int]] = transaction.execute(
        "DELETE FROM attempts WHERE worker_id = ? AND unwanted = 1"
        " RETURNING run_id, operation_id, gated",
        (worker_id,),
    ).fetchall()
    for run_id, operation_id, gated in sorted(found):
        if gated:
            sql_doors.doors(transaction).leave(Claimant(run_id, operation_id))
    return [(run_id, operation_id) for run_id, operation_id, _ in found]
