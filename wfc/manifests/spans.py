"""Where everything that a manifest names stands: sites, definitions, parameters, fields, constants.

Read off the bundles, whose lines and columns are the source's; so a version out of an archive has
them too. Old and new lines in reports come from here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from wfc.diagnostics import Place
from wfc.manifests.bundle import Bundle, Span
from wfc.manifests.code import parse_quietly
from wfc.manifests.scopes import bound_by
from wfc.manifests.sites import span_of

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def spans_of(bundles: Iterable[Bundle], sites: Iterable[str] = ()) -> dict[str, Place]:
    """Map ids, full sites (``charge~9c01d2ab.2``, those in `sites`) and ``module~place`` to places.

    An id is that of a definition (``app.pay:charge``), a constant (``app.rates:RATE``), a parameter
    or a field (``app.pay:charge.cents``). Of two bundles of a module the later one wins.
    """
    found: dict[str, Place] = {}
    by_place: dict[str, Place] = {}
    for bundle in bundles:
        for name, span in _defined(_statements(bundle), f"{bundle.module}:"):
            found[name] = _place(bundle, span)
        for entry in bundle.entries:
            found[entry.id] = _place(bundle, entry.span)
        for site in bundle.sites:
            place = by_place[site.place] = _place(bundle, site.span)
            found[f"{bundle.module}~{site.place}"] = place
    for name in sites:
        known = by_place.get(name.partition("~")[2])
        if known is not None:
            found[name] = known
    return found


def _statements(bundle: Bundle) -> list[ast.stmt]:
    try:
        return parse_quietly(bundle.text).body
    except (SyntaxError, ValueError):
        return []  # The text of a newer Python: its calls and entries have places all the same.


def _place(bundle: Bundle, span: Span) -> Place:
    return Place(bundle.path, span.line, span.column, span.end_line, span.end_column)


def _defined(body: Iterable[ast.AST], owner: str) -> Iterator[tuple[str, Span]]:
    """Give what is defined, outer before inner; of two of one name the last one is bound."""
    for node in body:
        if isinstance(node, _FUNCTIONS):
            yield f"{owner}{node.name}", span_of(node)
            arguments = node.args
            for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                end = one.end_lineno or one.lineno, one.end_col_offset or one.col_offset
                yield f"{owner}{node.name}.{one.arg}", Span(one.lineno, one.col_offset, *end)
            yield from _defined(node.body, f"{owner}{node.name}.")
        elif isinstance(node, ast.ClassDef):
            yield f"{owner}{node.name}", span_of(node)
            yield from _defined(node.body, f"{owner}{node.name}.")
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            for name in sorted(set().union(*map(bound_by, ast.walk(node)))):
                yield f"{owner}{name}", span_of(node)
        elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from _defined(ast.iter_child_nodes(node), owner)
