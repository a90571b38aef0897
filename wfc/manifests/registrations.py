"""Registrations: top-level statements that put what they define into an object of their module.

``@handler("paid")`` above a function, ``@show.register``, ``register("paid", paid)``, a base class
or metaclass keeps a list, ``setattr(Order, "ship", ship)``, a change by another name of the same
object: nothing names such a function afterwards, and a workflow that looks it up needs it all the
same. Bundle and fingerprint hold it as soon as the workflow reaches the object. Asked of the tree
alone, so that both agree; what another module registers is not known here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final, NamedTuple

from wfc.manifests.scopes import bound_by

WRITING: Final = frozenset(
    {"append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse", "add", "discard"}
    | {"update", "setdefault", "popitem", "appendleft", "extendleft", "popleft", "rotate"}
    | {"difference_update", "intersection_update", "symmetric_difference_update", "subtract"}
)
"""Methods by which containers of the standard library change."""
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_AT_SUBCLASSING: Final = frozenset({"__init_subclass__"})
_OF_METACLASSES: Final = frozenset({"__new__", "__init__"})
_ATTRIBUTE_WRITERS: Final = frozenset({"setattr", "delattr"})


class Registration(NamedTuple):
    """The top-level statement `top` puts what it binds, if it binds anything, into `into`."""

    top: int
    into: str
    bound: str | None
    node: ast.expr  # the decorator, the call or the base class that does it


def registrations_of(tree: ast.Module) -> tuple[Registration, ...]:
    """Give the registrations of a module, in source order."""
    if not any(map(_may_register, tree.body)):
        return ()
    return tuple(_Registrations(tree).find())


def writers_of(tree: ast.Module) -> Mapping[str, frozenset[str]]:
    """Give the functions and classes of a module that, called or subclassed, put things into its
    objects, and which: what another module does with them changes these.
    """
    return _Registrations(tree).writers()


def _may_register(statement: ast.stmt) -> bool:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return bool(statement.decorator_list)
        case ast.ClassDef():
            return bool(statement.decorator_list or statement.bases or statement.keywords)
        case ast.Expr(value=ast.Call(func=ast.Name())) | ast.Assign(targets=[_, _, *_]):
            return True
        case ast.Assign(value=ast.Name()) | ast.AnnAssign(value=ast.Name()):
            return True
    return False


class _Registrations:
    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree

    def find(self) -> Iterator[Registration]:
        for top, statement in enumerate(self.tree.body):
            for into, bound, node in self._of(statement):
                for name in sorted({into, *self._aliases.get(into, ())}):
                    if name != bound:
                        yield Registration(top, name, bound, node)

    def writers(self) -> Mapping[str, frozenset[str]]:
        """Give what each definition that others may use writes to."""
        found = {}
        for name, node in self._definitions.items():
            into = set(self._written.get(name, ()))
            if isinstance(node, ast.ClassDef):
                into = {one for one, _ in self._made_by(node)}
                into.update(self._subclassed(ast.Name(name)))
            if into:
                found[name] = frozenset(into)
        return found

    def _of(self, statement: ast.stmt) -> Iterator[tuple[str, str | None, ast.expr]]:
        if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            for into, node in self._defined(statement):
                yield into, statement.name, node
            return
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Name()) as call):
                for into in self._filled_by(call):
                    yield into, None, call
        # A change by the name itself is seen by whoever looks for changes; by another one, not.
        for part in ast.walk(statement) if self._aliases else ():
            for changed in _changed(part):
                if changed.id in self._aliases:
                    yield changed.id, None, changed

    def _defined(
        self, statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    ) -> Iterator[tuple[str, ast.expr]]:
        """Give what a definition is put into, and by what."""
        for decorator in statement.decorator_list:
            for into in self._filled_by(decorator):
                yield into, decorator
        if isinstance(statement, ast.ClassDef):
            for base in statement.bases:
                for into in self._subclassed(base):
                    yield into, base
            yield from self._made_by(statement)

    def _filled_by(self, called: ast.expr) -> list[str]:
        """Give the objects that calling this changes: what stands before the dots of
        ``registry.add``, or what a function of the module writes to.
        """
        function = called.func if isinstance(called, ast.Call) else called
        if isinstance(function, ast.Name):
            if function.id in _ATTRIBUTE_WRITERS and isinstance(called, ast.Call):
                return [one.id for one in _changed(called) if one.id in self._own]
            return sorted(self._written.get(function.id, ()))
        while isinstance(function, ast.Attribute | ast.Call | ast.Subscript):
            function = function.func if isinstance(function, ast.Call) else function.value
        is_own = isinstance(function, ast.Name) and function.id in self._own
        return [function.id] if is_own and isinstance(function, ast.Name) else []

    def _subclassed(self, base: ast.expr) -> list[str]:
        found = self._definitions.get(base.id) if isinstance(base, ast.Name) else None
        if not isinstance(found, ast.ClassDef) or not _keeps_classes(found, _AT_SUBCLASSING):
            return []
        return sorted({found.name, *self._written.get(found.name, ())})

    def _made_by(self, made: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
        """Give what the metaclass of a class, its own or one of a class above, puts it into."""
        for above, node, meta in self._metaclasses(made, frozenset()):
            into = set(self._written.get(meta.name, ()))
            if _keeps_classes(meta, _OF_METACLASSES):
                into |= {meta.name, above}
            for name in sorted(into - {made.name}):
                yield name, node

    def _metaclasses(
        self, made: ast.ClassDef, seen: frozenset[str]
    ) -> Iterator[tuple[str, ast.expr, ast.ClassDef]]:
        """Give the class that names a metaclass, where it does, and the metaclass."""
        for word in made.keywords:
            meta = self._class_of(word.value) if word.arg == "metaclass" else None
            if meta is not None:
                yield made.name, word.value, meta
        for base in made.bases:
            above = self._class_of(base)
            if above is not None and above.name not in seen:
                for name, _, meta in self._metaclasses(above, seen | {above.name}):
                    yield name, base, meta

    def _class_of(self, node: ast.expr) -> ast.ClassDef | None:
        found = self._definitions.get(node.id) if isinstance(node, ast.Name) else None
        return found if isinstance(found, ast.ClassDef) else None

    @cached_property
    def _aliases(self) -> Mapping[str, frozenset[str]]:
        """By name, the other names that the module gives to the same object."""
        groups: dict[str, set[str]] = {}
        for statement in self.tree.body:
            match statement:
                case ast.Assign(targets=targets, value=value):
                    nodes = [*targets, value]
                case ast.AnnAssign(target=target, value=ast.Name() as value):
                    nodes = [target, value]
                case _:
                    continue
            names = {one.id for one in nodes if isinstance(one, ast.Name) and one.id in self._own}
            if len(names) > 1:
                group = names.union(*(groups.get(name, ()) for name in names))
                groups.update(dict.fromkeys(group, group))
        return {name: frozenset(group - {name}) for name, group in groups.items()}

    @cached_property
    def _definitions(self) -> Mapping[str, ast.stmt]:
        return {
            one.name: one for one in self.tree.body if isinstance(one, (*_FUNCTIONS, ast.ClassDef))
        }

    @cached_property
    def _own(self) -> frozenset[str]:
        """The names that the module binds, imports aside."""
        found = set(self._definitions)
        for statement in self.tree.body:
            if not isinstance(statement, (*_FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom)):
                found.update(*(bound_by(node) for node in ast.walk(statement)))
        return frozenset(found)

    @cached_property
    def _written(self) -> Mapping[str, frozenset[str]]:
        """The objects of the module that each of its functions and classes writes to."""
        return {
            name: frozenset(_written_in(node)) & self._own
            for name, node in self._definitions.items()
        }


def _written_in(definition: ast.AST) -> Iterator[str]:
    """Give the names, not bound anywhere inside, whose objects a definition changes."""
    local = {one.arg for one in ast.walk(definition) if isinstance(one, ast.arg)}
    local.update(*(bound_by(node) for node in ast.walk(definition) if node is not definition))
    for node in ast.walk(definition):
        for base in _changed(node):
            if base.id not in local:
                yield base.id


def _changed(node: ast.AST) -> Iterator[ast.Name]:
    """Give the names whose objects a node changes in place."""
    match node:
        case ast.Call(func=ast.Name(id=writer), args=[ast.Name() as changed, *_]):
            if writer in _ATTRIBUTE_WRITERS:
                yield changed
            return
    for target in _targets(node):
        base: ast.expr = target
        while isinstance(base, ast.Subscript | ast.Attribute):
            base = base.value
        if base is not target and isinstance(base, ast.Name):
            yield base


def _targets(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return targets
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return [target]
        case ast.Call(func=ast.Attribute(attr=method) as function) if method in WRITING:
            return [function]
    return []


def _keeps_classes(node: ast.ClassDef, methods: frozenset[str]) -> bool:
    """Tell whether a class does something lasting with the classes that these methods see made."""
    return any(
        isinstance(target, ast.Subscript)
        or (isinstance(target, ast.Attribute) and target.attr in WRITING)
        for method in node.body
        if isinstance(method, _FUNCTIONS) and method.name in methods
        for inner in ast.walk(method)
        for target in _targets(inner)
    )
