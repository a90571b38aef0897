"""The first-party modules of one build: each read and gathered once, and what went wrong."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from wfc.compiler.compile import compile_module, gather_module
from wfc.compiler.facts import ModuleFacts, ModuleSource, Star
from wfc.compiler.gather import Gathered
from wfc.compiler.project import Project
from wfc.diagnostics import Diagnostic
from wfc.ids import DefinitionId
from wfc.manifests import fingerprint
from wfc.manifests.bundle import CallSite, Entry
from wfc.manifests.exports import Exports, exports_of
from wfc.manifests.places import Places

UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What Python raises for text that is no module."""
_STAR: Final = re.compile(r"import[\s\\]*\*")


@dataclass
class Sources:
    """Sources and facts by dotted name; what nobody asks for is neither read nor parsed."""

    project: Project
    read: dict[str, ModuleSource | None] = field(default_factory=dict)
    gathered: dict[str, Gathered | None] = field(default_factory=dict)
    known: dict[str, ModuleFacts] = field(default_factory=dict)
    units: dict[str, fingerprint.Unit | None] = field(default_factory=dict)
    exports: dict[str, Exports] = field(default_factory=dict)
    findings: list[Diagnostic] = field(default_factory=list)

    def source(self, module: str) -> ModuleSource | None:
        """Give the text of a first-party module, or None."""
        if module not in self.read:
            source = None if is_house(module) else self.project.read(module)
            self.read[module] = source
            if source is not None:
                self.put(source)
        return self.read[module]

    def put(self, source: ModuleSource) -> None:
        """Let `source` stand for its module, with its star imports looked into."""
        self.read[source.name] = source
        modules = star_imports(source) if _STAR.search(source.text) else ()
        stars = []
        for module in modules:
            if module not in self.exports:
                self.exports[module] = exports_of(module, self.unit)
            found = self.exports[module]
            stars.append(Star(module, tuple(sorted(found.names)), found.whole))
        self.read[source.name] = replace(source, stars=tuple(stars))

    def facts(self, module: str) -> ModuleFacts | None:
        """Give the facts of a first-party module, or None if it is none or cannot be parsed."""
        known = self.known.get(module)
        if known is not None:
            return known
        gathered = self.gather(module)
        return gathered.facts if gathered is not None else None

    def gather(self, module: str) -> Gathered | None:
        """Parse a module; what Python cannot read is a finding."""
        if module not in self.gathered:
            self.gathered[module] = None
            source = self.source(module)
            if source is not None:
                try:
                    self.gathered[module] = gather_module(source)
                except UNREADABLE:
                    self.findings += compile_module(source).diagnostics
        return self.gathered[module]

    def unit(self, module: str) -> fingerprint.Unit | None:
        """Give a module as canonical trees see it."""
        if module not in self.units:
            source = self.source(module)
            gathered = self.gathered.get(module)
            self.units[module] = None
            if source is not None:
                try:
                    tree = gathered.tree if gathered is not None else ast.parse(source.text)
                except UNREADABLE:
                    return None
                self.units[module] = fingerprint.Unit(
                    source.name, tree, source.is_package, source.path
                )
        return self.units[module]

    def places(self, modules: Iterable[ModuleFacts]) -> Places:
        """Give what shapes of `modules` are extracted from: names, trees, the places of calls."""

        def sites_of(module: str) -> Sequence[CallSite]:
            facts = self.facts(module)
            return facts.sites if facts is not None else ()

        return Places(self.library(modules), sites_of)

    def library(self, modules: Iterable[ModuleFacts]) -> fingerprint.Library:
        """Give what fingerprints and signatures of `modules` are computed from."""
        entries: dict[DefinitionId, Entry] = {
            definition.entry.id: definition.entry
            for facts in modules
            for definition in facts.definitions
        }
        return fingerprint.Library(self.unit, entries)

    def texts(self) -> dict[str, str]:
        """Give the texts that were read, by the path that findings show."""
        return {one.path: one.text for one in self.read.values() if one is not None}


def star_imports(source: ModuleSource) -> tuple[str, ...]:
    """Give the modules that a module imports by a star, in order; none if it cannot be parsed."""
    try:
        tree = ast.parse(source.text)
    except UNREADABLE:
        return ()
    return fingerprint.Unit(source.name, tree, source.is_package, source.path).stars


def is_house(module: str) -> bool:
    """Tell whether `module` is of wfc itself, which is never compiled."""
    return module == "wfc" or module.startswith("wfc.")
