"""Registrations: top-level statements that put what they define into an object of their module.

``@handler("paid")`` above a function, ``@show.register``, ``register("paid", paid)``, a base class
whose ``__init_subclass__`` keeps a list: nothing names such a function afterwards, and a workflow
that looks it up needs it all the same. Bundle and fingerprint hold it as soon as the workflow
reaches the object. Asked of the tree alone, so that both agree; what another module registers is
not known here.
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
_AT_SUBCLASSING: Final = "__init_subclass__"


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


def _may_register(statement: ast.stmt) -> bool:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return bool(statement.decorator_list)
        case ast.ClassDef():
            return bool(statement.decorator_list or statement.bases)
        case ast.Expr(value=ast.Call(func=ast.Name())):
            return True
    return False


class _Registrations:
    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree

    def find(self) -> Iterator[Registration]:
        for top, statement in enumerate(self.tree.body):
            match statement:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    for decorator in statement.decorator_list:
                        for into in self._filled_by(decorator):
                            yield Registration(top, into, statement.name, decorator)
                    for base in getattr(statement, "bases", ()):
                        for into in self._subclassed(base):
                            yield Registration(top, into, statement.name, base)
                case ast.Expr(value=ast.Call(func=ast.Name()) as call):
                    for into in self._filled_by(call):
                        yield Registration(top, into, None, call)

    def _filled_by(self, called: ast.expr) -> list[str]:
        """Give the objects that calling this changes: what stands before the dots of
        ``registry.add``, or what a function of the module writes to.
        """
        function = called.func if isinstance(called, ast.Call) else called
        if isinstance(function, ast.Name):
            return sorted(self._written.get(function.id, ()))
        while isinstance(function, ast.Attribute | ast.Call | ast.Subscript):
            function = function.func if isinstance(function, ast.Call) else function.value
        is_own = isinstance(function, ast.Name) and function.id in self._own
        return [function.id] if is_own and isinstance(function, ast.Name) else []

    def _subclassed(self, base: ast.expr) -> list[str]:
        found = self._definitions.get(base.id) if isinstance(base, ast.Name) else None
        if not isinstance(found, ast.ClassDef) or not _keeps_subclasses(found):
            return []
        return sorted({found.name, *self._written.get(found.name, ())})

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
        for target in _targets(node):
            base: ast.expr = target
            while isinstance(base, ast.Subscript | ast.Attribute):
                base = base.value
            if base is not target and isinstance(base, ast.Name) and base.id not in local:
                yield base.id


def _targets(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return targets
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return [target]
        case ast.Call(func=ast.Attribute(attr=method) as function) if method in WRITING:
            return [function]
    return []


def _keeps_subclasses(node: ast.ClassDef) -> bool:
    """Tell whether a class does something lasting with the classes that are made of it."""
    return any(
        isinstance(target, ast.Subscript)
        or (isinstance(target, ast.Attribute) and target.attr in WRITING)
        for method in node.body
        if isinstance(method, _FUNCTIONS) and method.name == _AT_SUBCLASSING
        for inner in ast.walk(method)
        for target in _targets(inner)
    )
