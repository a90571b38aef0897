"""What a value is an instance of, as far as one module tells: `Path(x)`, and names bound to it.

Only plain facts are followed: a call of a class, a name bound once to one, ``with ... as``,
``self.attr`` from `__init__` or the class body, and annotations. The answer is a dotted name of the
class, so that ``Path(x).exists`` is asked of the table of effects as ``pathlib.Path.exists``.
"""

from __future__ import annotations

import ast
from typing import Final, NamedTuple, Protocol

from wfc.compiler.scopes import Binding, Scope, Walked

_DEPTH_MAX: Final = 8
_PATH: Final = "pathlib.Path"
_PATHS: Final = frozenset({_PATH, "pathlib.PosixPath", "pathlib.WindowsPath"})
_PATH_FROM: Final = frozenset(
    {"parent", "joinpath", "with_name", "with_stem", "with_suffix", "relative_to", "resolve"}
    | {"absolute", "expanduser", "rename", "replace"}
)
"""What of a path is a path again."""
_MAKERS: Final = {
    "asyncio.get_running_loop": "asyncio.AbstractEventLoop",
    "asyncio.get_event_loop": "asyncio.AbstractEventLoop",
    "pathlib.Path.cwd": _PATH,
    "pathlib.Path.home": _PATH,
}
"""Functions whose result is known to be an instance of something else than their own name."""


class Instance(NamedTuple):
    """The class of a value, and whether that is certain."""

    of: str
    exact: bool


class Member(NamedTuple):
    """A member of an instance: its dotted name, the class, and whether that is certain."""

    name: str
    of: str
    exact: bool


class Resolver(Protocol):
    """What must be known about names."""

    walked: Walked

    def resolve_exactly(self, node: ast.expr) -> tuple[str, bool] | None:
        """Give what a chain of names means, and whether that is certain."""
        ...

    def scope_of(self, node: ast.AST) -> Scope:
        """Give the scope in which a node is evaluated."""
        ...


def member_of(node: ast.expr, names: Resolver) -> Member | None:
    """Give what a chain of attributes takes from an instance, as far as that is known."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.insert(0, node.attr)
        node = node.value
        found = instance_of(node, names)
        if found is not None:
            while found.of in _PATHS and len(attributes) > 1 and attributes[0] in _PATH_FROM:
                del attributes[0]
            return Member(".".join([found.of, *attributes]), found.of, found.exact)
    return None


def instance_of(node: ast.expr, names: Resolver, depth: int = 0) -> Instance | None:
    """Give the class that the value of `node` is an instance of, if this module tells."""
    found: Instance | None = None
    match node:
        case _ if depth > _DEPTH_MAX:
            pass
        case ast.Call():
            found = _made(node, names, depth)
        case ast.Name():
            found = _bound(node, names, depth)
        case ast.Attribute():
            found = _attribute(node, names, depth)
        case ast.BinOp(op=ast.Div()):
            left = instance_of(node.left, names, depth + 1)
            found = left if left is not None and left.of in _PATHS else None
        case ast.NamedExpr():
            found = instance_of(node.value, names, depth + 1)
    return found


def _made(call: ast.Call, names: Resolver, depth: int) -> Instance | None:
    found = names.resolve_exactly(call.func)
    if found is not None:
        target, exact = found
        return Instance(_MAKERS.get(target, target), exact)
    if isinstance(call.func, ast.Attribute) and call.func.attr in _PATH_FROM:
        return _path(call.func, names, depth)
    return None


def _path(node: ast.Attribute, names: Resolver, depth: int) -> Instance | None:
    base = instance_of(node.value, names, depth + 1)
    return base if base is not None and base.of in _PATHS else None


def _bound(node: ast.Name, names: Resolver, depth: int) -> Instance | None:
    owner = names.scope_of(node).owner_of(node.id)
    if owner is None:
        return None
    bindings = owner.bindings[node.id]
    if len(bindings) != 1:
        return None
    return _of_binding(bindings[0], names, depth)


def _of_binding(binding: Binding, names: Resolver, depth: int) -> Instance | None:
    match binding.kind, binding.node:
        case (("assign" | "with"), _) if binding.value is not None:
            return instance_of(binding.value, names, depth + 1)
        case "parameter", ast.arg(annotation=annotation) if annotation is not None:
            return _annotated(annotation, names)
    return None


def _annotated(annotation: ast.expr, names: Resolver) -> Instance | None:
    """Give what an annotation promises, which nobody checks: never certain."""
    match annotation:
        case ast.BinOp(op=ast.BitOr(), left=left, right=ast.Constant(value=None)):
            return _annotated(left, names)
        case ast.BinOp(op=ast.BitOr(), left=ast.Constant(value=None), right=right):
            return _annotated(right, names)
        case ast.Subscript(value=base, slice=inner):
            word = getattr(base, "attr", getattr(base, "id", ""))
            return _annotated(inner, names) if word == "Optional" else None
    found = names.resolve_exactly(annotation)
    return None if found is None else Instance(found[0], exact=False)


def _attribute(node: ast.Attribute, names: Resolver, depth: int) -> Instance | None:
    if isinstance(node.value, ast.Name):
        around = names.scope_of(node.value).class_of(node.value.id)
        if around is not None:
            return _of_self(around, node.attr, names, depth)
    return _path(node, names, depth) if node.attr in _PATH_FROM else None


def _of_self(around: Scope, name: str, names: Resolver, depth: int) -> Instance | None:
    """Give what every assignment to an attribute of `self`, and the class body, makes it."""
    walked = names.walked
    values = walked.members.get((around, name), [])
    found = [instance_of(value, names, depth + 1) for value in values]
    for binding in around.bindings.get(name, ()):
        annotation = walked.annotations.get(binding.node)
        if annotation is not None:
            found.append(_annotated(annotation, names))
        elif binding.value is not None:
            found.append(instance_of(binding.value, names, depth + 1))
        else:
            found.append(None)
    first = found[0] if found else None
    if first is None or any(one is None or one.of != first.of for one in found):
        return None
    return Instance(first.of, exact=False)  # a subclass or another module may put in another
