"""One transaction for many writes: run each, commit all, and know the answer of each.

No answer leaves here before `COMMIT` has returned, so nothing is acknowledged that is not on disk.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from wfc import fault
from wfc.clock import Clock
from wfc.errors import IllegalEvent, WfcError
from wfc.worlds.sql_write import Write
from wfc.worlds.sqlite_connect import (
    CHECKPOINT_PAGES,
    SQLITE_ERRORS,
    check_folder,
    check_log,
    connect,
    connect_current,
    migrate,
    translate,
)
from wfc.worlds.sqlite_turnstile import Turnstile
from wfc.worlds.vault import Vault

T = TypeVar("T")
_PAGE_BYTES: Final = 4096
_WAL_BYTES: Final = (CHECKPOINT_PAGES + 100) * (_PAGE_BYTES + 24)
"""What the log file grows to before a checkpoint lets it begin anew."""
_GROW_AFTER: Final = 64
"""After so many commits a process is no passing visitor, and a grown log file pays."""
_GROW_FREE_BYTES: Final = 64 * _WAL_BYTES
_CHECKPOINT_SOON: Final = CHECKPOINT_PAGES // 2


class SqliteTransaction:
    """What a write sees: the connection inside a transaction, the time, and whom to tell after."""

    __slots__ = ("connection", "execute", "news", "now_us", "vault")

    def __init__(
        self, connection: sqlite3.Connection, now_us: int, vault: Vault | None = None
    ) -> None:
        """Serve writes of the transaction that `connection` is in; `vault` seals what goes in."""
        self.connection = connection
        self.execute = connection.execute
        self.now_us = now_us
        self.vault = vault
        self.news: set[str] = set()

    def lock(self, name: str, *, shared: bool = False) -> None:
        """Do nothing: whoever writes has the whole file for itself."""


def apart(transaction: SqliteTransaction, work: Callable[[], T]) -> T:
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


@dataclass(slots=True)
class Committed:
    """Writes with their answers, and the topics of which there is news."""

    settled: list[tuple[Write, Any]] = field(default_factory=list)
    news: set[str] = field(default_factory=set)


class Committer:
    """The writing connection of this process to one file. One thread at a time may use it."""

    def __init__(self, path: Path, clock: Clock, vault: Vault | None = None) -> None:
        """Connect to `path`, and migrate it if it is behind. Raises `WorldError`."""
        self._path = path
        self._clock = clock
        self._vault = vault
        self._commits = 0
        self._grown = False
        self._pages = 0
        self._data_version = 0
        self.last_commit_s = 1.0
        check_folder(path)
        try:
            self._turnstile = Turnstile(path)
            try:
                self._connect()
            except BaseException:
                self._turnstile.close()
                raise
        except SQLITE_ERRORS as error:
            raise translate(error, path) from error

    def _connect(self) -> None:
        """Connect; only to create or migrate the file must it be our turn to write."""
        found = connect_current(self._path)
        if found is not None:
            self._connection = found
            self.foreign_writes()
            return
        self._turnstile.enter()
        try:
            check_log(self._path)
            self._connection = connect(self._path)
            try:
                migrate(self._connection, self._path, self._clock.now_us())
                self.foreign_writes()
            except BaseException:
                self._connection.close()
                raise
        finally:
            self._turnstile.leave()

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()
        self._turnstile.close()

    def commit(self, batch: list[Write]) -> Committed:
        """Run the writes in one transaction; a refused one rolls back alone."""
        try:
            self._turnstile.enter()
            return self._transact(batch)
        except _WriteFailed as error:
            if len(batch) > 1:
                return self._one_by_one(batch)
            told = self._told(error.__cause__)
        except Exception as error:  # noqa: BLE001 - whoever waits for these writes must learn it
            told = self._told(error)
        return Committed([(write, told) for write in batch])

    def try_commit(self, write: Write) -> Committed | None:
        """Do the same for one write, unless another process has its turn: then do nothing."""
        if not self._turnstile.try_enter():
            return None
        try:
            return self._transact([write])
        except _WriteFailed as error:
            told = self._told(error.__cause__)
        except Exception as error:  # noqa: BLE001 - whoever waits for this write must learn it
            told = self._told(error)
        return Committed([(write, told)])

    def _one_by_one(self, batch: list[Write]) -> Committed:
        """Find out which write failed, without harm for the others."""
        all_of_it = Committed()
        for write in batch:
            committed = self.commit([write])
            all_of_it.settled += committed.settled
            all_of_it.news |= committed.news
        return all_of_it

    def _transact(self, batch: list[Write]) -> Committed:
        """Commit the batch; the turn is ours, and ends here."""
        began = time.perf_counter()
        try:
            fault.point("append.begun")
            self._connection.execute("BEGIN IMMEDIATE")
            transaction = SqliteTransaction(self._connection, self._clock.now_us(), self._vault)
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
        self.last_commit_s = time.perf_counter() - began
        self._commits += 1
        self._pages += 2 + len(batch) + sum(write.size for write in batch) // _PAGE_BYTES
        return Committed(list(zip(batch, answers, strict=True)), transaction.news)

    def _run(self, write: Write, transaction: SqliteTransaction) -> Any:
        try:
            return write.run(transaction)
        except SQLITE_ERRORS as error:
            raise _WriteFailed from error

    def _run_apart(self, write: Write, transaction: SqliteTransaction) -> Any:
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

    def _told(self, error: BaseException | None) -> Exception:
        if isinstance(error, sqlite3.IntegrityError):
            # This is about some rows and not the world: a worker must go on with other runs.
            return IllegalEvent(
                f"{self._path}: rows that are there contradict what was to be written ({error}), "
                "so nothing was written. They are damaged, or wfc is at fault."
            )
        if isinstance(error, SQLITE_ERRORS):
            return translate(error, self._path)
        assert isinstance(error, Exception)
        return error

    def foreign_writes(self) -> bool:
        """Tell whether another connection has written since the last look."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        changed = bool(version != self._data_version)
        self._data_version = version
        return changed

    # -- upkeep: never needed for what is promised, only for speed

    @property
    def needs_upkeep(self) -> bool:
        """Tell whether `keep_up` has something to do that may take a while."""
        return self._pages > _CHECKPOINT_SOON or self._may_grow

    @property
    def _may_grow(self) -> bool:
        return not self._grown and self._commits >= _GROW_AFTER

    def keep_up(self) -> None:
        """Grow the log file, or move the log into the database before a commit has to do it."""
        with contextlib.suppress(sqlite3.Error, OSError, WfcError):
            if self._may_grow:
                self._grown = True  # or not, if it fails: it is tried once
                self._grow_log()
            if self._pages > _CHECKPOINT_SOON:
                self._pages = 0
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _grow_log(self) -> None:
        """Fill the log file with zeros up to the size it will have anyway.

        A commit that makes the file longer has to write the file system's journal too and takes
        about twice as long. Zeros behind the last frame are no frames, and the write lock keeps
        everybody else from appending meanwhile.
        """
        if shutil.disk_usage(self._path.parent).free < _GROW_FREE_BYTES:
            return
        self._turnstile.enter()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                with open(f"{self._path}-wal", "r+b") as log:  # noqa: PTH123 - a name, not a path
                    missing = _WAL_BYTES - log.seek(0, os.SEEK_END)
                    log.write(bytes(max(missing, 0)))
                    log.flush()
                    os.fsync(log.fileno())
            finally:
                self._connection.execute("ROLLBACK")
        finally:
            self._turnstile.leave()


class _WriteFailed(WfcError):
    """A statement of a write failed; the batch is repeated one by one to find out whose."""
