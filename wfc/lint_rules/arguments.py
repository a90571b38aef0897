"""Family 4: arguments that no log can hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, TypeAlias

from wfc.compiler.scopes import FUNCTIONS, Function
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Kind, Module
from wfc.lint_rules.registry import rule
from wfc.lint_rules.unrecordable import GROUPS

_FROM_OUTSIDE: Final = frozenset({"wfc.api.start"})
_OPENS: Final = frozenset(
    {"builtins.open", "io.open", "pathlib.Path.open", "tempfile.TemporaryFile"}
)
_LAZY: Final = frozenset(
    f"builtins.{name}" for name in ("map", "filter", "zip", "enumerate", "reversed", "iter")
)
_TASKS: Final = frozenset({"asyncio.create_task", "asyncio.ensure_future"})
_VALUES: Final = frozenset({"lock", "connection", "task", "queue"})
_DEPTH_MAX: Final = 4
_Recorded: TypeAlias = tuple[str, list[ast.expr | ast.keyword]]
"""Whom a call is for, and the arguments of it that are recorded."""


@rule("WFC401")
def argument(module: Module) -> Iterator[Finding]:
    """Find an argument that can never be recorded: code, a generator, a file, a lock."""
    for target, given in (*_of_operations(module), *_of_starts(module)):
        for value in _parts(given):
            why = _refused(module, value)
            if why is None:
                continue
            what, advice = why
            yield module.finding(
                "WFC401",
                value,
                f"`{module.text(value)}` is {what}, which cannot be recorded as an argument of "
                f"`{target}`",
                advice=advice,
            )


def _of_operations(module: Module) -> Iterator[_Recorded]:
    """Give the arguments of steps and child runs; elsewhere a step is a plain function."""
    for call in module.in_workflows(ast.Call):
        operation = module.operation(call)
        given: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
        if operation is None:
            continue
        if operation.kind is Kind.CHILD and call.args:
            yield module.text(call.args[0]), given[1:]
        elif operation.kind is Kind.STEP and operation.definition is not None:
            found = module.resolve(call.func)
            in_thread = found is not None and found.name.startswith("asyncio.")
            yield operation.definition.entry.qualname, given[in_thread:]


def _of_starts(module: Module) -> Iterator[_Recorded]:
    """Give the arguments of runs that are started from outside."""
    for call in module.nodes(ast.Call) if module.may_name_wfc else ():
        found = module.resolve(call.func)
        if found is not None and found.exact and found.name in _FROM_OUTSIDE and call.args:
            yield module.text(call.args[0]), [*call.args[1:], *call.keywords]


def _parts(given: list[ast.expr | ast.keyword]) -> Iterator[ast.expr]:
    """Give the arguments, and what lists, tuples and dicts that are written out hold."""
    for one in given:
        value = one.value if isinstance(one, ast.keyword) else one
        match value:
            case ast.List(elts=held) | ast.Tuple(elts=held) | ast.Set(elts=held):
                yield from _parts([*held])
            case ast.Dict(values=held):
                yield from _parts([*held])
            case ast.Starred():
                pass  # its items are passed, not itself
            case _:
                yield value


def _refused(module: Module, node: ast.expr, depth: int = 0) -> tuple[str, str] | None:
    """Say what a value is that no log can hold, and what to pass instead."""
    match node:
        case _ if depth > _DEPTH_MAX:
            return None
        case ast.Lambda():
            return "a lambda", "pass data, and choose the function by it in the step"
        case ast.GeneratorExp():
            return "a generator", "pass a list: write `[...]`"
        case ast.Call():
            return _made(module, node)
        case ast.Name() | ast.Attribute():
            return _named(module, node, depth)
    return None


def _made(module: Module, call: ast.Call) -> tuple[str, str] | None:
    """Say what a call gives that no log can hold."""
    found = module.target(call)
    if found is None or not found.exact:
        return None
    text = module.text(call)
    function = _function(module, found.name)
    lazy, asynchronous = _yields(module, function), isinstance(function, ast.AsyncFunctionDef)
    group = GROUPS.get(found.name)
    answer: tuple[str, str] | None = None
    if found.name in _OPENS:
        answer = "an open file", "pass its path and open it in the step"
    elif found.name in _LAZY:
        answer = "an iterator", f"pass a list: `list({text})`"
    elif group in _VALUES:
        answer = f"a `{found.name}`", "make it in the step; it belongs to one process"
    elif found.name in _TASKS:
        answer = "a task", "await it and pass what it returns"
    elif lazy and asynchronous:
        answer = "an async generator", "collect a list and pass that"
    elif lazy:
        answer = "a generator", f"pass a list: `list({text})`"
    elif _must_await(module, call, function):
        answer = "a coroutine that nobody awaited", f"write `await {text}`"
    return answer


def _must_await(module: Module, call: ast.Call, function: Function | None) -> bool:
    """Tell whether a call gives a coroutine: an operation, or an `async def` of this module."""
    operation = module.operation(call)
    if operation is not None:
        return operation.kind is not Kind.HOOK
    return isinstance(function, ast.AsyncFunctionDef) and not function.decorator_list


def _named(module: Module, node: ast.Name | ast.Attribute, depth: int) -> tuple[str, str] | None:
    if isinstance(node, ast.Name):
        owner = module.names.scope_of(node).owner_of(node.id)
        bindings = owner.bindings[node.id] if owner is not None else []
        if len(bindings) == 1 and bindings[0].value is not None:
            if bindings[0].kind == "with":
                # What a context manager gives is itself for a file, and anything for others.
                made = _refused(module, bindings[0].value, depth + 1)
                return made if made is not None and made[0] == "an open file" else None
            if bindings[0].kind == "assign":
                return _refused(module, bindings[0].value, depth + 1)
        binds = bindings[0].node if len(bindings) == 1 else None
        if isinstance(binds, ast.Import) or _is_plain_import(module, node):
            return "a module", "import it in the step"
    found = module.resolve(node)
    if found is None or not found.exact or module.definition(found.name) is not None:
        return None
    function = _function(module, found.name)
    if function is None or function.decorator_list:
        return None
    return (
        "a function",
        'pass data, and choose the function by it in the step; or mark it with "use step"',
    )


def _is_plain_import(module: Module, node: ast.Name) -> bool:
    """Tell whether a name is bound by ``import x`` alone."""
    owner = module.names.scope_of(node).owner_of(node.id)
    if owner is None:
        return False
    bound = [one for one in owner.bindings[node.id] if one.kind == "import"]
    plain = [
        one
        for statement, alias, _, _, scope, typing_only in module.names.walked.imports
        for one in (alias.asname or alias.name.partition(".")[0],)
        if isinstance(statement, ast.Import) and scope is owner and one == node.id
        if not typing_only
    ]
    return bool(plain) and len(bound) == len(owner.bindings[node.id]) == len(plain)


def _function(module: Module, name: str) -> Function | None:
    """Give the function of this module that a dotted name means."""
    for scope in module.names.walked.scopes:
        node = scope.node
        own = f"{module.facts.name}.{scope.qualname}"
        if own == name and scope.kind == "function" and isinstance(node, FUNCTIONS):
            return node
    return None


def _yields(module: Module, function: Function | None) -> bool:
    if function is None or function.decorator_list:
        return False
    inside = module.own(function.body)
    return any(isinstance(one, ast.Yield | ast.YieldFrom) for one in inside)
