"""What stands where in first-party modules: functions and the scopes around them, calls and their
places, and what a name, a value or a call means.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from wfc.ids import DefinitionId
from wfc.manifests.bundle import CallSite, Entry, Receiver
from wfc.manifests.expressions import Binding, Expressions, bindings_of
from wfc.manifests.fingerprint import Around, Library, Unit
from wfc.manifests.old_names import NO_NAMES, OldNames
from wfc.manifests.operations import PARTIAL, plain_name
from wfc.manifests.signature import dotted_name
from wfc.manifests.sites import calls_of

Definition = ast.FunctionDef | ast.AsyncFunctionDef
Candidates = frozenset[str]
"""Ids of steps that a value may be; ``?`` stands for any."""
NONE: Final[Candidates] = frozenset()
ANY: Final[Candidates] = frozenset({"?"})
_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_COPIES: Final = frozenset(
    f"builtins.{name}" for name in ("list", "tuple", "sorted", "reversed", "enumerate", "iter")
)
_OF_DICTS: Final = frozenset({"get", "values", "items", "pop", "setdefault"})


@dataclass
class Places:
    """The modules of a build, and the places of their calls."""

    library: Library
    sites_of: Callable[[str], Sequence[CallSite]]
    tables: dict[str, Mapping[ast.Call, CallSite]] = field(default_factory=dict)
    owners: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    functions: dict[str, Place | None] = field(default_factory=dict)
    classes: dict[str, bool] = field(default_factory=dict)
    names: OldNames = NO_NAMES

    def site(self, module: str, call: ast.Call) -> CallSite:
        """Give the place of a call of `module`."""
        return self._table(module)[call]

    def calls(self, module: str) -> Iterable[tuple[ast.Call, CallSite]]:
        """Give the calls of `module` with their places, in source order."""
        return self._table(module).items()

    def _table(self, module: str) -> Mapping[ast.Call, CallSite]:
        if module not in self.tables:
            unit = self.library.unit(module)
            calls = calls_of(unit.tree) if unit is not None else iter(())
            self.tables[module] = dict(zip(calls, self.sites_of(module), strict=True))
        return self.tables[module]

    def methods(self, name: str) -> tuple[Entry, ...]:
        """Give the steps that are instance methods of this name."""
        if name not in self.owners:
            self.owners[name] = tuple(
                entry
                for _, entry in sorted(self.library.entries.items())
                if entry.receiver is Receiver.SELF and entry.qualname.endswith(f".{name}")
            )
        return self.owners[name]

    def entry(self, dotted: str) -> Entry | None:
        """Give the marked definition that a dotted name means, inherited methods too."""
        found = self.library.entry(self.library.resolve(dotted))
        if found is None:
            function = self.function(dotted)
            found = self.library.entries.get(function.id) if function is not None else None
        return found

    def function(self, dotted: str) -> Place | None:
        """Find a first-party function, method or nested function, marked or not."""
        if dotted not in self.functions:
            self.functions[dotted] = self._find(dotted)
        return self.functions[dotted]

    def _find(self, dotted: str) -> Place | None:
        found = self.library.split(self.library.resolve(dotted))
        if found is None or not found[1]:
            return None
        unit, qualname = found
        if isinstance(unit.find(qualname), _DEFINITIONS):
            return Place(self, unit, qualname)
        owner, _, name = qualname.rpartition(".")
        node = unit.find(owner) if owner else None
        return self._inherited(unit, node, name) if isinstance(node, ast.ClassDef) else None

    def is_class(self, dotted: str) -> bool:
        """Tell whether a dotted name means a first-party class."""
        if dotted not in self.classes:
            found = self.library.split(self.library.resolve(dotted))
            is_one = found is not None and isinstance(found[0].find(found[1] or "-"), ast.ClassDef)
            self.classes[dotted] = is_one
        return self.classes[dotted]

    def _inherited(self, unit: Unit, node: ast.ClassDef, name: str) -> Place | None:
        around = Around(self.library, unit)
        for base in node.bases:
            dotted = dotted_name(base)
            qualified = around.qualified(dotted) if dotted is not None else ""
            if self.is_class(qualified) and qualified != f"{unit.module}.{node.name}":
                found = self.function(f"{qualified}.{name}")
                if found is not None:
                    return found
        return None


@dataclass(frozen=True)
class Place:
    """A function, with what must be known to read expressions inside it.

    `given` are the steps that its parameters stand for, where it is known who calls it.
    """

    places: Places
    unit: Unit
    qualname: str
    given: Mapping[str, Candidates] = field(default_factory=dict)

    @property
    def id(self) -> DefinitionId:
        """The id of the function."""
        return DefinitionId(f"{self.unit.module}:{self.qualname}")

    @cached_property
    def node(self) -> Definition:
        """The function itself."""
        node = self.unit.find(self.qualname)
        assert isinstance(node, _DEFINITIONS)
        return node

    @cached_property
    def functions(self) -> tuple[Definition, ...]:
        """The functions around it, outer first, and itself."""
        parts = self.qualname.split(".")
        around = (self.unit.find(".".join(parts[:end])) for end in range(1, len(parts)))
        return (*(one for one in around if isinstance(one, _DEFINITIONS)), self.node)

    @cached_property
    def around(self) -> Around:
        """The names of its module."""
        return Around(self.places.library, self.unit)

    @cached_property
    def expressions(self) -> Expressions:
        """What writes its expressions."""
        found = Expressions(self.around, self.functions, self.places.names)
        found.own = (found.scopes[-1], self.id) if found.scopes else None
        return found

    @cached_property
    def bindings(self) -> Mapping[str, Sequence[Binding]]:
        """How its locals are bound, those of the functions around it too."""
        found: dict[str, Sequence[Binding]] = {}
        for function in self.functions:
            found.update(bindings_of(function.body))
        return found

    @cached_property
    def parameters(self) -> Mapping[str, ast.arg]:
        """Its parameters, and those of the functions around it."""
        return {one.arg: one for function in self.functions for one in _arguments(function.args)}

    @property
    def defaults(self) -> Mapping[str, ast.expr]:
        """The defaults of its own parameters."""
        arguments = self.node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        count = len(arguments.defaults)
        found = {
            one.arg: default
            for one, default in zip(
                positional[len(positional) - count :], arguments.defaults, strict=True
            )
        }
        pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        found.update({one.arg: default for one, default in pairs if default is not None})
        return found

    # --- what things mean ---

    def site(self, call: ast.Call) -> CallSite:
        """Give the place of a call inside."""
        return self.places.site(self.unit.module, call)

    def callee(self, call: ast.Call) -> str:
        """Give the dotted name of what is called, as far as it is known."""
        said = self.site(call).callee
        is_known = not said.startswith("*") and "()" not in said and "[]" not in said
        name = plain_name(self.places.library.resolve(said)) if is_known else said
        if isinstance(call.func, ast.Attribute) and not self._is_defined(name):
            owner = self.class_of(call.func.value)
            return f"{owner}.{call.func.attr}" if owner is not None else name
        return name

    def _is_defined(self, name: str) -> bool:
        """Tell whether a dotted name says by itself what it means: a value of a module does not."""
        found = None if name.startswith("*") else self.places.library.split(name)
        if found is None:
            return not name.startswith("*") and "()" not in name and "[]" not in name
        return self.places.function(name) is not None or self.places.is_class(name)

    def meaning(self, node: ast.expr) -> str | None:
        """Give the dotted name that a chain of names means; None for a local value."""
        dotted = dotted_name(node)
        if dotted is None:
            return None
        head, _, more = dotted.partition(".")
        target = self._local_definitions.get(head)
        if target is None:
            if head in self.parameters or head in self.bindings:
                return None
            target = self.around.qualified(head)
        target = f"{target}.{more}" if more else target
        return plain_name(self.places.library.resolve(target))

    @cached_property
    def _local_definitions(self) -> Mapping[str, str]:
        """What local imports and nested functions are, by name."""
        found: dict[str, str] = {}
        parts = self.qualname.split(".")
        for end in range(1, len(parts) + 1):
            outer = ".".join(parts[:end])
            function = self.unit.find(outer)
            if not isinstance(function, _DEFINITIONS):
                continue
            for inner in _own_nodes(function):
                if isinstance(inner, (*_DEFINITIONS, ast.ClassDef)):
                    found[inner.name] = f"{self.unit.module}.{outer}.{inner.name}"
                elif isinstance(inner, ast.Import):
                    for one in inner.names:
                        head = one.name.partition(".")[0]
                        found[one.asname or head] = one.name if one.asname else head
                elif isinstance(inner, ast.ImportFrom):
                    base = self.unit.absolute(inner)
                    found.update(
                        {one.asname or one.name: f"{base}.{one.name}" for one in inner.names}
                    )
        return found

    def class_of(self, node: ast.expr, depth: int = 0) -> str | None:
        """Give the first-party class that a value is an instance of, if that can be read."""
        match node:
            case ast.Call():
                return self._class_named(node.func)
            case ast.Name(id=name):
                return self._class_of_local(name, depth)
        return self._class_named(node)

    def _class_of_local(self, name: str, depth: int) -> str | None:
        if name in self.parameters:
            owner, _, _ = self.qualname.rpartition(".")
            first = next(iter(self.parameters))
            if owner and name == first and isinstance(self.unit.find(owner), ast.ClassDef):
                return f"{self.unit.module}.{owner}"
            annotation = self.parameters[name].annotation
            return self._class_named(annotation) if annotation is not None else None
        found = self.bindings.get(name, ())
        if len(found) == 1 and found[0][1] is not None and depth < _DEEPEST:
            return self.class_of(found[0][1], depth + 1)
        value = self._global_value(name) if not found else None
        if isinstance(value, ast.Call):
            return self._class_named(value.func)
        return self._class_named(ast.Name(name)) if not found else None

    def _class_named(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except SyntaxError:
                return None
        meaning = self.meaning(node)
        return meaning if meaning is not None and self.places.is_class(meaning) else None

    def _global_value(self, name: str) -> ast.expr | None:
        statements = self.unit.bindings.get(name, ())
        match statements:
            case (ast.Assign(value=value),) | (ast.AnnAssign(value=ast.expr() as value),):
                return value
        return None

    # --- which steps a value may be ---

    def candidates(self, node: ast.expr, depth: int = 0) -> Candidates:  # noqa: PLR0911 - a table of node types
        """Give the steps that a value may be; none if it is, as far as can be seen, no step."""
        if depth > _DEEPEST:
            return NONE
        match node:
            case ast.Name() | ast.Attribute():
                return self._named_candidates(node, depth)
            case ast.IfExp(body=one, orelse=other):
                return self.candidates(one, depth + 1) | self.candidates(other, depth + 1)
            case ast.BoolOp(values=values):
                return self._union(values, depth)
            case ast.Call() if self._is_partial(node) and node.args:
                return self.candidates(node.args[0], depth + 1)
            case ast.Call(func=ast.Attribute(value=inner, attr="get")) | ast.Subscript(value=inner):
                return self.contents(inner, depth + 1)
        return NONE

    def contents(self, node: ast.expr, depth: int = 0) -> Candidates:  # noqa: PLR0911 - likewise
        """Give the steps that stand in a container."""
        if depth > _DEEPEST:
            return NONE
        match node:
            case ast.Dict(values=values):
                return self._union(values, depth)
            case ast.List(elts=values) | ast.Tuple(elts=values) | ast.Set(elts=values):
                return self._union(values, depth) | self._inner(values, depth)
            case ast.Call(func=ast.Attribute(value=inner, attr=name)) if name in _OF_DICTS:
                return self.contents(inner, depth + 1)
            case ast.Call(args=[inner, *_]) if self.meaning(node.func) in _COPIES:
                return self.contents(inner, depth + 1)
            case ast.Name(id=name):
                return self._contents_of_name(name, depth)
        return NONE

    def _contents_of_name(self, name: str, depth: int) -> Candidates:
        if name in self.parameters and name not in self.bindings:
            return self.given.get(name, ANY)
        if name in self.bindings:
            values = [value for _, value in self.bindings[name] if value is not None]
            return NONE.union(*(self.contents(one, depth + 1) for one in values))
        meaning = self.meaning(ast.Name(name))
        home = self._home(meaning) if meaning is not None else None
        if home is None:
            return NONE
        place, value = home
        return place.contents(value, depth + 1)

    def _home(self, meaning: str) -> tuple[Place, ast.expr] | None:
        """Give a module-level value, and a place in its module."""
        found = self.places.library.split(meaning)
        if found is None:
            return None
        unit, name = found
        elsewhere = _ModuleLevel(self.places, unit, "")
        value = elsewhere._global_value(name)  # noqa: SLF001 - of the same class
        return (elsewhere, value) if value is not None else None

    def _named_candidates(self, node: ast.Name | ast.Attribute, depth: int) -> Candidates:
        meaning = self.meaning(node)
        if meaning is not None:
            entry = self.places.entry(meaning)
            if entry is not None:
                return frozenset({entry.id}) if entry.kind == "step" else NONE
            home = self._home(meaning)
            return home[0].candidates(home[1], depth + 1) if home is not None else NONE
        if isinstance(node, ast.Attribute):
            return frozenset(one.id for one in self.methods(node) if one.kind == "step")
        if node.id in self.bindings:
            return NONE.union(*(self._bound(one, depth) for one in self.bindings[node.id]))
        return self.given.get(node.id, ANY) if node.id in self.parameters else NONE

    def methods(self, node: ast.Attribute) -> tuple[Entry, ...]:
        """Give the marked methods that an attribute of a value may be; by name, if the class of the
        value is not known.
        """
        owner = self.class_of(node.value)
        if owner is None:
            return self.places.methods(node.attr)
        entry = self.places.entry(f"{owner}.{node.attr}")
        return (entry,) if entry is not None else ()

    def _bound(self, binding: Binding, depth: int) -> Candidates:
        how, value = binding
        if value is None:
            return NONE
        if how.startswith("each"):
            return self.contents(value, depth + 1)
        found = self.candidates(value, depth + 1) if how == "=" else NONE
        # A step may come back from anything that is called, but an instance is none.
        is_made = isinstance(value, (ast.Call, ast.Await)) and self.class_of(value) is None
        return found or (ANY if is_made else NONE)

    def _union(self, values: Sequence[ast.expr], depth: int) -> Candidates:
        return NONE.union(*(self.candidates(one, depth + 1) for one in values))

    def _inner(self, values: Sequence[ast.expr], depth: int) -> Candidates:
        """Look into rows: ``for name, step in [("a", a), ("b", b)]``."""
        rows = [one for one in values if isinstance(one, (ast.Tuple, ast.List))]
        return NONE.union(*(self.contents(one, depth + 1) for one in rows))

    def _is_partial(self, node: ast.Call) -> bool:
        return self.meaning(node.func) == PARTIAL


class _ModuleLevel(Place):
    """A place outside of all functions."""

    functions: tuple[Definition, ...] = ()


_DEEPEST: Final = 8


def _arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    yield from (one for one in (arguments.vararg, arguments.kwarg) if one is not None)


def _own_nodes(function: Definition) -> Iterator[ast.AST]:
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (*_DEFINITIONS, ast.ClassDef, ast.Lambda)):
            pending.extend(ast.iter_child_nodes(node))
