"""What is due and waits, counted in memory."""

from __future__ import annotations

from collections.abc import Iterator

from wfc.worlds.backlog import Backlog, QueueBacklog
from wfc.worlds.memory_queue import takeable
from wfc.worlds.memory_tables import MessageRow, RunRow, Tables
from wfc.worlds.protocol import Resume


def backlog(tables: Tables, before: int) -> Backlog:
    """Count what is due, and what has been since `before`."""
    return Backlog(queues=tuple(_queues(tables)), late=late(tables), stuck=_stuck(tables, before))


def late(tables: Tables) -> int:
    """Count the open runs that go on beyond their goal."""
    now = tables.now_us()
    return sum(
        run.late_at is not None and run.late_at < now and not run.status.ended
        for run in tables.runs.values()
    )


def _queues(tables: Tables) -> Iterator[QueueBacklog]:
    since: dict[str | None, list[int]] = {}
    for row in _due(tables, tables.now_us()):
        since.setdefault(_place(tables, row), []).append(row.due)
    for queue in sorted(since, key=lambda each: each or ""):
        yield QueueBacklog(queue=queue, depth=len(since[queue]), oldest=min(since[queue]))


def _place(tables: Tables, row: MessageRow) -> str | None:
    if not isinstance(row.message, Resume):
        return row.queue
    run = tables.runs.get(row.message.run_id)
    return None if run is None else run.queue


def _due(tables: Tables, until: int) -> list[MessageRow]:
    return [
        row
        for row in tables.messages.values()
        if row.worker_id is None and row.due <= until and takeable(tables, row, None)
    ]


def _stuck(tables: Tables, before: int) -> int:
    forgotten = {
        row.message.run_id
        for row in _due(tables, before)
        if row.queue is None or _served(tables, row.queue)
    }
    return sum(
        not run.status.ended and _is_stuck(run, before, forgotten=run.run_id in forgotten)
        for run in tables.runs.values()
    )


def _is_stuck(run: RunRow, before: int, *, forgotten: bool) -> bool:
    if run.blocked is not None:
        return True
    if run.paused or run.log[-1].recorded_at > before:
        return False
    return forgotten or (run.due_at is not None and run.due_at <= before)


def _served(tables: Tables, queue: str) -> bool:
    """Tell whether somebody who is awake serves the queue."""
    return any(
        tables.lives(name) and (not worker.queues or queue in worker.queues)
        for name, worker in tables.workers.items()
    )
