"""Types for the step side: classes of the manifest, as the imported modules hold them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from wfc import codec
from wfc.manifests.renamed import NOTHING, Renamed
from wfc.runtime.former_names import remember_former


class HostTypes:
    """Types for the step side: classes of the manifest, as the imported modules hold them.

    A module that nobody imported holds no type: bytes never make anything import.
    """

    def __init__(self, classes: Iterable[str] = (), renamed: Renamed = NOTHING) -> None:
        """Allow `classes` (``module:Qualname``) and what is registered; a class is found by the
        names that it had before, too.
        """
        self._classes = set(classes)
        self._renamed = renamed
        self._found: dict[str, type] = {}

    def allow(self, classes: Iterable[str]) -> None:
        """Allow the classes of another version too."""
        self._classes.update(classes)

    def find(self, name: str) -> type | None:
        """Give the type of this wire name, or None."""
        found = codec.REGISTERED.find(name) or self._found.get(name)
        if found is None:
            found = self._own(name) or self._own(self._renamed.definition(name))
            if found is not None:
                self._found[name] = found
        return found

    def read_former_names(self) -> None:
        """Let fields be read by the names that they had before, of classes imported by now."""
        remember_former(self._renamed, self._own)

    def _own(self, name: str) -> type | None:
        return _imported(name) if name in self._classes else None


def _imported(name: str) -> type | None:
    module, _, qualname = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) else None
