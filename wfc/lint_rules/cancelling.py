"""Family 5: cancellation that is swallowed, and primitives that belong to no run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Area, Module
from wfc.lint_rules.registry import rule

_SWALLOWS: Final = frozenset(
    {"builtins.BaseException", "asyncio.CancelledError", "asyncio.exceptions.CancelledError"}
    | {"concurrent.futures.CancelledError"}
)
_PRIMITIVES: Final = frozenset(
    f"asyncio.{name}"
    for name in (
        "Lock", "Event", "Condition", "Semaphore", "BoundedSemaphore", "Barrier",
        "Queue", "LifoQueue", "PriorityQueue",
    )
)  # fmt: skip


@rule("WFC501")
def swallowed_cancel(module: Module) -> Iterator[Finding]:
    """Find a handler that takes a cancellation in and goes on: the run cannot be cancelled there.

    A task that was cancelled by hand and is then awaited holds no operation in its `try`.
    """
    blocks: list[ast.Try | ast.TryStar] = [*module.nodes(ast.Try), *module.nodes(ast.TryStar)]
    for block in blocks:
        if module.area(block) is not Area.WORKFLOW or not _holds_operation(module, block):
            continue
        for handler in block.handlers:
            caught = _caught(module, handler)
            if caught is None:
                continue
            if any(isinstance(node, ast.Raise) for node in module.own(handler.body)):
                break  # it passes on what it took; later handlers never see a cancellation
            yield module.finding(
                "WFC501",
                handler,
                f"{caught} takes in the cancellation of the run, and the workflow goes on as if "
                "nobody had asked",
            )
            break


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


def _holds_operation(module: Module, block: ast.Try | ast.TryStar) -> bool:
    return any(
        module.operation(node) is not None
        for node in module.own(block.body)
        if isinstance(node, ast.Call)
    )


def _caught(module: Module, handler: ast.ExceptHandler) -> str | None:
    """Give how a handler is written if it catches a cancellation."""
    if handler.type is None:
        return "a bare `except`"
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    for one in types:
        found = module.resolve(one)
        if found is not None and found.exact and found.name in _SWALLOWS:
            return f"`except {module.text(handler.type)}`"
    return None
