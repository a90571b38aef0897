"""Who is told of the ends of runs, in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from wfc import fault
from wfc.ids import RunId, WorkerId
from wfc.worlds.ends import Callback, CallbackRow, DeliveryRow, TakenEnd, Telling, wanted
from wfc.worlds.feed import ENDS
from wfc.worlds.memory_tables import RunRow, Tables
from wfc.worlds.messages import Ended


def register(tables: Tables, callbacks: Sequence[Callback]) -> None:
    """Know callbacks, each as it was told last."""
    for each in callbacks:
        tables.callbacks[each.name] = CallbackRow(callback=each, seen_at=tables.now_us())


def ended(tables: Tables, run: RunRow, position: int) -> None:
    """See that each callback hears of an end that wants to; `position` is that of the event."""
    known = (row.callback for row in tables.callbacks.values())
    now = tables.now_us()
    for name in wanted(known, run.workflow, run.status):
        tables.news.add(ENDS)
        tables.holders.pop((run.run_id, name), None)
        tables.deliveries[run.run_id, name] = DeliveryRow(
            run_id=run.run_id,
            callback=name,
            position=position,
            status=Telling.PENDING,
            attempts=0,
            due=now,
            changed_at=now,
        )


def take(tables: Tables, worker_id: WorkerId, names: Collection[str], limit: int) -> list[TakenEnd]:
    """Take ends that are due; the try is counted before anybody is told."""
    tables.must_live(worker_id)
    now = tables.now_us()
    due = sorted(
        (row for row in _waiting(tables, names) if row.due <= now),
        key=lambda row: (row.due, row.run_id, row.callback),
    )
    taken: list[TakenEnd] = []
    for row in due[:limit]:
        tables.holders[row.run_id, row.callback] = worker_id
        _change(tables, row, attempts=row.attempts + 1)
        message = Ended(row.run_id, row.callback)
        taken.append(TakenEnd(message=message, position=row.position, attempt=row.attempts + 1))
    return taken


def _waiting(tables: Tables, names: Collection[str]) -> list[DeliveryRow]:
    return [
        row
        for place, row in tables.deliveries.items()
        if row.status is Telling.PENDING and row.callback in names and place not in tables.holders
    ]


def settle(
    tables: Tables,
    worker_id: WorkerId,
    taken: TakenEnd,
    error: bytes | None,
    again_at: int | None,
) -> bool:
    """Keep how a try came out, if the worker still holds it."""
    row = _held(tables, worker_id, taken)
    if row is not None:
        del tables.holders[row.run_id, row.callback]
        status = Telling.DONE if error is None else Telling.FAILED
        if again_at is not None:
            status = Telling.PENDING
        due = row.due if again_at is None else again_at
        _change(tables, row, status=status, error=error, due=due)
    fault.point("end.told")
    return row is not None


def give_back(tables: Tables, worker_id: WorkerId, taken: TakenEnd) -> None:
    """Let others tell an end that this worker has not begun to tell: the try does not count."""
    row = _held(tables, worker_id, taken)
    if row is not None:
        del tables.holders[row.run_id, row.callback]
        tables.deliveries[row.run_id, row.callback] = replace(row, attempts=row.attempts - 1)


def _held(tables: Tables, worker_id: WorkerId, taken: TakenEnd) -> DeliveryRow | None:
    place = taken.message.run_id, taken.message.callback
    row = tables.deliveries.get(place)
    if row is None or tables.holders.get(place) != worker_id:
        return None
    return row if (row.position, row.attempts) == (taken.position, taken.attempt) else None


def _change(tables: Tables, row: DeliveryRow, **changes: object) -> None:
    tables.deliveries[row.run_id, row.callback] = replace(
        row,
        changed_at=tables.now_us(),
        **changes,  # type: ignore[arg-type]  # fields of the row, by name
    )


def forget_unseen(tables: Tables, before: int) -> int:
    """Give up what no worker has wanted to tell since then, and say how many ends that were."""
    unseen = {name for name, row in tables.callbacks.items() if row.seen_at < before}
    given_up = _waiting(tables, unseen)
    for row in given_up:
        _change(tables, row, status=Telling.UNTAKEN)
    for name in unseen:
        del tables.callbacks[name]
    return len(given_up)


def listed(
    tables: Tables, run_id: RunId | None, statuses: Collection[Telling], limit: int
) -> list[DeliveryRow]:
    """Read deliveries, the last changed first."""
    found = [
        replace(row, held=place in tables.holders)
        for place, row in tables.deliveries.items()
        if run_id in {None, row.run_id} and (not statuses or row.status in statuses)
    ]
    return sorted(found, key=lambda row: (-row.changed_at, row.run_id, row.callback))[:limit]


def next_due(tables: Tables, names: Collection[str]) -> int | None:
    """Say when the first end is due that can be told."""
    return min((row.due for row in _waiting(tables, names)), default=None)
