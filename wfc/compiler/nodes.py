"""What both writers ask of a module's tree: its functions by place, docstrings, imports."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final, TypeAlias

from wfc.compiler.spans import span_of, whole_span_of
from wfc.manifests.bundle import Span

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


def functions_by_span(tree: ast.Module) -> Mapping[Span, FunctionNode]:
    """Find the functions of a module by their spans, decorators included."""
    return {whole_span_of(node): node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)}


def docstring_of(function: FunctionNode, directive: Span | None) -> ast.stmt | None:
    """Give the statement that is the docstring once the directive is gone."""
    for statement in function.body:
        if not is_text(statement):
            return None
        if span_of(statement) != directive:
            return statement
    return None


def is_text(statement: ast.stmt) -> bool:
    """Tell whether a statement is a string and nothing else."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def is_future_import(statement: ast.stmt) -> bool:
    """Tell whether a statement is ``from __future__ import ...``."""
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
