"""First-party code as the effect analysis asks for it: what a dotted name means, and where."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from wfc.compiler.facts import ModuleFacts, ModuleSource, Reference, Symbol
from wfc.compiler.spans import span_of
from wfc.determinism import Rules, lookup
from wfc.ids import ModuleName
from wfc.manifests.bundle import Entry as Definition
from wfc.manifests.bundle import Span

_CHASES_MAX: Final = 100
Symbols = Mapping[str, Symbol]


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """A module-level name of a first-party module."""

    module: ModuleName
    name: str


@dataclass
class Library:
    """Facts and sources of first-party modules, by dotted name; None for any other name."""

    facts: Callable[[str], ModuleFacts | None]
    source: Callable[[str], ModuleSource | None]
    rules: Rules
    tables: dict[str, tuple[Symbols, dict[str, list[Reference]]]] = field(default_factory=dict)
    lambdas: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    """Where the bodies of lambdas stand, by module; filled when it is first asked."""
    inferred: Mapping[str, Sequence[Reference]] = field(default_factory=dict)
    """What the deep check adds, by module."""

    def symbols(self, facts: ModuleFacts) -> Symbols:
        """Give the module-level names of a module."""
        return self._table(facts)[0]

    def references(self, facts: ModuleFacts, name: str) -> list[Reference]:
        """Give the references in the statements that bind `name`, but those of step bodies."""
        return self._table(facts)[1].get(name, [])

    def _table(self, facts: ModuleFacts) -> tuple[Symbols, dict[str, list[Reference]]]:
        found = self.tables.get(facts.name)
        if found is None:
            by_name: dict[str, list[Reference]] = {}
            for reference in (*facts.references, *self.inferred.get(facts.name, ())):
                if not reference.in_step:
                    by_name.setdefault(reference.within, []).append(reference)
            found = ({symbol.name: symbol for symbol in facts.symbols}, by_name)
            self.tables[facts.name] = found
        return found

    def is_deferred(self, node: Node, span: Span) -> bool:
        """Tell whether what stands in no function stands in a lambda, which runs when it is called.

        Whoever asks has found that no `def` is around it.
        """
        if node.module not in self.lambdas:
            source = self.source(node.module)
            tree = ast.parse(source.text) if source is not None else ast.Module([], [])
            self.lambdas[node.module] = tuple(
                span_of(one.body) for one in ast.walk(tree) if isinstance(one, ast.Lambda)
            )
        return any(_holds(body, span) for body in self.lambdas[node.module])

    def locate(self, target: str) -> tuple[Node, ...] | None:
        """Give the first-party nodes that a dotted name passes through; None: an external name.

        A re-export is a node of its own, since the statement that passes the name on is kept.
        """
        passed: list[Node] = []
        for _ in range(_CHASES_MAX):
            found = self._split(target)
            if found is None:
                return tuple(passed) if passed and self._is_own(target) else None
            facts, rest = found
            name, _, more = rest.partition(".")
            if not name:
                return tuple(passed)
            symbol = self.symbols(facts).get(name)
            behind = self._behind(facts, name, symbol)
            if symbol is not None:
                passed.append(Node(facts.name, name))
            if behind is None or behind == target:
                return tuple(passed)
            target = f"{behind}.{more}" if more else behind
        return tuple(passed)

    def definition(self, target: str) -> Definition | None:
        """Give the marked function that a dotted name means: one of a module, or a method."""
        found = self._split(self.external(target))
        for one in found[0].definitions if found is not None else ():
            if found is not None and one.entry.qualname == found[1]:
                return one.entry
        return None

    def computing(self, target: str) -> str | None:
        """Give the module whose ``__getattr__`` (PEP 562) must be asked for a name, if any is."""
        for _ in range(_CHASES_MAX):
            found = self._split(target)
            if found is None:
                return None
            facts, rest = found
            name, _, more = rest.partition(".")
            symbols = self.symbols(facts)
            behind = self._behind(facts, name, symbols.get(name)) if name else None
            if behind is None:
                asked = name and name not in symbols and not name.startswith("__")
                return facts.name if asked and "__getattr__" in symbols else None
            target = f"{behind}.{more}" if more else behind
        return None

    def _behind(self, facts: ModuleFacts, name: str, symbol: Symbol | None) -> str | None:
        if symbol is not None and symbol.kind != "import":
            return None
        named = [one for one in facts.imports if one.scope == "" and one.name == name]
        real = [one for one in named if not one.typing_only] or named
        return real[0].target if real else None

    def _split(self, target: str) -> tuple[ModuleFacts, str] | None:
        head, rest = target, ""
        while head:
            if self._is_own(head):
                facts = self.facts(head)
                if facts is not None:
                    return facts, rest
            head, _, last = head.rpartition(".")
            rest = f"{last}.{rest}" if rest else last
        return None

    def _is_own(self, name: str) -> bool:
        return lookup(name, self.rules).followed

    def external(self, target: str) -> str:
        """Follow re-exports of first-party modules to the external name behind them."""
        for _ in range(_CHASES_MAX):
            found = self._split(target)
            if found is None:
                return target
            facts, rest = found
            name, _, more = rest.partition(".")
            behind = self._behind(facts, name, self.symbols(facts).get(name)) if name else None
            if behind is None:
                return target
            target = f"{behind}.{more}" if more else behind
        return target


def _holds(outer: Span, inner: Span) -> bool:
    """Tell whether `inner` lies in `outer`."""
    return (outer.line, outer.column) <= (inner.line, inner.column) and (
        inner.end_line,
        inner.end_column,
    ) <= (outer.end_line, outer.end_column)
