"""A transaction of PostgreSQL as `sql_*.py` sees it.

The statements of a write run one after the other in a thread of its own, so whoever writes waits
for each: the thread drives its own event loop just for that, and asyncpg does the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, Final, TypeVar

from asyncpg.prepared_stmt import PreparedStatement

from wfc.worlds.postgres_connect import Raw
from wfc.worlds.postgres_dialect import translated, untyped
from wfc.worlds.vault import Vault

T = TypeVar("T")
_PREPARED_MAX: Final = 500
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))"
_LOCK_SHARED: Final = "SELECT pg_advisory_xact_lock_shared(hashtextextended(?, 0))"
Drive = Callable[[Coroutine[Any, Any, T]], T]


class Found:
    """What a statement has found or written."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: Iterator[tuple[Any, ...]], status: str) -> None:
        """Hold the rows, and the number of written ones that the status tells."""
        self._rows = rows
        count = status.rpartition(" ")[2]
        self.rowcount = int(count) if count.isdigit() else -1

    def fetchone(self) -> Any:
        """Give the next row, or None."""
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        """Give all rows that are left."""
        return list(self._rows)

    def __iter__(self) -> Iterator[Any]:
        """Give the rows one by one."""
        return self._rows


class Session:
    """A connection that a thread waits for; prepares each statement once."""

    def __init__(self, raw: Raw, loop: asyncio.AbstractEventLoop) -> None:
        """Run statements on `raw`, which belongs to `loop`."""
        self.raw = raw
        self._drive = loop.run_until_complete
        self._prepared: dict[str, PreparedStatement[Any]] = {}
        self.wrote = False
        """Whether a statement may have changed something; who cares resets it."""

    def execute(self, statement: str, values: Any = (), /) -> Found:
        """Run a statement with values for its ``?``, or a mapping for its ``:names``."""
        text, arguments = translated(statement, values)
        if not text.lstrip().startswith("SELECT"):
            self.wrote = True
        return self._drive(self._run(text, arguments))

    def executemany(self, statement: str, values: Iterable[Any], /) -> None:
        """Run a statement once for each of `values`."""
        rows = [tuple(one) for one in values]
        if rows:
            self.wrote = True
            self._drive(self.raw.executemany(untyped(statement), rows))

    def native(self, text: str, *arguments: Any) -> Found:
        """Run a statement that is written for PostgreSQL."""
        self.wrote = True
        return self._drive(self._run(text, arguments))

    def command(self, text: str) -> None:
        """Run a command that takes no values and finds nothing: the simplest and fastest way."""
        self._drive(self.raw.execute(text))

    async def _run(self, text: str, arguments: Iterable[Any]) -> Found:
        prepared = self._prepared.get(text)
        if prepared is None:
            if len(self._prepared) >= _PREPARED_MAX:
                self._prepared.clear()
            prepared = self._prepared[text] = await self.raw.prepare(text)
        rows = await prepared.fetch(*arguments)
        return Found(map(tuple, rows), prepared.get_statusmsg() or "")


class PostgresTransaction:
    """What a write sees: the connection inside a transaction, the time, and whom to tell after."""

    __slots__ = ("connection", "execute", "news", "now_us", "vault")

    def __init__(self, session: Session, now_us: int, vault: Vault | None = None) -> None:
        """Serve writes of the transaction that `session` is in; `vault` seals what goes in."""
        self.connection = session
        self.execute = session.execute
        self.now_us = now_us
        self.vault = vault
        self.news: set[str] = set()

    def lock(self, name: str, *, shared: bool = False) -> None:
        """Keep a named lock until the transaction ends, alone or with others who share it."""
        self.execute(_LOCK_SHARED if shared else _LOCK, (f"wfc {name}",))
