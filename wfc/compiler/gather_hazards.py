"""Hazards: what a replay may not repeat alike, other than a refused name (families 2 and 3).

They are facts of one module, whoever reaches them. `gather_effects` tells of those that a workflow
reaches, with the chain that leads there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from wfc.compiler.facts import Construction, Factory, Hazard
from wfc.compiler.gather_factories import constructions_of, factories_of
from wfc.compiler.gather_names import Names, bound_by
from wfc.compiler.gather_reflection import addresses_of, host_zones_of, looks_of
from wfc.compiler.gather_sets import escapes_of
from wfc.compiler.gather_state import caches_of, global_writes_of, is_endless, writes_of
from wfc.compiler.scopes import FUNCTIONS
from wfc.compiler.spans import Located, header_of, span_of, written

_SHOWN_MAX: Final = 40
_AMONG: Final = {"WFC310": "sets", "WFC331": "containers"}
Found = tuple[str, Located, str, bool, str]
"""Code, node, sentence after ``workflow "x" reaches``, whether it is certain, target."""


class Gatherer:
    """One pass over a module for all hazards."""

    def __init__(self, tree: ast.Module, names: Names, steps: frozenset[ast.AST]) -> None:
        """Look at everything but the bodies of `steps`."""
        self.tree = tree
        self.names = names
        self.steps = steps
        self.parents: dict[ast.AST, ast.AST] = {}
        self.hazards: list[Hazard] = []
        self.constructions: list[Construction] = []

    def gather(self) -> tuple[tuple[Hazard, ...], tuple[Construction, ...], tuple[Factory, ...]]:
        """Give hazards, constructions of classes, and fields that are filled by a call."""
        within = bound_by(self.names)
        factories: list[Factory] = []
        for top, statement in enumerate(self.tree.body):
            symbols = within.get(top, ())
            if not symbols:
                continue
            for node in self._below(statement):
                self._judge(node, symbols)
                if isinstance(node, ast.ClassDef):
                    factories += factories_of(node, self.names)
        return tuple(self.hazards), tuple(self.constructions), tuple(factories)

    def _below(self, node: ast.AST) -> Iterator[ast.AST]:
        """Go through a statement, parents first; step bodies are left out."""
        pending = [node]
        while pending:
            one = pending.pop()
            yield one
            if one in self.steps:
                continue
            for child in ast.iter_child_nodes(one):
                self.parents[child] = one
                pending.append(child)

    def _judge(self, node: ast.AST, symbols: tuple[str, ...]) -> None:
        names = self.names
        function = names.scope_of(node).function() if not isinstance(node, FUNCTIONS) else None
        inside = function.qualname if function is not None else ""
        for code, at, sentence, exact, target in self._found(
            node, in_function=function is not None
        ):
            span = header_of(at) if isinstance(at, FUNCTIONS) else span_of(at)
            for symbol in symbols:
                self.hazards.append(
                    Hazard(
                        code=code, span=span, within=symbol, function=inside, sentence=sentence,
                        exact=exact, target=target, among=_AMONG.get(code, ""),
                    )
                )  # fmt: skip
        if function is not None and isinstance(node, ast.Call):
            for target, given, count, exact in constructions_of(node, names):
                for symbol in symbols:
                    self.constructions.append(
                        Construction(
                            target=target, span=span_of(node), within=symbol, function=inside,
                            given=given, count=count, exact=exact,
                        )
                    )  # fmt: skip

    def _found(self, node: ast.AST, *, in_function: bool) -> Iterator[Found]:
        names = self.names
        for name in looks_of(node):
            yield "WFC230", node, f"looks into the interpreter by `{name}`", True, ""  # type: ignore[misc]  # it is located
        for cache in caches_of(node, names):
            sentence = f"has its results kept by `{written(cache)}`, for all runs of the process"
            yield "WFC333", cache, sentence, True, ""
        if not in_function:
            return
        for escape in escapes_of(node, names, self.parents.get):
            sentence = f"goes through the set `{_shown(escape.node)}`, whose order differs"
            yield "WFC310", escape.node, sentence, escape.exact, escape.target
        for write in writes_of(node, names):
            shown = write.target.rpartition(".")[2]
            sentence = f"changes `{shown}`, which all runs of a process share"
            yield "WFC331", write.node, sentence, True, write.target if write.asks else ""
        for name, statement in global_writes_of(node, names):
            yield "WFC332", statement, f"binds the module-level name `{name}`", True, ""
        for shown in addresses_of(node, names):
            yield "WFC312", node, f"writes {shown}, whose text holds an address", True, ""  # type: ignore[misc]  # it is located
        for shown in host_zones_of(node, names):
            yield "WFC313", node, f"uses the host's time zone by `{shown}`", True, ""  # type: ignore[misc]  # it is located
        if is_endless(node, names):
            yield "WFC340", node, "has a loop with operations that never ends", True, ""  # type: ignore[misc]  # it is located


def gather_hazards(
    tree: ast.Module, names: Names, steps: frozenset[ast.AST]
) -> tuple[tuple[Hazard, ...], tuple[Construction, ...], tuple[Factory, ...]]:
    """Give what `Gatherer.gather` gives; `steps` are the functions whose bodies run free."""
    return Gatherer(tree, names, steps).gather()


def _shown(node: ast.expr) -> str:
    text = written(node)
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 3]}..."
