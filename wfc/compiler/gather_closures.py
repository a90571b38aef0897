"""Gather the captures of nested steps: names of the workflow that the step's body reads.

A capture is recorded with the call, so it must be a value, and nobody may write to it: the attempt
has a copy, in another process.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from wfc.compiler.gather_names import Names
from wfc.compiler.marks import Mark
from wfc.compiler.scopes import Binding, Scope
from wfc.compiler.spans import place_at, span_of
from wfc.diagnostics import Diagnostic, diagnostic

_UNRECORDABLE: Final = {
    "builtins.open": "an open file",
    "io.open": "an open file",
    "asyncio.Lock": "a lock",
    "asyncio.Event": "an event of asyncio",
    "asyncio.Condition": "a condition of asyncio",
    "asyncio.Semaphore": "a semaphore",
    "asyncio.BoundedSemaphore": "a semaphore",
    "asyncio.Queue": "a queue",
    "asyncio.create_task": "a task",
    "asyncio.TaskGroup": "a task group",
    "threading.Lock": "a lock",
    "threading.RLock": "a lock",
    "threading.Event": "an event of a thread",
    "queue.Queue": "a queue",
    "socket.socket": "a socket",
    "sqlite3.connect": "a connection",
    "httpx.Client": "a client",
    "httpx.AsyncClient": "a client",
    "requests.Session": "a client",
    "aiohttp.ClientSession": "a client",
    "redis.Redis": "a client",
    "boto3.client": "a client",
    "boto3.resource": "a client",
    "openai.OpenAI": "a client",
    "openai.AsyncOpenAI": "a client",
    "anthropic.Anthropic": "a client",
    "anthropic.AsyncAnthropic": "a client",
    "psycopg.connect": "a connection",
    "asyncpg.connect": "a connection",
    "wfc.create_hook": "a hook",
}


def captures_of(mark: Mark, names: Names) -> tuple[str, ...]:
    """Give the names that a nested step takes from its workflow, sorted as CPython's cells are."""
    if mark.workflow is None:
        return ()
    own = names.scopes_in(mark.node)
    found = {
        use.name
        for use in names.uses_in(mark.node)
        if (owner := use.scope.owner_of(use.name)) is not None
        and owner.kind == "function"
        and owner not in own
    }
    return tuple(sorted(found))


def with_those_of_steps(captures: Mapping[Mark, tuple[str, ...]]) -> dict[Mark, tuple[str, ...]]:
    """Add to the captures of each nested step those of the nested steps among them.

    An attempt makes the captured step anew as well, so it needs what that one reads.
    """
    found = {mark: set(names) for mark, names in captures.items()}
    beside = {(mark.workflow, mark.node.name): mark for mark in captures}
    changed = True
    while changed:
        changed = False
        for mark, own in found.items():
            steps = [beside[key] for name in own if (key := (mark.workflow, name)) in beside]
            more = set[str]().union(*(found[step] for step in steps))
            changed = changed or not more <= own
            own.update(more)
    return {mark: tuple(sorted(names)) for mark, names in found.items()}


def judge_closure(
    mark: Mark, captures: tuple[str, ...], names: Names, steps: frozenset[ast.AST], path: str
) -> Iterator[Diagnostic]:
    """Report captures that the step writes to, and captures that cannot be recorded."""
    yield from _written(mark, names, path)
    yield from _class_cells(mark, names, path)
    yield from _shadowed(mark, captures, path)
    for name in captures_of(mark, names):
        use = next(use for use in names.uses_in(mark.node) if use.name == name)
        owner = use.scope.owner_of(name)
        what = _unrecordable(owner, name, names, steps) if owner is not None else None
        if what is not None:
            yield diagnostic(
                "WFC129",
                place_at(path, span_of(use.node)),
                f'the step "{mark.qualname}" captures `{name}`, {what}, which cannot be recorded',
                fix=f"make `{name}` inside the step from plain values, such as an id or a path.",
            )


def _written(mark: Mark, names: Names, path: str) -> Iterator[Diagnostic]:
    own = names.scopes_in(mark.node)
    for node in ast.walk(mark.node):
        if isinstance(node, ast.Nonlocal):
            scope = names.scope_of(node)
            for name in node.names:
                if scope.owner_of(name) not in own:
                    yield diagnostic(
                        "WFC128",
                        place_at(path, span_of(node)),
                        f'the step "{mark.qualname}" writes to `{name}` of its workflow; it has '
                        "a copy, so the workflow would never see it",
                        fix=f"return the value and assign it in `{mark.workflow}`.",
                    )


def _shadowed(mark: Mark, captures: tuple[str, ...], path: str) -> Iterator[Diagnostic]:
    """Report what a captured step reads under a name that is also a parameter of this one."""
    arguments = mark.node.args
    named = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    for argument in (*named, arguments.vararg, arguments.kwarg):
        if argument is not None and argument.arg in captures:
            yield diagnostic(
                "WFC129",
                place_at(path, span_of(argument)),
                f'the step "{mark.qualname}" captures a step that reads `{argument.arg}` of '
                f"`{mark.workflow}`, and has a parameter of that name, so a call could record one "
                "of the two only",
                fix="rename the parameter.",
            )


def _class_cells(mark: Mark, names: Names, path: str) -> Iterator[Diagnostic]:
    """Report the name by which a method knows the class that it was written in."""
    own = names.scopes_in(mark.node)
    for use in names.uses_in(mark.node):
        scope: Scope | None = use.scope
        while scope in own and scope.kind != "class":
            scope = scope.parent
        if use.name == "__class__" and scope not in own and mark.workflow and "." in mark.workflow:
            yield diagnostic(
                "WFC129",
                place_at(path, span_of(use.node)),
                f'the step "{mark.qualname}" reads `__class__`, which is a variable of the class '
                "body and cannot be recorded",
                fix="name the class.",
            )


def _unrecordable(owner: Scope, name: str, names: Names, steps: frozenset[ast.AST]) -> str | None:
    for binding in owner.bindings[name]:
        if binding.kind == "function" and binding.node not in steps:
            return "a function"
        if binding.kind == "class":
            return "a class of a function"
        if binding.kind == "import":
            return "an import"
        if binding.kind in {"assign", "with"} and (what := _kind_of_value(binding, names)):
            return what
    return None


def _kind_of_value(binding: Binding, names: Names) -> str | None:
    value = binding.value
    if isinstance(value, ast.Await):
        value = value.value
    if isinstance(value, ast.GeneratorExp):
        return "a generator"
    if isinstance(value, ast.Lambda):
        return "a function"
    if isinstance(value, ast.Call):
        return _UNRECORDABLE.get(names.resolve(value.func) or "")
    return None
