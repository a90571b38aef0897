"""A project as far as rules ask for it: facts of its modules, and what workflows reach.

Everything is made on first use and once, whatever the number of modules that are checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Final

from wfc.compiler.effect_library import Library
from wfc.compiler.facts import ModuleFacts, ModuleSource
from wfc.compiler.gather import Gathered
from wfc.compiler.gather_effects import Effects, gather_effects
from wfc.compiler.project import Project
from wfc.compiler.scan import scan
from wfc.compiler.sources import Sources, is_house
from wfc.determinism import Rules
from wfc.diagnostics import Diagnostic
from wfc.ids import ModuleName

_REGISTERS: Final = re.compile(r"\bregister_type\(\s*([\w.]+)")


class Overview:
    """The first-party code of a project, and the answers that need more than one module."""

    def __init__(
        self,
        project: Project,
        marked: Iterable[ModuleName] | None = None,
        *,
        deep: bool = False,
        recorded: tuple[str, ...] = (),
        recorded_in: str = "",
    ) -> None:
        """Answer for `project`; `marked` are the modules that may hold directives, if known.

        `deep` lets astroid infer what names do not tell. `recorded` are the ids of classes that
        payloads of an earlier build may name, read in the manifest `recorded_in`.
        """
        self.project = project
        self.recorded = recorded
        self.recorded_in = recorded_in
        self.late: list[Diagnostic] = []
        """Which modules took the deep check too long."""
        self._deep = deep
        self.sources = Sources(project)
        self._may_hold = None if marked is None else tuple(marked)

    def put(self, source: ModuleSource) -> None:
        """Let `source` stand for the file of its module: an editor has not saved it yet."""
        self.sources.put(source)

    def gathered(self, module: ModuleName) -> Gathered | None:
        """Give tree, names and facts of a first-party module."""
        return self.sources.gather(module)

    @cached_property
    def marked(self) -> tuple[ModuleFacts, ...]:
        """The facts of all modules that may hold directives."""
        names = self._scanned() if self._may_hold is None else self._may_hold
        return tuple(one for name in names if (one := self.sources.facts(name)) is not None)

    def _scanned(self) -> Iterator[ModuleName]:
        for name, _ in self.project.files():
            source = None if is_house(name) else self.sources.source(name)
            if source is not None and scan(source.text.encode("utf-8", "surrogatepass")).hit:
                yield name

    @cached_property
    def library(self) -> Library:
        """Facts by dotted name, and what a name is outside of its own module."""
        return Library(self.sources.facts, self.sources.source, self.project.rules)

    @cached_property
    def named(self) -> frozenset[str]:
        """The ids (``module:qualname``) of definitions that some code of the project names."""
        found = set[str]()
        for name, _ in self.project.files():
            facts = self.sources.facts(name)
            for reference in facts.references if facts is not None else ():
                for node in self.library.locate(reference.target) or ():
                    found.add(f"{node.module}:{node.name}")
                    rest = reference.target.removeprefix(f"{node.module}.")
                    found.add(f"{node.module}:{rest}")
        return frozenset(found)

    @cached_property
    def registered(self) -> frozenset[str]:
        """The last words of the names of types that the project registers with the codec."""
        sources = (self.sources.source(name) for name, _ in self.project.files())
        return frozenset[str]().union(*(registered_in(one.text) for one in sources if one))

    @cached_property
    def effects(self) -> Effects:
        """What all workflows of the project reach, and what is wrong with it."""
        if not self._deep:
            return gather_effects(self.marked, self.library)
        from wfc.compiler.deep_check import deepened  # noqa: PLC0415 - rarely wanted

        effects, self.late = deepened(self.marked, self.library, self.gathered)
        return effects

    @cached_property
    def told(self) -> dict[str, tuple[Diagnostic, ...]]:
        """The findings about effects, by the path of the file they begin in."""
        found: dict[str, list[Diagnostic]] = {}
        for one in self.effects.diagnostics:
            found.setdefault(one.place.path, []).append(one)
        return {path: tuple(listed) for path, listed in found.items()}

    def concerns(self, source: ModuleSource) -> bool:
        """Tell whether a workflow reaches a module or counts on what it leaves alone, or the module
        may call a workflow by its name.
        """
        if source.name in self.effects.reached or source.path in self.told:
            return True
        return any(one in source.text for one in self._workflows)

    @cached_property
    def _workflows(self) -> frozenset[str]:
        """The names of all workflows, without modules and classes."""
        return frozenset(
            one.entry.qualname.rpartition(".")[2]
            for facts in self.marked
            for one in facts.definitions
            if one.entry.kind == "workflow"
        )


def registered_in(text: str) -> frozenset[str]:
    """Give the last words of the names of types that a module registers with the codec."""
    return frozenset(found.rpartition(".")[2] for found in _REGISTERS.findall(text))


def alone(facts: ModuleFacts, source: ModuleSource, rules: Rules) -> Library:
    """Give the library of a module whose neighbours are not read: first party, but silent."""
    top = source.name.partition(".")[0]
    if top not in rules.packages:
        rules = replace(rules, packages=(*rules.packages, top))
    return Library(
        lambda name: facts if name == facts.name else None,
        lambda name: source if name == facts.name else None,
        rules,
    )
