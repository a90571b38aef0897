"""Messages in memory: taken, due, swept up."""

from __future__ import annotations

from wfc.ids import WorkerId
from wfc.worlds.limits import Claimant
from wfc.worlds.memory_children import unheard
from wfc.worlds.memory_doors import swept, waits
from wfc.worlds.memory_leases import give_up, place_of
from wfc.worlds.memory_tables import MessageRow, Tables
from wfc.worlds.protocol import (
    Attempt,
    Message,
    Resume,
    Swept,
    Taken,
)


def takeable(tables: Tables, row: MessageRow, worker_id: WorkerId | None) -> bool:
    """Tell whether a message may be taken, once it is due: by this worker, or any that is not its
    run's owner.
    """
    run = tables.runs.get(row.message.run_id)
    if run is None:
        return True
    if run.halted:
        return False
    held = run.owner is not None and run.owner != worker_id and tables.lives(run.owner)
    return not (held and isinstance(row.message, Resume))


def take(tables: Tables, worker_id: WorkerId, limit: int) -> list[Taken]:
    """Take due messages, by priority, then age."""
    tables.must_live(worker_id)
    now = tables.now_us()
    due = [
        row
        for row in tables.messages.values()
        if row.worker_id is None
        and row.due <= now
        and _serves(tables, row, worker_id)
        and takeable(tables, row, worker_id)
    ]
    due.sort(key=lambda row: (-row.priority, row.due, row.receipt))
    for row in due[:limit]:
        row.worker_id = worker_id
    return [Taken(message=row.message, receipt=row.receipt) for row in due[:limit]]


def _serves(tables: Tables, row: MessageRow, worker_id: WorkerId) -> bool:
    """Tell whether a worker serves the queue of a step; one that names none serves all."""
    queues = tables.workers[worker_id].queues
    return row.queue is None or not queues or row.queue in queues


def next_due(tables: Tables) -> int | None:
    """Give the instant at which the next message becomes due."""
    now = tables.now_us()
    return min(
        (
            row.due
            for row in tables.messages.values()
            if row.worker_id is None
            and (takeable(tables, row, None) or (row.due > now and not _halted(tables, row)))
        ),
        default=None,
    )


def _halted(tables: Tables, row: MessageRow) -> bool:
    run = tables.runs.get(row.message.run_id)
    return run is not None and run.halted


def sweep(tables: Tables, limit: int) -> Swept:
    """Repair what crashes left behind."""
    now = tables.now_us()
    orphans = attempts = unqueued = overdue = 0
    for worker_id in sorted(name for name in tables.workers if not tables.lives(name)):
        runs, steps = give_up(tables, worker_id)
        orphans, attempts = orphans + runs, attempts + steps
    for run in sorted(tables.runs.values(), key=lambda run: (run.due_at or 0, run.run_id)):
        if orphans + attempts + unqueued + overdue >= limit:
            break
        is_due = run.due_at is not None and run.due_at <= now and not run.halted
        is_told = unheard(tables, run) and not waits(tables, Claimant(run.run_id))
        if not (is_due or is_told) or _queued(tables, Resume(run.run_id), now):
            continue
        tables.put(Resume(run.run_id), now, run.priority)
        sleeps = is_due and run.wake_at is not None
        overdue, unqueued = overdue + sleeps, unqueued + (not sleeps)
    for (run_id, operation_id), row in sorted(tables.attempts.items(), key=place_of):
        message = Attempt(run_id, operation_id)
        due = max(now, row.not_before)
        if row.worker_id is None and not (
            waits(tables, Claimant(run_id, operation_id)) or _queued(tables, message, due)
        ):
            tables.put(message, due, row.priority, row.queue)
            attempts += 1
    return Swept(
        orphans=orphans,
        unqueued=unqueued,
        overdue=overdue,
        attempts=attempts,
        admitted=swept(tables),
    )


def _queued(tables: Tables, message: Message, due: int) -> bool:
    return any(
        row.message == message and (row.worker_id is not None or row.due <= due)
        for row in tables.messages.values()
    )
