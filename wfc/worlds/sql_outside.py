"""Where a world with tables looks up what an event from outside a run's owner is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wfc.eventlog import wire
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import Event, FailureKind, RunRestarted, RunUpgraded
from wfc.eventlog.standing import ACTIVE, CONFLICTED, DISPOSED
from wfc.ids import OperationId, RunId, VersionId
from wfc.worlds import rules
from wfc.worlds.outside import WAITS, Outside
from wfc.worlds.sql_runs import RunRow
from wfc.worlds.sql_transaction import Transaction

_HOOKS: Final = {"active": ACTIVE, "disposed": DISPOSED, "conflicted": CONFLICTED}
_WAITS: Final = "code IN (7, 30, 31)"
"""The condition of the index `events_waits`, which is used only where it is written alike."""
# The name of an operation stands in the bytes of an event as it is, so only few are decoded.
_HOLDS: Final = "instr(body, ?) > 0"
NAMING: Final = """
SELECT body, position FROM events WHERE run_id = ? AND ({holds} OR code = 7)
ORDER BY position
"""
NAMING_WAITS: Final = f"""
SELECT body, position FROM events INDEXED BY events_waits
WHERE run_id = ? AND ({{holds}} OR code = 7) AND {_WAITS}
ORDER BY position
"""  # noqa: S608 - a constant
UPGRADES: Final = f"""
SELECT body, position FROM events INDEXED BY events_waits
WHERE run_id = ? AND {_WAITS} AND code = 7
ORDER BY position
"""  # noqa: S608 - a constant

CHAPTER: Final = "SELECT max(position) FROM events WHERE run_id = ? AND code = ?"


def outside_of(transaction: Transaction, run: RunRow) -> Outside:
    """Say where a run stands, for the rules."""
    kind = None if run.failure_kind is None else FailureKind(run.failure_kind)
    return Outside(
        _Look(transaction, run),
        length=run.length,
        version=VersionId(run.version),
        chapter=run.chapter,
        started=run.started_at is not None,
        cancel_requested=bool(run.cancel_requested),
        end=rules.ending(RunStatus(run.status), kind),
    )


def was_upgraded(transaction: Transaction, run_id: RunId) -> bool:
    """Tell whether the run has ever moved to other code."""
    found = transaction.execute(
        f"SELECT 1 FROM events WHERE run_id = ? AND {_WAITS} AND code = 7 LIMIT 1",  # noqa: S608 - a constant
        (run_id,),
    ).fetchone()
    return found is not None


def upgrades_of(transaction: Transaction, run: RunRow) -> list[RunUpgraded]:
    """Give the upgrades in the present chapter of a run's log."""
    run_id = run.run_id
    rows = transaction.execute(UPGRADES, (run_id,)).fetchall()
    begun = 0
    if rows and run.chapter > 1:
        (begun,) = transaction.execute(CHAPTER, (run_id, RunRestarted.code)).fetchone()
    found = [
        wire.decode(body, run_id=run_id, position=position)
        for body, position in rows
        if position > begun
    ]
    return [one.event for one in found if isinstance(one.event, RunUpgraded)]


class _Look:
    """Looks things up within a transaction."""

    def __init__(self, transaction: Transaction, run: RunRow) -> None:
        self._transaction = transaction
        self._run, self._run_id = run, run.run_id

    def hook(self, name: OperationId) -> int:
        found = self._transaction.execute(
            "SELECT status FROM hooks WHERE run_id = ? AND operation_id = ?", (self._run_id, name)
        ).fetchone()
        return 0 if found is None else _HOOKS[found[0]]

    def attempt(self, name: OperationId) -> int | None:
        found = self._transaction.execute(
            "SELECT standing FROM attempts WHERE run_id = ? AND operation_id = ? AND unwanted = 0",
            (self._run_id, name),
        ).fetchone()
        return None if found is None else found[0]

    def upgrades(self) -> Sequence[RunUpgraded]:
        return upgrades_of(self._transaction, self._run)

    def naming(self, names: Sequence[OperationId], codes: Sequence[int] = ()) -> Sequence[Event]:
        statement = NAMING_WAITS if codes == WAITS else NAMING
        holds = " OR ".join([_HOLDS] * len(names))
        rows = self._transaction.execute(
            statement.format(holds=holds), (self._run_id, *(name.encode() for name in names))
        ).fetchall()
        return [
            wire.decode(body, run_id=self._run_id, position=position).event
            for body, position in rows
        ]
