"""Builds the dashboard into wfc/web/static/, unless what is there was built of the same sources.

    python ui/build.py            # needs Node 20.19+ and, the first time, a network
    python ui/build.py --force

The standard library is enough, as this runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

UI = Path(__file__).resolve().parent
STATIC = UI.parent / "wfc" / "web" / "static"
STAMP = STATIC / "built-from"
_INSTALLED = UI / "node_modules" / ".built-from"
_BY_HAND = ("node_modules", "__pycache__", "schema.d.ts", ".building")
_STALE_S = 600


class CannotBuild(Exception):
    """There is no Node here, or a command of it failed."""


def sources() -> str:
    """Name what the dashboard is built of, by a hash of all its files."""
    digest = hashlib.sha256()
    for path in sorted(UI.rglob("*")):
        if path.is_file() and not set(path.relative_to(UI).parts) & set(_BY_HAND):
            digest.update(f"{path.relative_to(UI).as_posix()}\n".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def build(*, force: bool = False) -> bool:
    """Build; the answer is whether it was necessary. Raises `CannotBuild`."""
    wanted = sources()
    with _alone():
        if not force and _said(STAMP) == wanted:
            return False
        install()
        _npm("run", "build")
        STAMP.write_text(wanted, encoding="utf-8")
    return True


def install() -> None:
    """Bring what the lock file names into node_modules, once. Raises `CannotBuild`."""
    lock = hashlib.sha256((UI / "package-lock.json").read_bytes()).hexdigest()
    if _said(_INSTALLED) != lock:
        _npm("ci")
        _INSTALLED.write_text(lock, encoding="utf-8")


def _said(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _npm(*words: str) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise CannotBuild("npm is not here: install Node 20.19 or newer (https://nodejs.org)")
    done = subprocess.run(  # noqa: S603 - words of this file
        [npm, *words], cwd=UI, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotBuild(f"npm {' '.join(words)} failed:\n{done.stdout}{done.stderr}")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let one process build at a time; a lock that was left by a killed one grows old."""
    lock = UI / ".building"
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - lock.stat().st_mtime > _STALE_S:
                    lock.unlink()
            time.sleep(0.2)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        built = build(force="--force" in sys.argv)
    except CannotBuild as problem:
        sys.exit(str(problem))
    sys.stdout.write("built\n" if built else "nothing has changed\n")
