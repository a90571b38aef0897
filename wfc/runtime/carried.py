"""What a chapter hands to the next one, in `run_restarted`: attributes, and hooks it left open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wfc import codec
from wfc.errors import PayloadCorrupt
from wfc.eventlog.event import RunCreated, RunRestarted, Scalar
from wfc.ids import OperationId

_ATTRIBUTES: Final = "attributes"
_HOOKS: Final = "hooks"
_NONE: Final[Mapping[str, Scalar]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedHook:
    """An open hook whose token the code has chosen, and what came for it and nobody has read.

    `name` is the operation that made it, in whatever chapter; `token` is the one that outside
    knows, which differs from the `chosen` one in a fork.
    """

    name: OperationId
    chosen: str
    token: str
    payloads: tuple[bytes, ...] = ()


def carry(
    attributes: Mapping[str, Scalar],
    hooks: Iterable[CarriedHook] = (),
    *,
    limit: int = codec.PAYLOAD_MAX,
) -> bytes:
    """Encode what the next chapter must know without reading this one. Raises `CodecError`."""
    known: dict[str, Any] = {_ATTRIBUTES: dict(attributes)}
    left = [[one.name, one.chosen, one.token, list(one.payloads)] for one in hooks]
    if left:
        known[_HOOKS] = left
    return codec.encode(known, path="what a chapter carries over", limit=limit)


def attributes_at(begun: RunCreated | RunRestarted) -> Mapping[str, Scalar]:
    """Give the attributes with which a chapter began. Raises `CodecError`."""
    if isinstance(begun, RunCreated):
        return begun.attributes
    if begun.carried is None:
        return _NONE
    found = _read(begun.carried).get(_ATTRIBUTES, _NONE)
    if not isinstance(found, dict):
        raise _damaged()
    return found


def hooks_at(begun: RunCreated | RunRestarted) -> list[CarriedHook]:
    """Give the hooks that were open when a chapter began. Raises `CodecError`."""
    if isinstance(begun, RunCreated) or begun.carried is None:
        return []
    try:
        return [_hook(*one) for one in _read(begun.carried).get(_HOOKS, ())]
    except TypeError:
        raise _damaged() from None


def _hook(name: str, chosen: str, token: str, payloads: list[bytes]) -> CarriedHook:
    texts = {type(name), type(chosen), type(token)}
    if texts != {str} or not {bytes}.issuperset(map(type, payloads)):
        raise _damaged()
    return CarriedHook(name=OperationId(name), chosen=chosen, token=token, payloads=tuple(payloads))


def _read(carried: bytes) -> dict[str, Any]:
    found = codec.decode(carried)
    if not isinstance(found, dict):
        raise _damaged()
    return found


def _damaged() -> PayloadCorrupt:
    return PayloadCorrupt("what a chapter carried over is damaged")
