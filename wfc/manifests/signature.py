"""Signatures as old logs depend on them: parameter names, kinds, and types in one spelling."""

from __future__ import annotations

import ast
import collections.abc
from collections.abc import Callable
from typing import Any, Final

from wfc.manifests.bundle import Signature

Resolve = Callable[[str], "str | tuple[ast.expr, Resolve]"]
"""From a dotted name as written to its qualified name, or to what an alias stands for and where."""
Expression = Callable[[ast.expr], str]
"""The canonical text of an expression that is no type: a constraint inside `Annotated`."""

_BUILTINS: Final = {
    "List": "list",
    "Dict": "dict",
    "Set": "set",
    "FrozenSet": "frozenset",
    "Tuple": "tuple",
    "Type": "type",
    "Text": "str",
}
_COLLECTIONS: Final = {
    "Deque": "deque",
    "DefaultDict": "defaultdict",
    "OrderedDict": "OrderedDict",
    "Counter": "Counter",
    "ChainMap": "ChainMap",
}
_ABSTRACT: Final = {name: name for name in collections.abc.__all__} | {
    "ByteString": "ByteString",  # gone from 3.14, but a signature is the same on every Python
    "AbstractSet": "Set",
    "ContextManager": "AbstractContextManager",
    "AsyncContextManager": "AbstractAsyncContextManager",
}
_DEEPEST: Final = 64


def canonical_signature(
    signature: Signature, resolve: Resolve, expression: Expression
) -> dict[str, Any]:
    """Give what a recorded call depends on; not default values, `async` or the docstring."""

    def spelled(annotation: str | None) -> str | None:
        return None if annotation is None else canonical_type(annotation, resolve, expression)

    return {
        "captures": list(signature.captures),
        "params": [
            {
                "has_default": one.default is not None,
                "kind": one.kind,
                "name": one.name,
                "type": spelled(one.annotation),
            }
            for one in signature.parameters
        ],
        "returns": spelled(signature.returns),
    }


def canonical_type(
    annotation: str | ast.expr, resolve: Resolve, expression: Expression, *, depth: int = 0
) -> str:
    """Give the one spelling of a type: qualified, unions flat and sorted, aliases expanded.

    Text that is no expression is kept as it stands: a signature never fails a build.
    """
    node = ast.Constant(annotation) if isinstance(annotation, str) else annotation
    return _Types(expression).spell(node, resolve, depth)


class _Types:
    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def spell(self, node: ast.expr, resolve: Resolve, depth: int) -> str:
        members = self.members(node, resolve, depth)
        if len(members) == 1:
            return members[0]
        plain = sorted(set(members) - {"None"})
        return " | ".join([*plain, "None"] if "None" in members else plain)

    def members(self, node: ast.expr, resolve: Resolve, depth: int) -> list[str]:
        """List the members of a union; any other type is a union of itself."""
        if depth > _DEEPEST:
            return ["..."]  # An alias that stands for itself.
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            sides = (node.left, node.right)
            return [one for side in sides for one in self.members(side, resolve, depth + 1)]
        if isinstance(node, ast.Subscript):
            return self.subscript(node.value, node.slice, resolve, depth)
        if isinstance(node, ast.Constant):
            return self.constant(node.value, resolve, depth)
        dotted = dotted_name(node)
        if dotted is not None:
            return self.named(dotted, resolve, depth)
        return [self.other(node, resolve, depth)]

    def constant(self, value: object, resolve: Resolve, depth: int) -> list[str]:
        if not isinstance(value, str):
            return ["..." if value is ... else repr(value)]
        try:
            quoted = ast.parse(value.strip(), mode="eval").body
        except SyntaxError:
            return [value]
        return self.members(quoted, resolve, depth + 1)

    def other(self, node: ast.expr, resolve: Resolve, depth: int) -> str:
        if isinstance(node, ast.List):  # the parameters of a Callable
            return f"[{', '.join(self.spell(one, resolve, depth + 1) for one in node.elts)}]"
        if isinstance(node, ast.Starred):
            return f"*{self.spell(node.value, resolve, depth + 1)}"
        return self.expression(node)

    def named(self, dotted: str, resolve: Resolve, depth: int) -> list[str]:
        target = resolve(dotted)
        if isinstance(target, tuple):
            meaning, elsewhere = target
            return self.members(meaning, elsewhere, depth + 1)
        return [_modern(target)]

    def subscript(
        self, base: ast.expr, inside: ast.expr, resolve: Resolve, depth: int
    ) -> list[str]:
        head = self.spell(base, resolve, depth + 1)
        items = inside.elts if isinstance(inside, ast.Tuple) else [inside]
        if head == "typing.Optional":
            return [*self.members(items[0], resolve, depth + 1), "None"]
        if head == "typing.Union":
            return [one for item in items for one in self.members(item, resolve, depth + 1)]
        if head == "typing.Literal":
            return [f"{head}[{', '.join(self._literal(one) for one in items)}]"]
        if head == "typing.Annotated":
            constraints = ", ".join(self.expression(one) for one in items[1:])
            return [f"{head}[{self.spell(items[0], resolve, depth + 1)}, {constraints}]"]
        return [f"{head}[{', '.join(self.spell(one, resolve, depth + 1) for one in items)}]"]

    def _literal(self, node: ast.expr) -> str:
        return repr(node.value) if isinstance(node, ast.Constant) else self.expression(node)


def dotted_name(node: ast.expr) -> str | None:
    """Give ``a.b.c`` if `node` is that and nothing else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


def _modern(name: str) -> str:
    """Spell a name as it is spelled today: `typing.List` is `list`, builtins stand bare."""
    module, _, member = name.rpartition(".")
    if module == "builtins":
        return member
    if module == "typing_extensions":
        module = "typing"
    if module == "typing":
        if member in _BUILTINS:
            return _BUILTINS[member]
        if member in _COLLECTIONS:
            return f"collections.{_COLLECTIONS[member]}"
        if member in _ABSTRACT:
            home = "contextlib" if member.endswith("ContextManager") else "collections.abc"
            return f"{home}.{_ABSTRACT[member]}"
    return f"{module}.{member}" if module else member
