"""Family 5: cancellation that is swallowed, and primitives that belong to no run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from wfc.lint_rules.finding import Finding
from wfc.lint_rules.handler_ways import Way, Ways, caught, suppressed, ways_of
from wfc.lint_rules.module import Area, Module
from wfc.lint_rules.registry import rule

_PRIMITIVES: Final = frozenset(
    f"asyncio.{name}"
    for name in (
        "Lock", "Event", "Condition", "Semaphore", "BoundedSemaphore", "Barrier",
        "Queue", "LifoQueue", "PriorityQueue",
    )
)  # fmt: skip


@rule("WFC501")
def swallowed_cancel(module: Module) -> Iterator[Finding]:
    """Find what takes a cancellation in and goes on: the run cannot be cancelled there.

    A task that was cancelled by hand and is then awaited holds no operation in its `try`.
    """
    yield from _by_handlers(module)
    yield from _by_suppressing(module)


@rule("WFC504")
def shared_primitive(module: Module) -> Iterator[Finding]:
    """Find a lock, a queue or an event that a module holds for all runs."""
    for statement in module.tree.body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign):
            continue
        call = statement.value
        if not isinstance(call, ast.Call) or module.area(statement) is not Area.WORKFLOW:
            continue
        found = module.resolve(call.func)
        if found is not None and found.exact and found.name in _PRIMITIVES:
            word = found.name.rpartition(".")[2]
            yield module.finding(
                "WFC504",
                call,
                f"this `{word}` is made once for all runs, and each run has a loop of its own; "
                "whether a run waits would depend on what else the process does",
            )


def _by_handlers(module: Module) -> Iterator[Finding]:
    blocks: list[ast.Try | ast.TryStar] = [*module.nodes(ast.Try), *module.nodes(ast.TryStar)]
    for block in blocks:
        if module.area(block) is not Area.WORKFLOW or not _holds_operation(module, block):
            continue
        # What it passes on, or not, later handlers of the same block never see.
        handler = next((one for one in block.handlers if caught(module, one.type)), None)
        ways = frozenset[Way]() if handler is None else ways_of(module, handler)
        lost = _lost(ways)
        if handler is not None and lost is not None:
            what = "a bare `except`" if handler.type is None else _written(module, handler.type)
            yield module.finding(
                "WFC501",
                handler,
                f"{what} takes in the cancellation of the run, {lost}",
                advice=_LET_THROUGH if Way.REPLACES in ways else None,
            )


def _by_suppressing(module: Module) -> Iterator[Finding]:
    for block in module.nodes(ast.With):
        call = suppressed(module, block)
        if call is None or module.area(block) is not Area.WORKFLOW:
            continue
        if _holds_operation(module, block):
            yield module.finding(
                "WFC501",
                call,
                f"`{module.text(call)}` takes in the cancellation of the run, {_GOES_ON}",
                advice="suppress `Exception` or less; a run that is cancelled has to end",
            )


def _holds_operation(
    module: Module, block: ast.Try | ast.TryStar | ast.With | ast.AsyncWith
) -> bool:
    return any(
        module.operation(node) is not None
        for node in module.own(block.body)
        if isinstance(node, ast.Call)
    )


_GOES_ON: Final = "so the workflow goes on although somebody has cancelled it"
_LET_THROUGH: Final = "catch `Exception` for what is translated, and let a cancellation through"


def _lost(ways: Ways) -> str | None:
    """Say what becomes of a cancellation that a handler does not pass on in all its ways."""
    if ways <= {Way.PASSES}:
        return None
    if Way.PASSES in ways:
        return "and raises it again on some of its ways only"
    if ways == {Way.REPLACES}:
        return "and raises another error in its place, so the run fails instead of being cancelled"
    return _GOES_ON


def _written(module: Module, kind: ast.expr) -> str:
    return f"`except {module.text(kind)}`"
