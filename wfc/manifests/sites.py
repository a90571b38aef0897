"""The stable names of call places: a table from positions to places, asked by the caller's frame.

No call is rewritten. The running Python says where each call of the bundle stands, and code objects
of the same Python carry the same positions, so the table holds on every minor version.
"""

from __future__ import annotations

import ast
import dis
import sys
import types
from collections.abc import Iterator
from typing import Final

from wfc import abi
from wfc.errors import BundleBroken
from wfc.ids import Site
from wfc.manifests.bundle import Bundle, Span
from wfc.manifests.code import parse_quietly
from wfc.manifests.guards import is_abi_call


class SiteTable:
    """The places of one workflow bundle."""

    def __init__(self, bundle: Bundle) -> None:
        """Take the places of `bundle.sites` and the positions that this Python gives their calls.

        The recorded spans are not used: Python 3.11 misplaces what stands inside f-strings, in its
        tree and in its code alike, and a bundle may be built on one minor and run on another.
        """
        spans = [span_of(call) for call in calls_of(parse_quietly(bundle.text))]
        if len(spans) != len(bundle.sites):
            raise BundleBroken(
                f"{bundle.path}: the workflow bundle holds {len(spans)} calls and its table of "
                f"sites {len(bundle.sites)}, so operations could not be told apart. Build again."
            )
        places = [site.place for site in bundle.sites]
        self._exact = dict(zip(spans, places, strict=True))
        self._by_size = sorted(zip(spans, places, strict=True), key=lambda item: _size(item[0]))
        self._known: dict[int, tuple[types.CodeType, dict[int, str | None]]] = {}

    def place_at(self, code: types.CodeType, f_lasti: int) -> str | None:
        """Give the place of the call that `code` is executing, or None if it executes no call."""
        known = self._known.get(id(code))
        if known is None:
            known = self._learn(code)
        return known[1].get(f_lasti)

    def _learn(self, code: types.CodeType) -> tuple[types.CodeType, dict[int, str | None]]:
        # Keyed by identity, since code objects of two versions compare equal; the code is kept so
        # that its id is not given to another one.
        places = {offset: self._place_of(span) for offset, span in call_positions(code).items()}
        known = self._known[id(code)] = (code, places)
        return known

    def _place_of(self, position: Span) -> str | None:
        """Give the place of the smallest span holding `position`.

        A method call written over several lines begins, in code, at the method's name.
        """
        if (place := self._exact.get(position)) is not None:
            return place
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
    # Thousands of runs wait at the same site; one string does for all of them.
    return Site(operation if place is None else sys.intern(f"{operation}~{place}"))


def calls_of(tree: ast.AST) -> Iterator[ast.Call]:
    """Give the user's calls in the order of the source: outer before inner, left to right.

    The order is that of the tree, not of positions, so it is the same on every Python.
    """
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Call):
            if _is_written(node):
                continue
            yield node
        pending.extend(reversed(list(ast.iter_child_nodes(node))))


def _is_written(call: ast.Call) -> bool:
    """Tell whether the compiler wrote a call: a stub, or one that makes it a tool of an agent
    (``bot.tool(__wfc__.step("book"))``), which asks for nothing.
    """
    while not is_abi_call(call):
        match call.args:
            case [ast.Call() as inner] if not call.keywords:
                call = inner
            case _:
                return False
    return True


def span_of(node: ast.expr | ast.stmt) -> Span:
    """Give the span of a node."""
    end_line, end_column = node.end_lineno, node.end_col_offset
    assert end_line is not None
    assert end_column is not None
    return Span(node.lineno, node.col_offset, end_line, end_column)


_SILENT: Final = frozenset({"EXTENDED_ARG", "PRECALL"})
_EXIT_ARGUMENTS: Final = 3


def call_positions(code: types.CodeType) -> dict[int, Span]:
    """Give the positions of the calls in `code`, by every `f_lasti` a frame inside one may show.

    On 3.11 and 3.12 that may be a cache entry behind the call. The call of `__exit__` at the end of
    a `with` is left out: 3.13 gives it the position of the context expression, others do not.
    """
    positions: dict[int, Span] = {}
    nones, open_call = 0, None
    for instruction in dis.get_instructions(code):
        if instruction.opname in _SILENT:
            continue
        if open_call is not None:
            start, span = open_call
            positions.update(dict.fromkeys(range(start, instruction.offset, _CODE_UNIT), span))
        is_exit = nones >= _EXIT_ARGUMENTS and instruction.arg == _EXIT_ARGUMENTS - 1
        open_call = None if is_exit else _call(instruction)
        is_none = instruction.opname == "LOAD_CONST" and instruction.argval is None
        nones = nones + 1 if is_none else 0
    return positions


_CODE_UNIT: Final = 2  # bytes


def _call(instruction: dis.Instruction) -> tuple[int, Span] | None:
    name, positions = instruction.opname, instruction.positions
    if not name.startswith("CALL") or name.startswith("CALL_INTRINSIC") or positions is None:
        return None
    line, end_line = positions.lineno, positions.end_lineno
    column, end_column = positions.col_offset, positions.end_col_offset
    if line is None or end_line is None or column is None or end_column is None:
        return None
    return instruction.offset, Span(line, column, end_line, end_column)


def _size(span: Span) -> tuple[int, int]:
    return (span.end_line - span.line, span.end_column - span.column)


def _holds(span: Span, position: Span) -> bool:
    return (span.line, span.column) <= (position.line, position.column) and (
        position.end_line,
        position.end_column,
    ) <= (span.end_line, span.end_column)
