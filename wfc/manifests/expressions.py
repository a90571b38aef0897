"""Digests of expressions where they stand: equal for all spellings, whatever locals are called.

A local is described by what it was bound to, not by its name or number, so that neither a rename
nor a new local above makes another digest of the same call.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping, Sequence

from wfc.manifests.canonical import Surroundings, Tree
from wfc.manifests.old_names import NO_NAMES, OldNames
from wfc.manifests.scopes import Comprehension, Scope, comprehension_scope, function_scope
from wfc.manifests.signature import dotted_name

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


class Expressions(Tree):
    """Writes expressions of one function; `functions` are it and those around it, outer first."""

    def __init__(
        self, around: Surroundings, functions: Sequence[Function], names: OldNames = NO_NAMES
    ) -> None:
        """Enter the scopes of all `functions`."""
        super().__init__(around, names=names)
        self._origins: list[tuple[Scope, Mapping[str, str]]] = []
        for function in functions:
            self.enter(function)

    def enter(self, function: Function) -> None:
        """Enter the scope of a function or lambda, for good or until `leave`."""
        scope = function_scope(function)
        self.scopes.append(scope)
        body = function.body if isinstance(function.body, list) else [function.body]
        self._origins.append((scope, self._described(bindings_of(body))))

    def enter_comprehension(self, node: Comprehension) -> None:
        """Enter the scope of a comprehension."""
        scope = comprehension_scope(node)
        self.scopes.append(scope)
        names = scope.renamed
        self._origins.append((scope, dict.fromkeys(names, "each")))

    def leave(self) -> None:
        """Leave the scope that was entered last."""
        self.scopes.pop()
        self._origins.pop()

    def digest(self, *nodes: ast.AST) -> str:
        """Give the digest of expressions or patterns, in order."""
        return digest_of("\n".join(map(self.fresh, nodes)))

    def fresh(self, node: ast.AST) -> str:
        """Write a node as if nothing had been written before."""
        self.count = 0
        for scope in self.scopes:
            scope.numbers.clear()
        return self.text(node)

    def arguments(
        self,
        call: ast.Call,
        positional: Sequence[str],
        more: Sequence[tuple[str, ast.expr]] = (),
        callee: str = "",
    ) -> str:
        """Give the digest of the arguments of a call by parameter name; `callee` is an id.

        What cannot be bound by name (`*`, `**`, surplus) stays in its place, and then the order of
        the parameters decides what it is bound to.
        """
        named: list[tuple[str, ast.expr]] = list(more)
        placed: list[ast.expr] = []
        for index, argument in enumerate(call.args):
            if placed or isinstance(argument, ast.Starred) or index >= len(positional):
                placed.append(argument)
            else:
                named.append((positional[index], argument))
        named += [(one.arg or "**", one.value) for one in call.keywords]
        lines = [
            f"{self.names.parameter(callee, name)}={self.fresh(value)}" for name, value in named
        ]
        order = [" ".join(positional)] if placed else []
        return digest_of("\n".join([*sorted(lines), *order, *map(self.fresh, placed)]))

    def _numbered(self, scope: Scope, name: str) -> str:
        for one, origins in self._origins:
            if one is scope:
                return f"(Local {origins.get(name, '')})"
        return super()._numbered(scope, name)

    def _described(self, bindings: Mapping[str, Sequence[Binding]]) -> dict[str, str]:
        return {
            name: "|".join(dict.fromkeys(map(self._origin, found)))
            for name, found in bindings.items()
        }

    def _origin(self, binding: Binding) -> str:
        """Say what a local is bound to, so coarsely that changes further up do not show."""
        how, value = binding
        if value is None:
            return how
        while isinstance(value, ast.Await):
            value = value.value
        if isinstance(value, ast.Constant):
            return f"{how} {self.text(value)}"
        if isinstance(value, ast.Call):
            dotted = dotted_name(value.func)
            if dotted is None or self._local(dotted.partition(".")[0]) is not None:
                return f"{how} *.{dotted.rpartition('.')[2] if dotted and '.' in dotted else ''}()"
            return f"{how} {self.names.dotted(self.around.qualified(dotted))}()"
        return f"{how} {type(value).__name__}"


Binding = tuple[str, ast.expr | None]
"""How a local is bound (``=``, ``[2]``, ``each``, ``with``, ...) and to what."""


def bindings_of(body: Sequence[ast.AST]) -> dict[str, list[Binding]]:
    """Give the bindings of each local of a function, in source order; nested scopes are their own.

    A walrus inside a comprehension counts, since it binds in the function.
    """
    found: dict[str, list[Binding]] = {}
    for node in body:
        for name, binding in _bindings(node):
            found.setdefault(name, []).append(binding)
    return found


def digest_of(text: str) -> str:
    """Give 16 hex digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _bindings(node: ast.AST) -> Iterator[tuple[str, Binding]]:  # noqa: C901 - a table of node types
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _targets(target, "=", value)
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
            yield name, ("=", value)
        case ast.AugAssign(target=ast.Name(id=name), value=value):
            yield name, (type(node.op).__name__, value)
        case ast.NamedExpr(target=ast.Name(id=name), value=value):
            yield name, ("=", value)
        case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
            yield from _targets(target, "each", value)
        case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
            yield from _targets(target, "with", value)
        case ast.ExceptHandler(name=str(name)):
            yield name, ("except", None)
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name, ("case", None)
        case ast.MatchMapping(rest=str(name)):
            yield name, ("case", None)
    if not isinstance(node, _SCOPES):
        for inner in ast.iter_child_nodes(node):
            yield from _bindings(inner)


def _targets(target: ast.expr, how: str, value: ast.expr) -> Iterator[tuple[str, Binding]]:
    match target:
        case ast.Name(id=name):
            yield name, (how, value)
        case ast.Starred(value=inner):
            yield from _targets(inner, f"{how}*", value)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            for index, inner in enumerate(elements):
                yield from _targets(inner, f"{how}[{index}]", value)
