"""Plain appends of many owners in one statement: heads, events, and who is to hear of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from wfc.worlds.protocol import Appended, Refused
from wfc.worlds.sql_events import Parameters
from wfc.worlds.sql_plain import PlainAppend
from wfc.worlds.sql_transaction import Transaction

# Heads are locked in the order of their runs, so that two such statements never wait for each other
# in a circle. A head that is not where it should be is left alone, and with it the events.
STATEMENT: Final = """
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
    AS given (run_id, fence, length, after, at)
), locked AS (
    SELECT runs.run_id, given.after, given.at
    FROM runs JOIN given ON given.run_id = runs.run_id COLLATE "C"
    WHERE runs.fence = given.fence AND runs.length = given.length
    AND runs.recorded_at <= given.at AND runs.owner IS NOT NULL AND runs.ended_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.run_id = runs.run_id)
    ORDER BY runs.run_id FOR UPDATE OF runs
), heads AS (
    UPDATE runs SET length = locked.after, recorded_at = locked.at, losses = 0
    FROM locked WHERE runs.run_id = locked.run_id
    RETURNING runs.run_id
), written AS (
    INSERT INTO events (run_id, position, code, body, dedupe, blobs)
    SELECT rows.* FROM unnest(
        $6::text[], $7::bigint[], $8::bigint[], $9::bytea[], $10::text[], $11::text[]
    ) AS rows (run_id, position, code, body, dedupe, blobs)
    WHERE rows.run_id IN (SELECT heads.run_id FROM heads)
)
SELECT run_id FROM heads
"""
WRITTEN: Final = """
SELECT events.run_id FROM events
JOIN unnest($1::text[], $2::bigint[], $3::bytea[]) AS given (run_id, position, body)
    ON events.run_id = given.run_id AND events.position = given.position
WHERE events.body = given.body
"""
"""Which runs hold an event as it was to be written."""


class PostgresPlainAppend(PlainAppend):
    """A plain append that shares its statement with others."""

    __slots__ = ()

    def run(self, transaction: Transaction) -> Appended | Refused:
        """Do it alone and in full."""
        return self.run_in_full(transaction)


def arguments_of(steps: Sequence[PlainAppend]) -> list[list[Any]]:
    """Give the columns that the statement takes."""
    heads = [
        (step.run_id, step.guard.fence, step.guard.length, step.answer.length, step.now_us)
        for step in steps
    ]
    rows: list[Parameters] = [row for step in steps for row in step.encoded.rows]
    return [*map(list, zip(*heads, strict=True)), *map(list, zip(*rows, strict=True))]


def firsts_of(steps: Sequence[PlainAppend]) -> list[list[Any]]:
    """Give the columns that `WRITTEN` takes: of each append its first event."""
    rows = [step.encoded.rows[0] for step in steps]
    return [[row[0] for row in rows], [row[1] for row in rows], [row[3] for row in rows]]
