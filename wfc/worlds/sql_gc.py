"""Retention in a world with tables: which runs have expired, and what is removed with them."""

from __future__ import annotations

from typing import Final

from wfc.ids import RunId
from wfc.worlds import rules
from wfc.worlds.feed import HOOKS, RUNS, run_topic
from wfc.worlds.sql_transaction import Transaction

# Each half is read from an index of its own; neither looks at a run that may not have expired.
_BY_SETTINGS: Final = (
    "ended_at AS due FROM runs"
    " WHERE ended_at IS NOT NULL AND retention_us IS NULL AND ended_at <= :now - :kept"
)
_BY_START: Final = (
    "ended_at + retention_us AS due FROM runs"
    " WHERE ended_at IS NOT NULL AND retention_us IS NOT NULL AND ended_at + retention_us <= :now"
)
_NEEDED_BY_NOBODY: Final = """
AND NOT EXISTS (SELECT 1 FROM children WHERE child_id = runs.run_id)
AND NOT EXISTS (SELECT 1 FROM hooks WHERE hooks.run_id = runs.run_id AND reserved_until > :now)
AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.run_id = runs.run_id)
AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.run_id = runs.run_id)
AND NOT EXISTS (SELECT 1 FROM deliveries
    WHERE deliveries.run_id = runs.run_id AND deliveries.status = 'pending')
"""
_EXPIRED: Final = " UNION ALL ".join(
    f"SELECT run_id, length, ended_at, {due} {_NEEDED_BY_NOBODY}"
    for due in (_BY_SETTINGS, _BY_START)
)
LISTED: Final = (
    f"SELECT run_id, length FROM ({_EXPIRED}) AS expired ORDER BY ended_at, run_id LIMIT :limit"  # noqa: S608 - likewise
)
COUNTED: Final = f"SELECT count(*) FROM ({_EXPIRED}) AS expired"  # noqa: S608 - likewise
TABLES: Final = (
    "events", "blobs", "hooks", "attributes", "attempts", "messages", "children", "slots",
    "streams", "stream_writers", "deliveries", "runs",
)  # fmt: skip
"""Every table that belongs to a run; the row of the run itself goes last."""
_STILL: Final = "SELECT 1 FROM runs WHERE run_id = ? AND ended_at IS NOT NULL /*pg FOR UPDATE */"
_CHUNKS: Final = "DELETE FROM chunks WHERE stream IN (SELECT stream FROM streams WHERE run_id = ?)"
_LENGTH: Final = "SELECT CAST(coalesce(sum(length), 0) AS BIGINT) FROM streams WHERE run_id = ?"
_REMOVE: Final = (_CHUNKS, *(f"DELETE FROM {table} WHERE run_id = ?" for table in TABLES))  # noqa: S608 - names of tables


def collect(transaction: Transaction, kept_us: int | None, limit: int) -> tuple[RunId, ...]:
    """Remove runs that have expired, and name them."""
    values = values_of(transaction.now_us, kept_us, limit)
    removed: list[RunId] = []
    events = 0
    for run_id, length in transaction.execute(LISTED, values).fetchall():
        (written,) = transaction.execute(_LENGTH, (run_id,)).fetchone()
        if removed and events + length + written > rules.COLLECTED_EVENTS_MAX:
            break
        if transaction.execute(_STILL, (run_id,)).fetchone() is None:
            continue  # it was revived since it was listed
        events += length + written
        for statement in _REMOVE:
            transaction.execute(statement, (run_id,))
        removed.append(RunId(run_id))
        transaction.news.add(run_topic(run_id))
    if removed:
        transaction.news.update((RUNS, HOOKS))
    return tuple(removed)


def values_of(now_us: int, kept_us: int | None, limit: int) -> dict[str, object]:
    """Give the parameters of `LISTED` and `COUNTED`."""
    kept = rules.FOR_EVER_US if kept_us is None else kept_us
    return {"now": now_us, "kept": kept, "limit": limit}
