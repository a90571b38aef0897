"""Arguments of a call: recorded by parameter name, compared by digest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # it ships no types

from wfc.codec.decoding import Reader
from wfc.codec.encoding import body_of, compared_of
from wfc.codec.envelope import PAYLOAD_MAX, seal, unseal
from wfc.codec.fitting import Reachable, fit
from wfc.codec.naming import REGISTERED, Types
from wfc.codec.readers import ReadersOf, succeeds
from wfc.errors import PayloadCorrupt, Unserialisable

_DIGEST_BYTES: Final = 16
_NAME_BYTES: Final = 12
_NO_ANNOTATIONS: Final[Mapping[str, Any]] = {}


def encode_arguments(
    arguments: Mapping[str, Any],
    *,
    call: str,
    annotations: Mapping[str, Any] = _NO_ANNOTATIONS,
    types: Types | None = None,
    limit: int = PAYLOAD_MAX,
) -> tuple[bytes, bytes]:
    """Give the payload of the arguments and its digest; `call` names the call, for errors.

    `types` and the parameters' `annotations` are what the readers know, as `encode` has it.
    The digest is blake2b-128 of the uncompressed body, so a better compression changes nothing; it
    leaves out what handles of streams name.
    Raises `Unserialisable` naming parameter and place, or `PayloadTooLarge`.
    """
    ordered = {name: arguments[name] for name in sorted(arguments)}
    path = _path(call)
    try:
        body = body_of(ordered, path, None if types is None else _ReadersOfAll(annotations, types))
    except Unserialisable:
        # Find out which one it is; each alone gives the better sentence.
        for name, value in ordered.items():
            readers = None if types is None else ReadersOf(annotations.get(name), types)
            body_of(value, f"{_shown(call)} argument `{name}`", readers)
        raise
    digest = blake2b(compared_of(ordered, body), digest_size=_DIGEST_BYTES).digest()
    return seal(body, path, limit), digest


def _shown(call: str) -> str:
    if call.endswith(")"):
        return call
    return f"{call[:-1]}()`" if call.endswith("`") else f"{call}()"


@lru_cache(1024)
def _path(call: str) -> str:
    """Name what is encoded; kept, since a replay asks for it at each step and never shows it."""
    return f"the arguments of {_shown(call)}"


def decode_arguments(
    data: bytes, annotations: Mapping[str, Any], types: Types = REGISTERED
) -> dict[str, Any]:
    """Give the arguments by name, each as its annotation says. Raises as `decode` does."""
    return _read(unseal(data), annotations, types)


def argument_digest(data: bytes, name: str) -> str | None:
    """Name the recorded value of one argument by its content; None if it was left off.

    No type has to be known for it. Raises `PayloadCorrupt`, `PayloadTooNew`.
    """
    body = unseal(data)
    try:
        found = msgpack.unpackb(body, strict_map_key=False, ext_hook=msgpack.ExtType)
        value = found.get(name, _NOTHING)
        packed = None if value is _NOTHING else msgpack.packb(value)
    except (ValueError, TypeError, AttributeError, msgpack.UnpackException) as error:
        raise PayloadCorrupt(f"a payload of arguments cannot be read: {error}") from error
    return None if packed is None else blake2b(packed, digest_size=_NAME_BYTES).hexdigest()


def _read(body: bytes, annotations: Mapping[str, Any], types: Types) -> dict[str, Any]:
    reader = Reader(_OfAll(annotations, types))
    found = reader.read(body)
    if type(found) is not dict:
        raise PayloadCorrupt("a payload of arguments holds something else")
    return {
        name: fit(value, annotations.get(name), unread=reader.unread, what=f"the argument `{name}`")
        for name, value in found.items()
    }


class _OfAll:
    """The types that any of some annotations reaches, looked into only when one is asked for."""

    def __init__(self, annotations: Mapping[str, Any], types: Types) -> None:
        self._annotations = annotations
        self._types = types

    def find(self, name: str) -> type | None:
        for annotation in self._annotations.values():
            found = Reachable(annotation, _NOTHING).find(name)
            if found is not None:
                return found
        return self._types.find(name)


class _ReadersOfAll:
    """Readers of a call's arguments, each of which has an annotation of its own."""

    def __init__(self, annotations: Mapping[str, Any], types: Types) -> None:
        self._annotations = annotations
        self._types = types

    def knows(self, name: str) -> bool:
        # Most classes are found in the types, which is cheaper than to go through annotations.
        return (
            self._types.find(name) is not None
            or _OfAll(self._annotations, _NOTHING).find(name) is not None
        )

    def reads(self, body: bytes) -> bool:
        return succeeds(lambda: _read(body, self._annotations, self._types))


class _Nothing:
    def find(self, name: str) -> type | None:  # noqa: ARG002 - the form of `Types`
        return None


_NOTHING: Final = _Nothing()
