"""Annotations as rules ask for them: the union of types that one spells, each with its arguments.

Strings are read, `Optional`, `Union`, `Annotated` and module-level aliases are looked through, so a
rule sees the same for every spelling.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, NamedTuple

from wfc.compiler.scopes import Binding, Scope
from wfc.lint_rules.module import Marked, Module
from wfc.manifests.bundle import Receiver

_DEPTH_MAX: Final = 12
NONE: Final = "None"
ANNOTATED: Final = "typing.Annotated"
_OPTIONAL: Final = "typing.Optional"
_UNION: Final = "typing.Union"
_TYPES_IN: Final = {ANNOTATED: 1, "typing.Literal": 0}
"""How many of the arguments are types, where not all are."""


class Type(NamedTuple):
    """A member of the union that an annotation is."""

    name: str  # dotted; "" for what is no name, "None" for None
    exact: bool
    arguments: tuple[tuple[Type, ...], ...]  # of a generic, each a union again
    node: ast.expr  # where it is written; a quoted type is its string

    @property
    def short(self) -> str:
        """Give the last word of the name."""
        return self.name.rpartition(".")[2]


class Annotation(NamedTuple):
    """An annotation of a marked function."""

    what: str  # "the parameter `order`", "the result"
    parameter: str  # "" for the result
    node: ast.expr


def annotations_of(mark: Marked) -> Iterator[Annotation]:
    """Give the annotations of what is recorded of a call: parameters and result, not `self`."""
    for one in parameters_of(mark):
        if one.annotation is not None:
            yield Annotation(f"the parameter `{one.arg}`", one.arg, one.annotation)
    if mark.node.returns is not None:
        yield Annotation("the result", "", mark.node.returns)


def parameters_of(mark: Marked) -> list[ast.arg]:
    """Give the parameters of a marked function but `self` and `cls`."""
    arguments = mark.node.args
    named = [*arguments.posonlyargs, *arguments.args]
    if mark.definition.entry.receiver in {Receiver.SELF, Receiver.CLASS}:
        named = named[1:]
    extra = [arguments.vararg, arguments.kwarg]
    return [*named, *arguments.kwonlyargs, *(one for one in extra if one is not None)]


def types_of(module: Module, annotation: ast.expr, scope: Scope | None = None) -> tuple[Type, ...]:
    """Give the members of the union that `annotation` is; any other type is a union of itself."""
    where = module.names.scope_of(annotation) if scope is None else scope
    return tuple(_Reader(module, where).members(annotation, annotation, 0))


def types_of_mark(module: Module, mark: Marked, annotation: ast.expr) -> tuple[Type, ...]:
    """Give the members of an annotation of a marked function, which may be quoted."""
    return types_of(module, annotation, module.names.scope_of(mark.node))


def walked(types: tuple[Type, ...]) -> Iterator[Type]:
    """Give all types that a union names, the arguments of generics too."""
    for one in types:
        yield one
        for argument in one.arguments:
            yield from walked(argument)


class _Reader(NamedTuple):
    """Reads annotations in one scope: what is quoted has none of its own."""

    module: Module
    scope: Scope

    def members(self, node: ast.expr, at: ast.expr, depth: int) -> Iterator[Type]:
        """Give the members; `at` is what stands in the source for `node`: itself, a string that
        holds it, or the name of an alias.
        """
        match node:
            case _ if depth > _DEPTH_MAX:
                return
            case ast.Constant(value=None):
                yield Type(NONE, exact=True, arguments=(), node=at)
            case ast.Constant(value=str(text)):
                inner = _read(text)
                if inner is not None:
                    yield from self.members(inner, at, depth + 1)
            case ast.BinOp(op=ast.BitOr(), left=left, right=right):
                for side in (left, right):
                    yield from self.members(side, _at(node, side, at), depth + 1)
            case ast.Subscript():
                yield from self.generic(node, at, depth)
            case ast.Name() | ast.Attribute():
                yield from self.named(node, at, depth)
            case _:
                yield Type("", exact=False, arguments=(), node=at)

    def generic(self, node: ast.Subscript, at: ast.expr, depth: int) -> Iterator[Type]:
        """Give `Optional[X]` and `Union[X, Y]` as what they say, and any other with arguments."""
        name, exact = self.meaning(node.value)
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if name in {_OPTIONAL, _UNION}:
            for item in items:
                yield from self.members(item, _at(node, item, at), depth + 1)
            if name == _OPTIONAL:
                yield Type(NONE, exact=True, arguments=(), node=at)
            return
        items = items[: _TYPES_IN.get(name, len(items))]
        arguments = tuple(
            tuple(self.members(item, _at(node, item, at), depth + 1)) for item in items
        )
        yield Type(name, exact, arguments, at)

    def named(self, node: ast.Name | ast.Attribute, at: ast.expr, depth: int) -> Iterator[Type]:
        """Give what a name means, or what it is an alias of."""
        if isinstance(node, ast.Name):
            owner = self.scope.owner_of(node.id)
            value = _aliased(owner.bindings[node.id]) if owner is not None else None
            if owner is not None and value is not None:
                yield from _Reader(self.module, owner).members(value, at, depth + 1)
                return
        name, exact = self.meaning(node)
        yield Type(name, exact, (), at)

    def meaning(self, node: ast.expr) -> tuple[str, bool]:
        """Give the dotted name of a chain of names, and whether it is certain."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        known = self.module.names
        answers = known.meanings(self.scope, node.id) if isinstance(node, ast.Name) else []
        if not answers:
            return "", False
        target, exact = answers[0]
        name = ".".join([target, *reversed(attributes)])
        if self.module.overview is not None:
            name = self.module.library.external(name)
        return name.replace("typing_extensions.", "typing."), exact


def _aliased(bindings: list[Binding]) -> ast.expr | None:
    """Give the union or generic that a name stands for: ``X = A | B``, ``type X = A | B``."""
    if len(bindings) != 1:
        return None
    node, value = bindings[0].node, bindings[0].value
    if type(node).__name__ == "TypeAlias":  # Python 3.11 has no such class
        value = getattr(node, "value", None)
        return value if isinstance(value, ast.expr) else None
    plain = bindings[0].kind == "assign" and isinstance(value, ast.BinOp | ast.Subscript)
    return value if plain else None


def _at(whole: ast.expr, part: ast.expr, at: ast.expr) -> ast.expr:
    """Give where a part stands: by itself, unless the whole was read out of a string or alias."""
    return part if whole is at else at


def _read(text: str) -> ast.expr | None:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return None  # the compiler keeps it as text
