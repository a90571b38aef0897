"""What errors of PostgreSQL and of the way to it mean in words of wfc."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from wfc.errors import (
    WorldCorrupt,
    WorldError,
    WorldFull,
    WorldLocked,
    WorldReadOnly,
    WorldUnreachable,
)

LOCK_TIMEOUT_MS: Final = 10_000
TROUBLE: Final[tuple[type[Exception], ...]] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""All that asyncpg raises: what the server says, and what becomes of the connection."""
_LOST: Final[tuple[type[BaseException], ...]] = (
    OSError,
    TimeoutError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.ConnectionFailureError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
CONFLICTS: Final = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.UniqueViolationError,
)
"""Another writer came between: who looks again sees what it wrote."""

_FULL: Final = (WorldFull, "its disk is full; nothing was written, reads go on. Free some space")
_READ_ONLY: Final = (
    WorldReadOnly,
    (
        "it cannot be written here: a server that only follows another one, or a user without the "
        "right to write in the schema wfc"
    ),
)
_LOCKED: Final = (
    WorldLocked,
    (
        f"another process held a lock for over {LOCK_TIMEOUT_MS // 1000} s and nothing was "
        "written. See whether a process is stopped, or a shell holds a transaction open"
    ),
)
_CORRUPT: Final = (
    WorldCorrupt,
    (
        "the database is damaged; nothing was written, nothing is repaired. Stop the workers and "
        "restore a backup"
    ),
)
_UNREACHABLE: Final = (WorldUnreachable, "it cannot be reached")
_MEANINGS: Final[Mapping[type[BaseException], tuple[type[WorldError], str]]] = {
    asyncpg.DiskFullError: _FULL,
    asyncpg.ReadOnlySQLTransactionError: _READ_ONLY,
    asyncpg.InsufficientPrivilegeError: _READ_ONLY,
    asyncpg.LockNotAvailableError: _LOCKED,
    asyncpg.DeadlockDetectedError: _LOCKED,
    asyncpg.DataCorruptedError: _CORRUPT,
    asyncpg.IndexCorruptedError: _CORRUPT,
    asyncpg.InvalidAuthorizationSpecificationError: (
        WorldUnreachable,
        "it lets nobody in by this name and password",
    ),
    asyncpg.InvalidPasswordError: (
        WorldUnreachable,
        "it lets nobody in by this name and password",
    ),
    asyncpg.InvalidCatalogNameError: (
        WorldUnreachable,
        "it has no such database. Create it; wfc makes its tables in the schema wfc",
    ),
    **dict.fromkeys(_LOST, _UNREACHABLE),
}


def is_lost(error: BaseException) -> bool:
    """Tell whether the connection is gone, or there is none for now: it is worth another try."""
    return isinstance(error, _LOST) and not isinstance(error, asyncpg.DataError)


def translate(error: BaseException, url: str) -> WorldError:
    """Say what an error means for the world at `url`."""
    for kind in type(error).__mro__:
        if kind in _MEANINGS:
            meaning, told = _MEANINGS[kind]
            return meaning(f"{shown(url)}: {told} ({_said(error)})")
    return WorldError(f"{shown(url)}: a statement of wfc was refused ({_said(error)})")


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__


def shown(url: str) -> str:
    """Give the address without its password."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{place}"))
