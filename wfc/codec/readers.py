"""Whether those who will read a payload can make what is written into it.

What nobody could read must not be recorded: the refusal belongs to who gave the value, not to who
asks for it when it has long been acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from wfc.codec.decoding import read
from wfc.codec.fitting import Reachable, reaches_nothing
from wfc.codec.naming import Types


class Readers(Protocol):
    """What is known of the readers of a payload."""

    def knows(self, name: str) -> bool:
        """Tell whether they find the type of this wire name."""
        ...

    def reads(self, body: bytes) -> bool:
        """Tell whether they can read a body that names a type which they do not find."""
        ...


class ReadersOf:
    """Readers of one value, who read it for an annotation and look types up in `types`."""

    __slots__ = ("_annotation", "_types")

    def __init__(self, annotation: Any, types: Types) -> None:
        """Know what they know."""
        self._annotation = annotation
        self._types = types

    def knows(self, name: str) -> bool:
        """Look in `types`, then in what the annotation reaches."""
        if self._types.find(name) is not None:
            return True
        if reaches_nothing(self._annotation):
            return False
        return Reachable(self._annotation, self._types).find(name) is not None

    def reads(self, body: bytes) -> bool:
        """Read it for the annotation, which may claim the fields of another class."""
        return succeeds(lambda: read(body, self._annotation, self._types, "a value"))


def succeeds(reading: Callable[[], object]) -> bool:
    """Tell whether a body can be read."""
    try:
        reading()
    except Exception:  # noqa: BLE001 - validators are code of the user's, and may raise anything
        return False
    return True
