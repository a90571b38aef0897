"""Family 4: what signatures leave open, and results that no log should hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from wfc.lint_rules.annotations import parameters_of
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Marked, Module
from wfc.lint_rules.registry import rule


@rule("WFC403")
def unannotated(module: Module) -> Iterator[Finding]:
    """Find a marked function that leaves a parameter or its result without an annotation."""
    for mark in module.marked:
        missing = list(_missing(mark))
        if missing:
            yield module.finding(
                "WFC403",
                mark.node,
                f'the {mark.kind} "{mark.qualname}" does not annotate {" and ".join(missing)}, so '
                "a value read from the log cannot be checked",
            )


def _missing(mark: Marked) -> Iterator[str]:
    for one in parameters_of(mark):
        if one.annotation is None:
            yield f"`{one.arg}`"
    if mark.node.returns is None:
        yield "its result"


# --- results -------------------------------------------------------------------------------------

_READS: Final = frozenset({"read", "read_bytes"})
_TABLES: Final = frozenset({"to_dict", "to_dicts"})


@rule("WFC405")
def large(module: Module) -> Iterator[Finding]:
    """Find a step that returns a whole file, body or table."""
    for mark in module.steps():
        for node in module.own(mark.node.body):
            if not isinstance(node, ast.Return) or node.value is None:
                continue
            call = _whole(module, node.value)
            if call is not None:
                yield module.finding(
                    "WFC405",
                    node.value,
                    f'the step "{mark.qualname}" returns all of `{module.text(call)}`, which is '
                    "written to the log and read again by every replay",
                    advice="store it (a file, a bucket, a table) and return its path or key",
                )


def _whole(module: Module, node: ast.expr, depth: int = 0) -> ast.Call | None:
    """Give the call that reads everything, if a value is what it gives."""
    match node:
        case ast.Await(value=inner):
            return _whole(module, inner, depth)
        case ast.Call(func=ast.Attribute(attr="decode", value=inner)):
            return _whole(module, inner, depth)
        case ast.Call(func=ast.Attribute(attr=name), args=[], keywords=[]) if name in _READS:
            return node
        case ast.Call(func=ast.Attribute(attr=name)) if name in _TABLES:
            values = [*node.args, *(word.value for word in node.keywords)]
            rows = any(isinstance(one, ast.Constant) and one.value == "records" for one in values)
            return node if rows or name == "to_dicts" else None
        case ast.Name() if depth == 0:
            owner = module.names.scope_of(node).owner_of(node.id)
            bindings = owner.bindings[node.id] if owner is not None else []
            value = bindings[0].value if len(bindings) == 1 else None
            plain = value is not None and bindings[0].kind == "assign"
            return _whole(module, value, depth + 1) if plain and value is not None else None
    return None
