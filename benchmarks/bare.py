"""The limits that wfc is held against: what the same database does without wfc."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROW = b"x" * 100


@contextmanager
def _database() -> Iterator[sqlite3.Connection]:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        connection = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(
            "CREATE TABLE events (run_id TEXT, position INTEGER, body BLOB,"
            " PRIMARY KEY (run_id, position)) WITHOUT ROWID"
        )
        yield connection
        connection.close()


def commits_per_s(count: int = 2000, rows: int = 1) -> float:
    """Durable transactions of `rows` inserts each, per second."""
    with _database() as connection:
        begun = time.perf_counter()
        for number in range(count):
            connection.execute("BEGIN IMMEDIATE")
            for row in range(rows):
                connection.execute(
                    "INSERT INTO events VALUES (?, ?, ?)", (f"run_{row}", number, _ROW)
                )
            connection.execute("COMMIT")
        return count / (time.perf_counter() - begun)


def gathered_tasks_per_s(count: int) -> float:
    """Plain asyncio tasks whose results share one durable commit, per second."""

    async def body(number: int) -> int:
        await asyncio.sleep(0)
        return number

    async def gather() -> list[int]:
        return await asyncio.gather(*[body(number) for number in range(count)])

    with _database() as connection:
        begun = time.perf_counter()
        results = asyncio.run(gather())
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO events VALUES ('run', ?, ?)", [(number, _ROW) for number in results]
        )
        connection.execute("COMMIT")
        return count / (time.perf_counter() - begun)
