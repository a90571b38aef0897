"""Can a run of one version read what a step of another version returns? Told by two manifests.

In doubt the answer is no: then the run keeps the step body of its own version, which always does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wfc.ids import DefinitionId, ModuleName
from wfc.manifests.rename_hints import hints_in
from wfc.manifests.store import Version

_ANYTHING: Final = frozenset({None, "typing.Any", "object"})
_NAME: Final = re.compile(r"[^\W\d][\w.]*")
_BRACKETS: Final = {"[": 1, "(": 1, "]": -1, ")": -1}


class Results:
    """What the steps of one version return."""

    def __init__(self, version: Version) -> None:
        """Read the manifest; a version without one (it was never built) has its bundles' text."""
        manifest = json.loads(version.manifest or "{}")
        self._steps: Mapping[str, Any] = manifest.get("steps", {})
        classes: Mapping[str, Any] = manifest.get("classes", {})
        self._classes = {name.replace(":", "."): told for name, told in classes.items()}
        self._version = version

    def take(self, other: Results, step: DefinitionId) -> bool:
        """Tell whether a run of this version reads whatever that step of `other` returns. `step` is
        the id that either version, or one before, has given it.
        """
        old, new = self._returned(step), other._returned(step)
        return self._reads(old, new, other, frozenset())

    def _returned(self, recorded: DefinitionId) -> str | None:
        step = DefinitionId(hints_in(self._version.manifest).definition(recorded))
        told = self._steps.get(step)
        if told is not None:
            found: str | None = told["signature"]["returns"]
            return found
        bundle = self._version.step.get(ModuleName(step.partition(":")[0]))
        entries = bundle.entries if bundle is not None else ()
        return next((entry.signature.returns for entry in entries if entry.id == step), None)

    def _reads(self, old: str | None, new: str | None, other: Results, met: frozenset[str]) -> bool:
        """Compare two types in their canonical spelling: each member must have been there."""
        if old in _ANYTHING:
            return True
        if new is None or old is None or not set(members(new)) <= set(members(old)):
            return False
        named = set(_NAME.findall(new)) & self._classes.keys() - met
        return all(self._reads_class(name, other, met | {name}) for name in named)

    def _reads_class(self, name: str, other: Results, met: frozenset[str]) -> bool:
        old, new = self._classes[name], other._classes.get(name)
        if new is None or old["kind"] != new["kind"]:
            return False
        fields, renewed = old.get("fields"), new.get("fields")
        if fields is None or renewed is None:
            return bool(old["digest"] == new["digest"])
        if old.get("extra") == "forbid" and not renewed.keys() <= fields.keys():
            return False
        return all(
            self._reads(field.get("type"), renewed[key].get("type"), other, met)
            if key in renewed
            else field.get("has_default", False)
            for key, field in fields.items()
        )


def members(text: str) -> Iterator[str]:
    """Split a canonical type into the members of its union."""
    depth = begin = 0
    for place, character in enumerate(text):
        depth += _BRACKETS.get(character, 0)
        if character == "|" and depth == 0:
            yield text[begin:place].strip()
            begin = place + 1
    yield text[begin:].strip()
