"""Runs in PostgreSQL: durable, shared by the processes of many machines."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg

from wfc.clock import MICROSECONDS, Clock, SystemClock
from wfc.errors import WorldCorrupt, WorldReadOnly, WorldUnreachable
from wfc.eventlog.event import Event
from wfc.ids import RunId
from wfc.worlds import sql_leases
from wfc.worlds.postgres_backup import dump
from wfc.worlds.postgres_clock import ASK, DatabaseClock
from wfc.worlds.postgres_connect import migrate, must_be_current, refuse_pooler, verify
from wfc.worlds.postgres_errors import TROUBLE, shown, translate
from wfc.worlds.postgres_listener import Listener
from wfc.worlds.postgres_news import NUMBER, Taken
from wfc.worlds.postgres_plain import PostgresPlainAppend
from wfc.worlds.postgres_readers import Readers
from wfc.worlds.postgres_writer import Writer
from wfc.worlds.protocol import Appended, Owner, Refused, Swept, Watch
from wfc.worlds.sql_transaction import Transaction
from wfc.worlds.sql_world import SqlWorld
from wfc.worlds.vault import Vault

T = TypeVar("T")
_LANES_KEPT_US: Final = 7 * 24 * 3600 * MICROSECONDS
_TORN: Final = """
SELECT runs.run_id FROM runs LEFT JOIN (
    SELECT run_id, count(*) AS held, max(position) AS last FROM events GROUP BY run_id
) AS logs ON logs.run_id = runs.run_id
WHERE coalesce(logs.held, 0) <> runs.length OR coalesce(logs.last, 0) <> runs.length LIMIT 1
"""


class PostgresWorld(SqlWorld):
    """A PostgreSQL database as a world: lanes that write, connections that read, one that listens.

    All of them are made when they are needed first.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        vault: Vault | None = None,
        look: bool = False,
    ) -> None:
        """Keep runs in the database at `url`, in the schema `wfc`.

        Time comes from `clock`, by default from the database's. `vault` holds the keys under which
        payloads are encrypted; without it they are not. With `look` nothing is written.
        """
        own = clock is None or type(clock) is SystemClock
        self._database_clock = DatabaseClock() if own else None
        super().__init__(self._database_clock or clock or SystemClock(), vault)
        self.url = shown(url)
        self._address = url
        self._look = look
        self._origin = uuid.uuid4().hex
        self._writer: Writer | None = None
        self._readers: Readers | None = None
        self._listener: Listener | None = None

    async def open(self) -> None:
        """Connect, and migrate if need be and unless one only looks."""
        if self._readers is not None:
            return
        readers = Readers(self._address, look=self._look)
        try:
            async with readers.connection() as raw:
                await self._learn_time(raw)
                if self._look:
                    await must_be_current(raw, self._address)
                else:
                    await migrate(raw, self._address, self.now_us())
                taken = Taken(await raw.fetchval(NUMBER))
                if await raw.fetchval("SELECT pg_backend_pid()") != raw.get_server_pid():
                    async with readers.connection() as other:
                        await refuse_pooler(raw, other, self._address)
        except TROUBLE as error:
            await readers.close()
            raise translate(error, self._address) from error
        except BaseException:
            await readers.close()
            raise
        self._readers = readers
        if self._look:
            return
        self._writer = Writer(
            self._address,
            self._clock,
            self._feed.publish,
            origin=self._origin,
            taken=taken,
            vault=self._vault,
        )
        self._listener = Listener(
            self._address, self._feed, self._origin, taken, self._database_clock
        )

    async def _learn_time(self, raw: asyncpg.Connection[Any]) -> None:
        if self._database_clock is not None:
            asked = SystemClock().now_us()
            told = await raw.fetchval(ASK)
            self._database_clock.learn(told, asked, SystemClock().now_us())

    async def close(self) -> None:
        """Finish waiting writes and disconnect; a second call does nothing."""
        writer, self._writer = self._writer, None
        readers, self._readers = self._readers, None
        listener, self._listener = self._listener, None
        async with contextlib.AsyncExitStack() as stack:
            for part in (readers, listener, writer):
                if part is not None:
                    stack.push_async_callback(part.close)

    async def check(self) -> None:
        """Read the durability settings back, and probe for the right to write and for torn logs."""
        if self._readers is None:
            self._closed()
        assert self._readers is not None
        try:
            async with self._readers.connection() as raw:
                await verify(raw, self._address)
                if await raw.fetchval("SELECT pg_is_in_recovery()"):
                    raise WorldReadOnly(f"{self.url} only follows another server")
        except TROUBLE as error:
            raise translate(error, self._address) from error
        await self._write(_probe)
        torn = await self._read(_TORN)
        if torn:
            raise WorldCorrupt(
                f"{self.url} is damaged: the log of run {torn[0][0]} is not as long as its head "
                "says; nothing is repaired. Stop the workers and restore a backup."
            )

    async def _write_copy(self, path: Path) -> None:
        if self._readers is None:
            self._closed()
        await dump(self._address, path)

    def _closed(self) -> Writer:
        if self._readers is not None:
            raise WorldReadOnly(f"{self.url} was opened for reading alone; nothing was written")
        raise WorldUnreachable(
            f"the world {self.url} is not open: await world.open() first, once per event loop"
        )

    async def _write(self, work: Callable[[Transaction], T], size: int = 0) -> T:
        return await (self._writer or self._closed()).call(work, size)

    def _write_blocking(self, work: Callable[[Transaction], T]) -> T:
        return (self._writer or self._closed()).call_blocking(work)

    async def _append_plain(
        self, run_id: RunId, events: Sequence[Event], guard: Owner
    ) -> Appended | Refused:
        writer = self._writer or self._closed()
        step = PostgresPlainAppend(run_id, events, guard, self._clock.now_us(), self._vault)
        writer.put(step)
        return await step.future

    async def _read(
        self, statement: str, values: Iterable[object] | Mapping[str, object] = ()
    ) -> list[tuple[Any, ...]]:
        if self._readers is None:
            self._closed()
        assert self._readers is not None
        return await self._readers.fetch(statement, values)

    async def sweep(self, limit: int = 1000) -> Swept:
        """Repair what crashes left behind, and forget the lanes of processes long gone."""

        def work(transaction: Transaction) -> Swept:
            long_ago = transaction.now_us - _LANES_KEPT_US
            transaction.execute("DELETE FROM lanes WHERE at < ?", (long_ago,))
            return sql_leases.sweep(transaction, limit)

        return await self._write(work)

    def watch(self, *topics: str) -> Watch:
        """Watch topics; the first watch begins to listen to other processes."""
        if self._listener is not None:
            self._listener.start()
        return super().watch(*topics)


def _probe(transaction: Transaction) -> None:
    """See that a row can be written."""
    transaction.execute("UPDATE meta SET value = value WHERE key = 'schema'")
