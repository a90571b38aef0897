"""Rename hints where digests are made: what was renamed is spelled as it was called first.

So a rename that a hint tells of changes no digest, and can be shown to mean nothing. Fingerprints
are not made so: they would depend on comments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


class OldNames:
    """The first names of definitions, parameters and modules."""

    def __init__(self, renamed: Mapping[str, tuple[str, ...]]) -> None:
        """Take hints: new id -> old ids, oldest first."""
        self._ids = {new: old[0] for new, old in renamed.items() if old}
        self._former: dict[str, set[str]] = {}
        for new, old in self._ids.items():
            self._former.setdefault(new.rpartition(".")[0], set()).add(_last(old))
        self._dotted = {_dots(new): _dots(old) for new, old in self._ids.items()}

    def __bool__(self) -> bool:
        """Tell whether anything was renamed."""
        return bool(self._ids)

    def dotted(self, name: str) -> str:
        """Give the first name of a qualified name: ``app.pay.charge``."""
        return _oldest(name, self._dotted)

    def id(self, name: str) -> str:
        """Give the first id of a definition: ``app.pay:charge``."""
        return _oldest(name, self._ids)

    def parameter(self, definition: str, name: str) -> str:
        """Give the first name of a parameter. A call that still gives a former name means another
        thing than it did: it raises.
        """
        old = self._ids.get(f"{definition}.{name}")
        if old is None:
            return f"{name}?" if name in self._former.get(definition, ()) else name
        return _last(old)


def _oldest(name: str, oldest: Mapping[str, str]) -> str:
    """Put the old name of the longest part that was renamed in the place of the new one."""
    for end in range(len(name), 0, -1) if oldest else ():
        if name[:end] in oldest and (end == len(name) or name[end] in ".:"):
            return oldest[name[:end]] + name[end:]
    return name


def _last(name: str) -> str:
    return name.rpartition(":")[2].rpartition(".")[2]


def _dots(name: str) -> str:
    return name.replace(":", ".")


NO_NAMES: Final = OldNames({})
"""Nothing was renamed."""
