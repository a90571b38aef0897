"""Calls that a workflow may reach and that await nothing: what is called may be an operation.

`gather_calls` judges what a workflow itself says of the functions of its module. Here stands what
needs a further look: helpers, which are at fault only where a workflow reaches them, and functions
of other modules, of which the project knows whether they are steps.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from wfc.compiler.gather_calls import OPERATIONS, Operation, fault_of
from wfc.compiler.gather_names import Names
from wfc.compiler.marks import Marks
from wfc.compiler.spans import written

_TOLD: Final = {
    "statement": "and never awaits it, so it never happens",
    "unread": "and binds it to a name that nobody reads, so it never happens",
    "unawaited": "and binds it to a name that nobody awaits, so it never happens",
    "value": "and uses it as a value before it is awaited",
}


class Unawaited(NamedTuple):
    """A call that awaits nothing, and what its callee must be for that to be a fault."""

    code: str
    sentence: str
    target: str  # "": an operation for certain
    among: str  # "operations", "coroutines" or "sync steps"


class Unawaiting:
    """Looks at the calls of one module."""

    def __init__(
        self, names: Names, marks: Marks, parents: Callable[[], Mapping[ast.AST, ast.AST]]
    ) -> None:
        """Ask `parents` for what nodes stand in; that table is not made if nobody needs it."""
        self.names = names
        self.known = {f"{names.module}.{mark.qualname}" for mark in marks.functions}
        self.workflows = {mark.node for mark in marks.functions if mark.kind == "workflow"}
        self.parents = parents

    def of(self, call: ast.Call) -> Iterator[Unawaited]:
        """Give what is wrong with a call outside of steps, if its callee is an operation."""
        if not isinstance(call.func, ast.Name | ast.Attribute):
            return
        found = self.names.resolve_exactly(call.func)
        if found is None or not found[1]:
            return
        target = found[0]
        is_told = self._is_in_workflow(call)
        if target in OPERATIONS or target in self.known:
            if is_told:
                return  # by `gather_calls`
        elif not self._may_be_first_party(target):
            return
        operation = Operation(call, target, "", is_sync=False)
        fault = fault_of(operation, self.parents(), self.names)
        if fault is None:
            return
        sentence = f"calls `{written(call.func)}` {_TOLD[fault]}"
        if target in OPERATIONS:
            yield Unawaited("WFC126", sentence, "", "")
        elif fault != "value":
            yield Unawaited("WFC126", sentence, target, "operations")
        else:
            yield Unawaited("WFC126", sentence, target, "coroutines")
            yield Unawaited("WFC127", sentence, target, "sync steps")

    def _may_be_first_party(self, target: str) -> bool:
        top = target.partition(".")[0]
        return (
            top not in ("builtins", "wfc")
            and top not in sys.stdlib_module_names
            and not target.startswith(f"{self.names.module}.")
        )

    def _is_in_workflow(self, node: ast.AST) -> bool:
        scope = self.names.scope_of(node)
        while scope.parent is not None:
            if scope.node in self.workflows:
                return True
            scope = scope.parent
        return False
