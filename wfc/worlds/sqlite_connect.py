"""A durable connection to a SQLite file, and what its errors mean in words of wfc."""

from __future__ import annotations

import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Final

from wfc import fault
from wfc.errors import (
    WorldCorrupt,
    WorldError,
    WorldFull,
    WorldLocked,
    WorldReadOnly,
    WorldTooNew,
    WorldUnreachable,
)

BUSY_MS: Final = 10_000
CHECKPOINT_PAGES: Final = 4000
SCHEMA: Final = 12
"""The number of the last migration this code knows."""
MIN_READER: Final = 10
"""Older code writes rows of runs without the column for their gates, which is refused."""
_FULL: Final = 2  # what `PRAGMA synchronous` answers for FULL
_DISK_LOW_BYTES: Final = 1 << 20


SQLITE_ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises: of a damaged file it may say something that is no text."""


def connect(path: Path, *, reader: bool = False) -> sqlite3.Connection:
    """Open `path` with the durability that the promises need, and read it back.

    Raises `sqlite3.Error`, `WorldUnreachable`.
    """
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    try:
        _configure(connection, path)
        if reader:
            connection.execute("PRAGMA query_only=ON")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_current(path: Path) -> sqlite3.Connection | None:
    """Connect to a file whose tables are up to date, by reading alone; None if it is no such file.

    So whoever only looks needs no room on the disk and no turn among the writers. Raises
    `WorldCorrupt`, `WorldTooNew`, `WorldUnreachable`.
    """
    if not path.is_file():
        return None
    check_log(path)
    try:
        with _closed_unless_kept(f"{path.as_uri()}?mode=rw") as (connection, keep):
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            if mode == "wal" and _schema(connection, path) >= SCHEMA:
                _configure(connection, path)
                return keep()
    except SQLITE_ERRORS:
        return None  # who connects to write next meets it again, and tells it
    return None


def connect_to_look(path: Path, *, immutable: bool) -> sqlite3.Connection:
    """Open a file that can only be read. Raises `sqlite3.Error`, `WorldError`.

    `immutable`: not even the side files can be made that readers share with writers. Nobody may
    write meanwhile, and what stands in a log would not be seen, so there must be none.
    """
    log = Path(f"{path}-wal")
    if immutable and log.exists() and log.stat().st_size:
        raise WorldUnreachable(f"{log} cannot be read without the right to write beside it")
    address = f"{path.as_uri()}?mode=ro" + ("&immutable=1" if immutable else "")
    with _closed_unless_kept(address) as (connection, keep):
        connection.execute("PRAGMA query_only=ON")
        if _schema(connection, path) < SCHEMA:
            raise WorldUnreachable(
                f"{path} is of an older wfc, and who can only read it does not bring it up to "
                "date. `wfc db migrate` does, or a worker of this wfc."
            )
        return keep()


@contextmanager
def _closed_unless_kept(
    address: str,
) -> Iterator[tuple[sqlite3.Connection, Callable[[], sqlite3.Connection]]]:
    connection = sqlite3.connect(
        address, uri=True, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    kept: list[sqlite3.Connection] = []

    def keep() -> sqlite3.Connection:
        kept.append(connection)
        return connection

    try:
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        yield connection, keep
    finally:
        if not kept:
            connection.close()


def check_folder(path: Path) -> None:
    """Refuse a file in a folder that does not exist. Raises `WorldUnreachable`."""
    if not path.parent.is_dir():
        raise WorldUnreachable(
            f"the folder {path.parent} of the world {path} does not exist. Create it, or correct "
            "`world` in the configuration."
        )


def check_log(path: Path) -> None:
    """Refuse a file that is empty, or not there, while its log is not. Raises `WorldCorrupt`.

    SQLite takes the log for a leftover and removes it, and with it what was committed last.
    """
    log = Path(f"{path}-wal")
    # In this order: whoever makes a new file fills it before its log.
    if _size(log) and not _size(path):
        raise WorldCorrupt(
            f"{path} is empty or gone, but its log {log} is not: the file was lost, and nothing is "
            "repaired. Stop the workers, keep a copy of the log, and restore a backup; if nothing "
            "is to be kept, remove the log."
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _configure(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise WorldUnreachable(
            f"{path} cannot be put into WAL mode (it stays in {mode!r}), so wfc cannot promise "
            "that what it acknowledges is on disk. Put the file on a local disk."
        )
    connection.execute("PRAGMA synchronous=FULL")
    if sys.platform == "darwin":
        connection.execute("PRAGMA fullfsync=ON")
        connection.execute("PRAGMA checkpoint_fullfsync=ON")
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    verify(connection, path)


def verify(connection: sqlite3.Connection, path: Path) -> None:
    """Read the durability settings of a connection back. Raises `WorldUnreachable`."""
    wanted: dict[str, object] = {
        "journal_mode": "wal",
        "synchronous": _FULL,
        "busy_timeout": BUSY_MS,
        "wal_autocheckpoint": CHECKPOINT_PAGES,
    }
    if sys.platform == "darwin":
        wanted["fullfsync"] = 1
    for name, value in wanted.items():
        (found,) = connection.execute(f"PRAGMA {name}").fetchone()
        if found != value:
            raise WorldUnreachable(
                f"{path}: SQLite keeps {name}={found!r} although {value!r} was asked for, so "
                "acknowledged events could be lost. Use another build of SQLite."
            )


def migrate(connection: sqlite3.Connection, path: Path, now_us: int) -> None:
    """Bring the tables up to date in one transaction. Raises `WorldTooNew`, `sqlite3.Error`."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        schema = _schema(connection, path)
        for number, statements in _migrations():
            if number > schema:
                for statement in statements:
                    connection.execute(statement)
        # Written even if nothing changed, and then undone: `BEGIN IMMEDIATE` does not say that a
        # file is read-only.
        connection.executemany(
            "INSERT INTO meta (key, value)"
            " VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [
                ("schema", str(SCHEMA)),
                ("min_reader", str(MIN_READER)),
                ("migrated_at", str(now_us)),
            ],
        )
        fault.point("tables.migrating")
        connection.execute("COMMIT" if schema < SCHEMA else "ROLLBACK")
        fault.point("tables.migrated")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _schema(connection: sqlite3.Connection, path: Path) -> int:
    known = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").fetchone()
    if known is None:
        foreign = connection.execute("SELECT name FROM sqlite_schema LIMIT 1").fetchone()
        if foreign is not None:
            raise WorldUnreachable(
                f"{path} is a SQLite file of another program (it has the table {foreign[0]!r} and "
                "no `meta`). Name another file; wfc creates it."
            )
        return 0
    meta: dict[str, str] = dict(connection.execute("SELECT key, value FROM meta"))
    oldest = int(meta.get("min_reader", "0"))
    if oldest > SCHEMA:
        raise WorldTooNew(
            f"{path} has schema {meta.get('schema')} and asks for code that knows schema {oldest}; "
            f"this wfc knows {SCHEMA}. Nothing was changed. Install a newer wfc."
        )
    return int(meta.get("schema", "0"))


def _migrations() -> Iterator[tuple[int, list[str]]]:
    text = resources.files("wfc.worlds").joinpath("sqlite.sql").read_text(encoding="utf-8")
    parts = re.split(r"^-- migration (\d+)$", text, flags=re.MULTILINE)[1:]
    for number, body in zip(parts[::2], parts[1::2], strict=True):
        lines = [line for line in body.splitlines() if not line.startswith("--")]
        yield int(number), [part for part in "\n".join(lines).split(";") if part.strip()]


def translate(error: sqlite3.Error | UnicodeDecodeError, path: Path) -> WorldError:
    """Say what an error of SQLite means for a world."""
    if isinstance(error, UnicodeDecodeError) or _OF_DAMAGE.match(str(error)):
        return WorldCorrupt(f"{path}: {_CORRUPT[1]} ({error})")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _disk_is_full(path)):
        return WorldFull(
            f"the disk of {path} is full ({error}); nothing was written, reads go on. "
            "Free some space."
        )
    kind, told = _MEANINGS.get(code, (WorldError, "a statement of wfc was refused"))
    return kind(f"{path}: {told} ({error})")


_LOCKED: Final = (
    WorldLocked,
    (
        f"another process held the file for over {BUSY_MS // 1000} s and nothing was written. See "
        "whether a process is stopped, or a shell holds a transaction open"
    ),
)
_CORRUPT: Final = (
    WorldCorrupt,
    (
        "the file is damaged; nothing was written, nothing is repaired. Stop the workers, keep a "
        "copy of the file with its -wal, and restore a backup"
    ),
)
_READ_ONLY: Final = (
    WorldReadOnly,
    (
        "the file cannot be written. Give this user the right to write it and its folder: SQLite "
        "keeps -wal and -shm files beside it"
    ),
)
_UNREACHABLE: Final = (WorldUnreachable, "the file cannot be opened, read or written")
_OF_DAMAGE: Final = re.compile(r"Could not decode to UTF-8|no such (table|column)|.*has no column")
"""What is said without a code of its own: text of a row is none, or the tables are not ours."""
_MEANINGS: Final[Mapping[int, tuple[type[WorldError], str]]] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_CORRUPT: _CORRUPT,
    sqlite3.SQLITE_NOTADB: _CORRUPT,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _UNREACHABLE,
    sqlite3.SQLITE_IOERR: _UNREACHABLE,
}


def _disk_is_full(path: Path) -> bool:
    return shutil.disk_usage(path.parent).free < _DISK_LOW_BYTES
