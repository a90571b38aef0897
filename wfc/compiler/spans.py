"""Places in a module: spans of nodes, and the text that stands at a span.

Spans are `ast`'s: 1-based lines, UTF-8 byte columns, the end exclusive.
"""

from __future__ import annotations

import ast
from typing import Protocol

from wfc.diagnostics import Place
from wfc.manifests.bundle import Span


class Located(Protocol):
    """A node that knows where it stands: a statement, an expression, an argument, a handler."""

    lineno: int
    col_offset: int
    end_lineno: int | None
    end_col_offset: int | None


def span_of(node: Located) -> Span:
    """Give the span of `node`; a function's begins at `def`, not at its decorators."""
    return Span(
        node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0
    )


def whole_span_of(node: ast.stmt) -> Span:
    """Give the span of a statement with its decorators."""
    span = span_of(node)
    decorators = getattr(node, "decorator_list", ())
    if not decorators:
        return span
    # The `@` stands on the line of the expression, in the column of `def`: Python demands both
    # but for a line continuation between the two, which nobody writes.
    return Span(decorators[0].lineno, node.col_offset, span.end_line, span.end_column)


def header_of(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Span:
    """Give the span from `def` (or `async def`, `class`) to the end of the name."""
    word = {"AsyncFunctionDef": "async def ", "ClassDef": "class "}.get(type(node).__name__, "def ")
    end = node.col_offset + len((word + node.name).encode())
    return Span(node.lineno, node.col_offset, node.lineno, end)


def place_at(path: str, span: Span) -> Place:
    """Give the place of `span` in the file `path`."""
    return Place(path, span.line, span.column, span.end_line, span.end_column)


def text_at(lines: list[str], span: Span) -> str:
    """Give the source at a `span` that lies on one line."""
    line = lines[span.line - 1]
    if line.isascii():
        return line[span.column : span.end_column]
    return line.encode()[span.column : span.end_column].decode()


def written(node: ast.expr) -> str:
    """Give an expression as one line, for sentences."""
    return ast.unparse(node)
