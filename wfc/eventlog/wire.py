"""Events as bytes: ``bytes([1, flags])``, a msgpack list ``[code, recorded_at, *fields]``, crc32.

The list holds the fields in the order of the dataclass. New fields are only ever appended, with a
default: a shorter list is an older event and reads with today's defaults, a longer one a newer
event of the same format and its surplus is ignored. Decoders of a version byte are never deleted.
Payloads stay the bytes they are.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
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
_BUFFER_BYTES: Final = 512  # to begin with; it grows

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
    """The fields of one class in order, and how to take it apart and make it again.

    Both functions are generated once per class, as `dataclasses` makes its own: a loop over the
    fields takes twice as long, and a log is read as fast as its events are made.
    """

    def __init__(
        self, kind: type, forms: Mapping[str, _Form], *, before: int = 0, first: str | None = None
    ) -> None:
        """Lay out `kind`, whose fields stand behind `before` other values of the list.

        The field `first` is not written, but given first on reading.
        """
        fields = sorted(dataclasses.fields(kind), key=lambda field: field.name != first)
        self._fields = fields
        self._forms = forms
        self._before = before
        self._length = before + len(fields)
        self.write: Callable[[Any], tuple[Any, ...]] = self._made(
            "write", _write_text([field.name for field in fields if field.name != first], forms), {}
        )
        scope: dict[str, Any] = {f"set_{field.name}": _setter(kind, field.name) for field in fields}
        scope |= {"new": object.__new__, "kind": kind, "fitted": self._fitted}
        self.read: Callable[[Sequence[Any]], Any] = self._made(
            "read", _read_text([field.name for field in fields], forms, before), scope
        )

    def _made(self, name: str, text: str, scope: dict[str, Any]) -> Any:
        for field, form in self._forms.items():
            scope |= {f"write_{field}": form.write, f"read_{field}": form.read}
        exec(compile(text, f"<{name} of wfc.eventlog.wire>", "exec"), scope)  # noqa: S102 - the text is made of the field names of our own classes
        return scope[name]

    def _fitted(self, values: Sequence[Any]) -> Sequence[Any]:
        """Cut off what a newer writer added; add as written what an older one did not know."""
        missing = self._fields[max(0, len(values) - self._before) :]
        return [*values[: self._length], *(self._default(field) for field in missing)]

    def _default(self, field: dataclasses.Field[Any]) -> Any:
        if field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        elif field.default is not dataclasses.MISSING:
            value = field.default
        else:
            raise ValueError(f"the field `{field.name}` is missing")
        form = self._forms.get(field.name)
        return value if form is None or value is None else form.write(value)


def _write_text(names: Sequence[str], forms: Mapping[str, _Form]) -> str:
    """Write a function that gives the values of an item as msgpack takes them."""
    values = [
        f"None if item.{name} is None else write_{name}(item.{name})"
        if name in forms
        else f"item.{name}"
        for name in names
    ]
    return f"def write(item):\n    return ({', '.join(values)},)\n"


def _read_text(names: Sequence[str], forms: Mapping[str, _Form], before: int) -> str:
    """Write a function that makes an item of what msgpack gave.

    Slots are set through their descriptors, since the classes are frozen.
    """
    # Numbers, not names: a field may be called like one of the function's own variables.
    targets = ", ".join([*(["_"] * before), *(f"v{index}" for index in range(len(names)))])
    sets = [
        f"set_{name}(item, None if v{index} is None else read_{name}(v{index}, values))"
        if name in forms
        else f"set_{name}(item, v{index})"
        for index, name in enumerate(names)
    ]
    lines = [
        f"if len(values) != {before + len(names)}: values = fitted(values)",
        f"{targets}, = values",
        "item = new(kind)",
        *sets,
        "return item",
    ]
    return "def read(values):\n" + "".join(f"    {line}\n" for line in lines)


def _setter(kind: type, name: str) -> Callable[[Any, Any], None]:
    owner = next(base for base in kind.__mro__ if name in base.__dict__)
    return cast("Callable[[Any, Any], None]", owner.__dict__[name].__set__)


# --- forms of fields that msgpack does not know ------------------------------------------------


def _word(kind: type[StrEnum]) -> _Form:
    members: dict[str, StrEnum] = {member.value: member for member in kind}

    def read(value: Any, _: Sequence[Any]) -> StrEnum:
        try:
            return members[value]
        except KeyError:
            if not isinstance(value, str):
                raise TypeError(f"{value!r} is no {kind.__name__}") from None
            raise _UnknownWordError(f"`{value}` for {kind.__name__}") from None

    return _Form(write=str, read=read)


def _nested(layout: _Layout) -> _Form:
    return _Form(write=layout.write, read=lambda value, _: layout.read(value))


_ENVELOPE: Final = 2
"""An event's fields stand behind its code and `recorded_at`."""
_POLICIES_MAX: Final = 1000
_BACKOFF: Final = _Layout(Backoff, {})
_POLICY: Final = _Layout(Policy, {"backoff": _nested(_BACKOFF)})
_POLICIES: Final[dict[Any, Policy]] = {}


def _written_policy(policy: Policy) -> tuple[Any, ...]:
    """Leave out what hardly any policy says: it is in the row of every step."""
    values: tuple[Any, ...] = _POLICY.write(policy)
    return values if policy.memory_bytes is not None else values[:-1]


def _new_policy(value: Any) -> Policy:
    if len(_POLICIES) >= _POLICIES_MAX:
        _POLICIES.clear()
    found: Policy = _POLICY.read(value)
    _POLICIES[value] = found
    return found


# A run has few policies and many steps: each is made once.
_STEP_FORMS: Final = {
    "policy": _Form(
        write=_written_policy, read=lambda value, _: _POLICIES.get(value) or _new_policy(value)
    ),
}
# What a step's outcome says of its creation stands behind the outcome's own operation id.
_CREATED: Final = _Layout(StepCreated, _STEP_FORMS, first="operation_id")
_read_created = _CREATED.read
_CREATED_FORM: Final = _Form(
    write=_CREATED.write, read=lambda value, values: _read_created((values[_ENVELOPE], *value))
)
_NOTHING: Final[dict[str, Any]] = {}
_MAPPING: Final = _Form(write=dict, read=lambda value, _: dict(value) if value else _NOTHING)
# What thousands of runs have in common, and keep while they live, is kept once.
_NAME: Final = _Form(write=str, read=lambda value, _: sys.intern(value))
_ENVIRONMENTS_MAX: Final = 100
_ENVIRONMENTS: Final[dict[Any, dict[str, str]]] = {}


def _environment(value: Any, _: Sequence[Any]) -> dict[str, str]:
    made = dict(value)
    if len(_ENVIRONMENTS) >= _ENVIRONMENTS_MAX:
        _ENVIRONMENTS.clear()
    return _ENVIRONMENTS.setdefault(tuple(made.items()), made)


_ENVIRONMENT: Final = _Form(write=dict, read=_environment)
_SEQUENCE: Final = _Form(write=tuple, read=lambda value, _: tuple(value))

_FORMS: Final[Mapping[type[Event], Mapping[str, _Form]]] = {
    RunCreated: {
        "workflow": _NAME,
        "version": _NAME,
        "fingerprint": _NAME,
        "changes": _SEQUENCE,
        "environment": _ENVIRONMENT,
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
        "accepted": _SEQUENCE,
    },
    RunRestarted: {"changes": _SEQUENCE, "environment": _ENVIRONMENT},
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
    return _Layout(kind, {**sent, **_FORMS.get(kind, {})}, before=_ENVELOPE)


_BY_CODE: Final = {code: _layout_of(kind) for code, kind in BY_CODE.items()}
_BY_TYPE: Final = {BY_CODE[code]: (code, layout.write) for code, layout in _BY_CODE.items()}


# --- the two doors -----------------------------------------------------------------------------


def encode(recorded_at: int, event: Event) -> bytes:
    """Write an event. Raises `Unserialisable` for a field that msgpack cannot hold."""
    code, write = _BY_TYPE[type(event)]
    try:
        # Not `packb`: it takes a buffer of 256 KiB each time, which costs more than the packing.
        packer = msgpack.Packer(buf_size=_BUFFER_BYTES)
        body: bytes = packer.pack((code, recorded_at, *write(event)))
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
        values = msgpack.unpackb(body, use_list=False)
        layout = _BY_CODE.get(values[0])
        if layout is None or type(values[1]) is not int:
            raise _unknown_code(values, run_id, position)
        event = layout.read(values)
    except _UnknownWordError as error:
        raise _too_new(f"it holds {error}", run_id, position) from None
    except (ValueError, TypeError, LookupError, msgpack.UnpackException) as error:
        raise CorruptEvent(run_id, position, f"its content is malformed ({error})") from error
    recorded: Recorded = _RECORDED.read((position, values[1], event))
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


def _unknown_code(values: Sequence[Any], run_id: RunId, position: int) -> LogTooNew | CorruptEvent:
    if type(values[0]) is int and type(values[1]) is int:
        return _too_new(f"its code is {values[0]}", run_id, position)
    return CorruptEvent(run_id, position, "code or time is no number")


def _too_new(what: str, run_id: RunId, position: int) -> LogTooNew:
    return LogTooNew(
        f"event {position} of run {run_id} was written by a newer wfc: {what}, which this one does "
        "not know. Nothing was changed; run it with the version that wrote it, or a later one."
    )
