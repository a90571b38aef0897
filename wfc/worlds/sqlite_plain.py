"""The short way of an owner's plain append: what a run does most."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from wfc.eventlog.event import Event, Recorded
from wfc.ids import RunId
from wfc.worlds import sql_events
from wfc.worlds.feed import RUNS, run_topic
from wfc.worlds.protocol import (
    Appended,
    Owner,
    Refused,
)
from wfc.worlds.request import Request
from wfc.worlds.sql_append import append
from wfc.worlds.sqlite_commit import SqliteTransaction, apart, settle
from wfc.worlds.vault import Vault

_MOVE_HEAD: Final = """
UPDATE runs SET length = ?, recorded_at = ?, losses = 0
WHERE run_id = ? AND fence = ? AND length = ? AND recorded_at <= ?
AND owner IS NOT NULL AND ended_at IS NULL
AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.run_id = runs.run_id)
"""


class PlainAppend:
    """An owner's append of plain events: two statements, encoded before the writer sees it."""

    __slots__ = (
        "_answer", "_encoded", "_events", "_guard", "_head", "_run_id",
        "atomic", "blocking", "future", "size",
    )  # fmt: skip

    def __init__(
        self,
        run_id: RunId,
        events: Sequence[Event],
        guard: Owner,
        now_us: int,
        vault: Vault | None = None,
    ) -> None:
        """Prepare everything that needs no transaction; the answer if nothing stands against it."""
        self._run_id, self._events, self._guard = run_id, events, guard
        length = guard.length
        recorded = tuple(
            Recorded(position=position, recorded_at=now_us, event=event)
            for position, event in enumerate(events, length + 1)
        )
        self._encoded = sql_events.encode(run_id, recorded, vault)
        after = length + len(recorded)
        self._head = (after, now_us, run_id, guard.fence, length, now_us)
        self._answer = Appended(recorded=recorded, length=after)
        self.size = self._encoded.size
        self.atomic = True
        self.blocking = False
        self.future: asyncio.Future[Appended | Refused] = asyncio.get_running_loop().create_future()

    def run(self, transaction: SqliteTransaction) -> Appended | Refused:
        """Move the head and write; if the head is not where it should be, find out why."""
        if transaction.execute(_MOVE_HEAD, self._head).rowcount == 1:
            sql_events.insert(transaction.connection, self._run_id, self._encoded)
            transaction.news.update((RUNS, run_topic(self._run_id)))
            return self._answer
        request = Request(run_id=self._run_id, events=self._events, guard=self._guard)
        return apart(transaction, lambda: append(transaction, request))

    def settle(self, answer: Any) -> None:
        """Resolve the future."""
        settle(self.future, answer)
