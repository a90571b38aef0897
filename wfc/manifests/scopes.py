"""Which names a function, class body or comprehension binds: what canonical trees may rename."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(slots=True)
class Scope:
    """The names of one scope. `kept` ones are parameters, nested functions, class attributes."""

    is_class: bool = False
    kept: set[str] = field(default_factory=set)
    renamed: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)  # declared global
    numbers: dict[str, int] = field(default_factory=dict)

    def binds(self, name: str) -> bool:
        """Tell whether the scope binds `name` itself."""
        return name in self.kept or name in self.renamed


def function_scope(node: Function) -> Scope:
    """Give the scope of a function: its parameters are kept, its other locals are not."""
    scope = Scope()
    arguments = node.args
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        scope.kept.add(one.arg)
    scope.kept.update(one.arg for one in (arguments.vararg, arguments.kwarg) if one is not None)
    if isinstance(node, ast.Lambda):
        _collect([node.body], scope)
        return scope
    _collect(node.body, scope)
    scope.renamed.update(_type_parameters(node))
    scope.renamed -= scope.kept
    return scope


def class_scope(node: ast.ClassDef) -> Scope:
    """Give the scope of a class body: what it binds are attributes, whose names are kept."""
    scope = Scope(is_class=True)
    _collect(node.body, scope)
    scope.kept |= scope.renamed
    scope.renamed = _type_parameters(node) - scope.kept
    return scope


def comprehension_scope(node: Comprehension) -> Scope:
    """Give the scope of a comprehension: the targets of its `for`."""
    scope = Scope()
    for one in node.generators:
        scope.renamed.update(_stored([one.target]))
    return scope


def _type_parameters(node: ast.AST) -> set[str]:
    return {parameter.name for parameter in getattr(node, "type_params", ())}


def _stored(nodes: Sequence[ast.AST]) -> Iterator[str]:
    for node in nodes:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                yield inner.id


def _collect(nodes: Sequence[ast.AST], scope: Scope) -> None:
    nonlocals: set[str] = set()
    for node in nodes:
        _visit(node, scope, nonlocals)
    scope.renamed -= scope.elsewhere | nonlocals | scope.kept


def _visit(node: ast.AST, scope: Scope, nonlocals: set[str]) -> None:
    """Note what `node` binds in `scope`, without entering scopes of their own."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        scope.kept.add(node.name)
        for inner in _outside_of(node):
            _visit(inner, scope, nonlocals)
        return
    if isinstance(node, ast.Lambda):
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                _visit(default, scope, nonlocals)
        return
    if isinstance(node, _COMPREHENSIONS):
        _visit_comprehension(node, scope, nonlocals)
        return
    if isinstance(node, ast.Global):
        scope.elsewhere.update(node.names)
    elif isinstance(node, ast.Nonlocal):
        nonlocals.update(node.names)
    else:
        scope.renamed.update(bound_by(node))
    for inner in ast.iter_child_nodes(node):
        _visit(inner, scope, nonlocals)


def _visit_comprehension(node: Comprehension, scope: Scope, nonlocals: set[str]) -> None:
    # A walrus inside a comprehension binds in the function around it.
    inner_names = set().union(*(_stored([one.target]) for one in node.generators))
    inside = Scope()
    for child in ast.iter_child_nodes(node):
        _visit(child, inside, nonlocals)
    scope.renamed |= inside.renamed - inner_names


def _outside_of(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> list[ast.AST]:
    """List the parts of a definition that are evaluated in the scope around it."""
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *node.keywords]
    defaults = [one for one in (*node.args.defaults, *node.args.kw_defaults) if one is not None]
    return [*node.decorator_list, *defaults]


def bound_by(node: ast.AST) -> set[str]:  # noqa: PLR0911 - a table of node types
    """List the names that `node` itself binds, not those of the nodes inside it."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return {name}
        case ast.Import(names=aliases):
            return {one.asname or one.name.partition(".")[0] for one in aliases}
        case ast.ImportFrom(names=aliases):
            return {one.asname or one.name for one in aliases if one.name != "*"}
        case ast.MatchMapping(rest=str(name)):
            return {name}
        case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() | ast.ClassDef():
            return {node.name} if node.name else set()
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return {node.name}
    return set()
