"""Caches that are right or absent: the stat index, compiled step code, written bundles.

An entry is whole or ignored. It is written beside its place and renamed into it; what cannot be
written is done without. Nothing here loads the compiler: a warm import stops at this file.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
import time
import types
from collections.abc import Iterable
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path
from typing import Final, NamedTuple

_MAGIC: Final = b"wfcc"
_FORMAT: Final = 1
_INDEX: Final = "wfc-index 1"
_UNSURE_NS: Final = 2_000_000_000
_HASH: Final = 8
_CODE: Final = (types.CodeType,)


def digest(data: bytes) -> bytes:
    """Give 8 bytes that tell contents apart: CPython's own hash of sources, always at hand."""
    return source_hash(data)


def compiler_key(settings: Iterable[Path]) -> bytes:
    """Name this compiler and its settings: any change of either makes every entry stale.

    Its own files count by size and time: reading them would cost more than the import it saves.
    """
    house = Path(__file__).parent.parent
    parts = [f"{sys.version_info[:2]} {sys.flags.optimize} {sys.implementation.cache_tag}"]
    for folder in (house / "compiler", house / "manifests", house):
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    known = entry.stat()
                    parts.append(f"{entry.name} {known.st_mtime_ns} {known.st_size}")
    for path in settings:
        with contextlib.suppress(OSError):
            parts.append(digest(path.read_bytes()).hex())
    return digest("\n".join(sorted(parts)).encode())


# --- entries -----------------------------------------------------------------------------------


def seal(key: bytes, source: bytes, dependencies: bytes, body: bytes) -> bytes:
    """Put a header before `body`: magic, format, key, source, dependencies, length, checksum."""
    head = b"".join(
        (
            _MAGIC,
            bytes([_FORMAT]),
            MAGIC_NUMBER,
            key,
            source,
            dependencies,
            len(body).to_bytes(8, "little"),
        )
    )
    return head + digest(head + body) + body


def unseal(data: bytes, key: bytes, source: bytes) -> tuple[bytes, memoryview] | None:
    """Give dependencies hash and body of an entry that is whole and made for key and source."""
    start = len(_MAGIC) + 1 + len(MAGIC_NUMBER)
    body_at = start + 5 * _HASH
    if len(data) < body_at or data[:start] != _MAGIC + bytes([_FORMAT]) + MAGIC_NUMBER:
        return None
    fields = [data[at : at + _HASH] for at in range(start, body_at, _HASH)]
    if fields[0] != key or fields[1] != source:
        return None
    view = memoryview(data)
    body = view[body_at:]
    if int.from_bytes(fields[3], "little") != len(body):
        return None
    if digest(data[: body_at - _HASH] + data[body_at:]) != fields[4]:
        return None
    return fields[2], body


def write_whole(path: Path, data: bytes) -> bool:
    """Write `data` under a name of its own and rename it to `path`; False if that cannot be."""
    beside = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        return False
    return True


def read_or_none(path: Path) -> bytes | None:
    """Read a file of the cache; None if it is not there or not readable."""
    try:
        return path.read_bytes()
    except OSError:
        return None


# --- code of step bundles ----------------------------------------------------------------------


class Dependency(NamedTuple):
    """A first-party file that a module's effects were judged by, and what it held."""

    path: str
    hash: bytes


def code_path(source: str) -> Path | None:
    """Give the place of the step code of `source`; None where Python keeps no byte code."""
    level = sys.flags.optimize or ""
    try:
        return Path(cache_from_source(source, optimization=f"wfc{level}"))
    except NotImplementedError:
        return None


def dump_code(code: types.CodeType, dependencies: tuple[Dependency, ...]) -> bytes:
    """Make the body of an entry with step code."""
    return marshal.dumps((tuple(map(tuple, dependencies)), code))


def load_code(body: memoryview) -> tuple[types.CodeType, tuple[Dependency, ...]] | None:
    """Read the body of an entry with step code. Its checksum has been verified."""
    try:
        dependencies, code = marshal.loads(body)  # noqa: S302 - what importlib does with a .pyc
    except (ValueError, TypeError, EOFError):
        return None
    if not isinstance(code, _CODE):
        return None
    return code, tuple(Dependency(*one) for one in dependencies)


# --- the stat index ----------------------------------------------------------------------------


class Known(NamedTuple):
    """What is known of a file: its stat, the hash of its bytes, whether it may hold directives."""

    mtime_ns: int
    size: int
    inode: int
    hash: bytes
    has_directive: bool


class Index:
    """`.wfc/index`: what files held when they were last read, believed while their stat is equal.

    A file touched less than two seconds before the index was written is read again: its time may
    be too coarse to show a second write.
    """

    def __init__(self, path: Path | None) -> None:
        """Read the index at `path`; None keeps one in memory only."""
        self.path = path
        self.known: dict[str, Known] = {}
        self.changed = False
        data = read_or_none(path) if path is not None else None
        if data is not None:
            self._load(data)

    def look_up(self, path: str) -> Known | None:
        """Give what is known of the file at `path`, reading it if need be; None: unreadable."""
        try:
            now = os.stat(path)  # noqa: PTH116 - 200 of these stand in every warm import
        except OSError:
            return None
        known = self.known.get(path)
        if known is not None and known[:3] == (now.st_mtime_ns, now.st_size, now.st_ino):
            return known
        data = read_or_none(Path(path))
        return None if data is None else self.note(path, now, data)

    def note(self, path: str, now: os.stat_result, data: bytes) -> Known:
        """Remember what a file holds that was just read."""
        from wfc.compiler.scan import scan  # noqa: PLC0415 - regexes, which warm imports do without

        known = Known(now.st_mtime_ns, now.st_size, now.st_ino, digest(data), scan(data).hit)
        self.known[path] = known
        self.changed = True
        return known

    def save(self) -> None:
        """Write the index if it changed, or do without."""
        if self.path is None or not self.changed:
            return
        lines = [
            f"{one.mtime_ns} {one.size} {one.inode} {one.hash.hex()} {one.has_directive:d} {path}"
            for path, one in sorted(self.known.items())
            if "\n" not in path
        ]
        body = f"{time.time_ns()}\n" + "\n".join(lines)
        text = f"{_INDEX} {digest(body.encode('utf-8', 'surrogateescape')).hex()}\n{body}"
        write_whole(self.path, text.encode("utf-8", "surrogateescape"))
        self.changed = False

    def _load(self, data: bytes) -> None:
        head, _, body = data.partition(b"\n")
        if head != f"{_INDEX} {digest(body).hex()}".encode():
            return
        written, *lines = body.decode("utf-8", "surrogateescape").split("\n")
        limit = int(written) - _UNSURE_NS
        for line in lines:
            mtime, size, inode, hexadecimal, flag, path = line.split(" ", 5)
            if int(mtime) < limit:
                self.known[path] = Known(
                    int(mtime), int(size), int(inode), bytes.fromhex(hexadecimal), flag == "1"
                )
