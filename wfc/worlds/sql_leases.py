"""Who may decide: workers, claims, and what becomes of the work of a dead worker."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from wfc import fault
from wfc.clock import MICROSECONDS
from wfc.errors import LeaseLost
from wfc.eventlog.renames import Renames
from wfc.ids import OperationId, RunId, WorkerId
from wfc.worlds import sql_attempts as attempt_rows
from wfc.worlds import sql_doors as doors
from wfc.worlds import sql_ends
from wfc.worlds import sql_queue as messages
from wfc.worlds import sql_runs as runs
from wfc.worlds.feed import QUEUES, RUNS, WORKERS, run_topic
from wfc.worlds.limits import Claimant
from wfc.worlds.protocol import (
    Attempt,
    Claimed,
    ClaimedAttempt,
    Held,
    NotYet,
    Over,
    Refusal,
    Renewal,
    Resume,
    Suspect,
    Swept,
)
from wfc.worlds.sql_children import UNHEARD
from wfc.worlds.sql_outside import upgrades_of
from wfc.worlds.sql_runs import RunRow
from wfc.worlds.sql_transaction import Transaction


def lives(transaction: Transaction, worker_id: WorkerId) -> bool:
    """Tell whether a worker's lease runs."""
    found = transaction.execute(
        "SELECT 1 FROM workers WHERE worker_id = ? AND lease_until > ? /*pg FOR KEY SHARE */",
        (worker_id, transaction.now_us),
    ).fetchone()
    return found is not None


def must_live(transaction: Transaction, worker_id: WorkerId) -> None:
    """Refuse to give work to a worker without a lease. Raises `LeaseLost`."""
    if not lives(transaction, worker_id):
        raise LeaseLost(
            f"worker {worker_id} holds no lease, so it may not take work: others may already "
            "have taken over what it did. Drop its executions and join anew."
        )


def join(
    transaction: Transaction, worker_id: WorkerId, lease_s: float, queues: Sequence[str]
) -> None:
    """Register a worker; what an earlier worker of this id held is given up."""
    give_up(transaction, worker_id)
    transaction.execute(
        "INSERT INTO workers (worker_id, lease_until, queues) VALUES (?, ?, ?)",
        (worker_id, _lease_until(transaction, lease_s), json.dumps(list(queues))),
    )
    transaction.news.add(WORKERS)


def renew(transaction: Transaction, worker_id: WorkerId, lease_s: float) -> Renewal:
    """Prolong a lease, unless the worker was given up."""
    written = transaction.execute(
        "UPDATE workers SET lease_until = ? WHERE worker_id = ?",
        (_lease_until(transaction, lease_s), worker_id),
    )
    if not written.rowcount:
        return Renewal(fenced=True)
    unwanted = attempt_rows.forget_unwanted(transaction, worker_id)
    return Renewal(fenced=False, cancelled=tuple(unwanted))


def _lease_until(transaction: Transaction, lease_s: float) -> int:
    return transaction.now_us + round(lease_s * MICROSECONDS)


def leave(transaction: Transaction, worker_id: WorkerId) -> None:
    """Remove a worker and free all that it held."""
    give_up(transaction, worker_id)
    transaction.news.update((WORKERS, QUEUES, RUNS))


def lose(transaction: Transaction, run: RunRow) -> None:
    """Take the run from an owner that vanished."""
    run.owner, run.lost = None, 1
    run.due_at = max(transaction.now_us, run.not_before or 0)  # the clock may have been set back


def give_up(transaction: Transaction, worker_id: WorkerId) -> tuple[int, int]:
    """Free all that a worker held; give the number of its runs and of its attempts."""
    place = (worker_id,)
    transaction.execute("DELETE FROM workers WHERE worker_id = ?", place)
    transaction.execute("UPDATE messages SET worker_id = NULL WHERE worker_id = ?", place)
    sql_ends.free(transaction, worker_id)
    owned = transaction.execute(
        "UPDATE runs SET owner = NULL, lost = 1, due_at = max(?, coalesce(not_before, 0))"
        " WHERE owner = ? RETURNING run_id, due_at, priority",
        (transaction.now_us, worker_id),
    ).fetchall()
    for run_id, due, priority in sorted(owned):
        messages.put(transaction, Resume(run_id), due, priority)
    attempt_rows.forget_unwanted(transaction, worker_id)
    held = transaction.execute(
        "UPDATE attempts SET worker_id = NULL, lost = 1 WHERE worker_id = ?"
        " RETURNING run_id, operation_id, priority, queue",
        place,
    ).fetchall()
    for run_id, operation_id, priority, queue in sorted(held, key=lambda row: row[:2]):
        message = Attempt(run_id, operation_id)
        messages.put(transaction, message, transaction.now_us, priority, queue)
    return len(owned), len(held)


def disown(
    transaction: Transaction,
    worker_id: WorkerId,
    runs: Collection[RunId],
    attempts: Collection[tuple[RunId, OperationId]],
    receipts: Collection[int],
) -> int:
    """Free what a worker holds beside what it names: row by row, since that is little."""
    place, freed = (worker_id,), 0
    held = transaction.execute("SELECT receipt FROM messages WHERE worker_id = ?", place).fetchall()
    for (receipt,) in sorted(held):
        if receipt not in receipts:
            freed += 1
            transaction.execute(
                "UPDATE messages SET worker_id = NULL WHERE receipt = ? AND worker_id = ?",
                (receipt, worker_id),
            )
    owned = transaction.execute("SELECT run_id FROM runs WHERE owner = ?", place).fetchall()
    for (run_id,) in sorted(owned):
        if run_id in runs:
            continue
        lost = transaction.execute(
            "UPDATE runs SET owner = NULL, lost = 1, due_at = max(?, coalesce(not_before, 0))"
            " WHERE run_id = ? AND owner = ? RETURNING due_at, priority",
            (transaction.now_us, run_id, worker_id),
        ).fetchall()
        for due, priority in lost:
            freed += 1
            messages.put(transaction, Resume(run_id), due, priority)
    return freed + _disown_attempts(transaction, worker_id, attempts)


def _disown_attempts(
    transaction: Transaction,
    worker_id: WorkerId,
    attempts: Collection[tuple[RunId, OperationId]],
) -> int:
    held = transaction.execute(
        "SELECT run_id, operation_id, priority, queue FROM attempts"
        " WHERE worker_id = ? AND unwanted = 0",
        (worker_id,),
    ).fetchall()
    freed = 0
    for run_id, operation_id, priority, queue in sorted(held, key=lambda row: row[:2]):
        if (run_id, operation_id) in attempts:
            continue
        freed += 1
        transaction.execute(
            "UPDATE attempts SET worker_id = NULL, lost = 1"
            " WHERE run_id = ? AND operation_id = ? AND worker_id = ?",
            (run_id, operation_id, worker_id),
        )
        message = Attempt(run_id, operation_id)
        messages.put(transaction, message, transaction.now_us, priority, queue)
    return freed


def claim(
    transaction: Transaction, run_id: RunId, worker_id: WorkerId, *, losses_max: int | None
) -> Claimed | Suspect | Held | Over | NotYet:
    """Become the owner of a run, unless it was lost too often."""
    must_live(transaction, worker_id)
    before = runs.load(transaction.connection, run_id)
    if before is None:
        return Over()
    run = replace(before)
    answer = claim_loaded(transaction, run, worker_id, losses_max=losses_max)
    runs.save(transaction.connection, before, run)
    if isinstance(answer, Claimed):
        transaction.news.update((RUNS, run_topic(run_id)))
        fault.point("run.claimed")
    return answer


def claim_loaded(
    transaction: Transaction, run: RunRow, worker_id: WorkerId, *, losses_max: int | None = None
) -> Claimed | Suspect | Held | Over | NotYet:
    """Make the worker the owner in a loaded row, if it may be."""
    if run.over:
        return Over()
    if run.owner is not None:
        if lives(transaction, run.owner):
            return Held(run.owner)
        lose(transaction, run)
    if run.halted or (run.not_before or 0) > transaction.now_us:
        return NotYet()
    loss = bool(run.lost)
    if losses_max is not None and run.losses + loss > losses_max:
        return Suspect(losses=run.losses + loss)
    if run.gated and not doors.passes(transaction, run):
        return NotYet()
    run.losses += loss
    run.fence += 1
    run.owner, run.lost, run.due_at, run.wake_at = worker_id, 0, None, None
    wanted = transaction.execute(
        "SELECT operation_id FROM attempts WHERE run_id = ? AND unwanted = 0", (run.run_id,)
    )
    return Claimed(
        fence=run.fence,
        length=run.length,
        loss=loss,
        losses=run.losses,
        heard=run.heard,
        chapter_at=run.chapter_at,
        attempts=frozenset(row[0] for row in wanted),
    )


_ATTEMPT: Final = (
    "SELECT worker_id, not_before, lost, gated FROM attempts"
    " WHERE run_id = ? AND operation_id = ? AND unwanted = 0"
)


def claim_attempt(
    transaction: Transaction, run_id: RunId, operation_id: OperationId, worker_id: WorkerId
) -> ClaimedAttempt | Held | Over | NotYet:
    """Take the attempt row of a step."""
    must_live(transaction, worker_id)
    run = runs.load(transaction.connection, run_id)
    if run is None:
        return Over()
    found = transaction.execute(_ATTEMPT, (run_id, operation_id)).fetchone()
    if found is None:
        # The message was taken before an upgrade that calls the step otherwise.
        operation_id = Renames(upgrades_of(transaction, run)).operation(operation_id)
        found = transaction.execute(_ATTEMPT, (run_id, operation_id)).fetchone()
    if found is None:
        return Over()
    holder, not_before, lost, gated = found
    if holder is not None and lives(transaction, holder):
        return Held(holder)
    if run.halted or not_before > transaction.now_us:
        return NotYet()
    if gated and not doors.doors(transaction).knock(Claimant(run_id, operation_id)):
        return NotYet()
    fence = run.attempt_fence + 1
    transaction.execute("UPDATE runs SET attempt_fence = ? WHERE run_id = ?", (fence, run_id))
    transaction.execute(
        "UPDATE attempts SET fence = ?, worker_id = ?, lost = 0"
        " WHERE run_id = ? AND operation_id = ?",
        (fence, worker_id, run_id, operation_id),
    )
    fault.point("attempt.claimed")
    return ClaimedAttempt(fence=fence, lost=bool(lost) or holder is not None)


def sweep(transaction: Transaction, limit: int) -> Swept:
    """Repair what crashes left behind."""
    transaction.lock("sweep")
    now = transaction.now_us
    orphans = attempts = 0
    dead = transaction.execute(
        "SELECT worker_id FROM workers WHERE lease_until <= ? ORDER BY worker_id LIMIT ?",
        (now, limit),
    ).fetchall()
    for (worker_id,) in dead:
        freed, given_back = give_up(transaction, worker_id)
        orphans, attempts = orphans + freed, attempts + given_back
    unqueued, overdue = _queue_due_runs(transaction, limit)
    attempts += _queue_attempts(transaction, limit)
    swept = Swept(
        orphans=orphans,
        unqueued=unqueued,
        overdue=overdue,
        attempts=attempts,
        admitted=doors.swept(transaction),
    )
    if swept.total():
        transaction.news.update((QUEUES, RUNS))
    return swept


def _queue_due_runs(transaction: Transaction, limit: int) -> tuple[int, int]:
    rows = transaction.execute(
        """
        SELECT run_id, priority, wake_at FROM runs
        WHERE due_at <= :now AND paused = 0 AND blocked IS NULL AND NOT EXISTS (
            SELECT 1 FROM messages
            WHERE messages.run_id = runs.run_id AND kind = 'resume' AND name = ''
            AND (worker_id IS NOT NULL OR due <= :now))
        ORDER BY due_at, run_id LIMIT :limit
        """,
        {"now": transaction.now_us, "limit": limit},
    ).fetchall()
    for run_id, priority, _ in rows:
        messages.put(transaction, Resume(run_id), transaction.now_us, priority)
    unheard = transaction.execute(UNHEARD, {"now": transaction.now_us, "limit": limit}).fetchall()
    for run_id, priority in unheard:
        messages.put(transaction, Resume(run_id), transaction.now_us, priority)
    overdue = sum(wake_at is not None for _, _, wake_at in rows)
    return len(rows) - overdue + len(unheard), overdue


def _queue_attempts(transaction: Transaction, limit: int) -> int:
    rows = transaction.execute(
        """
        SELECT run_id, operation_id, priority, max(not_before, :now), queue FROM attempts
        WHERE worker_id IS NULL AND unwanted = 0 AND NOT (gated = 1 AND EXISTS (
            SELECT 1 FROM slots WHERE slots.run_id = attempts.run_id
            AND slots.operation_id = attempts.operation_id AND state = 1))
        AND NOT EXISTS (
            SELECT 1 FROM messages
            WHERE messages.run_id = attempts.run_id AND kind = 'attempt'
            AND name = attempts.operation_id
            AND (messages.worker_id IS NOT NULL OR due <= max(not_before, :now)))
        ORDER BY run_id, operation_id LIMIT :limit
        """,
        {"now": transaction.now_us, "limit": limit},
    ).fetchall()
    for run_id, operation_id, priority, due, queue in rows:
        messages.put(transaction, Attempt(run_id, operation_id), due, priority, queue)
    return len(rows)


def attempt_refusal(
    transaction: Transaction, run_id: RunId, operation_id: OperationId, fence: int
) -> Refusal | None:
    """Say why the attempt of a step may not write; None if it may."""
    found = transaction.execute(
        "SELECT worker_id, fence FROM attempts"
        " WHERE run_id = ? AND operation_id = ? AND unwanted = 0",
        (run_id, operation_id),
    ).fetchone()
    if found is None:
        return Refusal.MISSING
    return None if found[0] is not None and found[1] == fence else Refusal.FENCED
