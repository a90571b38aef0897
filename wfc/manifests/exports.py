"""What a star import takes from a module: its public names, or what its ``__all__`` lists."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from wfc.manifests.scopes import bound_by

_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_OWN_SCOPE: Final = (
    *_DEFINITIONS,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
_COPIES: Final = frozenset({"list", "tuple", "sorted"})


class Parsed(Protocol):
    """A module that was parsed."""

    @property
    def module(self) -> str:
        """Its dotted name."""
        ...

    @property
    def tree(self) -> ast.Module:
        """Its tree."""
        ...

    def absolute(self, node: ast.ImportFrom) -> str:
        """Give the dotted name of the module that `node` imports from."""
        ...


@dataclass(frozen=True, slots=True)
class Exports:
    """The names that ``import *`` binds; if these are not the `whole`, there may be others."""

    names: frozenset[str]
    whole: bool


UNKNOWN: Final = Exports(frozenset(), whole=False)


def exports_of(module: str, load: Callable[[str], Parsed | None]) -> Exports:
    """Give what a star import takes from `module`; `load` gives None for what cannot be read."""
    return _Reader(load).exports(module)


@dataclass
class _Reader:
    load: Callable[[str], Parsed | None]
    entered: dict[str, Exports] = field(default_factory=dict)

    def exports(self, module: str) -> Exports:
        known = self.entered.get(module)
        if known is not None:
            return known
        parsed = self.load(module)
        if parsed is None:
            return UNKNOWN
        # Modules that import each other's stars: the inner one finds nothing in the outer one yet.
        self.entered[module] = Exports(frozenset(), whole=True)
        self.entered[module] = self._read(parsed)
        return self.entered[module]

    def _read(self, parsed: Parsed) -> Exports:
        names: set[str] = set()
        whole = True
        listed: list[str] | None = None
        for statement in _at_run_time(parsed.tree.body):
            for node in _own(statement):
                if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                    taken = self.exports(parsed.absolute(node))
                    names |= taken.names
                    whole = whole and taken.whole
                names |= bound_by(node)
            if _names_all(statement):
                listed = self._listed(parsed, statement, listed)
                if listed is None:
                    return UNKNOWN
        if listed is not None:
            return Exports(frozenset(listed), whole=True)
        return Exports(frozenset(name for name in names if not name.startswith("_")), whole)

    def _listed(
        self, parsed: Parsed, statement: ast.stmt, before: list[str] | None
    ) -> list[str] | None:
        """Give what ``__all__`` holds after `statement`; None if that must be computed."""
        value: ast.expr | None
        match statement:
            case ast.Assign(targets=[ast.Name()], value=value):
                return self._texts(parsed, value)
            case ast.AnnAssign(target=ast.Name(), value=ast.expr() as value):
                return self._texts(parsed, value)
            case ast.AugAssign(target=ast.Name(), op=ast.Add(), value=value):
                more = self._texts(parsed, value)
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr="extend"), args=[value])):
                more = self._texts(parsed, value)
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr="append"), args=[value])):
                more = self._texts(parsed, ast.List([value], ast.Load()))
            case _:
                return None
        return None if before is None or more is None else before + more

    def _texts(self, parsed: Parsed, value: ast.expr) -> list[str] | None:
        match value:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.Attribute(value=ast.Name(id=name), attr="__all__"):
                taken = self.exports(self._module_named(parsed, name))
                return sorted(taken.names) if taken.whole else None
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                pass
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                parts = [left, right]
            case ast.Starred(value=inner):
                parts = [inner]
            case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name in _COPIES:
                parts = [inner]
            case _:
                return None
        found = [self._texts(parsed, part) for part in parts]
        if any(one is None for one in found):
            return None
        return [text for one in found if one is not None for text in one]

    def _module_named(self, parsed: Parsed, name: str) -> str:
        """Give the module that a name of a package means: imported, or a part of the package."""
        for statement in parsed.tree.body:
            for node in _own(statement):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    base = parsed.absolute(node) + "." if isinstance(node, ast.ImportFrom) else ""
                    for alias in node.names:
                        if (alias.asname or alias.name) == name:
                            return base + alias.name
        # ``from .deep import *`` makes `deep` a name of the package, as all imports of parts do.
        return f"{parsed.module}.{name}"


def _at_run_time(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Leave out what only type checkers run."""
    for statement in body:
        if isinstance(statement, ast.If) and _is_type_checking(statement.test):
            yield from _at_run_time(statement.orelse)
        else:
            yield statement


def _is_type_checking(test: ast.expr) -> bool:
    return getattr(test, "attr", getattr(test, "id", "")) == "TYPE_CHECKING"


def _names_all(statement: ast.stmt) -> bool:
    return not isinstance(statement, _DEFINITIONS) and any(
        isinstance(node, ast.Name) and node.id == "__all__" for node in _own(statement)
    )


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Go through a statement without entering scopes of their own."""
    yield node
    if isinstance(node, _OWN_SCOPE):
        return
    for inner in ast.iter_child_nodes(node):
        yield from _own(inner)
