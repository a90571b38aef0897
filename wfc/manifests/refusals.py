"""Let those workflows of a step bundle refuse to run in whose text there is no place for it.

A workflow that its module's directive marks has no line of its own that could become the refusal.
If it holds nested steps too, its body must stand as written, so the call is added to the tree.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from wfc.abi import NAME
from wfc.manifests.bundle import Bundle

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def insert_refusals(tree: ast.Module, bundle: Bundle) -> ast.Module:
    """Begin each workflow of a step bundle with its refusal, unless its text does."""
    workflows = {one.qualname for one in bundle.entries if one.kind == "workflow"}
    for qualname, function in _functions(tree.body, ""):
        if qualname in workflows and not any(map(_is_refusal, function.body)):
            start = 1 if ast.get_docstring(function, clean=False) is not None else 0
            line = function.body[min(start, len(function.body) - 1)].lineno
            function.body.insert(start, _refusal(qualname, line))
    return tree


def _functions(body: Sequence[ast.AST], prefix: str) -> Iterator[tuple[str, _Function]]:
    """Find the functions of a module and its classes, in branches too; none inside functions."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _functions(list(ast.iter_child_nodes(node)), prefix)


def _is_refusal(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="refuse"))):
            return name == NAME
    return False


def _refusal(qualname: str, line: int) -> ast.stmt:
    """Make the call; as all that is in no text, it lies at column 0 of its line."""
    statement = ast.parse(f"{NAME}.refuse({qualname!r})").body[0]
    for node in ast.walk(statement):
        if isinstance(node, ast.stmt | ast.expr):
            node.lineno = node.end_lineno = line
            node.col_offset = node.end_col_offset = 0
    return statement
