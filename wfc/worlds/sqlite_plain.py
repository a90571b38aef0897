"""The short way of an owner's plain append: two statements."""

from __future__ import annotations

from typing import Final

from wfc.worlds import sql_events
from wfc.worlds.feed import RUNS, run_topic
from wfc.worlds.protocol import Appended, Refused
from wfc.worlds.sql_plain import PlainAppend
from wfc.worlds.sqlite_commit import SqliteTransaction, apart

_MOVE_HEAD: Final = """
UPDATE runs SET length = ?, recorded_at = ?, losses = 0
WHERE run_id = ? AND fence = ? AND length = ? AND recorded_at <= ?
AND owner IS NOT NULL AND ended_at IS NULL
AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.run_id = runs.run_id)
"""


class SqlitePlainAppend(PlainAppend):
    """A plain append to a SQLite file."""

    __slots__ = ()

    def run(self, transaction: SqliteTransaction) -> Appended | Refused:
        """Move the head and write; if the head is not where it should be, find out why."""
        guard, now = self.guard, self.now_us
        head = (self.answer.length, now, self.run_id, guard.fence, guard.length, now)
        if transaction.execute(_MOVE_HEAD, head).rowcount == 1:
            sql_events.insert(transaction.connection, self.run_id, self.encoded)
            transaction.news.update((RUNS, run_topic(self.run_id)))
            return self.answer
        return apart(transaction, lambda: self.run_in_full(transaction))
