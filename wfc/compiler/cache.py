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

# What `importlib.util` gives out, which itself takes longer to load than a whole module.
from _frozen_importlib_external import MAGIC_NUMBER, cache_from_source
from _imp import source_hash
from collections.abc import Callable, Iterable
from functools import cached_property
from io import FileIO
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC: Final = b"wfcc"
_FORMAT: Final = 2
_INDEX: Final = b"wfc-index 2 "
_UNSURE_NS: Final = 2_000_000_000
_SURE: Final = "+"
_UNSURE: Final = "-"
_HASH: Final = 8
_BINARY: Final[int] = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_SEED: Final = 0x776663


def digest(data: bytes) -> bytes:
    """Give 8 bytes that tell contents apart: CPython's own hash of sources, always at hand."""
    return source_hash(_SEED, data)


def compiler_key(settings: Iterable[str | Path]) -> bytes:
    """Name this compiler and its settings: any change of either makes every entry stale.

    Its own files count by size and time: reading them would cost more than the import it saves.
    """
    found = (read_or_none(path) for path in settings)
    return digest(_house_key() + b"".join(digest(data) for data in found if data is not None))


_house: list[bytes] = []
"""The key of our own files, once it is known.

Taken once per process, before the compiler is loaded: taken anew after an edit of the compiler, it
would name sources other than those that this process runs, and what they compile would be believed.
"""


def _house_key() -> bytes:
    if not _house:
        here = os.path.dirname(__file__)  # noqa: PTH120 - a warm import loads no pathlib
        house = os.path.dirname(here)  # noqa: PTH120
        stats = []
        for folder in (here, f"{house}{os.sep}manifests", house):
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.endswith(".py"):
                        known = entry.stat()
                        stats.append((entry.name, known.st_mtime_ns, known.st_size))
        stats.sort()
        version = (sys.version_info[:2], sys.flags.optimize, sys.implementation.cache_tag)
        _house.append(digest(repr((version, stats)).encode("utf-8", "surrogateescape")))
    return _house[0]


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


def write_whole(path: str | Path, data: bytes) -> bool:
    """Write `data` under a name of its own and rename it to `path`; False if that cannot be."""
    place = os.fspath(path)
    beside = f"{place}.tmp.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120 - no pathlib here
        with open(beside, "wb") as file:  # noqa: PTH123 - likewise
            file.write(data)
        os.replace(beside, place)  # noqa: PTH105 - likewise
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(beside)  # noqa: PTH108 - likewise
        return False
    return True


def read_or_none(path: str | Path) -> bytes | None:
    """Read a file of the cache; None if it is not there or not readable."""
    try:
        with FileIO(path) as file:
            return file.read()
    except OSError:
        return None


def _read_or_none(path: str, size: int) -> bytes | None:
    """Read a file whose size is known in half the time; another size is read as ever."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _BINARY)
    except OSError:
        return None
    try:
        data = os.read(descriptor, size + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return data if len(data) == size else read_or_none(path)


# --- code of step bundles ----------------------------------------------------------------------


Dependency = tuple[str, bytes]
"""A first-party file that a module's effects were judged by, and the hash of what it held."""


def code_path(source: str) -> str | None:
    """Give the place of the step code of `source`; None where Python keeps no byte code.

    In the common case what `cache_from_source` gives, in a fifth of its time.
    """
    level, tag = sys.flags.optimize or "", sys.implementation.cache_tag
    folder, separator, name = source.rpartition(os.sep)
    if sys.pycache_prefix is None and tag is not None and name.endswith(".py"):
        return f"{folder}{separator}__pycache__{os.sep}{name[:-3]}.{tag}.opt-wfc{level}.pyc"
    try:
        return cache_from_source(source, optimization=f"wfc{level}")
    except NotImplementedError:
        return None


def dump_code(code: types.CodeType, dependencies: tuple[Dependency, ...]) -> bytes:
    """Make the body of an entry with step code."""
    return marshal.dumps((dependencies, code))


def load_code(body: memoryview) -> tuple[types.CodeType, tuple[Dependency, ...]] | None:
    """Read the body of an entry with step code. Its checksum has been verified."""
    try:
        dependencies, code = marshal.loads(body)  # noqa: S302 - what importlib does with a .pyc
    except (ValueError, TypeError, EOFError):
        return None
    return (code, dependencies) if isinstance(code, types.CodeType) else None


# --- the stat index ----------------------------------------------------------------------------


class Known:
    """What is known of a file, read out of its facts in the index: mostly nobody asks for both."""

    __slots__ = ("_facts",)

    def __init__(self, facts: str) -> None:
        """Stand for a value of `Index.facts`."""
        self._facts = facts

    @property
    def hash(self) -> bytes:
        """The hash of the file's bytes."""
        return bytes.fromhex(self._facts[-2 * _HASH :])

    @property
    def has_directive(self) -> bool:
        """Tell whether the file may hold directives."""
        return self._facts[-2 * _HASH - 2] == "1"


class Index:
    """`.wfc/index`: what files held when they were last read, believed while their stat is equal.

    A file touched less than two seconds before it was read is read again: its time may be too
    coarse to show a second write. If it holds what it held, it is not scanned again.
    """

    def __init__(self, path: str | Path | None) -> None:
        """Read the index at `path`; None keeps one in memory only."""
        self.path = path
        self.facts: dict[str, str] = {}
        """By path: time, size and inode, whether these are to be believed; whether the file may
        hold directives, and the hash of its bytes. As text, since most of it is only compared."""
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
        stamp = f"{now.st_mtime_ns} {now.st_size} {now.st_ino} "
        before = self.facts.get(path, "")
        if before.startswith(stamp) and before[len(stamp)] == _SURE:
            return Known(before)
        begun_ns = time.time_ns()
        data = _read_or_none(path, now.st_size)
        if data is None:
            return None
        is_sure = now.st_mtime_ns < begun_ns - _UNSURE_NS
        hashed = digest(data).hex()
        if before.endswith(hashed):
            has_directive = Known(before).has_directive
        else:
            has_directive = self._mentions_directive(data)
        trust, flag = _SURE if is_sure else _UNSURE, "1" if has_directive else "0"
        facts = f"{stamp}{trust} {flag} {hashed}"
        if facts != before and "\n" not in path:
            self.facts[path] = facts
            self.changed = True
        return Known(facts)

    @cached_property
    def _mentions_directive(self) -> Callable[[bytes], bool]:
        """The scan, loaded for the first file that needs one."""
        from wfc.compiler.mention import mentions_directive  # noqa: PLC0415 - as it says

        return mentions_directive

    def save(self) -> None:
        """Write the index if it changed, or do without."""
        if self.path is None or not self.changed:
            return
        lines = [line for entry in sorted(self.facts.items()) for line in entry]
        body = "\n".join(lines).encode("utf-8", "surrogateescape")
        write_whole(self.path, _INDEX + digest(body).hex().encode() + b"\n" + body)
        self.changed = False

    def _load(self, data: bytes) -> None:
        head, _, body = data.partition(b"\n")
        if head != _INDEX + digest(body).hex().encode():
            return
        lines = body.decode("utf-8", "surrogateescape").split("\n")
        self.facts = dict(zip(lines[::2], lines[1::2], strict=False))
