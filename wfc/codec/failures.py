"""Errors as payloads: how a failure gets into the log, and out of it into workflow code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wfc.codec.decoding import Reader
from wfc.codec.encoding import body_of
from wfc.codec.envelope import PAYLOAD_MAX, seal, unseal
from wfc.codec.naming import REGISTERED, Types
from wfc.codec.raised import (
    ErrorValue,
    Frame,
    as_list,
    bare_value_of,
    made_again,
    of_list,
    value_of,
)
from wfc.codec.withheld import is_withheld, refuse_withheld
from wfc.errors import PayloadCorrupt

__all__ = ["ErrorValue", "Frame", "caused_by", "decode_error", "encode_error", "read_error"]


def encode_error(error: BaseException, *, fatal: bool = False, code: str | None = None) -> bytes:
    """Turn an error into a payload; never raises, whatever the error is made of.

    What cannot be recorded of it is left out: its arguments first, then all but type and message.
    """
    try:
        value = value_of(error, _body, fatal=fatal, code=code)
        if _size(value) > PAYLOAD_MAX // 2:
            value = replace(value, args=None, state=None, cause=None, context=None, group=())
        return seal(_body(as_list(value)), "an error")
    except Exception:  # noqa: BLE001 - a failure that cannot be recorded would be lost
        bare = bare_value_of(error, fatal=fatal, code=code)
        return seal(_body(as_list(bare)), "an error")


def caused_by(error: bytes, cause: bytes) -> bytes:
    """Give the payload of `error` with another one as its cause; neither exception is made."""
    try:
        value = replace(read_error(error), cause=read_error(cause))
        return seal(_body(as_list(value)), "an error")
    except Exception:  # noqa: BLE001 - a failure that cannot be recorded would be lost
        return error


def read_error(data: bytes) -> ErrorValue:
    """Read an error as a value, without making an exception. Raises `PayloadCorrupt`, and
    `CannotDecrypt` for one that was withheld.
    """
    if is_withheld(data):
        raise refuse_withheld("an error")
    found = Reader(REGISTERED).read(unseal(data))
    try:
        return of_list(found)
    except (ValueError, TypeError, RecursionError) as error:
        raise PayloadCorrupt(f"a payload holds no error: {error}") from error


def decode_error(data: bytes, *, types: Types = REGISTERED) -> BaseException:
    """Make the exception again: of its own class where that is a builtin, one of `wfc.errors`, or
    found in `types`; otherwise a `StepError`. The frames of the step are a note of it.
    """
    value = read_error(data)
    made = made_again(value, lambda body: Reader(types).read(body), types.find)
    if value.frames:
        made.add_note(_traceback(value))
    return made


def _body(value: Any) -> bytes:
    return body_of(value, "an error")


def _size(value: ErrorValue) -> int:
    linked = [part for part in (value.cause, value.context, *value.group) if part is not None]
    own = len(value.args or b"") + len(value.state or b"")
    return own + sum(_size(part) for part in linked)


def _traceback(value: ErrorValue) -> str:
    lines = ["Where it was raised (most recent call last):"]
    for frame in value.frames:
        lines.append(f'  File "{frame.file}", line {frame.line}, in {frame.function}')
        if frame.text:
            lines.append(f"    {frame.text}")
    return "\n".join(lines)
