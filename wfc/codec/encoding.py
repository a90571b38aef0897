"""From values to bytes. Plain values go to msgpack as they are; all else becomes an extension."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
import zoneinfo
from collections.abc import Callable, Iterable
from pathlib import Path, PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from types import FunctionType, NoneType
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # it ships no types

from wfc import abi
from wfc.codec import tags, unrecorded
from wfc.codec.envelope import BODY_MAX, PAYLOAD_MAX, seal
from wfc.codec.families import Family, family_of, fields_of, unset_of
from wfc.codec.naming import REGISTERED, Registered, Types, wire_name
from wfc.codec.raised import as_list, value_of
from wfc.codec.readers import Readers, ReadersOf
from wfc.codec.refusals import (
    NESTING_MAX,
    PLAIN_BASES,
    RefusedError,
    explain,
    why_refused,
    why_unknown,
)
from wfc.errors import PayloadTooLarge, Unserialisable

_FEW: Final = 100
_LEAVES: Final = frozenset({NoneType, bool, int, float, str, bytes})
_HANDLE: Final = bytes([tags.STREAM])
"""Stands before each handle, and now and then for something else."""
_REMEMBERED_MAX: Final = 10_000
_BUFFER_BYTES: Final = 512  # to begin with; it grows


def encode(
    value: Any,
    *,
    path: str,
    limit: int = PAYLOAD_MAX,
    annotation: Any = None,
    types: Types | None = None,
) -> bytes:
    """Turn a value into a payload; `path` says what it is, for errors.

    `types` are those that its readers know, beside what `annotation` names, for which they read it:
    a value that they could not make is refused. Without `types` nothing is known of the readers.
    Raises `Unserialisable`, which names the place inside the value, or `PayloadTooLarge`.
    """
    readers = None if types is None else ReadersOf(annotation, types)
    return seal(body_of(value, path, readers), path, limit)


def body_of(value: Any, path: str, readers: Readers | None = None) -> bytes:
    """Turn a value into the body of a payload. Raises as `encode` does."""
    try:
        kind = type(value)
        if kind in _LEAVES:
            return _packed(value)
        if (
            kind is dict
            and len(value) <= _FEW
            and _LEAVES.issuperset(map(type, value.values()))
            and _LEAVES.issuperset(map(type, value))
        ):
            # The arguments of most calls: a replay encodes them all again, so the path is hot.
            return _packed(value)
        preparation = _Preparation(readers)
        body = _packed(preparation.prepare(value, 0))
    except _TooMuchError:
        raise PayloadTooLarge(
            f"{path} holds more than {BODY_MAX:,} values. Store it elsewhere in a step and pass "
            "its name, or pass it in parts."
        ) from None
    except _REFUSALS as error:
        raise Unserialisable(explain(value, path, _attempt)) from error
    if preparation.met_stranger and readers is not None and not readers.reads(body):
        raise Unserialisable(explain(value, path, lambda part: _attempt(part, readers)))
    return body


def compared_of(value: Any, body: bytes) -> bytes:
    """Give the part of a body by which two calls are compared: what handles name is none of it.

    The same code in a fork, or with a stream renamed, passes handles that name something else.
    """
    if _HANDLE not in body:
        return body
    return _packed(_Preparation(None, nameless=True).prepare(value, 0))


def _attempt(value: Any, readers: Readers | None = None) -> Exception | None:
    """Give what keeps a value from becoming bytes that `readers` find each type of, or None."""
    try:
        _packed(_Preparation(readers, strict=True).prepare(value, 0))
    except _REFUSALS as error:
        return error
    return None


THAWED: Final[dict[type, Callable[[Any], Any]]] = {}
"""Of a sandbox's own classes (read-only lists ...), how to get the plain value they travel as."""


class _TooMuchError(Exception):
    """The value has more parts than a payload could hold."""


_REFUSALS: Final = (RefusedError, UnicodeEncodeError, AttributeError, RecursionError)


def _packed(prepared: Any) -> bytes:
    # Not `packb`: it takes a buffer of 256 KiB for each value, which costs four times the packing.
    packer = msgpack.Packer(default=_big_int, strict_types=True, buf_size=_BUFFER_BYTES)
    body: bytes = packer.pack(prepared)
    return body


def _big_int(value: int) -> Any:
    # msgpack asks for help only with what `prepare` cannot see: integers beyond 64 bits.
    size = value.bit_length() // 8 + 1
    return msgpack.ExtType(tags.BIG_INT, value.to_bytes(size, "big", signed=True))


class _Preparation:
    """One value on its way: containers are walked, what msgpack does not know becomes ExtType.

    A container of leaves only, which is the usual case, is passed through as it is.
    """

    __slots__ = ("_count", "_readers", "_strict", "met_stranger", "nameless")

    def __init__(
        self, readers: Readers | None, *, strict: bool = False, nameless: bool = False
    ) -> None:
        self._count = 0
        self.nameless = nameless
        self._readers = readers
        self._strict = strict
        self.met_stranger = False

    def prepare(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in _LEAVES:
            return value
        if depth >= NESTING_MAX:
            raise RefusedError(f"is nested more than {NESTING_MAX} deep")
        if kind is list or kind is dict:
            return self._container(value, depth)
        if kind is tuple:
            # Written out, though the table could do it: tuples are common, and each level of a
            # deep one would take four frames of the interpreter's stack instead of two.
            self._pay(len(value))
            return msgpack.ExtType(
                tags.TUPLE, _packed([self.prepare(item, depth + 1) for item in value])
            )
        thaw = THAWED.get(kind)
        if thaw is not None:
            return self.prepare(thaw(value), depth)
        return self._extension(value, depth)

    def _container(self, value: Any, depth: int) -> Any:
        self._pay(len(value))
        keyed = type(value) is dict
        items = value.values() if keyed else value
        if _LEAVES.issuperset(map(type, items)) and (
            not keyed or _LEAVES.issuperset(map(type, value))
        ):
            return value
        if keyed:
            return {
                self.prepare(key, depth + 1): self.prepare(item, depth + 1)
                for key, item in value.items()
            }
        return [self.prepare(item, depth + 1) for item in value]

    def _extension(self, value: Any, depth: int) -> Any:
        kind = type(value)
        writer = _WRITERS.get(kind)
        if writer is None:
            writer = _writer_of(kind)
        return msgpack.ExtType(*writer(self, value, depth))

    def pack(self, value: Any, depth: int) -> bytes:
        """Encode a part on its own."""
        return _packed(self.prepare(value, depth))

    def meet(self, kind: type, name: str) -> None:
        """Note that a value of a class, which goes by `name`, becomes part of the payload."""
        if self._readers is None or self._readers.knows(name):
            return
        if self._strict:
            raise RefusedError(why_unknown(kind))
        self.met_stranger = True

    def _pay(self, count: int) -> None:
        # Every part takes a byte at least: a value that shares its parts many times over is
        # stopped before it has eaten the memory.
        self._count += count
        if self._count > BODY_MAX:
            raise _TooMuchError


Extension = tuple[int, bytes]
Writer = Callable[[_Preparation, Any, int], Extension]

# --- the types of the standard library ---------------------------------------------------------


def _parts(tag: int, take: Callable[[Any], Any]) -> Writer:
    return lambda preparation, value, depth: (tag, preparation.pack(take(value), depth))


def _plain(tag: int, take: Callable[[Any], bytes]) -> Writer:
    return lambda _, value, __: (tag, take(value))


def _sorted_parts(tag: int) -> Writer:
    def write(preparation: _Preparation, value: Iterable[Any], depth: int) -> Extension:
        # Sorted by their bytes: equal sets give equal payloads under every PYTHONHASHSEED.
        parts = sorted(preparation.pack(item, depth + 1) for item in value)
        header: bytes = msgpack.Packer().pack_array_header(len(parts))
        return tag, header + b"".join(parts)

    return write


def zone_of(zone: dt.tzinfo | None) -> Any:
    """Write a time zone: None, a key, or seconds east of UTC (with a name)."""
    if zone is None:
        return None
    if type(zone) is zoneinfo.ZoneInfo and zone.key is not None:
        return zone.key
    if type(zone) is dt.timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]  # as copy and pickle ask it
        return [offset // dt.timedelta(microseconds=1), *name]
    raise RefusedError(
        f"has a time zone of the type {wire_name(type(zone))}, which another process could not "
        "find. Use zoneinfo.ZoneInfo with a key, or datetime.UTC"
    )


def _datetime(value: dt.datetime) -> Any:
    return [
        value.year, value.month, value.day, value.hour, value.minute, value.second,
        value.microsecond, value.fold, zone_of(value.tzinfo),
    ]  # fmt: skip


def _time(value: dt.time) -> Any:
    return [
        value.hour, value.minute, value.second, value.microsecond, value.fold,
        zone_of(value.tzinfo),
    ]  # fmt: skip


def _path(value: PurePath) -> Any:
    # A concrete path becomes the reader's own kind, a pure one stays what it was.
    return ["Path" if isinstance(value, Path) else type(value).__name__, str(value)]


def _function(_: _Preparation, value: Any, __: int) -> Extension:
    name = abi.id_of(value)
    if name is None:
        raise RefusedError(
            'is a function. Code is no value: mark it with "use step", or pass a name'
        )
    return tags.REFERENCE, name.encode()


_WRITERS: Final[dict[type, Writer]] = {
    set: _sorted_parts(tags.SET),
    frozenset: _sorted_parts(tags.FROZENSET),
    complex: _parts(tags.COMPLEX, lambda value: [value.real, value.imag]),
    decimal.Decimal: _plain(tags.DECIMAL, lambda value: str(value).encode()),
    dt.datetime: _parts(tags.DATETIME, _datetime),
    dt.date: _parts(tags.DATE, lambda value: [value.year, value.month, value.day]),
    dt.time: _parts(tags.TIME, _time),
    dt.timedelta: _parts(
        tags.TIMEDELTA, lambda value: [value.days, value.seconds, value.microseconds]
    ),
    uuid.UUID: _plain(tags.UUID, lambda value: value.bytes),
    bytearray: _plain(tags.BYTEARRAY, bytes),
    range: _parts(tags.RANGE, lambda value: [value.start, value.stop, value.step]),
    zoneinfo.ZoneInfo: _parts(tags.ZONE, zone_of),
    dt.timezone: _parts(tags.ZONE, zone_of),
    FunctionType: _function,
    PurePosixPath: _parts(tags.PATH, _path),
    PureWindowsPath: _parts(tags.PATH, _path),
    PosixPath: _parts(tags.PATH, _path),
    WindowsPath: _parts(tags.PATH, _path),
}


def write_as(kind: type, tag: int, take: Callable[[Any], Any]) -> None:
    """Write values of a class under a code of their own, by the plain value that `take` gives."""

    def write(preparation: _Preparation, value: Any, depth: int) -> Extension:
        return tag, b"" if preparation.nameless else preparation.pack(take(value), depth)

    _WRITERS[kind] = write


# --- classes -----------------------------------------------------------------------------------


def _writer_of(kind: type) -> Writer:
    """Find how values of a class are written, and remember it."""
    writer = REGISTERED.remembered.get(kind)
    if writer is None:
        entry = REGISTERED.entry_of(kind)
        converts = entry is not None and entry.encode is not None
        writer = _registered(entry) if entry and converts else _class_writer(kind)
        if len(REGISTERED.remembered) >= _REMEMBERED_MAX:
            # Classes that a sandbox or a factory makes without end must not fill the memory.
            REGISTERED.remembered.clear()
        REGISTERED.remembered[kind] = writer
    found: Writer = writer
    return found


def _class_writer(kind: type) -> Writer:
    if issubclass(kind, enum.Enum):
        return _enum
    if issubclass(kind, BaseException):
        return _error
    family = family_of(kind)
    if family is not None and (family.tag == tags.NAMEDTUPLE or not issubclass(kind, PLAIN_BASES)):
        return _fields(kind, family)
    return _refused


def _registered(entry: Registered) -> Writer:
    convert = entry.encode or (lambda value: value)

    def take(value: Any) -> Any:
        try:
            return [entry.name, convert(value)]
        except Exception as error:
            raise RefusedError(
                f"is a {entry.kind.__qualname__}, whose registered `encode` raised {error!r}"
            ) from error

    return _parts(tags.REGISTERED, take)


def _enum(preparation: _Preparation, value: enum.Enum, depth: int) -> Extension:
    kind = type(value)
    names = [member.name for member in value] if isinstance(value, enum.Flag) else [value.name]
    if isinstance(value, enum.Flag) and kind(sum(member.value for member in value)) != value:
        raise RefusedError("has bits without a name, and members travel by name")
    name = wire_name(kind)
    preparation.meet(kind, name)
    return tags.ENUM, preparation.pack([name, names], depth)


def _error(preparation: _Preparation, value: BaseException, depth: int) -> Extension:
    # Parts of an error have their own, smaller, depth: what cannot be encoded is left out.
    error = value_of(value, lambda part: preparation.pack(part, depth))
    return tags.ERROR, preparation.pack(as_list(error), 0)


def _fields(kind: type, family: Family) -> Writer:
    name = wire_name(kind)

    def write(preparation: _Preparation, value: Any, depth: int) -> Extension:
        preparation.meet(kind, name)
        # An object counts as two levels, itself and its fields; prepared here, since each detour
        # would take a frame of the interpreter's stack per level.
        held = fields_of(value, family)
        lost = unrecorded.check(value, held)
        if lost is not None:
            raise RefusedError(lost)
        fields = {field: preparation.prepare(item, depth + 2) for field, item in held.items()}
        unset = unset_of(value, family)
        return family.tag, _packed([name, fields, unset] if unset else [name, fields])

    return write


def _refused(_: _Preparation, value: Any, __: int) -> Extension:
    raise RefusedError(why_refused(value))
