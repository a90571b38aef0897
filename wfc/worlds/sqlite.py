"""Runs in one SQLite file: embedded, durable, shared by the processes of one machine."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import aiosqlite

from wfc.clock import Clock, SystemClock
from wfc.errors import (
    WorldCorrupt,
    WorldError,
    WorldFull,
    WorldLocked,
    WorldReadOnly,
    WorldUnreachable,
)
from wfc.eventlog.event import Event
from wfc.ids import RunId
from wfc.worlds.protocol import Appended, Owner, Refused
from wfc.worlds.sql_transaction import Transaction
from wfc.worlds.sql_world import SqlWorld
from wfc.worlds.sqlite_commit import SqliteTransaction
from wfc.worlds.sqlite_connect import (
    SQLITE_ERRORS,
    check_folder,
    connect,
    connect_to_look,
    translate,
    verify,
)
from wfc.worlds.sqlite_plain import SqlitePlainAppend
from wfc.worlds.sqlite_writer import Writer
from wfc.worlds.vault import Vault

T = TypeVar("T")


class SqliteWorld(SqlWorld):
    """A SQLite file as a world. One writer thread, one reader connection."""

    def __init__(
        self, path: str | Path, *, clock: Clock | None = None, vault: Vault | None = None
    ) -> None:
        """Keep runs in the file `path`; time comes from `clock` (by default the machine's).

        `vault` holds the keys under which payloads are encrypted; without it they are not.
        """
        self.path = Path(path).absolute()
        self.url = f"sqlite:///{self.path}"
        super().__init__(clock or SystemClock(), vault)
        self._writer: Writer | None = None
        self._reader: aiosqlite.Connection | None = None
        self._getting_writer = asyncio.Lock()

    async def open(self) -> None:
        """Connect, and migrate if need be. A file that can only be read is opened for reading."""
        if self._reader is not None:
            return
        try:
            self._writer = await self._new_writer()
        except (WorldFull, WorldReadOnly, WorldLocked, WorldUnreachable) as problem:
            self._reader = await self._looking(problem)
            return
        try:
            self._reader = await self._new_reader()
        except SQLITE_ERRORS as error:
            writer, self._writer = self._writer, None
            await writer.close()
            raise translate(error, self.path) from error

    async def _new_writer(self) -> Writer:
        writer = Writer(
            self.path,
            self._clock,
            self._feed.publish,
            on_foreign_writes=self._feed.publish_all,
            vault=self._vault,
        )
        await writer.open()
        return writer

    async def _new_reader(self) -> aiosqlite.Connection:
        return await aiosqlite.Connection(partial(connect, self.path, reader=True), 64)

    async def _looking(self, problem: WorldError) -> aiosqlite.Connection:
        """Open for reading what cannot be opened for writing. Raises `problem`."""
        for immutable in (False, True):
            try:
                # Not in aiosqlite's thread, which does not end if it cannot connect.
                found = await asyncio.to_thread(connect_to_look, self.path, immutable=immutable)
            except (*SQLITE_ERRORS, WorldError):
                continue  # `problem` says what is wrong
            return await aiosqlite.Connection(lambda made=found: made, 64)  # type: ignore[misc]  # mypy infers no default
        raise problem

    async def _writer_at_last(self) -> Writer:
        """Try once more to get a writer: there may be room or a right to write by now.

        Raises `WorldError`.
        """
        if self._reader is None:
            self._closed()
        async with self._getting_writer:
            if self._writer is None:
                writer = await self._new_writer()
                looking, self._reader = self._reader, await self._new_reader()
                self._writer = writer
                if looking is not None:
                    await looking.close()
        return self._writer or self._closed()

    async def close(self) -> None:
        """Finish waiting writes and disconnect; a second call does nothing."""
        writer, self._writer = self._writer, None
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()
        if writer is not None:
            await writer.close()

    async def check(self) -> None:
        """Read the durability settings back, and probe for damage and for the right to write."""
        await (self._writer or await self._writer_at_last()).call(self._probe)
        rows = await self._read("PRAGMA quick_check(1)")
        if rows != [("ok",)]:
            raise WorldCorrupt(
                f"{self.path} is damaged ({rows[0][0]}); nothing is repaired. Stop the workers, "
                "keep a copy of the file with its -wal, and restore a backup."
            )

    def _probe(self, transaction: SqliteTransaction) -> None:
        verify(transaction.connection, self.path)
        # Undone at once: to begin a transaction does not say that a file is read-only.
        transaction.execute("SAVEPOINT probe")
        try:
            transaction.execute("UPDATE meta SET value = value WHERE key = 'schema'")
        finally:
            if transaction.connection.in_transaction:
                transaction.execute("ROLLBACK TO probe")
                transaction.execute("RELEASE probe")

    async def _write_copy(self, path: Path) -> None:
        if self._reader is None:
            self._closed()
        await asyncio.to_thread(self._copy, path)

    def _copy(self, path: Path) -> None:
        """Copy what is committed, on connections of this thread's own."""
        check_folder(path)
        with (
            closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(path)) as target,
        ):
            try:
                source.backup(target)
            except SQLITE_ERRORS as error:
                raise translate(error, path) from error

    async def _append_plain(
        self, run_id: RunId, events: Sequence[Event], guard: Owner
    ) -> Appended | Refused:
        """Two statements, encoded before the writer sees them."""
        writer = self._writer or await self._writer_at_last()
        step = SqlitePlainAppend(run_id, events, guard, self._clock.now_us(), self._vault)
        writer.put(step)
        return await step.future

    def _closed(self) -> Writer:
        raise WorldUnreachable(
            f"the world {self.url} is not open: await world.open() first, once per event loop"
        )

    async def _write(self, work: Callable[[Transaction], T], size: int = 0) -> T:
        return await (self._writer or await self._writer_at_last()).call(work, size)

    def _write_blocking(self, work: Callable[[Transaction], T]) -> T:
        return (self._writer or self._closed()).call_blocking(work)

    async def _read(
        self, statement: str, values: Iterable[object] | Mapping[str, object] = ()
    ) -> list[tuple[Any, ...]]:
        if self._reader is None:
            self._closed()
        assert self._reader is not None
        try:
            rows = await self._reader.execute_fetchall(statement, values)
        except SQLITE_ERRORS as error:
            raise translate(error, self.path) from error
        return cast("list[tuple[Any, ...]]", list(rows))
