"""Events as bytes: ``bytes([1, flags])``, a msgpack list ``[code, recorded_at, *fields]``, crc32.

The list holds the fields in the order of the dataclass. New fields are only ever appended, with a
default: a shorter list is an older event and reads with today's defaults, a longer one a newer
event of the same format and its surplus is ignored. Decoders of a version byte are never deleted.
Payloads stay the bytes they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final, cast
from zlib import crc32

import msgpack  # type: ignore[import-untyped]  # it ships no types

from wfc.errors import CorruptEvent, LogTooNew, Unserialisable
from wfc.eventlog.event import (
    BY_CODE,
    AttributesSet,
    CancelCause,
    Channel,
    Event,
    FailureKind,
    HookCreated,
    HookKind,
    Origin,
    Parent,
    Recorded,
    RunCancelRequested,
    RunCreated,
    RunFailed,
    RunRestarted,
    RunUpgraded,
    RunWoken,
    Sent,
    StepCancelled,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepRetrying,
    WaitCause,
    WaitCompleted,
)
from wfc.ids import RunId
from wfc.policies import Backoff, Policy

VERSION: Final = 1
_HEADER: Final = bytes([VERSION, 0])
_HEADER_CRC: Final = crc32(_HEADER)
_CRC_BYTES: Final = 4

Write = Callable[[Any], object]
Read = Callable[[Any, Sequence[Any]], object]
"""A reader gets the field's value and the whole list it stands in."""


class _UnknownWordError(Exception):
    """An enumeration holds a word that this wfc does not know."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Form:
    """How a field is written and read that is not plain msgpack."""

    write: Write
    read: Read


class _Layout:
    """The fields of one class in order, and how to take it apart and make it again."""

    def __init__(self, kind: type, forms: Mapping[str, _Form], *, first: str | None = None) -> None:
        """Lay out `kind`; the field `first` is not written, but given first on reading."""
        fields = dataclasses.fields(kind)
        order = [field.name for field in fields if field.name != first]
        self.kind = kind
        self.take: Callable[[Any], Sequence[Any]] = attrgetter(*order)
        if len(order) == 1:
            one = attrgetter(order[0])
            self.take = lambda item: (one(item),)
        self._writers = [(order.index(name), form.write) for name, form in forms.items()]
        if first is not None:
            order.insert(0, first)
        self._readers = [(order.index(name), form.read) for name, form in forms.items()]
        # Slots are set through their descriptors: the generated `__init__` of a frozen class
        # takes half as long again.
        self._set = [_setter(kind, name) for name in order]
        by_name = {field.name: _default(field) for field in fields}
        self._defaults = [by_name[name] for name in order]

    def write(self, item: Any) -> Sequence[Any]:
        """Give the values of `item` as msgpack takes them."""
        values = self.take(item)
        if not self._writers:
            return values
        listed = list(values)
        for index, write in self._writers:
            if listed[index] is not None:
                listed[index] = write(listed[index])
        return listed

    def read(self, values: Sequence[Any]) -> Any:
        """Make the item again from what msgpack gave."""
        count = len(values)
        if self._readers:
            listed = list(values)
            for index, read in self._readers:
                if index < count and listed[index] is not None:
                    listed[index] = read(listed[index], values)
            values = listed
        item: Any = object.__new__(self.kind)
        for set_field, value in zip(self._set, values, strict=False):
            set_field(item, value)
        for index in range(count, len(self._set)):
            self._set[index](item, self._defaults[index]())
        return item


def _setter(kind: type, name: str) -> Callable[[Any, Any], None]:
    owner = next(base for base in kind.__mro__ if name in base.__dict__)
    return cast("Callable[[Any, Any], None]", owner.__dict__[name].__set__)


def _default(field: dataclasses.Field[Any]) -> Callable[[], Any]:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory
    if field.default is not dataclasses.MISSING:
        return lambda: field.default

    def missing() -> Any:
        raise ValueError(f"the field `{field.name}` is missing")

    return missing


# --- forms of fields that msgpack does not know ------------------------------------------------


def _word(kind: type[StrEnum]) -> _Form:
    members: dict[str, StrEnum] = {member.value: member for member in kind}

    def read(value: Any, _: Sequence[Any]) -> StrEnum:
        try:
            return members[value]
        except KeyError:
            raise _UnknownWordError(f"`{value}` for {kind.__name__}") from None

    return _Form(write=str, read=read)


def _nested(layout: _Layout) -> _Form:
    return _Form(write=layout.write, read=lambda value, _: layout.read(value))


def _known(value: Any, cache: dict[Any, Policy], layout: _Layout) -> Policy:
    # A run has few policies and many steps: each is made once.
    found = cache.get(value)
    if found is None:
        if len(cache) >= _POLICIES_MAX:
            cache.clear()
        found = cache[value] = layout.read(value)
    return found


_POLICIES_MAX: Final = 1000
_BACKOFF: Final = _Layout(Backoff, {})
_POLICY: Final = _Layout(Policy, {"backoff": _nested(_BACKOFF)})
_POLICIES: Final[dict[Any, Policy]] = {}
_STEP_FORMS: Final = {
    "policy": _Form(write=_POLICY.write, read=lambda value, _: _known(value, _POLICIES, _POLICY)),
}
# What a step's outcome says of its creation stands behind the outcome's own operation id.
_CREATED: Final = _Layout(StepCreated, _STEP_FORMS, first="operation_id")
_CREATED_FORM: Final = _Form(
    write=_CREATED.write, read=lambda value, values: _CREATED.read((values[0], *value))
)
_MAPPING: Final = _Form(write=dict, read=lambda value, _: dict(value))
_SEQUENCE: Final = _Form(write=tuple, read=lambda value, _: tuple(value))

_FORMS: Final[Mapping[type[Event], Mapping[str, _Form]]] = {
    RunCreated: {
        "changes": _SEQUENCE,
        "environment": _MAPPING,
        "attributes": _MAPPING,
        "parent": _nested(_Layout(Parent, {})),
        "origin": _nested(_Layout(Origin, {})),
    },
    RunFailed: {"kind": _word(FailureKind)},
    RunCancelRequested: {"cause": _word(CancelCause)},
    RunUpgraded: {
        "site_map": _MAPPING,
        "changes": _SEQUENCE,
        "withdrawn": _SEQUENCE,
        "retracted": _SEQUENCE,
        "unequal": _SEQUENCE,
    },
    RunRestarted: {"changes": _SEQUENCE, "environment": _MAPPING},
    RunWoken: {"operation_ids": _SEQUENCE},
    StepCreated: _STEP_FORMS,
    StepRetrying: {"created": _CREATED_FORM},
    StepCompleted: {"created": _CREATED_FORM},
    StepFailed: {"created": _CREATED_FORM},
    StepCancelled: {"created": _CREATED_FORM},
    HookCreated: {"kind": _word(HookKind), "methods": _SEQUENCE},
    WaitCompleted: {"cause": _word(WaitCause)},
    AttributesSet: {"changes": _MAPPING},
}
_SENT_FORMS: Final = {"channel": _word(Channel)}


def _layout_of(kind: type[Event]) -> _Layout:
    sent = _SENT_FORMS if issubclass(kind, Sent) else {}
    return _Layout(kind, {**sent, **_FORMS.get(kind, {})})


_BY_CODE: Final = {code: _layout_of(kind) for code, kind in BY_CODE.items()}
_BY_TYPE: Final = {BY_CODE[code]: (code, layout.write) for code, layout in _BY_CODE.items()}


# --- the two doors -----------------------------------------------------------------------------


def encode(recorded_at: int, event: Event) -> bytes:
    """Write an event. Raises `Unserialisable` for a field that msgpack cannot hold."""
    code, write = _BY_TYPE[type(event)]
    try:
        body: bytes = msgpack.packb((code, recorded_at, *write(event)))
    except (TypeError, ValueError, OverflowError) as error:
        raise Unserialisable(
            f"the event {event.name} cannot be written to the log: {error}. Names and reasons must "
            "be text without lone surrogates, and numbers must fit 64 bits."
        ) from error
    return b"".join((_HEADER, body, crc32(body, _HEADER_CRC).to_bytes(_CRC_BYTES, "big")))


def decode(data: bytes, *, run_id: RunId, position: int) -> Recorded:
    """Read an event back. Raises `LogTooNew` or `CorruptEvent`; changes nothing."""
    if len(data) <= len(_HEADER) + _CRC_BYTES:
        raise CorruptEvent(run_id, position, f"{len(data)} bytes are too few")
    if data[0] != VERSION or data[1] != 0:
        raise _unknown_header(data, run_id, position)
    body = data[len(_HEADER) : -_CRC_BYTES]
    if crc32(body, _HEADER_CRC) != _crc_of(data):
        raise CorruptEvent(run_id, position, "its checksum does not match")
    try:
        code, recorded_at, *values = msgpack.unpackb(body, use_list=False)
        layout = _BY_CODE.get(code)
        if layout is None or type(recorded_at) is not int:
            raise _unknown_code(code, recorded_at, run_id, position)
        event = layout.read(values)
    except _UnknownWordError as error:
        raise _too_new(f"it holds {error}", run_id, position) from None
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as error:
        raise CorruptEvent(run_id, position, f"its content is malformed ({error})") from error
    recorded: Recorded = _RECORDED.read((position, recorded_at, event))
    return recorded


def _crc_of(data: bytes) -> int:
    return int.from_bytes(data[-_CRC_BYTES:], "big")


_RECORDED: Final = _Layout(Recorded, {})


def _unknown_header(data: bytes, run_id: RunId, position: int) -> LogTooNew | CorruptEvent:
    if data[0] > VERSION:
        return _too_new(f"its format is {data[0]}", run_id, position)
    if data[0] == VERSION and crc32(data[:-_CRC_BYTES]) == _crc_of(data):
        return _too_new(f"its flags are {data[1]}", run_id, position)
    return CorruptEvent(run_id, position, f"it begins with {data[:2].hex()}, which is no format")


def _unknown_code(
    code: object, recorded_at: object, run_id: RunId, position: int
) -> LogTooNew | CorruptEvent:
    if type(code) is int and type(recorded_at) is int:
        return _too_new(f"its code is {code}", run_id, position)
    return CorruptEvent(run_id, position, "code or time is no number")


def _too_new(what: str, run_id: RunId, position: int) -> LogTooNew:
    return LogTooNew(
        f"event {position} of run {run_id} was written by a newer wfc: {what}, which this one does "
        "not know. Nothing was changed; run it with the version that wrote it, or a later one."
    )
