"""Writers of several processes take turns: two locks on side files, before `BEGIN IMMEDIATE`.

SQLite's own busy handler sleeps and retries, so a process that writes back to back starves the
others for seconds. Here who waits holds the gate, so the writer that just finished has to queue up
behind. The kernel frees both locks when a process dies.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
import time
from pathlib import Path
from typing import Final

from wfc.errors import WorldLocked
from wfc.worlds.sqlite_connect import BUSY_MS

if sys.platform != "win32":
    import fcntl

_PAUSE_S: Final = 0.0002


class Turnstile:
    """The right to write to one file, for one writer of this process at a time."""

    def __init__(self, path: Path) -> None:
        """Open the two side files of the database `path`."""
        self._path = path
        self._gate = _open(path, "-gate")
        self._turn = _open(path, "-turn")

    def enter(self) -> None:
        """Wait for a turn. Raises `WorldLocked` after 10 s."""
        if sys.platform == "win32":
            return  # Windows has SQLite's own fairness only
        give_up_at = time.monotonic() + BUSY_MS / 1000
        self._acquire(self._gate, give_up_at)
        try:
            self._acquire(self._turn, give_up_at)
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)

    def try_enter(self) -> bool:
        """Take a turn if nobody else has it or waits for it."""
        if sys.platform == "win32":
            return True
        if not _lock_now(self._gate):
            return False
        taken = _lock_now(self._turn)
        fcntl.flock(self._gate, fcntl.LOCK_UN)
        return taken

    def leave(self) -> None:
        """End the turn."""
        if sys.platform != "win32":
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the side files."""
        os.close(self._gate)
        os.close(self._turn)

    def _acquire(self, descriptor: int, give_up_at: float) -> None:
        while not _lock_now(descriptor):
            # A blocking flock has no time limit, and a stopped process may hold it for ever.
            if time.monotonic() > give_up_at:
                raise WorldLocked(
                    f"another process has been writing to {self._path} for over "
                    f"{BUSY_MS // 1000} s; nothing was written. See whether it is stopped."
                )
            time.sleep(_PAUSE_S)


def _lock_now(descriptor: int) -> bool:
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _open(path: Path, suffix: str) -> int:
    try:
        return os.open(f"{path}{suffix}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        # Told like SQLite's own refusal, so that both come out as the same error of the world.
        told = sqlite3.OperationalError(f"{path}{suffix}: {error.strerror}")
        told.sqlite_errorcode = _CODES.get(error.errno or 0, sqlite3.SQLITE_CANTOPEN)
        raise told from error


_CODES: Final = {
    errno.EACCES: sqlite3.SQLITE_READONLY,
    errno.EPERM: sqlite3.SQLITE_READONLY,
    errno.EROFS: sqlite3.SQLITE_READONLY,
    errno.ENOSPC: sqlite3.SQLITE_FULL,
}
