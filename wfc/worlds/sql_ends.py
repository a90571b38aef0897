"""Who is told of the ends of runs, in a world with tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from wfc import codec, fault
from wfc.eventlog.entity import RunStatus
from wfc.ids import DefinitionId, RunId, WorkerId
from wfc.worlds.ends import Callback, CallbackRow, DeliveryRow, TakenEnd, Telling, wanted
from wfc.worlds.feed import ENDS, run_topic
from wfc.worlds.messages import Ended
from wfc.worlds.sql_transaction import Transaction
from wfc.worlds.vault import Vault, sealed, unsealed, veiled_or

_PLACE: Final = "the error of an end callback"
CALLBACKS: Final = "SELECT name, workflow, status, seen_at FROM callbacks ORDER BY name"
_COLUMNS: Final = (
    "run_id, callback, position, status, attempts, due, changed_at, error, key_id,"
    " worker_id IS NOT NULL"
)
_ADD: Final = """
INSERT INTO deliveries (run_id, callback, position, status, attempts, due, worker_id, changed_at,
    error, key_id)
VALUES (?, ?, ?, 'pending', 0, ?, NULL, ?, NULL, NULL)
ON CONFLICT (run_id, callback) DO UPDATE SET
    position = excluded.position, status = 'pending', attempts = 0, due = excluded.due,
    worker_id = NULL, changed_at = excluded.changed_at, error = NULL, key_id = NULL
"""
_TAKE: Final = """
SELECT due, run_id, position, attempts FROM deliveries
WHERE status = 'pending' AND worker_id IS NULL AND callback = ? AND due <= ?
ORDER BY due, run_id LIMIT ? /*pg FOR UPDATE SKIP LOCKED */
"""
_HOLDS: Final = """
run_id = :run_id AND callback = :callback AND position = :position AND attempts = :attempt
AND worker_id = :worker
"""
_SETTLE: Final = f"""
UPDATE deliveries SET worker_id = NULL, status = :status, due = coalesce(:due, due),
    changed_at = :now, error = :error, key_id = :key_id WHERE {_HOLDS}
"""  # noqa: S608 - constants
_GIVE_BACK: Final = (
    f"UPDATE deliveries SET worker_id = NULL, attempts = attempts - 1 WHERE {_HOLDS}"  # noqa: S608 - likewise
)
_NEXT: Final = "SELECT min(due) FROM deliveries WHERE status = 'pending' AND worker_id IS NULL"
_UNSEEN: Final = "SELECT name FROM callbacks WHERE seen_at < :before"
_GIVE_UP: Final = f"""
UPDATE deliveries SET status = 'untaken', changed_at = :now
WHERE status = 'pending' AND worker_id IS NULL AND callback IN ({_UNSEEN})
"""  # noqa: S608 - likewise


def register(transaction: Transaction, callbacks: Sequence[Callback]) -> None:
    """Know callbacks, each as it was told last."""
    transaction.connection.executemany(
        "INSERT INTO callbacks (name, workflow, status, seen_at)"
        " VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
        " workflow = excluded.workflow, status = excluded.status, seen_at = excluded.seen_at",
        [(each.name, each.workflow, each.status, transaction.now_us) for each in callbacks],
    )
    transaction.news.add(ENDS)


def callbacks_of(values: Iterable[tuple[Any, ...]]) -> list[CallbackRow]:
    """Make rows of what `CALLBACKS` has found."""
    return [
        CallbackRow(
            callback=Callback(
                name=name,
                workflow=None if workflow is None else DefinitionId(workflow),
                status=None if status is None else RunStatus(status),
            ),
            seen_at=seen_at,
        )
        for name, workflow, status, seen_at in values
    ]


def ended(
    transaction: Transaction, run_id: RunId, workflow: str, status: RunStatus, position: int
) -> None:
    """See that each callback hears of an end that wants to; `position` is that of the event."""
    known = transaction.execute(CALLBACKS).fetchall()
    if not known:
        return
    names = list(wanted((row.callback for row in callbacks_of(known)), workflow, status))
    now = transaction.now_us
    transaction.connection.executemany(_ADD, [(run_id, name, position, now, now) for name in names])
    if names:
        transaction.news.add(ENDS)


def take(
    transaction: Transaction, worker_id: WorkerId, names: Collection[str], limit: int
) -> list[TakenEnd]:
    """Take ends that are due; the try is counted before anybody is told."""
    due = [
        (*row, name)
        for name in names
        for row in transaction.execute(_TAKE, (name, transaction.now_us, limit))
    ]
    taken: list[TakenEnd] = []
    # The oldest first, whoever is to hear of it: no callback keeps another waiting.
    for _, run_id, position, attempts, name in sorted(due, key=_by_age)[:limit]:
        transaction.execute(
            "UPDATE deliveries SET worker_id = ?, attempts = ?, changed_at = ?"
            " WHERE run_id = ? AND callback = ?",
            (worker_id, attempts + 1, transaction.now_us, run_id, name),
        )
        message = Ended(RunId(run_id), name)
        taken.append(TakenEnd(message=message, position=position, attempt=attempts + 1))
    return taken


def _by_age(row: tuple[Any, ...]) -> tuple[int, str, str]:
    return row[0], row[1], row[4]


def settle(
    transaction: Transaction,
    worker_id: WorkerId,
    taken: TakenEnd,
    error: bytes | None,
    again_at: int | None,
) -> bool:
    """Keep how a try came out, if the worker still holds it."""
    run_id = taken.message.run_id
    status = Telling.DONE if error is None else Telling.FAILED
    told, key_id = (
        (None, None) if error is None else sealed(transaction.vault, run_id, _PLACE, error)
    )
    kept = transaction.execute(
        _SETTLE,
        {
            "status": (Telling.PENDING if again_at is not None else status).value,
            "due": again_at,
            "now": transaction.now_us,
            "error": told,
            "key_id": key_id,
            "worker": worker_id,
            **_place_of(taken),
        },
    )
    fault.point("end.told")
    transaction.news.update((ENDS, run_topic(run_id)))
    return kept.rowcount > 0


def give_back(transaction: Transaction, worker_id: WorkerId, taken: TakenEnd) -> None:
    """Let others tell an end that this worker has not begun to tell: the try does not count."""
    transaction.execute(
        _GIVE_BACK,
        {"worker": worker_id, **_place_of(taken)},
    )
    transaction.news.add(ENDS)


def _place_of(taken: TakenEnd) -> dict[str, object]:
    return {
        "run_id": taken.message.run_id,
        "callback": taken.message.callback,
        "position": taken.position,
        "attempt": taken.attempt,
    }


def free(transaction: Transaction, worker_id: WorkerId) -> None:
    """Let others tell what a worker was telling that has gone."""
    freed = transaction.execute(
        "UPDATE deliveries SET worker_id = NULL WHERE worker_id = ?", (worker_id,)
    )
    if freed.rowcount:
        transaction.news.add(ENDS)


def forget_unseen(transaction: Transaction, before: int) -> int:
    """Give up what no worker has wanted to tell since then, and say how many ends that were."""
    given_up = transaction.execute(_GIVE_UP, {"now": transaction.now_us, "before": before})
    transaction.execute("DELETE FROM callbacks WHERE seen_at < ?", (before,))
    return given_up.rowcount


def listed(
    run_id: RunId | None, statuses: Collection[Telling], limit: int
) -> tuple[str, list[object]]:
    """Give the statement that reads deliveries, and its values."""
    where: list[str] = []
    values: list[object] = []
    if run_id is not None:
        where.append("run_id = ?")
        values.append(run_id)
    if statuses:
        where.append(f"status IN ({', '.join('?' * len(statuses))})")
        values += sorted(status.value for status in statuses)
    condition = f"WHERE {' AND '.join(where)}" if where else ""
    statement = (
        f"SELECT {_COLUMNS} FROM deliveries {condition}"  # noqa: S608 - constants
        " ORDER BY changed_at DESC, run_id, callback LIMIT ?"
    )
    return statement, [*values, limit]


def next_due(names: Collection[str]) -> tuple[str, list[object]]:
    """Give the statement that reads when the first end is due that can be told, and its values."""
    marks = ", ".join("?" * len(names)) or "NULL"  # PostgreSQL knows no empty list
    statement = f"{_NEXT} AND callback IN ({marks})"
    return statement, list(names)


def delivery_of(values: tuple[Any, ...], vault: Vault | None) -> DeliveryRow:
    """Make a row of what `listed` has found; `codec.ENCRYPTED` stands for an error that no key
    here opens.
    """
    run_id, callback, position, status, attempts, due, changed_at, error, key_id, held = values
    return DeliveryRow(
        run_id=RunId(run_id),
        callback=callback,
        position=position,
        status=Telling(status),
        attempts=attempts,
        due=due,
        changed_at=changed_at,
        error=None if error is None else _shown(RunId(run_id), error, key_id, vault),
        held=bool(held),
    )


def _shown(run_id: RunId, error: bytes, key_id: str | None, vault: Vault | None) -> bytes:
    return veiled_or(
        lambda: unsealed(vault, run_id, _PLACE, error, key_id),
        lambda: codec.ENCRYPTED,
        vault,
        key_id,
    )
