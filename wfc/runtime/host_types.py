"""Types for the step side: classes of the manifest, as the imported modules hold them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from wfc import codec
from wfc.manifests.rename_hints import RenameHints


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
            found = imported(name)
            if found is not None:
                self._found[name] = found
        return found


class FormerTypes:
    """Types by the names that they had before, too: what a version's rename hints say."""

    def __init__(self, known: codec.Types, renamed: RenameHints) -> None:
        """Look into `known`, whose modules have been executed; former fields are read as well."""
        self._known = known
        self._renamed = renamed
        for name in renamed.owners:
            kind = known.find(name)
            if kind is not None:
                codec.remember_former(kind, renamed.parameters(name))

    def find(self, name: str) -> type | None:
        """Give the type of this wire name, or None."""
        return self._known.find(name) or self._known.find(self._renamed.definition(name))


def imported(name: str) -> type | None:
    """Give the class of this wire name, if its module was imported."""
    module, _, qualname = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) else None
