"""Judge the calls of operations in workflow code: each is awaited, or goes where it can be.

A call that is a statement, or is bound to a name that nobody reads, was forgotten; a call whose
coroutine is used as if it were the result was meant to be awaited first.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from wfc.compiler.gather_names import Names
from wfc.compiler.marks import Mark, Marks, own_nodes
from wfc.compiler.scopes import FUNCTIONS, Use
from wfc.compiler.spans import place_at, span_of
from wfc.compiler.values import member_of
from wfc.diagnostics import Diagnostic, Severity, diagnostic

OPERATIONS: Final = {
    "wfc.sleep": "the wait",
    "wfc.start": "the start of a child run",
    "wfc.create_hook": "the hook",
    "wfc.create_webhook": "the webhook",
    "wfc.restart": "the restart",
    "wfc.set_attributes": "the attribute write",
    "wfc.remove_attributes": "the attribute write",
    "asyncio.sleep": "the wait",
    "asyncio.wait": "the wait",
    "asyncio.wait_for": "the call with a timeout",
    "asyncio.to_thread": "the call in a thread",
}
_HOOKS: Final = frozenset({"wfc.create_hook", "wfc.create_webhook"})
"""A hook is an object, not a coroutine: its attributes may be read without `await`."""
_TAKES_VALUES: Final = frozenset(
    f"builtins.{name}"
    for name in (
        *("abs", "bool", "bytes", "dict", "divmod", "enumerate", "float", "format", "frozenset"),
        *("getattr", "hasattr", "int", "isinstance", "iter", "len", "list", "max", "min", "next"),
        *("pow", "print", "range", "repr", "reversed", "round", "set", "sorted", "str", "sum"),
        *("tuple", "zip"),
    )
) | {"json.dumps", "decimal.Decimal", "fractions.Fraction", "datetime.timedelta", "uuid.UUID"}
"""Functions that would take the coroutine for its result, and those of `_TAKE_VALUES`."""
_TAKE_VALUES: Final = ("math.", "statistics.", "logging.")
_USES_VALUES: Final = (
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.FormattedValue, ast.AugAssign),
    *(ast.Starred, ast.withitem, ast.Raise),
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
_HOLDERS: Final = (
    *(ast.Tuple, ast.List, ast.Set, ast.Dict),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
_TAKES_EACH: Final = frozenset(
    f"builtins.{name}" for name in ("all", "any", "max", "min", "sorted", "sum")
)
"""Builtins that would take each coroutine of a collection for its result."""
_OF_COROUTINES: Final = frozenset({"close", "send", "throw"})
"""What a coroutine is asked for while it is still to be awaited, or never will be."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A call of an operation, or of what may be one."""

    call: ast.Call
    target: str
    what: str  # for sentences
    is_sync: bool
    exact: bool = True


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
            "unawaited": "is bound to a name that nobody awaits, so it never happens",
            "value": "is used as a value before it is awaited",
        }[fault]
        probably = "" if operation.exact else "probably "
        finding = diagnostic(
            code,
            place_at(path, span_of(node)),
            f'{operation.what} in the workflow "{mark.qualname}" {probably}{told}',
            fix=f"write `{_awaited(node, parents.get(node))}`.",
        )
        yield finding if operation.exact else replace(finding, severity=Severity.WARNING)


def _awaited(call: ast.Call, parent: ast.AST | None) -> str:
    awaited = f"await {ast.unparse(call.func)}(...)"
    # A generator that awaits is one that only `async for` goes through.
    return f"[{awaited} for ...]" if isinstance(parent, ast.GeneratorExp) else awaited


def _operation(call: ast.Call, known: Mapping[str, Mark], names: Names) -> Operation | None:
    found = names.resolve_exactly(call.func)
    target, exact = found if found is not None else ("", False)
    if exact and target in OPERATIONS:
        return Operation(call, target, OPERATIONS[target], is_sync=False)
    mark = known.get(target) if exact else None
    if mark is None and found is None:
        # A step that is a method of a value: `account.close()`.
        member = member_of(call.func, names)
        mark = known.get(member.name) if member is not None else None
        exact = member is not None and member.exact
    if mark is None:
        return None
    is_sync = isinstance(mark.node, ast.FunctionDef)
    return Operation(call, target, f'the {mark.kind} "{mark.qualname}"', is_sync, exact)


def fault_of(operation: Operation, parents: Mapping[ast.AST, ast.AST], names: Names) -> str | None:
    """Tell what is wrong with the place of a call: "statement", "unread", "unawaited", "value", or
    nothing.
    """
    return _Places(operation, parents, names).fault(operation.call)


class _Places:
    """Where the coroutine of one operation goes, as far as its function tells for certain."""

    def __init__(
        self, operation: Operation, parents: Mapping[ast.AST, ast.AST], names: Names
    ) -> None:
        self.parents = parents
        self.names = names
        self.is_hook = operation.target in _HOOKS

    def fault(self, node: ast.expr) -> str | None:
        """Judge the place of an expression that may give the coroutine."""
        match self.parents.get(node):
            case ast.Expr():
                return "statement"
            case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
                return self.bound(target)
            case ast.NamedExpr(target=name) as parent:
                # It is bound and goes on as well: both have to lead nowhere.
                return self.fault(parent) and self.bound(name)
            case ast.IfExp() | ast.BoolOp() as parent if _passes_on(parent, node):
                return self.fault(parent)
            case ast.AST() as parent if isinstance(parent, _HOLDERS):
                return self.held(node, parent)
        return "value" if self.is_value_place(node) else None

    def bound(self, target: ast.expr) -> str | None:
        """Judge what an assignment binds the coroutine to."""
        if isinstance(target, ast.Tuple | ast.List):
            return None if self.is_hook else "value"  # it would be unpacked
        if not isinstance(target, ast.Name):
            return None
        owner = self.names.scope_of(target).owner_of(target.id)
        if owner is None or owner.kind != "function":
            return None
        reads = [
            use
            for use in self.names.walked.uses
            if use.name == target.id and use.scope.owner_of(target.id) is owner
        ]
        if not reads:
            return "unread"
        if not all(map(self.is_value_read, reads)):
            return None
        # What is read may be what another binding gives; the coroutine is awaited by none.
        return "value" if len(owner.bindings[target.id]) == 1 else "unawaited"

    def held(self, node: ast.expr, holder: ast.expr) -> str | None:
        """Judge a coroutine in a display or a comprehension, which may be forgotten as a whole."""
        around = self.parents.get(holder)
        match around:
            case ast.Assign(targets=[ast.Tuple(elts=targets)]) if isinstance(holder, ast.Tuple):
                pairs = (*targets, *holder.elts)
                if len(targets) == len(holder.elts) and not _is_starred(pairs):
                    return self.bound(targets[holder.elts.index(node)])
            case ast.Call(func=function) if self.names.resolve(function) in _TAKES_EACH:
                return None if self.is_hook else "value"
        fault = self.fault(holder)
        return fault if fault in ("statement", "unread") else None

    def is_value_read(self, use: Use) -> bool:
        """Tell whether a read of a name needs the result."""
        if use.attributes:
            return not self.is_hook and use.attributes[0] not in _OF_COROUTINES
        return self.is_value_place(use.node)

    def is_value_place(self, node: ast.expr) -> bool:
        """Tell whether the place of `node` needs a result where it gets a coroutine."""
        parent = self.parents.get(node)
        if self.is_hook:
            return False
        if isinstance(parent, ast.Attribute):
            return parent.attr not in _OF_COROUTINES
        if isinstance(parent, ast.comprehension) and node in parent.ifs:
            return True
        if isinstance(parent, ast.Call):
            return parent.func is node or self.takes_values(parent.func)
        field = _VALUE_FIELDS.get(type(parent))
        if field is not None:
            return getattr(parent, field) is node
        return isinstance(parent, _USES_VALUES)

    def takes_values(self, function: ast.expr) -> bool:
        """Tell whether a function awaits nothing that it is given, and passes nothing on."""
        name = self.names.resolve(function) or ""
        if not name or name.startswith(f"{self.names.module}."):
            member = member_of(function, self.names)  # of a logger, say
            name = member.name if member is not None else name
        return name in _TAKES_VALUES or name.startswith(_TAKE_VALUES)


def _passes_on(around: ast.IfExp | ast.BoolOp, node: ast.expr) -> bool:
    """Tell whether an expression gives the value of `node` without asking whether it is true."""
    if isinstance(around, ast.IfExp):
        return around.test is not node
    return around.values[-1] is node


def _is_starred(nodes: Iterable[ast.expr]) -> bool:
    return any(isinstance(node, ast.Starred) for node in nodes)
