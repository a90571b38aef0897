"""A SQLite file that is only looked at: nothing is written to it, and nothing is made beside it."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import aiosqlite

from wfc.clock import Clock
from wfc.errors import WorldLocked, WorldReadOnly, WorldUnreachable
from wfc.worlds.sqlite import SqliteWorld
from wfc.worlds.sqlite_connect import connect_to_look, translate
from wfc.worlds.vault import Vault


class SqliteLook(SqliteWorld):
    """A SQLite world that refuses to write.

    Whoever reads a file in WAL mode makes a log and an index beside it, where they are not there
    already, and so needs the right to write. Where there is no log, nobody has the file open, and
    it is read as what does not change. If that proves wrong, because somebody began to write
    meanwhile, the read is refused: its pages may be of two times.
    """

    def __init__(
        self, path: str | Path, *, clock: Clock | None = None, vault: Vault | None = None
    ) -> None:
        """Look at the file `path`; time comes from `clock`, keys from `vault`."""
        super().__init__(path, clock=clock, vault=vault)
        self._unchanged: tuple[int, int] | None = None
        self._copy_of_it: tempfile.TemporaryDirectory[str] | None = None

    async def open(self) -> None:
        """Connect. Raises `WorldUnreachable` for a file of an older wfc, or for none."""
        if self._reader is not None:
            return
        if not self.path.is_file():
            raise WorldUnreachable(f"{self.path} is no file, and who only reads makes none")
        try:
            # Not in aiosqlite's thread, which does not end if it cannot connect.
            found = await asyncio.to_thread(self._connected)
        except sqlite3.Error as error:
            self._drop_copy()
            raise translate(error, self.path) from error
        except BaseException:
            self._drop_copy()
            raise
        self._reader = await aiosqlite.Connection(lambda: found, 64)

    def _connected(self) -> sqlite3.Connection:
        if not _size(self._log):
            self._unchanged = self._state()
            return connect_to_look(self.path, immutable=True)
        if Path(f"{self.path}-shm").exists():
            return connect_to_look(self.path, immutable=False)
        # A log without its index is what a crash or `cp` left: nobody has the file open, and SQLite
        # would make the index beside it.
        self._copy_of_it = tempfile.TemporaryDirectory(prefix="wfc-look-")
        copy = Path(self._copy_of_it.name) / "world.db"
        shutil.copyfile(self.path, copy)
        shutil.copyfile(self._log, f"{copy}-wal")
        return connect_to_look(copy, immutable=False)

    @property
    def _log(self) -> Path:
        return Path(f"{self.path}-wal")

    def _state(self) -> tuple[int, int]:
        found = self.path.stat()
        return found.st_mtime_ns, found.st_size

    async def close(self) -> None:
        """Disconnect; a second call does nothing."""
        await super().close()
        self._drop_copy()

    def _drop_copy(self) -> None:
        copy, self._copy_of_it = self._copy_of_it, None
        if copy is not None:
            copy.cleanup()

    async def _read(
        self, statement: str, values: Iterable[object] | Mapping[str, object] = ()
    ) -> list[tuple[Any, ...]]:
        rows = await super()._read(statement, values)
        if self._unchanged is not None and (_size(self._log) or self._state() != self._unchanged):
            raise WorldLocked(
                f"{self.path}: somebody began to write while it was being read as a file that "
                "nobody has open, so what was read may be of two times. Nothing was written. Do it "
                "again: now it is read beside its writer."
            )
        return rows

    async def _writer_at_last(self) -> NoReturn:
        raise WorldReadOnly(f"{self.path} was opened for reading alone; nothing was written")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
