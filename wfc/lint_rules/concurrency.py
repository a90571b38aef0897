"""Family 5: tasks, groups, locks and loops of code that workflows reach."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Area, Module
from wfc.lint_rules.registry import rule

_MAKES_TASKS = frozenset({"asyncio.create_task", "asyncio.ensure_future"})


@rule("WFC502")
def dropped_task(module: Module) -> Iterator[Finding]:
    """Find a task that is made and that nobody keeps: its error is lost, and so may it be."""
    for statement in module.nodes(ast.Expr):
        call = statement.value
        if not isinstance(call, ast.Call):
            continue
        target = module.resolve(call.func)
        if target is None or target.name not in _MAKES_TASKS:
            continue
        if module.area(call) is Area.WORKFLOW:
            yield module.finding(
                "WFC502",
                call,
                f"`{module.text(call.func)}` makes a task that nobody keeps; the run may end "
                "before it does, and its error is lost",
            )
