"""Hazards: what a replay may not repeat alike, other than a refused name (families 2 and 3).

They are facts of one module, whoever reaches them. `gather_effects` tells of those that a workflow
reaches, with the chain that leads there.
"""

from __future__ import annotations

import ast
import bisect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from wfc.compiler.facts import Construction, Factory, Hazard
from wfc.compiler.gather_factories import constructions_of, factories_of
from wfc.compiler.gather_names import Names, bound_by
from wfc.compiler.gather_reflection import addresses_of, computed_of, host_zones_of, looks_of
from wfc.compiler.gather_sets import escapes_of
from wfc.compiler.gather_state import caches_of, global_writes_of, is_endless, writes_of
from wfc.compiler.gather_unawaited import Unawaiting
from wfc.compiler.marks import Marks
from wfc.compiler.scopes import FUNCTIONS, Scope
from wfc.compiler.spans import Located, header_of, span_of, whole_span_of, written

_SHOWN_MAX: Final = 40
_AMONG: Final = {"WFC124": "modules", "WFC310": "sets", "WFC331": "containers"}
Found = tuple[str, Located, str, bool, str]
"""Code, node, sentence after ``workflow "x" reaches code that``, whether it is certain, target."""


class _Gatherer:
    """One pass over the nodes that the walk has seen, those in steps left out."""

    def __init__(self, tree: ast.Module, names: Names, marks: Marks) -> None:
        self.tree = tree
        self.names = names
        self.steps = frozenset[ast.AST](m.node for m in marks.functions if m.kind == "step")
        self.unawaiting = Unawaiting(names, marks, self.table_of_parents)
        self.within = bound_by(names)
        self.tops = [whole_span_of(statement) for statement in tree.body]
        self.free: dict[Scope, bool] = {}
        self.parents: dict[ast.AST, ast.AST] = {}
        self.hazards: list[Hazard] = []
        self.constructions: list[Construction] = []
        self.factories: list[Factory] = []

    def gather(self) -> None:
        for node, scope in self.names.walked.scope_of.items():
            rules = _RULES.get(node.__class__)
            if rules is None or self.is_free(scope):
                continue
            in_function = scope.function() is not None
            for rule, anywhere in rules:
                if in_function or anywhere:
                    for found in rule(node, self):
                        self.note(scope, found)
            if in_function and isinstance(node, ast.Call):
                self.construction(node, scope)
                for one in self.unawaiting.of(node):
                    self.note(scope, (one.code, node, one.sentence, True, one.target), one.among)
            elif isinstance(node, ast.ClassDef):
                self.factories += factories_of(node, self.names)

    def is_free(self, scope: Scope) -> bool:
        """Tell whether a scope lies in the body of a step."""
        known = self.free.get(scope)
        if known is None:
            inside = scope.parent is not None and self.is_free(scope.parent)
            known = self.free[scope] = inside or scope.node in self.steps
        return known

    def symbols(self, line: int) -> tuple[str, ...]:
        """Give the names that the top-level statement on a line binds."""
        top = bisect.bisect_right(self.tops, line, key=lambda span: span.line) - 1
        return self.within.get(top, ())

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Give what a node stands in."""
        return self.table_of_parents().get(node)

    def table_of_parents(self) -> Mapping[ast.AST, ast.AST]:
        """Give what each node stands in; asked for few nodes, so it is made at the first."""
        if not self.parents:
            for above in ast.walk(self.tree):
                for child in ast.iter_child_nodes(above):
                    self.parents[child] = above
        return self.parents

    def note(self, scope: Scope, found: Found, among: str = "") -> None:
        code, at, sentence, exact, target = found
        span = header_of(at) if isinstance(at, FUNCTIONS) else span_of(at)
        function = scope.function()
        inside = function.qualname if function is not None else ""
        for symbol in self.symbols(span.line):
            self.hazards.append(
                Hazard(
                    code=code, span=span, within=symbol, function=inside, sentence=sentence,
                    exact=exact, target=target, among=among or _AMONG.get(code, ""),
                )
            )  # fmt: skip

    def construction(self, node: ast.Call, scope: Scope) -> None:
        function = scope.function()
        for target, given, count, exact in constructions_of(node, self.names):
            for symbol in self.symbols(node.lineno):
                self.constructions.append(
                    Construction(
                        target=target, span=span_of(node), within=symbol, given=given, count=count,
                        function=function.qualname if function is not None else "", exact=exact,
                    )
                )  # fmt: skip


# --- rules, by the kind of node -------------------------------------------------------------------


def _looks(node: Any, _gatherer: _Gatherer) -> Iterator[Found]:
    for name in looks_of(node):
        yield "WFC230", node, f"looks into the interpreter by `{name}`", True, ""


def _caches(node: Any, gatherer: _Gatherer) -> Iterator[Found]:
    if node in gatherer.steps:
        return  # decorators of a step stay in the step bundle
    for cache in caches_of(node, gatherer.names):
        sentence = f"has its results kept by `{written(cache)}`, for all runs of the process"
        yield "WFC333", cache, sentence, True, ""


def _escapes(node: Any, gatherer: _Gatherer) -> Iterator[Found]:
    for escape in escapes_of(node, gatherer.names, gatherer.parent):
        sentence = (
            f"goes through the set `{_shown(escape.node)}`, whose order differs between processes"
        )
        yield "WFC310", escape.node, sentence, escape.exact, escape.target


def _writes(node: Any, gatherer: _Gatherer) -> Iterator[Found]:
    for write in writes_of(node, gatherer.names):
        shown = write.target.rpartition(".")[2]
        sentence = f"changes `{shown}`, which all runs of a process share"
        yield "WFC331", write.node, sentence, True, write.target if write.asks else ""


def _globals(node: Any, gatherer: _Gatherer) -> Iterator[Found]:
    for name, statement in global_writes_of(node, gatherer.names):
        yield "WFC332", statement, f"binds the module-level name `{name}`", True, ""


def _addresses(node: Any, gatherer: _Gatherer) -> Iterator[Found]:
    for shown in addresses_of(node, gatherer.names):
        yield "WFC312", node, f"writes {shown}, whose text holds an address", True, ""


def _host_zones(node: Any, gatherer: _Gatherer) -> Iterator[Found]:
    for shown in host_zones_of(node, gatherer.names):
        yield "WFC313", node, f"uses the host's time zone by `{shown}`", True, ""


def _endless(node: Any, gatherer: _Gatherer) -> Iterator[Found]:
    if is_endless(node, gatherer.names):
        yield (
            "WFC340",
            node,
            "has a loop with operations that never ends, so its log grows without end",
            True,
            "",
        )


def _computed(node: Any, gatherer: _Gatherer) -> Iterator[Found]:
    found = computed_of(node, gatherer.names)
    if found is not None:
        sentence = f"takes a computed name from a module by `{_shown(node)}`"
        yield "WFC124", node, sentence, *found


_Rule = Callable[[Any, _Gatherer], Iterator[Found]]
_DEFINITION: Final[tuple[tuple[_Rule, bool], ...]] = ((_looks, True), (_caches, True))
_RULES: Final[Mapping[type[ast.AST], tuple[tuple[_Rule, bool], ...]]] = {
    ast.Attribute: ((_looks, True),),
    ast.FunctionDef: _DEFINITION,
    ast.AsyncFunctionDef: _DEFINITION,
    ast.ClassDef: (),
    ast.Call: (
        *((_escapes, False), (_writes, False), (_addresses, False), (_host_zones, False)),
        (_computed, True),
    ),
    ast.FormattedValue: ((_addresses, False),),
    ast.Global: ((_globals, False),),
    ast.While: ((_endless, False),),
    **dict.fromkeys(
        (ast.For, ast.AsyncFor, ast.ListComp, ast.GeneratorExp, ast.DictComp, ast.Starred),
        ((_escapes, False),),
    ),
    **dict.fromkeys((ast.Assign, ast.Delete, ast.AugAssign, ast.AnnAssign), ((_writes, False),)),
}
"""The rules for a kind of node, and whether they also hold outside of functions."""


def gather_hazards(
    tree: ast.Module, names: Names, marks: Marks
) -> tuple[tuple[Hazard, ...], tuple[Construction, ...], tuple[Factory, ...]]:
    """Give hazards, constructions of classes, and fields that are filled by a call.

    The bodies of steps run free.
    """
    gatherer = _Gatherer(tree, names, marks)
    gatherer.gather()
    return tuple(gatherer.hazards), tuple(gatherer.constructions), tuple(gatherer.factories)


def _shown(node: ast.expr) -> str:
    text = written(node)
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 3]}..."
