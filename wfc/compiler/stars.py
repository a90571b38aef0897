"""Bind what star imports bring, each name as if it were written out."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Final

from wfc.compiler.facts import Star
from wfc.compiler.scopes import Binding, ImportNode, Walked
from wfc.ids import ModuleName

_BRANCHES: Final = (
    *(ast.If, ast.Try, ast.TryStar, ast.Match, ast.For, ast.AsyncFor, ast.While),
    *(ast.With, ast.AsyncWith),
)


def bind_stars(tree: ast.Module, module: ModuleName, walked: Walked, stars: Iterable[Star]) -> None:
    """Add to what a walk has found the names of those star imports that could be looked into.

    They come after all else: what is bound below a star import hides what that brought, and of two
    star imports the later one wins. Where that depends on the run, a name has several bindings.
    """
    known = {star.module: star for star in stars}
    bindings = walked.module.bindings
    written = {name: [one.top for one in found] for name, found in bindings.items()}
    brought: dict[str, list[ImportNode]] = {}
    whole: set[int] = set()
    for index, (statement, alias, _, source, scope, typing_only) in enumerate(walked.imports):
        star = known.get(source) if alias.name == "*" else None
        if star is None:
            continue
        if star.whole:
            whole.add(index)
        top = _top(tree, statement)
        for name in star.names:
            target = f"{source}.{name}"
            if _is_hidden(tree, written.get(name, ()), top) or target == f"{module}.{name}":
                continue
            if name not in written and statement is tree.body[top]:
                bindings.pop(name, None)
                brought.pop(name, None)
            binding = Binding("import", alias, target, None, top, typing_only)
            bindings.setdefault(name, []).append(binding)
            one = ast.alias(name=name, asname=None)
            brought.setdefault(name, []).append(
                (statement, one, target, source, scope, typing_only)
            )
    walked.imports[:] = [
        *(one for index, one in enumerate(walked.imports) if index not in whole),
        *(one for found in brought.values() for one in found),
    ]


def _top(tree: ast.Module, statement: ast.stmt) -> int:
    """Give the index of the top-level statement that holds `statement`."""
    start = (statement.lineno, statement.col_offset)
    before = (one for one in tree.body if (one.lineno, one.col_offset) <= start)
    return sum(1 for _ in before) - 1


def _is_hidden(tree: ast.Module, tops: Iterable[int], top: int) -> bool:
    """Tell whether a statement below `top` binds a name in any case."""
    return any(other > top and not isinstance(tree.body[other], _BRANCHES) for other in tops)
