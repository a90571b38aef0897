"""One module as rules see it: tree, names, and the answers that every family asks for.

Each answer is made on first use. In file mode `overview` is None: then what other modules hold is
not known, and "no workflow reaches it" means none of this file does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Final, NamedTuple, TypeVar

from wfc.compiler.effect_library import Library
from wfc.compiler.facts import Definition, ModuleFacts, ModuleSource
from wfc.compiler.gather import Gathered, gather_tree
from wfc.compiler.gather_effects import Effects, gather_effects
from wfc.compiler.gather_names import Names
from wfc.compiler.marks import own_nodes
from wfc.compiler.scopes import FUNCTIONS, Function
from wfc.compiler.spans import Located, header_of, place_at, span_of, whole_span_of
from wfc.compiler.values import instance_of, member_of
from wfc.determinism import NO_RULES, Rules
from wfc.diagnostics import CATALOGUE, Link, Place, Severity, diagnostic
from wfc.lint_rules.finding import Finding, Fix
from wfc.lint_rules.overview import Overview, alone, registered_in
from wfc.manifests.bundle import Span

Node = TypeVar("Node", bound=ast.AST)
Written = TypeVar("Written", bound=ast.expr | ast.stmt)


class Area(StrEnum):
    """Whose code it is."""

    WORKFLOW = "workflow"
    """A workflow reaches it: it is replayed."""
    STEP = "step"
    """The body of a step."""
    PLAIN = "plain"
    """Neither; in file mode a workflow of another file may reach it all the same."""


class Kind(StrEnum):
    """What an operation asks for."""

    STEP = "step"
    SLEEP = "sleep"
    HOOK = "hook"
    CHILD = "child"
    INLINE = "workflow"
    """A workflow awaited in a workflow: no operation of its own, but it holds some."""


class Meaning(NamedTuple):
    """What a chain of names means, and whether that is certain."""

    name: str
    exact: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """A call whose exact target is an operation."""

    kind: Kind
    name: str  # dotted
    call: ast.Call
    definition: Definition | None = None  # of a step or workflow


@dataclass(frozen=True, slots=True)
class Marked:
    """A step or workflow of this module. Its signature is `definition.entry`."""

    node: Function
    definition: Definition

    @property
    def kind(self) -> str:
        """Give "step" or "workflow"."""
        return self.definition.entry.kind

    @property
    def qualname(self) -> str:
        """Give its name as findings show it."""
        return self.definition.entry.qualname


_OPERATIONS: Final[Mapping[str, Kind]] = {
    "wfc.sleep": Kind.SLEEP,
    "asyncio.sleep": Kind.SLEEP,
    "wfc.create_hook": Kind.HOOK,
    "wfc.create_webhook": Kind.HOOK,
    "wfc.start": Kind.CHILD,
}
_NO_NODES: Final = frozenset(
    # Operators and contexts are shared objects, which have no one parent; the others are text.
    {"ctx", "op", "ops", "id", "attr", "arg", "asname", "module", "level", "kind", "type_comment"}
    | {"conversion", "is_async", "simple", "rest", "str", "kwd_attrs", "type_ignores"}
)
_CHILDREN: Final[Mapping[type[ast.AST], tuple[str, ...]]] = {
    kind: tuple(name for name in kind._fields if name not in _NO_NODES)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
} | {ast.Constant: ()}
_IN_THREAD: Final = frozenset({"asyncio.to_thread", "asyncio.threads.to_thread"})


class Module:
    """A module that rules look at."""

    def __init__(
        self,
        source: ModuleSource,
        overview: Overview | None = None,
        rules: Rules = NO_RULES,
        tree: ast.Module | None = None,
    ) -> None:
        """See `source` alone, or as a part of what `overview` knows; a host may have its `tree`."""
        self._given = tree
        self.source = source
        self.overview = overview
        self.rules = overview.project.rules if overview is not None else rules
        self._areas: dict[ast.AST, Area] = {}
        self._meanings: dict[ast.expr, Meaning | None] = {}
        self._operations: dict[ast.Call, Operation | None] = {}
        self._definitions: dict[str, Definition | None] = {}

    # --- facts -------------------------------------------------------------------------------

    @cached_property
    def gathered(self) -> Gathered:
        """Tree, names and facts, by the compiler's own passes."""
        found = self.overview.gathered(self.source.name) if self.overview is not None else None
        return found if found is not None else gather_tree(self.source, self._given)

    @property
    def tree(self) -> ast.Module:
        """The tree, parsed once; empty if Python cannot read the module."""
        return self.gathered.tree

    @property
    def names(self) -> Names:
        """What names mean."""
        return self.gathered.names

    @property
    def facts(self) -> ModuleFacts:
        """What the compiler knows of the module."""
        return self.gathered.facts

    @cached_property
    def library(self) -> Library:
        """The modules that are known: all of the project, or this one."""
        if self.overview is not None:
            return self.overview.library
        return alone(self.facts, self.source, self.rules)

    @cached_property
    def effects(self) -> Effects:
        """What workflows reach: those of the project, or of this file."""
        if self.overview is not None:
            return self.overview.effects
        return gather_effects((self.facts,), self.library)

    @cached_property
    def marked(self) -> tuple[Marked, ...]:
        """The steps and workflows of this module, in source order."""
        functions: list[Function] = [
            *self.nodes(ast.FunctionDef),
            *self.nodes(ast.AsyncFunctionDef),
        ]
        nodes = {whole_span_of(node): node for node in functions}
        return tuple(Marked(nodes[one.span], one) for one in self.facts.definitions)

    def steps(self) -> Iterator[Marked]:
        """Give the steps of this module."""
        return (one for one in self.marked if one.kind == "step")

    def workflows(self) -> Iterator[Marked]:
        """Give the workflows of this module."""
        return (one for one in self.marked if one.kind == "workflow")

    # --- the tree ----------------------------------------------------------------------------

    def nodes(self, *kinds: type[Node]) -> Iterator[Node]:
        """Give all nodes of these very classes."""
        for kind in kinds:
            yield from self._by_class.get(kind, ())  # type: ignore[misc]  # keyed by their class

    def in_workflows(self, kind: type[Written]) -> Iterator[Written]:
        """Give the nodes of this very class that workflows reach."""
        lines = sorted({(one.line, one.end_line) for one in self._reached})
        for node in self.nodes(kind) if lines else ():
            # Most code is reached by no workflow, which its line tells before its ancestors do.
            near = any(first <= node.lineno <= last for first, last in lines)
            if near and self.area(node) is Area.WORKFLOW:
                yield node

    def within(self, node: ast.AST, *kinds: type[Node]) -> Iterator[Node]:
        """Give the nodes of these classes in `node`, those of functions defined in it too."""
        return (one for one in ast.walk(node) if isinstance(one, kinds))

    def own(self, body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
        """Give the nodes of a body but those of the functions and classes defined in it."""
        return own_nodes(list(body))

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Give the node that holds `node`."""
        return self._parents.get(node)

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Give the nodes around `node`, the nearest first."""
        found = self._parents.get(node)
        while found is not None:
            yield found
            found = self._parents.get(found)

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """Give the statement that `node` is or stands in."""
        return next(
            (one for one in (node, *self.ancestors(node)) if isinstance(one, ast.stmt)), None
        )

    def function(self, node: ast.AST) -> Function | None:
        """Give the innermost `def` around `node`; lambdas do not count."""
        return next((one for one in self.ancestors(node) if isinstance(one, FUNCTIONS)), None)

    def function_at(self, place: Place) -> str:
        """Give the qualname of the innermost `def` around a place, or ""."""
        at, found = (place.line, place.column), ""
        for scope in self.names.walked.scopes:  # inner scopes come after outer ones
            node = scope.node
            if scope.kind == "function" and isinstance(node, FUNCTIONS):
                span = whole_span_of(node)
                if (span.line, span.column) <= at < (span.end_line, span.end_column):
                    found = scope.qualname
        return found

    def marked_around(self, node: ast.AST) -> Marked | None:
        """Give the innermost step or workflow around `node`, or of which it is the `def`."""
        around = (node, *self.ancestors(node))
        return next((self._marks[one] for one in around if one in self._marks), None)

    # --- meanings ----------------------------------------------------------------------------

    def resolve(self, node: ast.expr) -> Meaning | None:
        """Give what a chain of names means where it stands, aliases followed.

        Re-exports of first-party modules are followed as far as they are known. None: a parameter,
        another local value, an unknown name.
        """
        if node not in self._meanings:
            self._meanings[node] = self._resolved(node)
        return self._meanings[node]

    def _resolved(self, node: ast.expr) -> Meaning | None:
        found = self.names.resolve_exactly(node)
        if found is None:
            return None
        name, exact = found
        return Meaning(self.library.external(name) if self.overview is not None else name, exact)

    def target(self, call: ast.Call) -> Meaning | None:
        """Give what a call calls: a name, or a member of a value whose class is known
        (``Path(x).read_text()`` is ``pathlib.Path.read_text``).
        """
        found = self.resolve(call.func)
        if found is not None and not found.name.startswith(f"{self.facts.name}."):
            return found
        # A name of this module may hold a value: ``session = requests.Session()``.
        member = member_of(call.func, self.names)
        return Meaning(member.name, member.exact) if member is not None else found

    def instance(self, node: ast.expr) -> Meaning | None:
        """Give the class that the value of `node` is an instance of, if this module tells."""
        found = instance_of(node, self.names)
        return Meaning(found.of, found.exact) if found is not None else None

    def definition(self, name: str) -> Definition | None:
        """Give the step or workflow that a dotted name means, of any module that is known."""
        if name not in self._definitions:
            self._definitions[name] = self._defined(name)
        return self._definitions[name]

    def _defined(self, name: str) -> Definition | None:
        nodes = self.library.locate(name)
        facts = self.library.facts(nodes[-1].module) if nodes else None
        if not nodes or facts is None:
            return None
        own = name.removeprefix(f"{facts.name}.")
        wanted = {own, nodes[-1].name} if facts.name != self.facts.name else {own}
        found = (one for one in facts.definitions if one.entry.qualname in wanted)
        return next(found, None)

    @cached_property
    def may_name_wfc(self) -> bool:
        """Tell whether names of this module may mean something of `wfc`: by an import of it, or of
        another first-party module, if those are known.
        """
        imported = (one.target.partition(".")[0] == "wfc" for one in self.facts.imports)
        return self.overview is not None or bool(self.names.stars) or any(imported)

    def is_registered(self, name: str) -> bool:
        """Tell whether the project teaches the codec how to record a class (by its last word)."""
        known = self.overview
        taught = known.registered if known is not None else registered_in(self.source.text)
        return name.rpartition(".")[2] in taught

    def operation(self, call: ast.AST) -> Operation | None:
        """Give what a call asks for, if its exact target is a step, a wait, a hook, a child run or
        a workflow; ``asyncio.to_thread(step)`` is the step. An `await` is looked through.
        """
        if isinstance(call, ast.Await):
            call = call.value
        if not isinstance(call, ast.Call):
            return None
        if call not in self._operations:
            self._operations[call] = self._asked(call)
        return self._operations[call]

    def _asked(self, call: ast.Call) -> Operation | None:
        found = self.resolve(call.func)
        if found is None or not found.exact:
            return None
        name = found.name
        if name in _IN_THREAD and call.args:
            inner = self.resolve(call.args[0])
            if inner is None or not inner.exact:
                return None
            name = inner.name
        elif name in _OPERATIONS:
            return Operation(_OPERATIONS[name], name, call)
        definition = self.definition(name)
        if definition is None:
            return None
        kind = Kind.STEP if definition.entry.kind == "step" else Kind.INLINE
        return Operation(kind, name, call, definition)

    def area(self, node: ast.AST) -> Area:
        """Tell whose code `node` is. The header of a step (defaults, decorators) is plain."""
        passed: list[ast.AST] = []
        child, found = node, Area.PLAIN
        for around in (node, *self.ancestors(node)):
            if around in self._areas:
                found = self._areas[around]
                break
            mark = self._marks.get(around)
            if mark is not None and mark.kind == "step":
                found = Area.STEP if child in mark.node.body else Area.PLAIN
                if found is Area.PLAIN:
                    return found  # another part of this `def` is not
                break
            if isinstance(around, ast.stmt) and isinstance(self.parent(around), ast.Module):
                found = Area.WORKFLOW if whole_span_of(around) in self._reached else Area.PLAIN
                passed.append(around)
                break
            passed.append(around)
            child = around
        self._areas.update(dict.fromkeys(passed, found))
        return found

    # --- telling -----------------------------------------------------------------------------

    def finding(
        self,
        code: str,
        node: Located,
        sentence: str,
        *,
        certain: bool = True,
        chain: Iterable[Link] = (),
        advice: str | None = None,
        fix: Fix | None = None,
    ) -> Finding:
        """Make a finding at `node`, with severity and advice of the catalogue.

        What is not `certain` is a warning at most, and its sentence must say "probably".
        """
        assert certain or "probably" in sentence, f'{code}: inferred, so say "probably"'
        told = diagnostic(code, self.place(node), sentence, chain=tuple(chain), fix=advice)
        if not certain and CATALOGUE[code].severity is Severity.ERROR:
            told = replace(told, severity=Severity.WARNING)
        return Finding(told=told, fix=fix)

    def place(self, node: Located) -> Place:
        """Give the place of a node of this module; of a `def` or `class`, that of its name."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return place_at(self.source.path, header_of(node))
        return place_at(self.source.path, span_of(node))

    def text(self, node: ast.expr) -> str:
        """Give the source of an expression as it was written, or as one line if it has several."""
        if node.lineno != node.end_lineno:
            return ast.unparse(node)
        # `ast.get_source_segment` would split the whole text anew for every node.
        line = self._lines[node.lineno - 1].encode("utf-8", "surrogatepass")
        return line[node.col_offset : node.end_col_offset].decode("utf-8", "surrogatepass")

    # --- tables ------------------------------------------------------------------------------

    @cached_property
    def _lines(self) -> list[str]:
        return self.source.text.split("\n")

    @cached_property
    def _walked(self) -> tuple[dict[type, list[ast.AST]], dict[ast.AST, ast.AST]]:
        by_class: dict[type, list[ast.AST]] = {}
        parents: dict[ast.AST, ast.AST] = {}
        waiting: list[ast.AST] = [self.tree]
        while waiting:
            node = waiting.pop()
            kind = node.__class__
            if kind in by_class:
                by_class[kind].append(node)
            else:
                by_class[kind] = [node]
            for name in _CHILDREN[kind]:
                value = getattr(node, name, None)
                if value.__class__ is list:
                    for child in value:
                        if isinstance(child, ast.AST):
                            parents[child] = node
                            waiting.append(child)
                elif isinstance(value, ast.AST):
                    parents[value] = node
                    waiting.append(value)
        return by_class, parents

    @property
    def _by_class(self) -> Mapping[type, list[ast.AST]]:
        return self._walked[0]

    @property
    def _parents(self) -> Mapping[ast.AST, ast.AST]:
        return self._walked[1]

    @cached_property
    def _marks(self) -> Mapping[ast.AST, Marked]:
        return {one.node: one for one in self.marked}

    @cached_property
    def _reached(self) -> frozenset[Span]:
        """The spans of the top-level statements that workflows reach."""
        names = self.effects.reached.get(self.source.name, frozenset())
        return frozenset(
            span for symbol in self.facts.symbols if symbol.name in names for span in symbol.spans
        )
