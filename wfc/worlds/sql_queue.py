"""Messages in tables: queued, taken, forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from wfc.ids import OperationId, RunId, WorkerId
from wfc.worlds.feed import QUEUES
from wfc.worlds.protocol import Attempt, Message, Resume, Taken
from wfc.worlds.sql_runs import RunRow
from wfc.worlds.sql_transaction import Transaction

RESUME: Final = "resume"
ATTEMPT: Final = "attempt"

_PUT: Final = """
INSERT INTO messages (kind, run_id, name, due, priority, queue)
SELECT :kind, :run_id, :name, :due, :priority, :queue WHERE NOT EXISTS (
    SELECT 1 FROM messages
    WHERE run_id = :run_id AND kind = :kind AND name = :name AND worker_id IS NULL AND due <= :due
    /*pg FOR SHARE */)
"""
# What nobody may take now: all of a paused or blocked run, the `Resume` of one that a living
# worker owns. `:worker` is who asks (an owner may take its own), or ''.
FREE: Final = """
(runs.run_id IS NULL OR (
    runs.paused = 0 AND runs.blocked IS NULL AND (
        messages.kind <> 'resume' OR runs.owner IS NULL OR runs.owner = :worker OR NOT EXISTS (
            SELECT 1 FROM workers
            WHERE workers.worker_id = runs.owner AND workers.lease_until > :now))))
"""
# Steps of a queue go to workers that serve it; who names no queue serves all.
_SERVED: Final = """
(messages.queue IS NULL OR EXISTS (
    SELECT 1 FROM workers WHERE workers.worker_id = :worker
    AND (queues = '[]' OR messages.queue IN (SELECT value FROM json_each(queues)))))
"""
_NEXT_PRIORITY: Final = """
SELECT max(priority) FROM messages WHERE worker_id IS NULL AND priority < ?
"""
_READY: Final = f"""
SELECT receipt, kind, messages.run_id, name FROM messages
LEFT JOIN runs ON runs.run_id = messages.run_id
WHERE messages.worker_id IS NULL AND messages.priority = :priority AND due <= :now AND {FREE}
AND {_SERVED} ORDER BY due, receipt LIMIT :limit
/*pg FOR UPDATE OF messages SKIP LOCKED */
"""  # noqa: S608 - constants
NEXT_DUE: Final = f"""
WITH RECURSIVE priorities (priority) AS (
    SELECT max(priority) FROM messages WHERE worker_id IS NULL
    UNION ALL
    SELECT (SELECT max(priority) FROM messages
            WHERE worker_id IS NULL AND messages.priority < priorities.priority)
    FROM priorities WHERE priorities.priority IS NOT NULL)
SELECT min(due) FROM (SELECT (
    SELECT due FROM messages LEFT JOIN runs ON runs.run_id = messages.run_id
    WHERE messages.worker_id IS NULL AND messages.priority = priorities.priority
    AND (({FREE}) OR (due > :now AND runs.paused = 0 AND runs.blocked IS NULL))
    ORDER BY due LIMIT 1) AS due FROM priorities) AS dues
"""  # noqa: S608 - constants
_ABOVE_ALL: Final = 1 << 31


def key_of(message: Message) -> tuple[str, str, str]:
    """Give kind, run and name of a message, as its row has them."""
    match message:
        case Resume(run_id):
            return RESUME, run_id, ""
        case Attempt(run_id, operation_id):
            return ATTEMPT, run_id, operation_id


def message_of(kind: str, run_id: str, name: str) -> Message:
    """Make a message of its row."""
    if kind == RESUME:
        return Resume(RunId(run_id))
    return Attempt(RunId(run_id), OperationId(name))


def put(
    transaction: Transaction, message: Message, due: int, priority: int, queue: str | None = None
) -> None:
    """Queue a message, unless an equal one waits already and is due no later."""
    kind, run_id, name = key_of(message)
    values = {
        "kind": kind, "run_id": run_id, "name": name,
        "due": due, "priority": priority, "queue": queue,
    }  # fmt: skip
    transaction.execute(_PUT, values)
    # Also if an equal one waits: it is locked now, and who takes at this moment passes over it.
    transaction.news.add(QUEUES)


def resume(transaction: Transaction, run: RunRow) -> None:
    """Queue a `Resume` for now, or for the run's delayed start."""
    put(transaction, Resume(run.run_id), max(transaction.now_us, run.not_before or 0), run.priority)


def take(transaction: Transaction, worker_id: WorkerId, limit: int) -> list[Taken]:
    """Take due messages, by priority, then age: one index range per priority in use."""
    rows: list[tuple[Any, ...]] = []
    (priority,) = transaction.execute(_NEXT_PRIORITY, (_ABOVE_ALL,)).fetchone()
    while priority is not None and len(rows) < limit:
        asked = {
            "priority": priority,
            "now": transaction.now_us,
            "worker": worker_id,
            "limit": limit - len(rows),
        }
        rows += transaction.execute(_READY, asked).fetchall()
        (priority,) = transaction.execute(_NEXT_PRIORITY, (priority,)).fetchone()
    transaction.connection.executemany(
        "UPDATE messages SET worker_id = ? WHERE receipt = ?", [(worker_id, row[0]) for row in rows]
    )
    return [Taken(message=message_of(*row[1:]), receipt=row[0]) for row in rows]


def done(transaction: Transaction, receipts: Sequence[int]) -> None:
    """Forget messages."""
    transaction.connection.executemany(
        "DELETE FROM messages WHERE receipt = ?", [(receipt,) for receipt in receipts]
    )
