"""Family 5: tasks, groups and loops of code that workflows reach. Cancellation and primitives stand
in `cancelling.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from wfc.durations import seconds
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Area, Kind, Module
from wfc.lint_rules.registry import rule

_MAKES_TASKS: Final = frozenset({"asyncio.create_task", "asyncio.ensure_future"})
_LOOPS: Final = (ast.While, ast.For, ast.AsyncFor)
_POLL_S: Final = 10
_MANY: Final = 1_000_000


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


@rule("WFC503")
def gather_errors(module: Module) -> Iterator[Finding]:
    """Find a gather of operations that leaves the others running when one fails."""
    for call in module.nodes(ast.Call):
        if not _is_call_of(module, call, "asyncio.gather") or module.area(call) is not (
            Area.WORKFLOW
        ):
            continue
        collects = any(word.arg == "return_exceptions" for word in call.keywords)
        if not collects and any(_operations(module, call)):
            yield module.finding(
                "WFC503",
                call,
                "if one operation of this `gather` fails, the others run on and their outcomes are "
                "lost",
            )


@rule("WFC505")
def busy_loop(module: Module) -> Iterator[Finding]:
    """Find a loop that neither waits nor ends: the turn never does."""
    for loop in module.nodes(ast.While):
        if not _is_forever(loop) or module.area(loop) is not Area.WORKFLOW:
            continue
        inside = list(module.own(loop.body))
        waits = any(isinstance(one, ast.Await | ast.AsyncFor | ast.AsyncWith) for one in inside)
        leaves = any(
            isinstance(one, ast.Return | ast.Raise | ast.Break | ast.Yield | ast.YieldFrom)
            for one in inside
        )
        if not waits and not leaves:
            yield module.finding(
                "WFC505",
                loop,
                "this loop neither waits nor ends, so the turn of the workflow never does; wfc "
                "stops the run after 30 s",
            )


@rule("WFC506")
def polling(module: Module) -> Iterator[Finding]:
    """Find a loop that asks a step every few seconds: each look is an event of the log."""
    loops: list[ast.While | ast.For | ast.AsyncFor] = [
        *module.nodes(ast.While),
        *module.nodes(ast.For),
        *module.nodes(ast.AsyncFor),
    ]
    for loop in loops:
        if module.area(loop) is not Area.WORKFLOW:
            continue
        again: list[ast.AST] = [*module.own(loop.body)]
        again += module.within(loop.test, ast.Call) if isinstance(loop, ast.While) else ()
        asked = [
            operation
            for node in again
            if isinstance(node, ast.Call) and (operation := module.operation(node)) is not None
        ]
        pauses = [_literal(one.call) for one in asked if one.kind is Kind.SLEEP and one.call.args]
        short = [pause for pause in pauses if pause is not None and 0 < pause < _POLL_S]
        if short and any(one.kind is Kind.STEP for one in asked):
            yield module.finding(
                "WFC506",
                loop,
                f"this loop asks a step every {short[0]:g} s, and each look is written to the log",
            )


@rule("WFC507")
def loser_runs_on(module: Module) -> Iterator[Finding]:
    """Find a race whose losers are never cancelled: their steps run, and are paid for."""
    for call in module.nodes(ast.Call):
        if not _is_call_of(module, call, "asyncio.wait") or not _wants_first(module, call):
            continue
        function = module.function(call)
        if function is None or module.area(call) is not Area.WORKFLOW:
            continue
        cancels = any(
            isinstance(node.func, ast.Attribute) and node.func.attr == "cancel"
            for node in module.within(function, ast.Call)
        )
        grouped = any(_is_in_group(module, node) for node in module.within(function, ast.Call))
        if not cancels and not grouped and not _goes_on(module, function, call):
            yield module.finding(
                "WFC507",
                call,
                "the losers of this race are never cancelled: their steps run on until the run "
                "ends, and whoever waits for them waits too",
            )


@rule("WFC508")
def cpu(module: Module) -> Iterator[Finding]:
    """Find a long computation in workflow code, which every replay repeats."""
    for loop in module.nodes(ast.For):
        call = loop.iter
        if not isinstance(call, ast.Call) or not _is_call_of(module, call, "builtins.range"):
            continue
        size = _size(call)
        if size >= _MANY and module.area(loop) is Area.WORKFLOW:
            yield module.finding(
                "WFC508",
                loop,
                f"this loop goes round {size:,} times in workflow code, and again at each replay",
            )


def _is_call_of(module: Module, call: ast.Call, name: str) -> bool:
    found = module.resolve(call.func)
    return found is not None and found.exact and found.name == name


def _operations(module: Module, call: ast.Call) -> Iterator[ast.Call]:
    """Give the operations among, or inside of, the arguments of a call."""
    for argument in call.args:
        for node in module.within(argument, ast.Call):
            if module.operation(node) is not None:
                yield node


def _is_forever(loop: ast.While) -> bool:
    return isinstance(loop.test, ast.Constant) and bool(loop.test.value)


def _literal(call: ast.Call) -> float | None:
    value = call.args[0]
    if not isinstance(value, ast.Constant) or not isinstance(value.value, str | int | float):
        return None
    try:
        return seconds(value.value)
    except ValueError:
        return None  # WFC807 tells of it


def _wants_first(module: Module, call: ast.Call) -> bool:
    for word in call.keywords:
        if word.arg == "return_when":
            found = module.resolve(word.value)
            plain = isinstance(word.value, ast.Constant) and word.value.value == "FIRST_COMPLETED"
            return plain or (found is not None and found.name == "asyncio.FIRST_COMPLETED")
    return False


def _is_in_group(module: Module, call: ast.Call) -> bool:
    """Tell whether a task is made by a group, which cancels what is left when its block fails."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "create_task":
        return False
    found = module.instance(call.func.value)
    return found is not None and found.name == "asyncio.TaskGroup"


def _goes_on(module: Module, function: ast.AST, call: ast.Call) -> bool:
    """Tell whether the tasks left over are waited for again: in a loop, or by their name."""
    if any(isinstance(around, _LOOPS) for around in module.ancestors(call)):
        return True
    statement = module.statement(call)
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Tuple):
        return False
    left = statement.targets[0].elts[-1]
    return isinstance(left, ast.Name) and any(
        isinstance(node.ctx, ast.Load) and node.id == left.id
        for node in module.within(function, ast.Name)
    )


def _size(call: ast.Call) -> int:
    numbers = [
        argument.value
        for argument in call.args
        if isinstance(argument, ast.Constant) and type(argument.value) is int
    ]
    if len(numbers) != len(call.args) or not numbers:
        return 0
    try:
        return len(range(*numbers))
    except (ValueError, TypeError, OverflowError):
        return 0  # Python will refuse it when it is called
