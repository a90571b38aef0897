"""From bytes to values. Only errors of `wfc.errors` come out, whatever goes in."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import functools
import operator
import uuid
import zoneinfo
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # it ships no types

from wfc import abi
from wfc.codec import tags
from wfc.codec.envelope import unseal
from wfc.codec.families import MisfitError, family_of, present_name, restored
from wfc.codec.fitting import Reachable, Unread, fit, reaches_nothing, unknown_type
from wfc.codec.naming import REGISTERED, Types
from wfc.codec.raised import made_again, of_list
from wfc.errors import PayloadCorrupt, PayloadMismatch, PayloadTooNew, WfcError
from wfc.ids import DefinitionId

_NESTING_MAX: Final = 250  # some above what encoding allows, since errors nest their parts anew


def decode(
    data: bytes,
    *,
    annotation: Any = None,
    types: Types = REGISTERED,
    what: str = "a value",
) -> Any:
    """Turn a payload back into a value, for the annotation it is read for (None: whatever it is).

    Types are looked up in the annotation and in `types`, never imported. Raises `PayloadMismatch`,
    `UnknownType`, `PayloadTooNew` or `PayloadCorrupt`.
    """
    return read(unseal(data), annotation, types, what)


def read(body: bytes, annotation: Any, types: Types, what: str) -> Any:
    """Turn the body of a payload back into a value. Raises as `decode` does."""
    reader = Reader(types if reaches_nothing(annotation) else Reachable(annotation, types))
    value = reader.read(body)
    if type(value) is annotation and not reader.unread:
        return value
    return fit(value, annotation, unread=reader.unread, what=what)


class Reader:
    """Reads one payload; `unread` tells whether it met a type that it could not find."""

    __slots__ = ("_depth", "_met", "_types", "unread")

    def __init__(self, types: Types) -> None:
        """Look types up in `types`."""
        self._types = types
        self._depth = 0
        self._met = 0
        self.unread = False

    def read(self, body: bytes) -> Any:
        """Read a body. Raises errors of `wfc.errors` only."""
        try:
            return self.unpack(body)
        except WfcError:
            raise
        except (MisfitError, zoneinfo.ZoneInfoNotFoundError) as error:
            raise PayloadMismatch(f"a payload cannot be read here: {error}") from error
        except Exception as error:  # bytes may be anything, and a validator of the user too
            raise PayloadCorrupt(f"a payload is damaged: {error!r}") from error

    def unpack(self, body: bytes) -> Any:
        """Read a body or a part of one.

        Extensions are left as they are while msgpack works, and resolved when it has returned: it
        takes 40 KiB of the C stack, so that reading within reading would let 200 nested tuples
        overflow the stack and kill the process.
        """
        met = self._met
        value = msgpack.unpackb(body, ext_hook=self._extension, strict_map_key=False)
        return value if met == self._met else self._resolved(value)

    def _extension(self, code: int, data: bytes) -> Any:
        self._met += 1
        return msgpack.ExtType(code, data)

    def _resolved(self, value: Any) -> Any:
        kind = type(value)
        if kind is list:
            return [self._resolved(item) for item in value]
        if kind is dict:
            return {self._resolved(key): self._resolved(item) for key, item in value.items()}
        if kind is not msgpack.ExtType:
            return value
        self._depth += 1
        if self._depth > _NESTING_MAX:
            raise PayloadCorrupt("a payload is nested too deep")
        found = self._tuple(value.data) if value.code == tags.TUPLE else self._other(*value)
        self._depth -= 1
        return found

    def _tuple(self, data: bytes) -> Any:
        # Written out, though the table could do it: tuples are common, and they nest.
        items = msgpack.unpackb(data, ext_hook=self._extension, strict_map_key=False)
        return tuple([self._resolved(item) for item in items])

    def _other(self, code: int, data: bytes) -> Any:
        reader = _READERS.get(code)
        if reader is None:
            raise PayloadTooNew(
                f"a payload holds a value of the kind {code}, which this wfc does not know. It was "
                "written by a newer one; read it with that, or a later one."
            )
        return reader(self, data)

    def fields(self, data: bytes) -> Any:
        """Restore an object from its fields, or keep them for an annotation to claim."""
        name, fields, *more = self.unpack(data)
        kind = self._types.find(name)
        family = family_of(kind) if kind is not None else None
        if kind is None or family is None:
            self.unread = True
            return Unread(name, fields)
        value = restored(kind, family, fields)
        if more and hasattr(value, "model_fields_set"):
            unset = {present_name(kind, one) for one in more[0]}
            value.model_fields_set.difference_update(unset)
        return value

    def member(self, data: bytes) -> Any:
        """Find a member of an enumeration by its name."""
        name, names = self.unpack(data)
        kind = self._types.find(name)
        if kind is None:
            raise unknown_type(name)
        if not issubclass(kind, enum.Enum):
            raise MisfitError(f"{name} is no enumeration any more")
        try:
            members = [kind[present_name(kind, member)] for member in names]
        except KeyError as error:
            raise MisfitError(f"{name} has no member {error} any more") from None
        if issubclass(kind, enum.Flag):
            return functools.reduce(operator.or_, members, kind(0))
        return members[0]

    def error(self, data: bytes) -> BaseException:
        """Make an error again that is part of a value."""
        return made_again(of_list(self.unpack(data)), self.unpack, self._types.find)

    def converted(self, data: bytes) -> Any:
        """Hand a value to the converter it is registered with."""
        name, value = self.unpack(data)
        entry = REGISTERED.entry(name)
        if entry is None and getattr(self._types, "shows_anything", False):
            return value
        if entry is None or entry.decode is None:
            raise unknown_type(name)
        try:
            return entry.decode(value)
        except Exception as error:
            raise MisfitError(f"the registered `decode` of {name} raised {error!r}") from error


def _reference(_: Reader, data: bytes) -> Any:
    name = data.decode()
    function = abi.slots.function(DefinitionId(name))
    if function is None:
        raise unknown_type(name)
    return function


def _zone(found: Any) -> dt.tzinfo | None:
    match found:
        case None:
            return None
        case str():
            return zoneinfo.ZoneInfo(found)
        case [offset, *name]:
            return dt.timezone(dt.timedelta(microseconds=offset), *name)
        case _:
            raise MisfitError(f"{found!r} is no time zone")


def _datetime(found: Any) -> dt.datetime:
    year, month, day, hour, minute, second, microsecond, fold, zone = found
    return dt.datetime(year, month, day, hour, minute, second, microsecond, _zone(zone), fold=fold)


def _time(found: Any) -> dt.time:
    hour, minute, second, microsecond, fold, zone = found
    return dt.time(hour, minute, second, microsecond, _zone(zone), fold=fold)


_FLAVOURS: Final[Mapping[str, Callable[[str], Any]]] = {
    "Path": Path,
    "PurePosixPath": PurePosixPath,
    "PureWindowsPath": PureWindowsPath,
}


def _parts(make: Callable[[Any], Any]) -> Callable[[Reader, bytes], Any]:
    return lambda reader, data: make(reader.unpack(data))


def _plain(make: Callable[[bytes], Any]) -> Callable[[Reader, bytes], Any]:
    return lambda _, data: make(data)


_READERS: Final[dict[int, Callable[[Reader, bytes], Any]]] = {
    tags.SET: _parts(set),
    tags.FROZENSET: _parts(frozenset),
    tags.BIG_INT: _plain(lambda data: int.from_bytes(data, "big", signed=True)),
    tags.COMPLEX: _parts(lambda found: complex(*found)),
    tags.DECIMAL: _plain(lambda data: decimal.Decimal(data.decode())),
    tags.DATETIME: _parts(_datetime),
    tags.DATE: _parts(lambda found: dt.date(*found)),
    tags.TIME: _parts(_time),
    tags.TIMEDELTA: _parts(lambda found: dt.timedelta(*found)),
    tags.UUID: _plain(lambda data: uuid.UUID(bytes=data)),
    tags.PATH: _parts(lambda found: _FLAVOURS[found[0]](found[1])),
    tags.ENUM: Reader.member,
    tags.NAMEDTUPLE: Reader.fields,
    tags.DATACLASS: Reader.fields,
    tags.PYDANTIC: Reader.fields,
    tags.ATTRS: Reader.fields,
    tags.ERROR: Reader.error,
    tags.REFERENCE: _reference,
    tags.REGISTERED: Reader.converted,
    tags.BYTEARRAY: _plain(bytearray),
    tags.RANGE: _parts(lambda found: range(*found)),
    tags.ZONE: _parts(_zone),
}


def read_as(tag: int, make: Callable[[Any], Any]) -> None:
    """Read what stands under a code, by what `make` makes of the plain value there."""
    _READERS[tag] = _parts(make)
