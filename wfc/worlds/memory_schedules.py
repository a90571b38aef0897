"""Schedules in memory."""

from __future__ import annotations

from dataclasses import replace

from wfc import fault
from wfc.eventlog.event import RunCreated
from wfc.worlds import memory_audit, rules
from wfc.worlds.audit import Note
from wfc.worlds.memory_append import create_run
from wfc.worlds.memory_tables import Tables
from wfc.worlds.protocol import Child
from wfc.worlds.schedules import DueSchedules, Put, ScheduleRow, prefix_of


def put(
    tables: Tables, row: ScheduleRow, run: Child | None, note: Note | None, *, alone: bool
) -> Put:
    """Write a schedule as `row` says, if it is still of that revision, and begin a run of it."""
    known = tables.schedules.get(row.name)
    seen = (0, row.created_at) if known is None else (known.revision, known.created_at)
    if (row.revision, row.created_at) != seen:
        return Put.CHANGED
    if run is not None and run.run_id not in tables.runs:
        assert isinstance(run.event, RunCreated)
        if alone and _has_open_run(tables, row.name):
            return Put.BUSY
        for version in rules.versions_named((), (run,)):
            if version in tables.pruned:
                raise rules.pruned(version)
        create_run(tables, run)
        tables.told.add(run.run_id)
    if row.arguments is None and known is not None:
        row = replace(row, arguments=known.arguments)
    tables.schedules[row.name] = replace(row, revision=row.revision + 1)
    if note is not None:
        memory_audit.add(tables, note)
    fault.point("schedule.put")
    return Put.DONE


def _has_open_run(tables: Tables, name: str) -> bool:
    prefix = prefix_of(name)
    return any(
        run_id.startswith(prefix) and not run.status.ended for run_id, run in tables.runs.items()
    )


def delete(tables: Tables, name: str, note: Note | None) -> bool:
    """Forget a schedule; its runs stay."""
    gone = tables.schedules.pop(name, None) is not None
    if gone and note is not None:
        memory_audit.add(tables, note)
    return gone


def due(tables: Tables, limit: int) -> DueSchedules:
    """Give the schedules of which a firing may be due."""
    now = tables.now_us()
    rows = [row for row in tables.schedules.values() if _may_fire(tables, row, now)]
    later = [
        row.next_at
        for row in tables.schedules.values()
        if row.next_at is not None and row.next_at > now
    ]
    return DueSchedules(rows=tuple(rows[:limit]), next_at=min(later, default=None))


def _may_fire(tables: Tables, row: ScheduleRow, now: int) -> bool:
    if row.next_at is not None and row.next_at <= now:
        return True
    return bool(row.waiting) and not row.paused and not _has_open_run(tables, row.name)
