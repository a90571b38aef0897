"""What a chapter hands to the next one, in `run_restarted`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wfc import codec
from wfc.eventlog.event import RunCreated, RunRestarted, Scalar

_ATTRIBUTES: Final = "attributes"
_NONE: Final[Mapping[str, Scalar]] = {}


def carry(attributes: Mapping[str, Scalar]) -> bytes:
    """Encode what the next chapter must know without reading this one."""
    return codec.encode({_ATTRIBUTES: dict(attributes)}, path="what a chapter carries over")


def attributes_at(begun: RunCreated | RunRestarted) -> Mapping[str, Scalar]:
    """Give the attributes with which a chapter began."""
    if isinstance(begun, RunCreated):
        return begun.attributes
    if begun.carried is None:
        return _NONE
    carried: dict[str, Mapping[str, Scalar]] = codec.decode(begun.carried)
    return carried.get(_ATTRIBUTES, _NONE)
