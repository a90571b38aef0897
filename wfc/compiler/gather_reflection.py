"""Looks into the interpreter (WFC230), computed names of modules (WFC124), texts with addresses
(WFC312), the host's zone (WFC313).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from wfc.compiler.gather_names import Names
from wfc.compiler.scopes import FUNCTIONS
from wfc.compiler.values import instance_of

_LOOKS: Final = frozenset(
    {"__globals__", "__closure__", "__code__", "__subclasses__", "__builtins__", "__reduce_ex__"}
    | {"f_back", "f_globals", "f_locals", "f_code", "gi_frame", "cr_frame", "ag_frame", "tb_frame"}
)
_TEXTS: Final = frozenset({"builtins.repr", "builtins.str", "builtins.format", "builtins.ascii"})
_PLAIN_BASES: Final = frozenset({"builtins.object", "abc.ABC", "typing.Protocol"})
_FROM_TIMESTAMP: Final = frozenset(
    {"datetime.datetime.fromtimestamp", "datetime.date.fromtimestamp"}
)


def looks_of(node: ast.AST) -> Iterator[str]:
    """Give the attributes that lead into the interpreter, and finalizers, which it calls."""
    if isinstance(node, ast.Attribute) and node.attr in _LOOKS:
        yield node.attr
    elif isinstance(node, FUNCTIONS) and node.name == "__del__":
        yield node.name


def computed_of(node: ast.AST, names: Names) -> tuple[bool, str] | None:
    """Tell of ``getattr(module, computed)``: is it certain, and what may be the module.

    The latter is empty if an import says that it is one.
    """
    match node:
        case ast.Call(func=ast.Name(id="getattr"), args=[base, word, *_]):
            pass
        case _:
            return None
    if isinstance(word, ast.Constant) or names.resolve(node.func) != "builtins.getattr":
        return None
    found = names.resolve_exactly(base)
    if found is None:
        return None
    target, exact = found
    plainly = any(
        target == module and isinstance(statement, ast.Import)
        for statement, _, _, module, _, _ in names.walked.imports
    )
    return exact, "" if plainly else target


def addresses_of(node: ast.AST, names: Names) -> Iterator[str]:
    """Give the values that `node` writes by the default `repr`."""
    match node:
        case ast.FormattedValue(value=value):
            pass
        case ast.Call(func=func, args=[value]) if names.resolve(func) in _TEXTS:
            pass
        case _:
            return
    if isinstance(value, ast.Lambda):
        yield "a lambda"
    found = instance_of(value, names)
    if found is not None and _has_default_repr(found.of, names):
        yield f"an instance of `{found.of.rpartition('.')[2]}`"


def _has_default_repr(name: str, names: Names) -> bool:
    if name == "builtins.object":
        return True
    qualname = name.removeprefix(f"{names.module}.")
    for scope in names.walked.scopes:
        node = scope.node
        if scope.kind == "class" and scope.qualname == qualname and isinstance(node, ast.ClassDef):
            plain = all(names.resolve(base) in _PLAIN_BASES for base in node.bases)
            defined = {one.name for one in node.body if isinstance(one, FUNCTIONS)}
            bare = not (node.decorator_list or node.keywords)
            return plain and bare and not defined & {"__repr__", "__str__", "__format__"}
    return False


def host_zones_of(node: ast.AST, names: Names) -> Iterator[str]:
    """Give the calls whose result depends on the time zone of the machine."""
    match node:
        case ast.Call(func=ast.Attribute(attr="astimezone"), args=[], keywords=[]):
            yield "astimezone()"
        case ast.Call(func=func, args=[_], keywords=[]) if names.resolve(func) in _FROM_TIMESTAMP:
            yield "fromtimestamp(...)"
