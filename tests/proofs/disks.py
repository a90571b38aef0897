"""Disks that fill up: small file systems of their own, which only root may mount."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str = "4m", *, mode: str = "755") -> Iterator[Path]:
    """Mount a file system of `size` at `folder`; the test is skipped if this user may not."""
    folder.mkdir()
    mount = shutil.which("mount")
    mounted = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={size},mode={mode}", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if not mounted or mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs: run as root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


class Ballast:
    """A file that takes all room of a disk but some, until it is thrown off."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        self._path = disk / "ballast"

    def fill(self, *, left: int = 0) -> None:
        """Leave `left` bytes, or less if somebody writes meanwhile."""
        free = shutil.disk_usage(self._disk).free
        try:
            self._path.write_bytes(bytes(max(0, free - left)))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def throw_off(self) -> None:
        """Give the room back."""
        self._path.unlink()
