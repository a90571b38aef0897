"""Family 3: steps that write into their arguments, which are copies.

Whoever changes an argument and then works with it (sends it, saves it, computes by it) means the
copy. What is left is a change that nobody ever sees.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, NamedTuple

from wfc.lint_rules.annotations import types_of_mark
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Marked, Module
from wfc.lint_rules.registry import rule
from wfc.manifests.bundle import Receiver

_CHANGES: Final = frozenset(
    {"append", "extend", "insert", "remove", "clear", "pop", "update", "setdefault", "add"}
    | {"discard", "sort", "reverse", "popitem", "appendleft", "popleft"}
    | {"difference_update", "intersection_update", "symmetric_difference_update"}
)
_GROWS: Final = frozenset({"append", "extend", "insert"})
"""Methods that mean a change, whatever the class."""
_HELD: Final = frozenset(
    f"{home}.{name}"
    for home in ("builtins", "typing", "collections", "collections.abc")
    for name in (
        "list", "dict", "set", "bytearray", "List", "Dict", "Set", "deque", "defaultdict",
        "Counter", "OrderedDict", "MutableMapping", "MutableSequence", "MutableSet",
    )
)  # fmt: skip
_TELLS: Final = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})
_ONLY_LOOK: Final = frozenset({"builtins.print", "builtins.len", "builtins.repr", "builtins.str"})
_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While)


class _Write(NamedTuple):
    """A write into a parameter: the whole expression, and which part of the parameter it changes
    (`.name`, `[key]`, or "" for any).
    """

    node: ast.expr
    part: str


@rule("WFC355")
def mutated_argument(module: Module) -> Iterator[Finding]:
    """Find a write into a parameter that the step neither returns nor uses afterwards."""
    for mark in module.steps():
        body = list(module.own(mark.node.body))
        for parameter in _parameters(mark):
            name = parameter.arg
            holds = _is_container(module, mark, parameter)
            writes = [
                write
                for node in body
                if (write := _write(module, node, name, holds=holds)) is not None
            ]
            if not writes or _is_rebound(module, mark, name):
                continue
            if any(_is_use(module, node, name, writes) for node in body):
                continue
            yield module.finding(
                "WFC355",
                min((one.node for one in writes), key=_position),
                f'the step "{mark.qualname}" changes `{name}`, but a step gets a copy of its '
                "arguments, so the workflow never sees the change",
                advice=f"return `{name}`, and in the workflow bind what the step returns",
            )


def _parameters(mark: Marked) -> Iterator[ast.arg]:
    arguments = mark.node.args
    named = [*arguments.posonlyargs, *arguments.args]
    if mark.definition.entry.receiver is Receiver.CLASS:
        named = named[1:]
    yield from (*named, *arguments.kwonlyargs)


def _write(module: Module, node: ast.AST, name: str, *, holds: bool) -> _Write | None:
    """Tell whether a node writes into the parameter `name`, which may be a container."""
    match node:
        case (
            ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del())
        ):
            root, part = _chain(node)
            return _Write(node, part) if root == name else None
        case ast.Call(func=ast.Attribute(attr=verb, value=base)) if verb in _CHANGES:
            if not isinstance(module.parent(node), ast.Expr):
                return None  # its value is wanted: a queue that is worked off
            root, part = _chain(base)
            known = holds if isinstance(base, ast.Name) else verb in _GROWS
            return _Write(node, part) if root == name and known else None
    return None


def _chain(node: ast.expr) -> tuple[str, str]:
    """Give the name that a chain of attributes and keys begins with, and its first link."""
    part = ""
    while isinstance(node, ast.Attribute | ast.Subscript):
        part = _part(node)
        node = node.value
    return (node.id, part) if isinstance(node, ast.Name) else ("", "")


def _part(node: ast.Attribute | ast.Subscript) -> str:
    """Name what is taken of a value; "" for a key that is computed."""
    if isinstance(node, ast.Attribute):
        return f".{node.attr}"
    return f"[{node.slice.value!r}]" if isinstance(node.slice, ast.Constant) else ""


def _is_container(module: Module, mark: Marked, parameter: ast.arg) -> bool:
    if parameter.annotation is None:
        return False
    types = types_of_mark(module, mark, parameter.annotation)
    return any(one.name in _HELD for one in types)


def _is_rebound(module: Module, mark: Marked, name: str) -> bool:
    scope = module.names.scope_of(mark.node.body[0])
    owner = scope.owner_of(name)
    return owner is None or len(owner.bindings[name]) != 1


def _is_use(module: Module, node: ast.AST, name: str, writes: list[_Write]) -> bool:
    """Tell whether a node does something with what was changed: for that it was changed."""
    if not isinstance(node, ast.Name) or node.id != name or not isinstance(node.ctx, ast.Load):
        return False
    statement = module.statement(node)
    if any(module.statement(one.node) is statement for one in writes):
        return False  # a part of the write, or what is written
    if isinstance(statement, ast.Return):
        return not _is_counted(module, node)
    return (
        any(_comes_after(module, node, one.node) for one in writes)
        and not _is_only_told(module, node)
        and not _is_other_part(module, node, writes)
    )


def _comes_after(module: Module, node: ast.expr, write: ast.expr) -> bool:
    """Tell whether a node runs after a write: below it, or in a loop around both."""
    if _position(node) > _position(write):
        return True
    loops = {one for one in module.ancestors(write) if isinstance(one, _LOOPS)}
    return any(one in loops for one in module.ancestors(node) if not _is_head(one, node))


def _is_head(loop: ast.AST, node: ast.expr) -> bool:
    """Tell whether a node stands in the head of a `for`, which runs once."""
    return isinstance(loop, ast.For | ast.AsyncFor) and any(
        one is node for one in ast.walk(loop.iter)
    )


def _is_only_told(module: Module, node: ast.expr) -> bool:
    """Tell whether a value is printed, logged or measured."""
    for around in module.ancestors(node):
        if isinstance(around, ast.Call):
            if isinstance(around.func, ast.Attribute) and around.func.attr in _TELLS:
                return True
            found = module.resolve(around.func)
            if found is not None and found.name in _ONLY_LOOK:
                return True
    return False


def _is_counted(module: Module, node: ast.expr) -> bool:
    """Tell whether nothing but the length of a value is wanted."""
    call = module.parent(node)
    found = module.resolve(call.func) if isinstance(call, ast.Call) else None
    return found is not None and found.name == "builtins.len"


def _is_other_part(module: Module, node: ast.expr, writes: list[_Write]) -> bool:
    """Tell whether another part is read than the ones that were written."""
    above = module.parent(node)
    if not isinstance(above, ast.Attribute | ast.Subscript) or above.value is not node:
        return False
    whole = module.parent(above)
    if isinstance(whole, ast.Call) and whole.func is above:
        return False  # a method may look at everything
    part, written = _part(above), {one.part for one in writes}
    return part != "" and "" not in written and part not in written


def _position(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset
