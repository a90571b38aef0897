"""What a version calls things that older versions called otherwise: its rename hints, applied.

A manifest's table maps new ids to old ones: definitions and classes (``app.pay:charge``), their
parameters and fields (``app.pay:charge.cents``), and modules (``app.pay``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, TypeVar

_T = TypeVar("_T")
_NONE: Final = '\n "renamed": {}'
"""How the text of a manifest says it: at the first level, where the settings' own table is not."""
_MARKED: Final = '"changes": [\n'


class Renamed:
    """Gives the present name of anything an older version has named."""

    def __init__(self, table: Mapping[str, Iterable[str]]) -> None:
        """Take a manifest's table: new id -> old ids."""
        self._modules: dict[str, str] = {}
        self._definitions: dict[str, str] = {}
        self._members: dict[str, dict[str, str]] = {}
        """Of a definition, by its present id: the former names of parameters or fields."""
        for new, olds in table.items():
            for old in olds:
                self._add(new, old)

    def __bool__(self) -> bool:
        """Tell whether anything has another name now."""
        return bool(self._modules or self._definitions or self._members)

    def _add(self, new: str, old: str) -> None:
        if ":" not in new:
            self._modules[old] = new
            return
        # `app:flow.charge` may be a nested step or a parameter; each is asked for by other means.
        self._definitions[old] = new
        owner, _, name = new.rpartition(".")
        if ":" in owner:
            self._members.setdefault(owner, {})[old.rpartition(".")[2]] = name

    def definition(self, old: str) -> str:
        """Give the present id of a step, a workflow or a class."""
        found = self._definitions.get(old)
        if found is not None:
            return found
        module, colon, qualname = old.partition(":")
        moved = self._module(module)
        if moved == module:
            return old
        return self._definitions.get(f"{moved}{colon}{qualname}", f"{moved}{colon}{qualname}")

    def _module(self, old: str) -> str:
        head, rest = old, ""
        while head:
            if head in self._modules:
                return self._modules[head] + rest
            head, _, last = head.rpartition(".")
            rest = f".{last}{rest}"
        return old

    @property
    def owners(self) -> Iterable[str]:
        """Name, by their present ids, what has parameters or fields of another name now."""
        return self._members

    def parameters(self, definition: str) -> Mapping[str, str]:
        """Give former names of parameters (or fields) of a present id, with the present ones."""
        return self._members.get(definition, {})

    def arguments(self, definition: str, given: Mapping[str, _T]) -> dict[str, _T]:
        """Give arguments (or fields) by their present names; `definition` is the present id."""
        names = self._members.get(definition)
        if not names:
            return dict(given)
        return {
            (names.get(name, name) if names.get(name, name) not in given else name): value
            for name, value in given.items()
        }


NOTHING: Final = Renamed({})


@lru_cache(maxsize=64)
def changes_in(manifest: str) -> Mapping[str, tuple[str, ...]]:
    """Read the markers that each workflow of a manifest knows; most know none."""
    if _MARKED not in manifest:
        return {}
    workflows = json.loads(manifest).get("workflows", {})
    return {name: tuple(one.get("changes", ())) for name, one in workflows.items()}


@lru_cache(maxsize=64)
def renamed_in(manifest: str) -> Renamed:
    """Read the table of a manifest's text; most have none, and are not read for it."""
    if not manifest or _NONE in manifest:
        return NOTHING
    return Renamed(json.loads(manifest).get("renamed", {}))
