"""Rename hints as a mapping: what a name of the old version is called in the new one.

A hint whose old name is still alive decides nothing: that name keeps its own meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Self

from wfc.manifests.manifest import Manifest


class Renames:
    """The hints of one new version, read for one old version."""

    def __init__(
        self, hints: Mapping[str, tuple[str, ...]], old: frozenset[str], new: frozenset[str]
    ) -> None:
        """Take hints (new id -> old ids) and the ids of definitions on both sides."""
        self._old = old
        self._new = new
        self._direct: dict[str, str] = {}
        self._members: dict[str, str] = {}
        self._modules: dict[str, str] = {}
        for name, before in sorted(hints.items()):
            for one in before:
                if ":" not in name:
                    self._modules[one] = name
                elif name in new:
                    self._direct[one] = name
                else:
                    self._members[f"{name.rpartition('.')[0]}.{_last(one)}"] = _last(name)

    @classmethod
    def between(cls, old: Manifest, new: Manifest) -> Self:
        """Read the hints of `new` for what `old` holds."""
        return cls(new.renamed, ids_of(old), ids_of(new))

    def to_new(self, name: str) -> str:
        """Give the id that the old id `name` has in the new version; itself if nobody says so."""
        if name in self._new:
            return name
        return self._direct.get(name) or self._enclosed(name) or self._moved(name)

    def member(self, definition: str, name: str) -> str:
        """Give the new name of a parameter or field `name` of `definition` (its new id)."""
        return self._members.get(f"{definition}.{name}", name)

    def hinted(self, name: str) -> bool:
        """Tell whether a hint gives the old id `name` another one."""
        return self.to_new(name) != name

    def callee(self, dotted: str) -> str:
        """Give the new dotted name of what an old call place calls: ``app.pay.charge``."""
        return self._dotted.get(dotted, dotted)

    def function(self, qualname: str) -> str:
        """Give the new qualname of a function that holds call places."""
        return self._qualnames.get(qualname, qualname)

    def word(self, word: str) -> str:
        """Give the new word by which sites name a step or function."""
        return self._words.get(word, word)

    def alive(self) -> Iterator[tuple[str, str]]:
        """List hints (new id, old id) whose old id is still there, so that they decide nothing."""
        for before, name in sorted(self._direct.items()):
            if before in self._new:
                yield name, before

    @cached_property
    def _dotted(self) -> Mapping[str, str]:
        return {_dots(one): _dots(self.to_new(one)) for one in self._old if self.hinted(one)}

    @cached_property
    def _qualnames(self) -> Mapping[str, str]:
        return {
            one.partition(":")[2]: self.to_new(one).partition(":")[2]
            for one in sorted(self._old)
            if self.hinted(one)
        }

    @cached_property
    def _words(self) -> Mapping[str, str]:
        return {_last(one): _last(two) for one, two in self._qualnames.items()}

    def _enclosed(self, name: str) -> str | None:
        """Follow the hint of the class that `name` stands in: ``app:Old.pay``."""
        module, _, qualname = name.partition(":")
        outer, dot, inner = qualname.rpartition(".")
        if not dot:
            return None
        around = self._direct.get(f"{module}:{outer}") or self._enclosed(f"{module}:{outer}")
        return f"{around}.{inner}" if around else None

    def _moved(self, name: str) -> str:
        """Follow the hint of the module, or of a package around it."""
        module, colon, qualname = name.partition(":")
        head, rest = module, ""
        while head:
            if head in self._modules:
                return f"{self._modules[head]}{rest}{colon}{qualname}"
            head, dot, last = head.rpartition(".")
            rest = f"{dot}{last}{rest}"
        return name


def ids_of(manifest: Manifest) -> frozenset[str]:
    """List the ids of all that a manifest knows by name: definitions, helpers, constants."""
    reached = (name for workflow in manifest.workflows.values() for name in workflow.reaches)
    return frozenset([*manifest.workflows, *manifest.steps, *manifest.classes, *reached])


def _dots(name: str) -> str:
    return name.replace(":", ".")


def _last(name: str) -> str:
    return name.rpartition(":")[2].rpartition(".")[2]
