"""The one writer of a SQLite file in this process: whole batches of writes share one commit.

A thread owns the connection. It takes every write that waits, runs them in one transaction and
resolves them together after `COMMIT` has returned, so nothing is acknowledged that is not on disk.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

from wfc import fault
from wfc.clock import Clock
from wfc.errors import WfcError, WorldUnreachable
from wfc.worlds.sqlite_connect import connect, migrate, translate
from wfc.worlds.sqlite_turnstile import Turnstile

T = TypeVar("T")
BATCH_WRITES: Final = 512
BATCH_BYTES: Final = 4 << 20
POLL_S: Final = 0.05
"""How often an idle writer looks whether another process wrote."""


class Transaction:
    """What a write sees: the connection inside a transaction, the time, and whom to tell after."""

    __slots__ = ("connection", "execute", "news", "now_us")

    def __init__(self, connection: sqlite3.Connection, now_us: int) -> None:
        """Serve writes of the transaction that `connection` is in."""
        self.connection = connection
        self.execute = connection.execute
        self.now_us = now_us
        self.news: set[str] = set()


class Write(Protocol):
    """One write that waits for the writer. `atomic`: it writes nothing unless it succeeds;
    `blocking`: a thread waits for it, so its answer must not depend on the event loop.
    """

    size: int
    atomic: bool
    blocking: bool

    def run(self, transaction: Transaction) -> Any:
        """Write within the transaction and give the answer."""
        ...

    def settle(self, answer: Any) -> None:
        """Hand over an answer, or the exception to be raised instead."""
        ...


class Call(Generic[T]):
    """A write that is any function of a transaction."""

    __slots__ = ("_future", "_work", "atomic", "blocking", "size")

    def __init__(
        self,
        work: Callable[[Transaction], T],
        future: asyncio.Future[T] | concurrent.futures.Future[T],
        size: int = 0,
    ) -> None:
        """Run `work`; `future` takes its answer."""
        self._work = work
        self._future = future
        self.size = size
        self.atomic = False
        self.blocking = isinstance(future, concurrent.futures.Future)

    def run(self, transaction: Transaction) -> T:
        """Run the function."""
        return self._work(transaction)

    def settle(self, answer: Any) -> None:
        """Resolve the future."""
        settle(self._future, answer)


def settle(future: asyncio.Future[Any] | concurrent.futures.Future[Any], answer: Any) -> None:
    """Resolve a future, unless whoever waited for it has gone."""
    if future.done():
        return
    if isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def apart(transaction: Transaction, work: Callable[[], T]) -> T:
    """Run `work` so that an exception undoes what it wrote, and only that."""
    transaction.execute("SAVEPOINT apart")
    try:
        return work()
    except Exception:
        if transaction.connection.in_transaction:
            transaction.execute("ROLLBACK TO apart")
        raise
    finally:
        if transaction.connection.in_transaction:
            transaction.execute("RELEASE apart")


class Writer:
    """The thread, its connection and its queue."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        publish: Callable[[Iterable[str]], None],
        publish_all: Callable[[], None],
    ) -> None:
        """Write to `path`; `publish` tells topics on the loop, `publish_all` every watch."""
        self._path = path
        self._clock = clock
        self._publish = publish
        self._publish_all = publish_all
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
        self._opened: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._main, name="wfc-sqlite-writer", daemon=True)
        self._connection: sqlite3.Connection
        self._turnstile: Turnstile
        self._closing = False
        self._data_version = 0

    async def open(self) -> None:
        """Start the thread, connect and migrate."""
        self._thread.start()
        await asyncio.wrap_future(self._opened)

    async def close(self) -> None:
        """Finish what waits and end the thread."""
        self._closing = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def put(self, write: Write) -> None:
        """Queue a write. Raises `WorldUnreachable` if the writer was closed."""
        if self._closing:
            raise WorldUnreachable(f"the world {self._path} is closed")
        self._queue.put(write)

    async def call(self, work: Callable[[Transaction], T], size: int = 0) -> T:
        """Run `work` in a transaction and give its answer after the commit."""
        future: asyncio.Future[T] = self._loop.create_future()
        self.put(Call(work, future, size))
        return await future

    def call_blocking(self, work: Callable[[Transaction], T]) -> T:
        """Do the same for a caller in another thread."""
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self.put(Call(work, future))
        return future.result()

    # -- in the thread

    def _main(self) -> None:
        try:
            self._connect()
        except sqlite3.Error as error:
            self._opened.set_exception(translate(error, self._path))
            return
        except BaseException as error:  # noqa: BLE001 - handed to whoever opens the world
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        try:
            self._serve()
        finally:
            self._connection.close()
            self._turnstile.close()

    def _connect(self) -> None:
        self._turnstile = Turnstile(self._path)
        self._turnstile.enter()
        try:
            self._connection = connect(self._path)
            migrate(self._connection, self._path, self._clock.now_us())
        finally:
            self._turnstile.leave()
        self._foreign_writes()

    def _serve(self) -> None:
        while True:
            try:
                first = self._queue.get(timeout=POLL_S)
            except queue.Empty:
                if self._foreign_writes():
                    self._on_loop(self._publish_all)
                continue
            if first is None:
                return
            batch, last = self._batch(first)
            self._commit(batch)
            if last:
                return

    def _batch(self, first: Write) -> tuple[list[Write], bool]:
        """Take all that waits, up to a limit; tell whether the writer shall end after it."""
        batch, size = [first], first.size
        while len(batch) < BATCH_WRITES and size < BATCH_BYTES:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                return batch, True
            batch.append(following)
            size += following.size
        return batch, False

    def _commit(self, batch: list[Write]) -> None:
        try:
            news, answers = self._transact(batch)
        except _WriteFailed as error:
            if len(batch) > 1:
                for write in batch:
                    self._commit([write])
                return
            news, answers = set(), [self._told(error.__cause__ or error)]
        except Exception as error:  # noqa: BLE001 - whoever waits for these writes must learn it
            news, answers = set(), [self._told(error)] * len(batch)
        loop_writes = []
        for write, answer in zip(batch, answers, strict=True):
            if write.blocking:
                write.settle(answer)
            else:
                loop_writes.append((write, answer))
        if loop_writes or news:
            self._on_loop(self._deliver, loop_writes, news)

    def _transact(self, batch: list[Write]) -> tuple[set[str], list[Any]]:
        self._turnstile.enter()
        try:
            fault.point("append.begun")
            self._connection.execute("BEGIN IMMEDIATE")
            transaction = Transaction(self._connection, self._clock.now_us())
            if len(batch) == 1:
                answers = [self._run(batch[0], transaction)]
            else:
                answers = [self._run_apart(write, transaction) for write in batch]
            fault.point("append.written")
            self._connection.execute("COMMIT")
            fault.point("append.committed")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._turnstile.leave()
        return transaction.news, answers

    def _run(self, write: Write, transaction: Transaction) -> Any:
        try:
            return write.run(transaction)
        except sqlite3.Error as error:
            raise _WriteFailed from error

    def _run_apart(self, write: Write, transaction: Transaction) -> Any:
        """Run one write of several, so that a refused one rolls back alone."""
        try:
            if write.atomic:
                return self._run(write, transaction)
            return apart(transaction, lambda: self._run(write, transaction))
        except _WriteFailed:
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked for this write
            return error

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):  # the first error is the one to tell
                self._connection.execute("ROLLBACK")

    def _told(self, error: BaseException) -> BaseException:
        return translate(error, self._path) if isinstance(error, sqlite3.Error) else error

    def _foreign_writes(self) -> bool:
        """Tell whether another connection has written since the last look."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        changed = bool(version != self._data_version)
        self._data_version = version
        return changed

    def _on_loop(self, tell: Callable[..., None], *arguments: Any) -> None:
        # A closed loop has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(tell, *arguments)

    def _deliver(self, settled: list[tuple[Write, Any]], news: set[str]) -> None:
        self._publish(news)
        for write, answer in settled:
            write.settle(answer)


class _WriteFailed(WfcError):
    """A statement of a write failed; the batch is repeated one by one to find out whose."""
