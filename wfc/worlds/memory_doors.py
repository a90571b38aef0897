"""The gates of a world in memory: its book of slots, and who knocks, rests and leaves when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from wfc.eventlog.entity import RunStatus
from wfc.ids import OperationId, RunId
from wfc.worlds import rules
from wfc.worlds.admission import Admission, SlotRow, place_of
from wfc.worlds.limits import (
    HOLDERS_MAX,
    Claimant,
    Gate,
    GateState,
    Limit,
    SlotState,
    Standing,
)
from wfc.worlds.memory_tables import AttemptRow, RunRow, Tables
from wfc.worlds.protocol import Attempt, Release, Resume


class MemoryBook:
    """The book; whoever uses it holds the world's lock."""

    def __init__(self, tables: Tables) -> None:
        """Read and write `tables`."""
        self._tables = tables

    def limit(self, name: str) -> Limit | None:
        """Give a limit."""
        return self._tables.limits.get(name)

    def held(self, gate: Gate) -> int:
        """Count the slots that are taken."""
        return len(_at(self._tables, gate, SlotState.HELD))

    def spent_until(self, gate: Gate) -> int:
        """Give until when the rate is used up."""
        return self._tables.rates.get(gate, 0)

    def spend(self, gate: Gate, until: int) -> None:
        """Note until when the rate is used up."""
        self._tables.rates[gate] = until

    def waiting(self, gate: Gate, *, paid: bool) -> Iterator[SlotRow]:
        """Give those that wait, in order."""
        for row in sorted(_at(self._tables, gate, SlotState.WAITING), key=place_of):
            if row.paid is paid and row.state is SlotState.WAITING:
                yield row

    def rows_of(self, claimant: Claimant) -> list[SlotRow]:
        """Give the rows of a claimant."""
        return [row for row in self._tables.slots if row.claimant == claimant]

    def put(self, row: SlotRow) -> None:
        """Write state and payment of a row: there is only one of it here."""

    def remove(self, claimant: Claimant) -> None:
        """Forget a claimant."""
        self._tables.slots = [row for row in self._tables.slots if row.claimant != claimant]

    def may_go(self, claimant: Claimant) -> bool:
        """Tell whether a worker could take the claimant now."""
        run, now = self._tables.runs.get(claimant.run_id), self._tables.now_us()
        if run is None or run.status.ended or run.halted:
            return False
        if not claimant.operation_id:
            return (run.not_before or 0) <= now
        found = self._attempt(claimant)
        return found is not None and found.not_before <= now

    def call(self, claimant: Claimant, at: int) -> None:
        """Let a worker take the claimant at an instant."""
        tables = self._tables
        if claimant.operation_id:
            found = self._attempt(claimant)
            if found is not None:
                message = Attempt(claimant.run_id, claimant.operation_id)
                tables.put(message, max(at, found.not_before), found.priority, found.queue)
            return
        run = tables.runs.get(claimant.run_id)
        if run is None or run.status.ended:
            return
        due = max(at, run.not_before or 0)
        if run.owner is None:
            run.due_at = due
        tables.put(Resume(run.run_id), due, run.priority)

    def _attempt(self, claimant: Claimant) -> AttemptRow | None:
        row = self._tables.attempts.get((claimant.run_id, claimant.operation_id))
        return None if row is None or row.unwanted else row


def _at(tables: Tables, gate: Gate, state: SlotState) -> list[SlotRow]:
    return [row for row in tables.slots if row.gate == gate and row.state is state]


# --- what happens at the gates -------------------------------------------------------------------


def doors(tables: Tables) -> Admission:
    """Give who decides now."""
    return Admission(MemoryBook(tables), tables.now_us())


def enter(
    tables: Tables, claimant: Claimant, gates: Sequence[Gate], *, priority: int, since: int
) -> None:
    """Make a claimant known at its gates; one that is known already stays as it is."""
    known = {row.gate.limit for row in tables.slots if row.claimant == claimant}
    for gate in gates:
        if gate.limit not in known:
            tables.slots.append(
                SlotRow(
                    number=next(tables.slot_numbers),
                    claimant=claimant,
                    gate=gate,
                    state=SlotState.ASLEEP,
                    paid=False,
                    rank=-priority,
                    since=since,
                )
            )


def passes(tables: Tables, run: RunRow) -> bool:
    """Tell whether a run that nobody owns may be taken now; if not, it waits to be called.

    A run that is cancelled only cleans up, for which it need not wait.
    """
    who = Claimant(run.run_id)
    if run.cancel_requested:
        doors(tables).rest(who, lambda row: row.state is SlotState.WAITING)
        return True
    if doors(tables).knock(who):
        return True
    run.due_at = None
    return False


def wake(tables: Tables, run: RunRow) -> None:
    """Let a worker look at a run, once it has passed its gates."""
    waits_for_time = run.halted or (run.not_before or 0) > tables.now_us()
    if run.gated and run.owner is None and not waits_for_time and not passes(tables, run):
        return
    tables.resume_when_due(run)


def waits(tables: Tables, claimant: Claimant) -> bool:
    """Tell whether a claimant waits at a gate, so that it is called in its turn."""
    rows = MemoryBook(tables).rows_of(claimant)
    return any(row.state is SlotState.WAITING for row in rows)


def released(tables: Tables, run: RunRow, release: Release) -> None:
    """Give the slots back that a run does not keep while it is suspended."""
    goes_on = release.wake_at is not None and release.wake_at <= tables.now_us()
    busy = any(
        run_id == run.run_id and not row.unwanted for (run_id, _), row in tables.attempts.items()
    )
    if release.for_child or run.blocked is not None:
        doors(tables).rest(Claimant(run.run_id))
    elif not goes_on and not busy:
        doors(tables).rest_if_active(Claimant(run.run_id))


def halted(tables: Tables, run: RunRow) -> None:
    """Give the slots back that a run which was paused or blocked cannot use: those of steps that
    nobody runs, and its own, unless it has begun and keeps it while it is suspended.
    """
    door = doors(tables)
    for claimant in _not_run(tables, run.run_id):
        door.rest(claimant)
        door.call(claimant)  # it is taken, and knocks, once the run goes on
    if run.owner is not None:
        return
    if run.blocked is not None or run.started_at is None:
        door.rest(Claimant(run.run_id))
    else:
        door.rest_if_active(Claimant(run.run_id))


def ended(tables: Tables, run: RunRow) -> None:
    """Give all slots of a run back that has ended, but those of bodies that are still to be told.

    A run that failed stays known at its gates: an upgrade may reopen it.
    """
    door = doors(tables)
    if run.status is RunStatus.FAILED:
        door.rest(Claimant(run.run_id))
    else:
        door.leave(Claimant(run.run_id))
    for claimant in _not_run(tables, run.run_id):
        door.leave(claimant)


def _not_run(tables: Tables, run_id: RunId) -> list[Claimant]:
    """List the steps of a run that stand at gates and that no worker runs."""
    steps = (row.claimant for row in tables.slots if row.claimant.run_id == run_id)
    return [
        one
        for one in steps
        if one.operation_id and ((row := tables.attempts.get(one)) is None or row.worker_id is None)
    ]


def rename(tables: Tables, run_id: RunId, present: Callable[[OperationId], OperationId]) -> None:
    """Call steps at gates what the run's new code calls them."""
    for row in tables.slots:
        name = row.claimant.operation_id
        if row.claimant.run_id == run_id and name:
            row.claimant = Claimant(run_id, present(name))


def swept(tables: Tables) -> int:
    """Let in whoever may pass, and forget rates whose time is over; give how many passed."""
    gates = sorted({row.gate for row in tables.slots if row.state is SlotState.WAITING})
    now = tables.now_us()
    tables.rates = {gate: until for gate, until in tables.rates.items() if until > now}
    return doors(tables).admit(gates)


def define(tables: Tables, limits: Sequence[Limit]) -> None:
    """Write limits that are new or changed, and let in whoever may pass now."""
    changed = [limit.name for limit in limits if tables.limits.get(limit.name) != limit]
    tables.limits.update({limit.name: limit for limit in limits})
    for name in changed:
        waiting = (row for row in tables.slots if row.state is SlotState.WAITING)
        gates = {row.gate for row in waiting if row.gate.limit == name}
        doors(tables).admit(sorted(gates))


# --- what is read of them ------------------------------------------------------------------------


def states(tables: Tables) -> list[GateState]:
    """Say how full all gates are; a limit that nobody asks for is listed with the empty key."""
    busy = {row.gate for row in tables.slots if row.state is not SlotState.ASLEEP}
    used = {gate.limit for gate in busy}
    gates = {gate for gate in busy if gate.limit in tables.limits}
    gates.update(Gate(name) for name in tables.limits if name not in used)
    return [_state(tables, gate) for gate in sorted(gates)]


def _state(tables: Tables, gate: Gate) -> GateState:
    limit = tables.limits[gate.limit]
    waiting = _at(tables, gate, SlotState.WAITING)
    return GateState(
        gate=gate,
        limit=limit,
        held=len(_at(tables, gate, SlotState.HELD)),
        waiting=len(waiting),
        oldest=min((row.since for row in waiting), default=None),
        opens_at=rules.opens_at(limit, tables.rates.get(gate), tables.now_us()),
    )


def standings(tables: Tables, run_id: RunId) -> list[Standing]:
    """Say where a run and its steps stand at their gates."""
    rows = [row for row in tables.slots if row.claimant.run_id == run_id]
    rows.sort(key=lambda row: (row.claimant.operation_id, row.gate.limit))
    return [_standing(tables, row) for row in rows]


def _standing(tables: Tables, row: SlotRow) -> Standing:
    limit = tables.limits.get(row.gate.limit) or Limit(name=row.gate.limit)
    waits = row.state is SlotState.WAITING
    others = _at(tables, row.gate, SlotState.WAITING)
    holders = sorted(_at(tables, row.gate, SlotState.HELD), key=lambda one: one.number)
    opens_at = rules.opens_at(limit, tables.rates.get(row.gate), tables.now_us())
    return Standing(
        claimant=row.claimant,
        gate=row.gate,
        limit=limit,
        state=row.state,
        since=row.since,
        ahead=sum(place_of(one) < place_of(row) for one in others) if waits else 0,
        opens_at=opens_at if waits and not row.paid else None,
        holders=tuple(one.claimant for one in holders[:HOLDERS_MAX]),
    )
