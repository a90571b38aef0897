"""Schedules in a world with tables."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final

from wfc import fault
from wfc.cron import Timing
from wfc.errors import CannotDecrypt
from wfc.eventlog.event import RunCreated
from wfc.ids import RunId
from wfc.worlds import sql_audit, sql_runs, sql_versions
from wfc.worlds.audit import Note
from wfc.worlds.feed import QUEUES, RUNS, SCHEDULES
from wfc.worlds.protocol import Child
from wfc.worlds.rules import versions_named
from wfc.worlds.schedules import CatchUp, Overlap, Put, ScheduleRow, bounds_of, prefix_of
from wfc.worlds.sql_append import create_run
from wfc.worlds.sql_transaction import Transaction
from wfc.worlds.vault import Vault, sealed, unsealed

_PLACE: Final = "the arguments of a schedule"
_COLUMNS: Final = "name, revision, next_at, facts, arguments, key_id"
SELECT: Final = f"SELECT {_COLUMNS} FROM schedules ORDER BY name"  # noqa: S608 - fixed names
SELECT_ONE: Final = f"SELECT {_COLUMNS} FROM schedules WHERE name = ?"  # noqa: S608 - likewise
# The condition stands as the partial index has it, or that would not be used.
_OPEN: Final = """
EXISTS (SELECT 1 FROM runs WHERE ended_at IS NULL AND run_id >= 'schedule:'
    AND run_id < 'schedule:~' AND run_id >= {low} AND run_id < {high})
"""
_OPEN_OF: Final = f"SELECT {_OPEN.format(low=':low', high=':high')}"
_WAITING: Final = _OPEN.format(
    low="'schedule:' || schedules.name || ':'", high="'schedule:' || schedules.name || ':~'"
)
DUE: Final = f"""
SELECT {_COLUMNS} FROM schedules WHERE next_at <= :now
UNION ALL
SELECT {_COLUMNS} FROM schedules
WHERE waiting > 0 AND (next_at IS NULL OR next_at > :now) AND NOT {_WAITING}
LIMIT :limit
"""  # noqa: S608 - constants
NEXT: Final = "SELECT min(next_at) FROM schedules WHERE next_at > :now"
_PUT: Final = """
INSERT INTO schedules (name, revision, next_at, waiting, facts, arguments, key_id)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET
    revision = excluded.revision, next_at = excluded.next_at, waiting = excluded.waiting,
    facts = excluded.facts, arguments = excluded.arguments, key_id = excluded.key_id
"""
_SEEN: Final = "SELECT revision, facts FROM schedules WHERE name = ?"
_CHANGE: Final = (
    "UPDATE schedules SET revision = ?, next_at = ?, waiting = ?, facts = ? WHERE name = ?"
)
_ELSEWHERE: Final = ("name", "arguments", "next_at", "revision", "timing")


def row_of(values: tuple[Any, ...], vault: Vault | None) -> ScheduleRow:
    """Make a row of what was fetched."""
    name, revision, next_at, text, arguments, key_id = values
    facts = json.loads(text)
    return ScheduleRow(
        name=name,
        revision=revision,
        next_at=next_at,
        arguments=_arguments(name, arguments, key_id, vault),
        timing=Timing(**facts.pop("timing")),
        overlap=Overlap(facts.pop("overlap")),
        catch_up=CatchUp(facts.pop("catch_up")),
        waiting=tuple(facts.pop("waiting")),
        **facts,
    )


def _arguments(name: str, sealed: bytes, key_id: str | None, vault: Vault | None) -> bytes | None:
    try:
        return unsealed(vault, _scope(name), _PLACE, sealed, key_id)
    except CannotDecrypt:
        return None  # others can still be read, and this one paused


def put(
    transaction: Transaction,
    row: ScheduleRow,
    run: Child | None,
    note: Note | None,
    *,
    alone: bool,
) -> Put:
    """Write a schedule as `row` says, if it is still of that revision, and begin a run of it."""
    transaction.lock(f"schedule {row.name}")
    found = transaction.execute(_SEEN, (row.name,)).fetchone()
    seen = (0, row.created_at) if found is None else (found[0], json.loads(found[1])["created_at"])
    if (row.revision, row.created_at) != seen:
        return Put.CHANGED
    if run is not None:
        assert isinstance(run.event, RunCreated)
        if sql_runs.load(transaction.connection, run.run_id) is None:
            if alone and _has_open_run(transaction, row.name):
                return Put.BUSY
            for version in versions_named((), (run,)):
                sql_versions.must_not_be_pruned(transaction, version)
            create_run(transaction, run)
            transaction.news.update((RUNS, QUEUES))
    _write(transaction, row)
    if note is not None:
        sql_audit.add(transaction, note)
    transaction.news.add(SCHEDULES)
    fault.point("schedule.put")
    return Put.DONE


def _has_open_run(transaction: Transaction, name: str) -> bool:
    low, high = bounds_of(name)
    (found,) = transaction.execute(_OPEN_OF, {"low": low, "high": high}).fetchone()
    return bool(found)


def _write(transaction: Transaction, row: ScheduleRow) -> None:
    facts = {name: value for name, value in asdict(row).items() if name not in _ELSEWHERE}
    facts["timing"] = asdict(row.timing)
    waiting = 0 if row.paused else len(row.waiting)
    values = (row.revision + 1, row.next_at, waiting, json.dumps(facts))
    if row.arguments is None:
        transaction.execute(_CHANGE, (*values, row.name))
        return
    arguments = sealed(transaction.vault, _scope(row.name), _PLACE, row.arguments)
    transaction.execute(_PUT, (row.name, *values, *arguments))


def delete(transaction: Transaction, name: str, note: Note | None) -> bool:
    """Forget a schedule; its runs stay."""
    gone = transaction.execute("DELETE FROM schedules WHERE name = ?", (name,)).rowcount > 0
    if gone:
        if note is not None:
            sql_audit.add(transaction, note)
        transaction.news.add(SCHEDULES)
    return gone


def _scope(name: str) -> RunId:
    """Give what the key is derived from that seals a schedule's arguments."""
    return RunId(prefix_of(name))
