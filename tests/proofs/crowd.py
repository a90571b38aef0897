"""Worlds with very many runs, made of a few real ones; and what a statement costs, by counting.

A run is executed once and its rows are repeated under other ids, by the database itself: nothing
else fills a file with a million runs in minutes. Costs are counted in instructions of SQLite's
virtual machine, never in time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

APART_US: Final = 1000
"""How far apart the repeated runs were created."""
_STEP: Final = 10
"""Instructions are counted by so many: to be asked after each costs more than they do."""


def repeat(path: Path, run_id: str, count: int) -> None:
    """Repeat all rows of a run `count` times, as runs ``RUN_ID-0000001`` and on."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA synchronous=OFF")
        file.execute("BEGIN IMMEDIATE")
        tables = [name for (name,) in file.execute(_TABLES)]
        for table in tables:
            file.execute(_repeating(file, table), {"run_id": run_id, "count": count})
        file.execute("COMMIT")
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_TABLES: Final = """
SELECT m.name FROM sqlite_schema AS m WHERE m.type = 'table'
AND EXISTS (SELECT 1 FROM pragma_table_info(m.name) WHERE name = 'run_id')
"""


def _repeating(file: sqlite3.Connection, table: str) -> str:
    """Make the statement that repeats the rows of a table; numbers of rows are given anew."""
    numbers = {"receipt", "stream", "number"} if table in {"messages", "streams", "slots"} else {}
    names = [
        row[1]
        for row in file.execute(f"PRAGMA table_info({table})")
        if not (row[1] in numbers and row[5])
    ]
    taken = [_TAKEN.get(name, name) for name in names]
    return f"""
        WITH RECURSIVE one (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM one WHERE n < :count)
        INSERT INTO {table} ({", ".join(names)})
        SELECT {", ".join(taken)} FROM one CROSS JOIN {table} WHERE run_id = :run_id
        """  # noqa: S608 - names of the database's own


_TAKEN: Final = {
    "run_id": "printf('%s-%07d', run_id, n)",
    "created_at": f"created_at + n * {APART_US}",
    "ended_at": f"ended_at + n * {APART_US}",
}


@contextmanager
def counted(connection: sqlite3.Connection, *, by: int = _STEP) -> Iterator[list[int]]:
    """Count the instructions that a connection executes meanwhile: the sum stands in the list."""
    sums = [0]

    def count() -> int:
        sums[0] += by
        return 0

    connection.set_progress_handler(count, by)
    try:
        yield sums
    finally:
        connection.set_progress_handler(None, 0)
