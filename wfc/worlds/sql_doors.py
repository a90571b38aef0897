"""The gates of a world with tables: its book of slots, and who knocks, rests and leaves when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from wfc.eventlog.entity import RunStatus
from wfc.ids import OperationId, RunId
from wfc.worlds import rules, sql_runs
from wfc.worlds import sql_queue as messages
from wfc.worlds.admission import Admission, SlotRow
from wfc.worlds.limits import (
    Claimant,
    Gate,
    GateState,
    Limit,
    Rate,
    SlotState,
    Standing,
)
from wfc.worlds.protocol import Attempt, Release, Resume
from wfc.worlds.sql_runs import RunRow
from wfc.worlds.sql_transaction import Transaction

_COLUMNS: Final = "number, run_id, operation_id, limit_name, key, state, paid, rank, since"
_LIMIT: Final = "SELECT name, concurrency, rate_count, rate_us, active FROM limits WHERE name = ?"
_DEFINE: Final = """
INSERT INTO limits (name, concurrency, rate_count, rate_us, active)
VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET
concurrency = excluded.concurrency, rate_count = excluded.rate_count,
rate_us = excluded.rate_us, active = excluded.active
"""
_ROWS: Final = f"""
SELECT {_COLUMNS} FROM slots WHERE run_id = ? AND operation_id = ? ORDER BY limit_name
"""  # noqa: S608 - names of columns
_WAITING: Final = f"""
SELECT {_COLUMNS} FROM slots WHERE limit_name = ? AND key = ? AND state = 1 AND paid = ?
AND (rank, since, number) > (?, ?, ?) ORDER BY rank, since, number LIMIT ?
"""  # noqa: S608 - likewise
_HELD: Final = "SELECT count(*) FROM slots WHERE limit_name = ? AND key = ? AND state = 2"
_PAGE: Final = 16
_FIRST: Final = (-(1 << 31), 0, 0)


class SqlBook:
    """The book, within one transaction; `run` is a row that is loaded, which knows better than the
    table.
    """

    def __init__(self, transaction: Transaction, run: RunRow | None = None) -> None:
        """Read and write through `transaction`."""
        self._transaction = transaction
        self._execute = transaction.execute
        self._run = run
        self._limits: dict[str, Limit | None] = {}

    def limit(self, name: str) -> Limit | None:
        """Give a limit."""
        if name not in self._limits:
            found = self._execute(_LIMIT, (name,)).fetchone()
            self._limits[name] = None if found is None else limit_of(found)
        return self._limits[name]

    def held(self, gate: Gate) -> int:
        """Count the slots that are taken."""
        (count,) = self._execute(_HELD, gate).fetchone()
        return int(count)

    def spent_until(self, gate: Gate) -> int:
        """Give until when the rate is used up."""
        found = self._execute(
            "SELECT spent_until FROM rates WHERE limit_name = ? AND key = ?", gate
        ).fetchone()
        return 0 if found is None else int(found[0])

    def spend(self, gate: Gate, until: int) -> None:
        """Note until when the rate is used up."""
        self._execute(
            "INSERT INTO rates (limit_name, key, spent_until)"
            " VALUES (?, ?, ?) ON CONFLICT (limit_name, key)"
            " DO UPDATE SET spent_until = excluded.spent_until",
            (*gate, until),
        )

    def waiting(self, gate: Gate, *, paid: bool) -> Iterator[SlotRow]:
        """Give those that wait, in order, by pages: what was read may have passed meanwhile."""
        place = _FIRST
        while True:
            values = (*gate, paid, *place, _PAGE)
            page = [_row(found) for found in self._execute(_WAITING, values).fetchall()]
            yield from page
            if len(page) < _PAGE:
                return
            place = page[-1].rank, page[-1].since, page[-1].number

    def rows_of(self, claimant: Claimant) -> list[SlotRow]:
        """Give the rows of a claimant."""
        return [_row(found) for found in self._execute(_ROWS, claimant).fetchall()]

    def put(self, row: SlotRow) -> None:
        """Write state and payment of a row."""
        values = (int(row.state), row.paid, row.number)
        self._execute("UPDATE slots SET state = ?, paid = ? WHERE number = ?", values)

    def remove(self, claimant: Claimant) -> None:
        """Forget a claimant."""
        self._execute("DELETE FROM slots WHERE run_id = ? AND operation_id = ?", claimant)

    def may_go(self, claimant: Claimant) -> bool:
        """Tell whether a worker could take the claimant now."""
        run, now = self._row_of(claimant.run_id), self._transaction.now_us
        if run is None or run.over or run.halted:
            return False
        if not claimant.operation_id:
            return (run.not_before or 0) <= now
        found = self._attempt(claimant)
        return found is not None and bool(found[0] <= now)

    def call(self, claimant: Claimant, at: int) -> None:
        """Let a worker take the claimant at an instant."""
        if claimant.operation_id:
            found = self._attempt(claimant)
            if found is not None:
                not_before, priority, queue = found
                message = Attempt(claimant.run_id, claimant.operation_id)
                messages.put(self._transaction, message, max(at, not_before), priority, queue)
            return
        run = self._row_of(claimant.run_id)
        if run is None or run.over:
            return
        due = max(at, run.not_before or 0)
        if run.owner is None:
            run.due_at = due
            if run is not self._run:
                self._execute("UPDATE runs SET due_at = ? WHERE run_id = ?", (due, run.run_id))
        messages.put(self._transaction, Resume(run.run_id), due, run.priority)

    def _row_of(self, run_id: RunId) -> RunRow | None:
        if self._run is not None and self._run.run_id == run_id:
            return self._run
        return sql_runs.load(self._transaction.connection, run_id)

    def _attempt(self, claimant: Claimant) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self._execute(
            "SELECT not_before, priority, queue FROM attempts"
            " WHERE run_id = ? AND operation_id = ? AND unwanted = 0",
            claimant,
        ).fetchone()
        return found


def limit_of(values: Sequence[Any]) -> Limit:
    """Make a limit of its row."""
    name, concurrency, count, period_us, active = values
    rate = None if count is None else Rate(count, period_us)
    return Limit(name=name, concurrency=concurrency, rate=rate, active=bool(active))


def _row(values: Sequence[Any]) -> SlotRow:
    number, run_id, operation_id, limit_name, key, state, paid, rank, since = values
    return SlotRow(
        number=number,
        claimant=Claimant(RunId(run_id), OperationId(operation_id)),
        gate=Gate(limit_name, key),
        state=SlotState(state),
        paid=bool(paid),
        rank=rank,
        since=since,
    )


# --- what happens at the gates -------------------------------------------------------------------


def doors(transaction: Transaction, run: RunRow | None = None) -> Admission:
    """Give who decides, for a transaction in which `run` is loaded: one at a time."""
    transaction.lock("gates")
    return Admission(SqlBook(transaction, run), transaction.now_us)


def enter(
    transaction: Transaction,
    claimant: Claimant,
    gates: Sequence[Gate],
    *,
    priority: int,
    since: int,
) -> None:
    """Make a claimant known at its gates; one that is known already stays as it is."""
    transaction.connection.executemany(
        "INSERT INTO slots (run_id, operation_id, limit_name, key, state, paid, rank, since)"
        " VALUES (?, ?, ?, ?, 0, 0, ?, ?) ON CONFLICT DO NOTHING",
        [(*claimant, *gate, -priority, since) for gate in gates],
    )


def passes(transaction: Transaction, run: RunRow) -> bool:
    """Tell whether a run that nobody owns may be taken now; if not, it waits to be called.

    A run that is cancelled only cleans up, for which it need not wait.
    """
    who = Claimant(run.run_id)
    if run.cancel_requested:
        doors(transaction, run).rest(who, lambda row: row.state is SlotState.WAITING)
        return True
    if doors(transaction, run).knock(who):
        return True
    run.due_at = None
    return False


def wake(transaction: Transaction, run: RunRow) -> None:
    """Let a worker look at a run, once it has passed its gates."""
    waits_for_time = run.halted or (run.not_before or 0) > transaction.now_us
    if run.gated and run.owner is None and not waits_for_time and not passes(transaction, run):
        return
    messages.resume(transaction, run)


def released(transaction: Transaction, run: RunRow, release: Release) -> None:
    """Give the slots back that a run does not keep while it is suspended."""
    goes_on = release.wake_at is not None and release.wake_at <= transaction.now_us
    if release.for_child or run.blocked is not None:
        doors(transaction, run).rest(Claimant(run.run_id))
    elif not goes_on and not _has_attempts(transaction, run.run_id):
        doors(transaction, run).rest_if_active(Claimant(run.run_id))


def _has_attempts(transaction: Transaction, run_id: RunId) -> bool:
    found = transaction.execute(
        "SELECT 1 FROM attempts WHERE run_id = ? AND unwanted = 0 LIMIT 1", (run_id,)
    ).fetchone()
    return found is not None


def halted(transaction: Transaction, run: RunRow) -> None:
    """Give the slots back that a run which was paused or blocked cannot use: those of steps that
    nobody runs, and its own, unless it has begun and keeps it while it is suspended.
    """
    for claimant in _steps(transaction, run.run_id, _NOT_RUN):
        door = doors(transaction, run)
        door.rest(claimant)
        door.call(claimant)  # it is taken, and knocks, once the run goes on
    if run.owner is not None:
        return
    if run.blocked is not None or run.started_at is None:
        doors(transaction, run).rest(Claimant(run.run_id))
    else:
        doors(transaction, run).rest_if_active(Claimant(run.run_id))


def ended(transaction: Transaction, run: RunRow) -> None:
    """Give all slots of a run back that has ended, but those of bodies that are still to be told.

    A run that failed stays known at its gates: an upgrade may reopen it.
    """
    door = doors(transaction, run)
    if run.status == RunStatus.FAILED.value:
        door.rest(Claimant(run.run_id))
    else:
        door.leave(Claimant(run.run_id))
    for claimant in _steps(transaction, run.run_id, _NOT_RUN):
        door.leave(claimant)


def _steps(transaction: Transaction, run_id: RunId, which: str) -> list[Claimant]:
    return [Claimant(*found) for found in transaction.execute(which, (run_id,)).fetchall()]


_NOT_RUN: Final = """
SELECT run_id, operation_id FROM slots WHERE run_id = ? AND operation_id <> '' AND NOT EXISTS (
    SELECT 1 FROM attempts WHERE attempts.run_id = slots.run_id
    AND attempts.operation_id = slots.operation_id AND attempts.worker_id IS NOT NULL)
ORDER BY number
"""


def swept(transaction: Transaction) -> int:
    """Let in whoever may pass, and forget rates whose time is over; give how many passed."""
    gates = transaction.execute(
        "SELECT DISTINCT limit_name, key FROM slots WHERE state = 1 ORDER BY limit_name, key"
    ).fetchall()
    transaction.execute("DELETE FROM rates WHERE spent_until <= ?", (transaction.now_us,))
    return doors(transaction).admit(Gate(*found) for found in gates)


def define(transaction: Transaction, limits: Sequence[Limit]) -> None:
    """Write limits that are new or changed, and let in whoever may pass now."""
    changed = []
    for limit in limits:
        rate = limit.rate
        count, period = (None, None) if rate is None else (rate.count, rate.period_us)
        values = (limit.name, limit.concurrency, count, period, int(limit.active))
        if transaction.execute(_LIMIT, (limit.name,)).fetchone() != values:
            transaction.execute(_DEFINE, values)
            changed.append(limit.name)
    for name in changed:
        keys = transaction.execute(
            "SELECT DISTINCT key FROM slots WHERE limit_name = ? AND state = 1 ORDER BY key",
            (name,),
        ).fetchall()
        doors(transaction).admit(Gate(name, key) for (key,) in keys)


# --- what is read of them ------------------------------------------------------------------------

_BUSY: Final = """
SELECT limit_name, key, sum(CASE state WHEN 2 THEN 1 ELSE 0 END) AS held,
    sum(CASE state WHEN 1 THEN 1 ELSE 0 END) AS waiting,
    min(CASE state WHEN 1 THEN since END) AS oldest
FROM slots WHERE state > 0 GROUP BY limit_name, key
"""
STATES: Final = f"""
SELECT name, concurrency, rate_count, rate_us, active, coalesce(busy.key, ''),
    coalesce(busy.held, 0), coalesce(busy.waiting, 0), busy.oldest, spent_until
FROM limits LEFT JOIN ({_BUSY}) AS busy ON busy.limit_name = limits.name
LEFT JOIN rates ON rates.limit_name = limits.name AND rates.key = coalesce(busy.key, '')
ORDER BY name, busy.key
"""  # noqa: S608 - constants
STANDINGS: Final = """
SELECT slots.operation_id, slots.limit_name, slots.key, slots.state, slots.since, slots.paid,
    limits.name, concurrency, rate_count, rate_us, active, spent_until,
    (SELECT count(*) FROM slots AS others
     WHERE others.limit_name = slots.limit_name AND others.key = slots.key AND others.state = 1
     AND (others.rank, others.since, others.number) < (slots.rank, slots.since, slots.number))
FROM slots LEFT JOIN limits ON limits.name = slots.limit_name
LEFT JOIN rates ON rates.limit_name = slots.limit_name AND rates.key = slots.key
WHERE slots.run_id = ? ORDER BY slots.operation_id, slots.limit_name
"""
HOLDERS: Final = """
SELECT run_id, operation_id FROM slots WHERE limit_name = ? AND key = ? AND state = 2
ORDER BY number LIMIT ?
"""


def state_of(values: Sequence[Any], now_us: int) -> GateState:
    """Make the state of a gate of a row of `STATES`."""
    limit = limit_of(values[:5])
    key, held, waiting, oldest, spent_until = values[5:]
    return GateState(
        gate=Gate(limit.name, key),
        limit=limit,
        held=held,
        waiting=waiting,
        oldest=oldest,
        opens_at=rules.opens_at(limit, spent_until, now_us),
    )


def standing_of(
    run_id: RunId, values: Sequence[Any], holders: Sequence[Any], now_us: int
) -> Standing:
    """Make a standing of a row of `STANDINGS` and rows of `HOLDERS`."""
    operation_id, limit_name, key, state, since, paid = values[:6]
    limit = Limit(name=limit_name) if values[6] is None else limit_of(values[6:11])
    spent_until, ahead = values[11:]
    waits = state == SlotState.WAITING
    opens_at = rules.opens_at(limit, spent_until, now_us) if waits and not paid else None
    return Standing(
        claimant=Claimant(run_id, OperationId(operation_id)),
        gate=Gate(limit_name, key),
        limit=limit,
        state=SlotState(state),
        since=since,
        ahead=ahead if waits else 0,
        opens_at=opens_at,
        holders=tuple(Claimant(*found) for found in holders),
    )
