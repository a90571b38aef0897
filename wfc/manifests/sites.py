"""The stable names of call places: a table from positions to places, asked by the caller's frame.

No call is rewritten. The running Python says where each call of the bundle stands, and code objects
of the same Python carry the same positions, so the table holds on every minor version.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator
from opcode import opname
from typing import Final

from wfc import abi
from wfc.errors import BundleBroken
from wfc.ids import Site
from wfc.manifests.bundle import Bundle, Span
from wfc.manifests.guards import is_abi_call


class SiteTable:
    """The places of one workflow bundle."""

    def __init__(self, bundle: Bundle) -> None:
        """Take the places of `bundle.sites` and the positions that this Python gives their calls.

        The recorded spans are not used: Python 3.11 misplaces what stands inside f-strings, in its
        tree and in its code alike, and a bundle may be built on one minor and run on another.
        """
        spans = [span_of(call) for call in calls_of(ast.parse(bundle.text))]
        if len(spans) != len(bundle.sites):
            raise BundleBroken(
                f"{bundle.path}: the workflow bundle holds {len(spans)} calls and its table of "
                f"sites {len(bundle.sites)}, so operations could not be told apart. Build again."
            )
        self._by_size = sorted(
            zip(spans, (site.place for site in bundle.sites), strict=True),
            key=lambda item: _size(item[0]),
        )
        # The code object stands in the value so that its id is not given to another one.
        self._known: dict[tuple[int, int], tuple[str | None, types.CodeType]] = {}

    def place_at(self, code: types.CodeType, f_lasti: int) -> str | None:
        """Give the place of the call that `code` is executing, or None if it is executing no call.

        Keyed by the identity of the code: code objects of two versions compare equal.
        """
        key = (id(code), f_lasti)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = (self._find(code, f_lasti), code)
        return known[0]

    def _find(self, code: types.CodeType, f_lasti: int) -> str | None:
        position = call_position(code, f_lasti)
        if position is None:
            return None
        inside = (place for span, place in self._by_size if _holds(span, position))
        return next(inside, None)


def site_of(frame: types.FrameType, operation: str) -> Site:
    """Name the site of an operation asked for by the code in `frame`: ``charge~9c01d2ab``.

    Code that belongs to no bundle (a library, a lazy `map`) gives the operation's bare name.
    """
    bundle = frame.f_globals.get(abi.NAME)
    if bundle is None or bundle.place_at is None:
        return Site(operation)
    place = bundle.place_at(frame.f_code, frame.f_lasti)
    return Site(operation if place is None else f"{operation}~{place}")


def calls_of(tree: ast.AST) -> Iterator[ast.Call]:
    """Give the user's calls in the order of the source: outer before inner, left to right.

    The order is that of the tree, not of positions, so it is the same on every Python.
    """
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Call):
            if is_abi_call(node):
                continue
            yield node
        pending.extend(reversed(list(ast.iter_child_nodes(node))))


def span_of(node: ast.expr | ast.stmt) -> Span:
    """Give the span of a node."""
    end_line, end_column = node.end_lineno, node.end_col_offset
    assert end_line is not None
    assert end_column is not None
    return Span(node.lineno, node.col_offset, end_line, end_column)


_CACHE: Final = 0  # the opcode of inline cache entries, on every minor since 3.11
_CODE_UNIT: Final = 2  # bytes


def call_position(code: types.CodeType, f_lasti: int) -> Span | None:
    """Give the position of the call at an instruction, or None if it is no call."""
    instructions = code.co_code
    # On 3.11 and 3.12 `f_lasti` may stand on a cache entry behind its call.
    while instructions[f_lasti] == _CACHE and f_lasti:
        f_lasti -= _CODE_UNIT
    name = opname[instructions[f_lasti]]
    if not name.startswith("CALL") or name.startswith("CALL_INTRINSIC"):
        return None
    for place, (line, end_line, column, end_column) in enumerate(code.co_positions()):
        if place * _CODE_UNIT == f_lasti:
            if line is None or end_line is None or column is None or end_column is None:
                return None
            return Span(line, column, end_line, end_column)
    return None


def _size(span: Span) -> tuple[int, int]:
    return (span.end_line - span.line, span.end_column - span.column)


def _holds(span: Span, position: Span) -> bool:
    return (span.line, span.column) <= (position.line, position.column) and (
        position.end_line,
        position.end_column,
    ) <= (span.end_line, span.end_column)
