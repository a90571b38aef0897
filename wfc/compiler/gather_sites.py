"""Where calls stand: the stable name of each call place of a module.

A place is 8 hex digits of SHA-256 over module, function, the enclosing blocks and the callee
resolved through aliases, with `.2`, `.3` for further equal ones. Lines, formatting, names of locals
and the other calls of a function do not enter, so an edit elsewhere renames nothing.
"""

from __future__ import annotations

import ast
import hashlib
import io
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from wfc.ids import ModuleName
from wfc.manifests.bundle import CallSite
from wfc.manifests.sites import span_of

_PIN: Final = re.compile(r"#\s*wfc:\s*site\[([A-Za-z_][A-Za-z0-9_-]*)\]")
_LOCAL: Final = "*"  # stands for any local variable, so that renaming it renames no place


class Names(Protocol):
    """What this pass asks of the names of a module (`gather_names.Names`)."""

    def resolve(self, node: ast.expr) -> str | None:
        """Give the full dotted name a `Name` or `Attribute` stands for, or None for a local."""
        ...


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands around a node: the function and the blocks that count."""

    function: str = ""
    blocks: tuple[str, ...] = ()

    def within(self, block: str) -> _Around:
        return _Around(self.function, (*self.blocks, block))

    def inside(self, name: str) -> _Around:
        """Enter a function or class: blocks around it name it no more than its own name does."""
        return _Around(f"{self.function}.{name}" if self.function else name)


def gather_sites(
    tree: ast.Module, names: Names, module: ModuleName, text: str
) -> tuple[CallSite, ...]:
    """Name every call of a module, in the order of `manifests.sites.calls_of`."""
    pins = _pins(text)
    seen: dict[tuple[str, str], int] = {}
    sites = []
    for call, around in _calls(tree, names):
        callee = describe(call.func, names)
        pin = pins.get(call.lineno)
        place = pin if pin is not None else _hash(module, around, callee)
        ordinal = seen[place, callee] = seen.get((place, callee), 0) + 1
        sites.append(
            CallSite(
                span=span_of(call),
                place=place if ordinal == 1 else f"{place}.{ordinal}",
                callee=callee,
                function=around.function,
                blocks=around.blocks,
                ordinal=ordinal,
            )
        )
    return tuple(sites)


def describe(callee: ast.expr, names: Names) -> str:
    """Describe what is called without naming locals: ``app.billing.charge``, ``*.total``."""
    if isinstance(callee, (ast.Name, ast.Attribute)) and (resolved := names.resolve(callee)):
        return resolved
    suffix = ""
    match callee:
        case ast.Attribute(value=inner, attr=name):
            suffix = f".{name}"
        case ast.Call(func=inner):
            suffix = "()"
        case ast.Subscript(value=inner):
            suffix = "[]"
        case ast.Await(value=inner):
            pass
        case ast.Constant(value=value):
            return type(value).__name__
        case _:
            return _LOCAL
    return describe(inner, names) + suffix


def _hash(module: str, around: _Around, callee: str) -> str:
    words = "\x00".join((module, around.function, "\x01".join(around.blocks), callee))
    return hashlib.sha256(words.encode()).hexdigest()[:8]


def _calls(tree: ast.AST, names: Names) -> Iterator[tuple[ast.Call, _Around]]:
    """Walk in the order of the tree, as `calls_of` does, and remember what stands around."""
    pending: list[tuple[ast.AST, _Around]] = [(tree, _Around())]
    while pending:
        node, around = pending.pop()
        kind = node.__class__
        if kind is ast.Call:
            yield node, around  # type: ignore[misc]  # the class is checked above
        inside = _INSIDE.get(kind, _nothing)(node, around, names)
        children: list[tuple[ast.AST, _Around]] = []
        for field in kind._fields:
            value = getattr(node, field, None)
            where = inside.get(field, around) if inside else around
            # Most nodes are names and constants, which hold no call.
            children += [
                (child, where)
                for child in (value if value.__class__ is list else (value,))
                if isinstance(child, ast.AST) and child.__class__ not in _LEAVES
            ]
        children.reverse()
        pending += children


_LEAVES: Final = frozenset({ast.Name, ast.Constant, ast.Load, ast.Store, ast.Del, ast.alias})
_Inside: TypeAlias = Mapping[str, _Around]
"""The fields of a node that have another surrounding than the node itself."""


def _nothing(_node: ast.AST, _around: _Around, _names: Names) -> _Inside:
    return {}


def _scope(node: ast.AST, around: _Around, _names: Names) -> _Inside:
    return {"body": around.inside(getattr(node, "name", "<lambda>"))}


def _if(_node: ast.AST, around: _Around, _names: Names) -> _Inside:
    return {"body": around.within("if"), "orelse": around.within("else")}


def _for(_node: ast.AST, around: _Around, _names: Names) -> _Inside:
    return {"body": around.within("for"), "orelse": around.within("else")}


def _while(_node: ast.AST, around: _Around, _names: Names) -> _Inside:
    # The test belongs to the loop's surroundings, as that of an `if` does.
    return {"body": around.within("while"), "orelse": around.within("else")}


def _try(_node: ast.AST, around: _Around, _names: Names) -> _Inside:
    # The body and the `else` of a `try` are transparent: wrapping a call renames nothing.
    return {"finalbody": around.within("finally")}


def _handler(node: ast.AST, around: _Around, names: Names) -> _Inside:
    assert isinstance(node, ast.ExceptHandler)
    return {"body": around.within(_kind_of(node, names))}


def _case(_node: ast.AST, around: _Around, _names: Names) -> _Inside:
    return {"body": around.within("case")}


def _kind_of(handler: ast.ExceptHandler, names: Names) -> str:
    if handler.type is None:
        return "except"
    several = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return "except " + "|".join(describe(kind, names) for kind in several)


_INSIDE: Final[Mapping[type[ast.AST], Callable[[ast.AST, _Around, Names], _Inside]]] = {
    ast.FunctionDef: _scope,
    ast.AsyncFunctionDef: _scope,
    ast.ClassDef: _scope,
    ast.Lambda: _scope,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.ExceptHandler: _handler,
    ast.match_case: _case,
}


def _pins(text: str) -> Mapping[int, str]:
    """Find the lines that pin their calls by ``# wfc: site[name]``; comments only, no strings."""
    if "wfc:" not in text or _PIN.search(text) is None:
        return {}
    pins: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and (match := _PIN.match(token.string)):
            pins[token.start[0]] = match[1]
    return pins
