"""Leases in memory: who owns a run, who holds an attempt, who has vanished."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from wfc.clock import MICROSECONDS
from wfc.eventlog.renames import Renames
from wfc.ids import OperationId, RunId, WorkerId
from wfc.worlds import memory_doors as doors
from wfc.worlds.limits import Claimant
from wfc.worlds.memory_tables import AttemptRow, RunRow, Tables, upgrades_of
from wfc.worlds.protocol import (
    Attempt,
    Claimed,
    ClaimedAttempt,
    Held,
    NotYet,
    Over,
    Renewal,
    Suspect,
)


def claim(
    tables: Tables, run: RunRow, worker_id: WorkerId, *, losses_max: int | None = None
) -> Claimed | Suspect | Held | Over | NotYet:
    """Make the worker the owner of a run, unless it was lost too often."""
    now = tables.now_us()
    if run.status.ended:
        return Over()
    if run.owner is not None:
        if tables.lives(run.owner):
            return Held(run.owner)
        tables.lose(run, now)
    if run.halted or (run.not_before or 0) > now:
        return NotYet()
    loss = run.lost
    if losses_max is not None and run.losses + loss > losses_max:
        return Suspect(losses=run.losses + loss)
    if run.gated and not doors.passes(tables, run):
        return NotYet()
    run.losses += loss
    run.owner, run.lost, run.due_at, run.wake_at = worker_id, False, None, None
    run.fence += 1
    wanted = (
        operation_id
        for (holder, operation_id), row in tables.attempts.items()
        if holder == run.run_id and not row.unwanted
    )
    return Claimed(
        fence=run.fence,
        length=len(run.log),
        loss=loss,
        losses=run.losses,
        heard=run.heard,
        chapter_at=run.chapter_at,
        attempts=frozenset(wanted),
    )


def claim_fence(tables: Tables, run: RunRow, worker_id: WorkerId) -> int | None:
    """Claim a run within an append; None if that cannot be."""
    if not tables.lives(worker_id):
        return None
    answer = claim(tables, run, worker_id)
    return answer.fence if isinstance(answer, Claimed) else None


def claim_attempt(
    tables: Tables, run_id: RunId, operation_id: OperationId, worker_id: WorkerId
) -> ClaimedAttempt | Held | Over | NotYet:
    """Take the attempt row of a step."""
    tables.must_live(worker_id)
    run = tables.runs.get(run_id)
    if run is None:
        return Over()
    row = tables.attempts.get((run_id, operation_id))
    if row is None:
        # The message was taken before an upgrade that calls the step otherwise.
        present = Renames(upgrades_of(run)).operation(operation_id)
        row = tables.attempts.get((run_id, present))
    if row is None or row.unwanted:
        return Over()
    if row.worker_id is not None and tables.lives(row.worker_id):
        return Held(row.worker_id)
    if run.halted or row.not_before > tables.now_us():
        return NotYet()
    if not doors.doors(tables).knock(Claimant(run_id, operation_id)):
        return NotYet()
    lost = row.lost or row.worker_id is not None
    run.attempt_fence += 1
    row.fence, row.worker_id, row.lost = run.attempt_fence, worker_id, False
    return ClaimedAttempt(fence=row.fence, lost=lost)


def renew(tables: Tables, worker_id: WorkerId, *, lease_s: float) -> Renewal:
    """Prolong the worker's lease."""
    worker = tables.workers.get(worker_id)
    if worker is None:
        return Renewal(fenced=True)
    worker.lease_until = tables.now_us() + round(lease_s * MICROSECONDS)
    unwanted = tuple(
        place
        for place, row in tables.attempts.items()
        if row.unwanted and row.worker_id == worker_id
    )
    _forget(tables, unwanted)
    return Renewal(fenced=False, cancelled=unwanted)


def give_up(tables: Tables, worker_id: WorkerId) -> tuple[int, int]:
    """Free all that a worker held; give the number of its runs and of its attempts."""
    now = tables.now_us()
    tables.workers.pop(worker_id, None)
    for message in tables.messages.values():
        if message.worker_id == worker_id:
            message.worker_id = None
    for place in [place for place, holder in tables.holders.items() if holder == worker_id]:
        del tables.holders[place]
    runs = [run for _, run in sorted(tables.runs.items()) if run.owner == worker_id]
    for run in runs:
        tables.lose(run, now)
        tables.resume_when_due(run)
    attempts = 0
    for (run_id, operation_id), row in sorted(tables.attempts.items(), key=place_of):
        if row.worker_id != worker_id:
            continue
        if row.unwanted:
            _forget(tables, [(run_id, operation_id)])
        else:
            attempts += 1
            row.worker_id, row.lost = None, True
            tables.put(Attempt(run_id, operation_id), now, row.priority, row.queue)
    return len(runs), attempts


def disown(
    tables: Tables,
    worker_id: WorkerId,
    runs: Collection[RunId],
    attempts: Collection[tuple[RunId, OperationId]],
    receipts: Collection[int],
) -> int:
    """Free what a worker holds beside what it names."""
    now, freed = tables.now_us(), 0
    for message in tables.messages.values():
        if message.worker_id == worker_id and message.receipt not in receipts:
            message.worker_id, freed = None, freed + 1
    for run_id, run in sorted(tables.runs.items()):
        if run.owner == worker_id and run_id not in runs:
            freed += 1
            tables.lose(run, now)
            tables.resume_when_due(run)
    for place, row in sorted(tables.attempts.items(), key=place_of):
        if row.worker_id == worker_id and place not in attempts and not row.unwanted:
            freed += 1
            row.worker_id, row.lost = None, True
            tables.put(Attempt(*place), now, row.priority, row.queue)
    return freed


def _forget(tables: Tables, places: Iterable[tuple[RunId, OperationId]]) -> None:
    """Forget attempts that nobody wants and no body of which runs any more."""
    for place in sorted(places):
        del tables.attempts[place]
        doors.doors(tables).leave(Claimant(*place))


def place_of(item: tuple[tuple[RunId, OperationId], AttemptRow]) -> tuple[RunId, OperationId]:
    """Give what rows of attempts are sorted by."""
    return item[0]
