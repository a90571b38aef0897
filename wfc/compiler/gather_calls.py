"""Judge the calls of operations in workflow code: each is awaited, or goes where it can be.

A call that is a statement, or is bound to a name that nobody reads, was forgotten; a call whose
coroutine is used as if it were the result was meant to be awaited first.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from wfc.compiler.gather_names import Names
from wfc.compiler.marks import Mark, Marks, own_nodes
from wfc.compiler.scopes import FUNCTIONS
from wfc.compiler.spans import place_at, span_of
from wfc.diagnostics import Diagnostic, diagnostic

OPERATIONS: Final = {
    "wfc.sleep": "the wait",
    "wfc.start": "the start of a child run",
    "wfc.create_hook": "the hook",
    "wfc.create_webhook": "the webhook",
    "wfc.restart": "the restart",
    "wfc.set_attributes": "the attribute write",
    "wfc.remove_attributes": "the attribute write",
    "asyncio.sleep": "the wait",
}
_HOOKS: Final = frozenset({"wfc.create_hook", "wfc.create_webhook"})
"""A hook is an object, not a coroutine: its attributes may be read without `await`."""
_TAKES_VALUES: Final = frozenset(
    f"builtins.{name}"
    for name in (
        *("abs", "bool", "bytes", "dict", "divmod", "enumerate", "float", "format", "frozenset"),
        *("int", "iter", "len", "list", "max", "min", "next", "pow", "print", "range", "repr"),
        *("reversed", "round", "set", "sorted", "str", "sum", "tuple", "zip"),
    )
)
"""Builtins that would take the coroutine for its result."""
_USES_VALUES: Final = (
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Attribute, ast.FormattedValue),
    ast.AugAssign,
)
_VALUE_FIELDS: Final[Mapping[type | None, str]] = {
    ast.Subscript: "value",
    ast.For: "iter",
    ast.comprehension: "iter",
    ast.If: "test",
    ast.While: "test",
    ast.IfExp: "test",
    ast.Assert: "test",
    ast.Match: "subject",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """A call of an operation, or of what may be one."""

    call: ast.Call
    target: str
    what: str  # for sentences
    is_sync: bool


def judge_calls(marks: Marks, names: Names, path: str) -> Iterator[Diagnostic]:
    """Report operations that are never awaited, in workflows and the functions nested in them."""
    known = {f"{names.module}.{mark.qualname}": mark for mark in marks.functions}
    steps: set[ast.AST] = {mark.node for mark in marks.functions if mark.kind == "step"}
    for mark in marks.functions:
        if mark.kind != "workflow":
            continue
        for function in _live_functions(mark.node, steps):
            yield from _judge_function(function, mark, known, names, path)


def _live_functions(node: ast.AST, steps: set[ast.AST]) -> Iterator[ast.AST]:
    """Give a workflow and the plain functions nested in it: what runs when it is replayed."""
    yield node
    waiting = [*ast.iter_child_nodes(node)]
    while waiting:
        inner = waiting.pop()
        if inner in steps:
            continue
        if isinstance(inner, FUNCTIONS):
            yield inner
        waiting.extend(ast.iter_child_nodes(inner))


def _judge_function(
    function: ast.AST, mark: Mark, known: Mapping[str, Mark], names: Names, path: str
) -> Iterator[Diagnostic]:
    body = list(own_nodes(function.body))  # type: ignore[attr-defined]  # a function has a body
    parents = {child: node for node in body for child in ast.iter_child_nodes(node)}
    for node in body:
        if not isinstance(node, ast.Call):
            continue
        operation = _operation(node, known, names)
        if operation is None:
            continue
        fault = fault_of(operation, parents, names)
        if fault is None:
            continue
        code = "WFC127" if fault == "value" and operation.is_sync else "WFC126"
        told = {
            "statement": "is never awaited, so it never happens",
            "unread": "is bound to a name that nobody reads, so it never happens",
            "value": "is used as a value before it is awaited",
        }[fault]
        yield diagnostic(
            code,
            place_at(path, span_of(node)),
            f'{operation.what} in the workflow "{mark.qualname}" {told}',
            fix=f"write `await {ast.unparse(node.func)}(...)`.",
        )


def _operation(call: ast.Call, known: Mapping[str, Mark], names: Names) -> Operation | None:
    found = names.resolve_exactly(call.func)
    if found is None or not found[1]:
        return None
    target = found[0]
    if target in OPERATIONS:
        return Operation(call, target, OPERATIONS[target], is_sync=False)
    mark = known.get(target)
    if mark is None:
        return None
    is_sync = isinstance(mark.node, ast.FunctionDef)
    return Operation(call, target, f'the {mark.kind} "{mark.qualname}"', is_sync)


def fault_of(operation: Operation, parents: Mapping[ast.AST, ast.AST], names: Names) -> str | None:
    """Tell what is wrong with the place of a call: "statement", "unread", "value", or nothing."""
    parent = parents.get(operation.call)
    match parent:
        case ast.Expr():
            return "statement"
        case ast.Assign(targets=[ast.Name() as name]) | ast.AnnAssign(target=ast.Name() as name):
            return _fate_of_name(name, operation, parents, names)
    return "value" if _is_value_place(operation.call, operation, parent, names) else None


def _fate_of_name(
    name: ast.Name, operation: Operation, parents: Mapping[ast.AST, ast.AST], names: Names
) -> str | None:
    owner = names.scope_of(name).owner_of(name.id)
    if owner is None or owner.kind != "function":
        return None
    reads = [
        use
        for use in names.walked.uses
        if use.name == name.id and use.scope.owner_of(name.id) is owner
    ]
    if not reads:
        return "unread"
    if len(owner.bindings[name.id]) > 1 or operation.target in _HOOKS:
        return None
    used = all(
        bool(use.attributes) or _is_value_place(use.node, operation, parents.get(use.node), names)
        for use in reads
    )
    return "value" if used else None


def _is_value_place(
    node: ast.expr, operation: Operation, parent: ast.AST | None, names: Names
) -> bool:
    """Tell whether the place of `node` needs a result where it gets a coroutine."""
    if operation.target in _HOOKS:
        return False
    if isinstance(parent, _USES_VALUES):
        return True
    if isinstance(parent, ast.Call):
        return node is not parent.func and names.resolve(parent.func) in _TAKES_VALUES
    field = _VALUE_FIELDS.get(type(parent))
    return field is not None and getattr(parent, field) is node
