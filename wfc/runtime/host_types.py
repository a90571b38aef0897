"""Types for the step side: classes of the manifest, as the imported modules hold them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from wfc import codec


class HostTypes:
    """Types for the step side: classes of the manifest, as the imported modules hold them.

    A module that nobody imported holds no type: bytes never make anything import.
    """

    def __init__(self, classes: Iterable[str] = ()) -> None:
        """Allow `classes` (``module:Qualname``) and what is registered."""
        self._classes = set(classes)
        self._found: dict[str, type] = {}

    def allow(self, classes: Iterable[str]) -> None:
        """Allow the classes of another version too."""
        self._classes.update(classes)

    def find(self, name: str) -> type | None:
        """Give the type of this wire name, or None."""
        found = codec.REGISTERED.find(name) or self._found.get(name)
        if found is None and name in self._classes:
            found = _imported(name)
            if found is not None:
                self._found[name] = found
        return found


def _imported(name: str) -> type | None:
    module, _, qualname = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) else None
