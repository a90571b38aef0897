"""Attempt rows in memory: steps that any worker may run, queued, wanted no more."""

from __future__ import annotations

from wfc.ids import OperationId
from wfc.worlds import memory_doors
from wfc.worlds.limits import Claimant
from wfc.worlds.memory_tables import AttemptRow, RunRow, Tables
from wfc.worlds.protocol import Attempt, Queued


def queue(tables: Tables, queued: Queued, now: int, standing: int | None = None) -> None:
    """Queue what somebody asked for; an attempt gets its row. Nothing for an ended run."""
    message = queued.message
    run = tables.runs.get(message.run_id)
    if run is not None and run.status.ended:
        return
    due = max(now, queued.not_before)
    if isinstance(message, Attempt):
        place = message.run_id, message.operation_id
        row = tables.attempts.get(place)
        if row is None or row.unwanted:
            row = tables.attempts[place] = AttemptRow()
        if standing is not None:
            row.standing = standing
        row.not_before, row.priority, row.queue = queued.not_before, queued.priority, queued.queue
        if queued.gate is not None and not _passes(tables, run, queued, Claimant(*place), due):
            return  # it is called in its turn
    tables.put(message, due, queued.priority, queued.queue)


def _passes(
    tables: Tables, run: RunRow | None, queued: Queued, claimant: Claimant, due: int
) -> bool:
    """Let an attempt knock at its gate, unless it is not due yet; tell whether it may be taken."""
    assert queued.gate is not None
    if run is not None:
        run.gated = True
    memory_doors.enter(tables, claimant, [queued.gate], priority=queued.priority, since=due)
    return due > tables.now_us() or memory_doors.doors(tables).knock(claimant)


def drop(tables: Tables, run: RunRow, operation_id: OperationId, *, over: bool) -> None:
    """Want the step's attempt no more; its holder learns it by heartbeat, unless it is `over`.

    Until then the body may still run, and keeps the slot that it holds.
    """
    run_id = run.run_id
    row = tables.attempts.get((run_id, operation_id))
    if row is None:
        return
    for receipt, queued in list(tables.messages.items()):
        if queued.message == Attempt(run_id, operation_id):
            del tables.messages[receipt]
    if row.worker_id is not None:
        row.unwanted = True
    else:
        del tables.attempts[run_id, operation_id]
    if over or row.worker_id is None:
        memory_doors.doors(tables).leave(Claimant(run_id, operation_id))
