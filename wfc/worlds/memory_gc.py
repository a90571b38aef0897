"""Retention in memory: which runs have expired, and what is removed with them."""

from __future__ import annotations

from wfc.ids import RunId
from wfc.worlds import memory_hooks, rules
from wfc.worlds.ends import Telling
from wfc.worlds.memory_tables import RunRow, Tables


def expired(tables: Tables, kept_us: int | None) -> list[RunRow]:
    """List the runs that may be removed, longest ended first."""
    needed = _needed(tables)
    found = [
        (run.ended_at, run.run_id, run)
        for run in tables.runs.values()
        if run.ended_at is not None
        and _is_due(run, kept_us, tables.now_us())
        and run.run_id not in needed
    ]
    return [run for _, _, run in sorted(found, key=lambda one: one[:2])]


def collect(tables: Tables, kept_us: int | None, limit: int) -> tuple[RunId, ...]:
    """Remove runs that have expired, and name them."""
    removed: list[RunId] = []
    events = 0
    for run in expired(tables, kept_us)[:limit]:
        streams = tables.streams.get(run.run_id, {})
        weight = len(run.log) + sum(len(stream.rows) for stream in streams.values())
        if removed and events + weight > rules.COLLECTED_EVENTS_MAX:
            break
        events += weight
        for name in list(run.hooks):
            memory_hooks.forget(tables, run, name)
        tables.slots = [row for row in tables.slots if row.claimant.run_id != run.run_id]
        tables.streams.pop(run.run_id, None)
        del tables.runs[run.run_id]
        for place in [place for place in tables.deliveries if place[0] == run.run_id]:
            del tables.deliveries[place]
        removed.append(run.run_id)
    return tuple(removed)


def _is_due(run: RunRow, kept_us: int | None, now: int) -> bool:
    kept = run.retention_us
    if kept is None:
        kept = rules.FOR_EVER_US if kept_us is None else kept_us
    return run.ended_at is not None and run.ended_at + kept <= now


def _needed(tables: Tables) -> set[RunId]:
    """Name the runs that somebody may still ask for, though they have ended."""
    needed = {row.message.run_id for row in tables.messages.values()}
    needed.update(run_id for run_id, _ in tables.attempts)
    needed.update(row.run_id for row in tables.deliveries.values() if row.status is Telling.PENDING)
    for run in tables.runs.values():
        needed.update(run.children.values())
        if any((hook.reserved_until or 0) > tables.now_us() for hook in run.hooks.values()):
            needed.add(run.run_id)
    return needed
