"""Facts about no single run, in a world with tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

from wfc.eventlog.event import Channel
from wfc.worlds.audit import AuditFilter, Note, Noted, added
from wfc.worlds.feed import AUDIT
from wfc.worlds.sql_transaction import Transaction

SELECT: Final = """
SELECT number, at, actor, channel, action, details FROM audit
WHERE (CAST(:before AS BIGINT) IS NULL OR number < :before)
AND (CAST(:action AS TEXT) IS NULL OR action = :action)
AND (CAST(:actor AS TEXT) IS NULL OR actor = :actor)
AND (CAST(:since AS BIGINT) IS NULL OR at >= :since)
AND (CAST(:until AS BIGINT) IS NULL OR at < :until)
ORDER BY number DESC LIMIT :limit
"""
_LAST_OF_KIND: Final = """
SELECT number, details FROM audit
WHERE action = ? AND actor IS /*pg NOT DISTINCT FROM */ ? AND channel = ? AND at >= ?
ORDER BY number DESC LIMIT 1 /*pg FOR UPDATE */
"""


def values_of(where: AuditFilter, before: int | None, limit: int) -> dict[str, object]:
    """Give the parameters of `SELECT`."""
    return {**asdict(where), "before": before, "limit": limit}


def add(transaction: Transaction, note: Note) -> None:
    """Keep a fact, in the transaction of what it tells of."""
    transaction.execute(
        "INSERT INTO audit (at, actor, channel, action, details) VALUES (?, ?, ?, ?, ?)",
        (
            transaction.now_us,
            note.actor,
            note.channel.value,
            note.action,
            json.dumps(dict(note.details)),
        ),
    )
    transaction.news.add(AUDIT)


def join(transaction: Transaction, note: Note, within_us: int) -> bool:
    """Add the numbers of a fact to those of the last one of its kind, if that is young enough."""
    kind = (note.action, note.actor, note.channel.value, transaction.now_us - within_us)
    found = transaction.execute(_LAST_OF_KIND, kind).fetchone()
    if found is None:
        return False
    details = added(json.loads(found[1]), note.details)
    values = (json.dumps(details), found[0])
    transaction.execute("UPDATE audit SET details = ? WHERE number = ?", values)
    transaction.news.add(AUDIT)
    return True


def rows_of(values: Iterable[tuple[Any, ...]]) -> list[Noted]:
    """Make rows of what `SELECT` has found."""
    return [
        Noted(
            number=number,
            at=at,
            note=Note(
                action=action, actor=actor, channel=Channel(channel), details=json.loads(details)
            ),
        )
        for number, at, actor, channel, action, details in values
    ]


def forget(transaction: Transaction, before: int) -> int:
    """Let old facts go, and say how many."""
    return transaction.execute("DELETE FROM audit WHERE at < ?", (before,)).rowcount
