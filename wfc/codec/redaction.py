"""Payloads with parts blacked out, by place and without the classes of what they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # it ships no types

from wfc.codec import tags
from wfc.codec.envelope import seal, unseal
from wfc.errors import PayloadCorrupt

REDACTED: Final = "[redacted]"
EVERY: Final = "*"
_OBJECTS: Final = frozenset({tags.NAMEDTUPLE, tags.DATACLASS, tags.PYDANTIC, tags.ATTRS})


def redacted(data: bytes, place: Sequence[str]) -> bytes | None:
    """Black out what stands at `place`, keys and indices from the outside in, ``*`` for any.

    None if the payload has no such place. Raises `PayloadCorrupt`, `PayloadTooNew`.
    """
    try:
        value = _unpacked(unseal(data))
        found = black_out(value, place)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise PayloadCorrupt(f"a payload is damaged: {error!r}") from error
    return None if found is value else seal(_packed(found), "a redacted payload")


def black_out(value: Any, place: Sequence[str]) -> Any:
    """Give `value` with what stands at `place` replaced; the very same object if nothing does."""
    if not place:
        return REDACTED
    if isinstance(value, dict):
        items = {
            key: black_out(item, place[1:]) if place[0] in {str(key), EVERY} else item
            for key, item in value.items()
        }
        return items if any(items[key] is not item for key, item in value.items()) else value
    if isinstance(value, list):
        parts = [
            black_out(item, place[1:]) if place[0] in {str(index), EVERY} else item
            for index, item in enumerate(value)
        ]
        return parts if any(a is not b for a, b in zip(parts, value, strict=True)) else value
    if isinstance(value, msgpack.ExtType):
        if value.code in _OBJECTS:
            return _within(value, lambda parts: _fields_out(parts, place))
        if value.code == tags.TUPLE:
            return _within(value, lambda parts: black_out(parts, place))
    return value


def _within(value: Any, change: Callable[[Any], Any]) -> Any:
    parts = _unpacked(value.data)
    found = change(parts)
    return value if found is parts else msgpack.ExtType(value.code, _packed(found))


def _fields_out(parts: list[Any], place: Sequence[str]) -> list[Any]:
    """Look into the fields of an object, which stand behind the name of its class."""
    name, fields, *more = parts
    found = black_out(fields, place)
    return parts if found is fields else [name, found, *more]


def _unpacked(body: bytes) -> Any:
    return msgpack.unpackb(body, strict_map_key=False)


def _packed(value: Any) -> bytes:
    body: bytes = msgpack.packb(value, strict_types=True)
    return body
