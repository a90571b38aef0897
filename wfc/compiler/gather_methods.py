"""What tells which methods run: the attributes that code asks for, and who else may call them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from wfc.compiler.gather_names import Names, bound_by
from wfc.compiler.scopes import FUNCTIONS

_PLAIN: Final = frozenset(
    {"staticmethod", "classmethod", "property", "abstractmethod", "override", "cached_property"}
    | {"final", "overload", "setter", "getter", "deleter", "cache", "lru_cache", "wraps"}
    | {"contextmanager", "asynccontextmanager"}
)
"""Decorators after which a method still has to be called by its name."""
_HOOKS: Final = frozenset({"model_post_init", "run", "default", "emit", "format"})
"""Methods that libraries call on objects they are given."""


def class_names(names: Names) -> Iterator[str]:
    """Give the module-level names of classes."""
    for name, bindings in names.walked.module.bindings.items():
        if any(binding.kind == "class" for binding in bindings):
            yield name


def registered_methods(names: Names) -> Iterator[str]:
    """Give the methods (``Class.method``) that a framework may call: a validator, say."""
    for scope in names.walked.scopes:
        node = scope.node
        if scope.kind != "function" or not isinstance(node, FUNCTIONS):
            continue
        around = scope.parent
        if around is None or around.kind != "class":
            continue
        if node.name in _HOOKS or not all(map(_is_plain, node.decorator_list)):
            yield f"{around.qualname}.{node.name}"


def _is_plain(decorator: ast.expr) -> bool:
    plain = decorator.func if isinstance(decorator, ast.Call) else decorator
    return getattr(plain, "attr", getattr(plain, "id", "")) in _PLAIN


def asked_of(names: Names) -> Mapping[str, Mapping[str, frozenset[str]]]:
    """Give the attributes that are asked of anything, by top-level symbol and function."""
    within = bound_by(names)
    found: dict[str, dict[str, frozenset[str]]] = {}
    for (top, scope), attributes in names.walked.asks.items():
        function = scope.function()
        qualname = function.qualname if function is not None else ""
        for symbol in within.get(top, ()):
            known = found.setdefault(symbol, {})
            known[qualname] = known.get(qualname, frozenset()) | attributes
    return found
