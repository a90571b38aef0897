"""Family 3: many calls of one operation, one after the other or all at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, TypeAlias, TypeGuard

from wfc.compiler.scopes import FUNCTIONS
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Kind, Module, Operation
from wfc.lint_rules.registry import rule

_COUNTED: Final = frozenset({Kind.STEP, Kind.CHILD, Kind.INLINE})
_LEAVES: Final = (ast.Break, ast.Return, ast.Raise, ast.Yield)
"""What ends a loop before its time, so that a round decides whether there is a next one."""
_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While)
_TASKS: Final = frozenset({"asyncio.create_task", "asyncio.ensure_future"})
_List: TypeAlias = ast.ListComp | ast.GeneratorExp


@rule("WFC350")
def sequential(module: Module) -> Iterator[Finding]:
    """Find a loop whose calls wait for each other although none needs what another gave."""
    for loop in module.in_workflows(ast.For):
        operation = _only_operation(module, loop)
        if operation is not None and not _carries(module, loop, operation.call):
            yield _one_by_one(module, loop, operation)
    for listed in module.in_workflows(ast.ListComp):
        if not isinstance(listed.elt, ast.Await):
            continue
        if any(one.is_async for one in listed.generators):
            continue  # its items come one after the other
        operation = module.operation(listed.elt)
        if operation is not None and operation.kind in _COUNTED:
            yield _one_by_one(module, listed, operation)


def _one_by_one(module: Module, node: ast.For | ast.ListComp, operation: Operation) -> Finding:
    name, call = _shown(module, operation)
    return module.finding(
        "WFC350",
        node,
        f"this loop awaits `{name}` for one item after the other, though none needs the result "
        "of another",
        advice=f"run them side by side: `await asyncio.gather(*[{call} for ... in ...])`",
    )


def _shown(module: Module, operation: Operation) -> tuple[str, str]:
    """Give the name of what is called, and how the call begins: a step may be put in a thread."""
    name = module.text(operation.call.func)
    target = module.resolve(operation.call.func)
    if target is not None and target.name.startswith("asyncio."):
        step = module.text(operation.call.args[0])
        return step, f"{name}({step}, ...)"
    return name, f"{name}(...)"


def _only_operation(module: Module, loop: ast.For) -> Operation | None:
    """Give the one operation that the body of a loop awaits, if it awaits nothing else."""
    inside = list(module.own([*loop.body, *loop.orelse]))
    if any(isinstance(one, (*_LEAVES, *_LOOPS, ast.AsyncWith)) for one in inside):
        return None
    if any(isinstance(one, FUNCTIONS) for one in inside):
        return None  # it captures what the next round binds anew
    awaited = [one for one in inside if isinstance(one, ast.Await)]
    operation = module.operation(awaited[0]) if len(awaited) == 1 else None
    return operation if operation is not None and operation.kind in _COUNTED else None


def _carries(module: Module, loop: ast.For, call: ast.Call) -> bool:
    """Tell whether a round decides by what an earlier one left behind: whether, or with what, the
    operation is called.
    """
    left = _left_behind(module, loop)
    asked: list[ast.AST] = [call]
    for around in module.ancestors(call):
        if around is loop:
            break
        if isinstance(around, ast.If | ast.IfExp):
            asked.append(around.test)
    asked += [one.test for one in module.own(loop.body) if _skips(one, module)]
    used = {node.id for part in asked for node in ast.walk(part) if isinstance(node, ast.Name)}
    return bool(used & left)


def _skips(node: ast.AST, module: Module) -> TypeGuard[ast.If]:
    """Tell whether an `if` ends a round before its time."""
    return isinstance(node, ast.If) and any(
        isinstance(one, ast.Continue) for one in module.own(node.body)
    )


def _left_behind(module: Module, loop: ast.For) -> set[str]:
    """Give the names that a round of a loop finds as the round before it has left them."""
    inside = list(module.own(loop.body))
    stores: dict[str, tuple[int, int]] = {}
    left = set[str]()
    for node in inside:
        match node:
            case ast.AugAssign(target=target):
                left |= _roots(target)
            case ast.Name(ctx=ast.Store()):
                at = _bound_from(module, node)
                stores[node.id] = min(stores.get(node.id, at), at)
            case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
                left |= _roots(node)
            case ast.Call(func=ast.Attribute(value=ast.Name() as base)) if not _is_global(
                module, base
            ):
                left.add(base.id)  # `seen.add(x)`: what is asked to do something may change
    left |= {
        node.id
        for node in inside
        if isinstance(node, ast.Name)
        and isinstance(node.ctx, ast.Load)
        and (node.lineno, node.col_offset) < stores.get(node.id, (0, 0))
    }
    targets = {one.id for one in ast.walk(loop.target) if isinstance(one, ast.Name)}
    return _tainted(inside, left - targets)


def _is_global(module: Module, name: ast.Name) -> bool:
    """Tell whether a name is no local value: an import, a class, something of the module."""
    return module.resolve(name) is not None


def _bound_from(module: Module, name: ast.Name) -> tuple[int, int]:
    """Give from where on a name is bound: behind the statement that does it."""
    statement = module.statement(name) or name
    return (statement.end_lineno or name.lineno, statement.end_col_offset or name.col_offset)


def _tainted(inside: list[ast.AST], left: set[str]) -> set[str]:
    """Add the names that are computed from those that an earlier round has left behind."""
    assigned = [one for one in inside if isinstance(one, ast.Assign)]
    for _ in assigned:
        for one in assigned:
            used = {node.id for node in ast.walk(one.value) if isinstance(node, ast.Name)}
            if used & left:
                left |= {name for target in one.targets for name in _roots(target)}
    return left


def _roots(node: ast.expr) -> set[str]:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    if isinstance(node, ast.Tuple | ast.List):
        return {name for one in node.elts for name in _roots(one)}
    return {node.id} if isinstance(node, ast.Name) else set()


# --- all at once ---------------------------------------------------------------------------------


@rule("WFC351")
def fan_out(module: Module) -> Iterator[Finding]:
    """Find a gather of as many operations as there are items, with nothing that limits them."""
    for call in module.in_workflows(ast.Call):
        found = module.resolve(call.func)
        if found is None or found.name != "asyncio.gather":
            continue
        for argument in call.args:
            if not isinstance(argument, ast.Starred):
                continue
            operation = _fanned(module, argument.value)
            if operation is None or _is_limited(operation):
                continue
            name, _ = _shown(module, operation)
            yield module.finding(
                "WFC351",
                call,
                f"this starts `{name}` once for every item at the same moment, however many "
                "there are",
                advice="say `@policy(concurrency=10)` on the step, or gather in batches, or hold "
                "an `asyncio.Semaphore` round each call",
            )


def _fanned(module: Module, node: ast.expr) -> Operation | None:
    """Give the operation that a list calls once for each of its items."""
    listed = _value_of(module, node)
    if isinstance(listed, ast.ListComp | ast.GeneratorExp):
        return None if _is_bounded(module, listed) else _made(module, listed.elt)
    return None


def _made(module: Module, node: ast.expr) -> Operation | None:
    if isinstance(node, ast.Call):
        found = module.resolve(node.func)
        if found is not None and found.name in _TASKS and node.args:
            return _made(module, node.args[0])
    operation = module.operation(node) if isinstance(node, ast.Call) else None
    return operation if operation is not None and operation.kind in _COUNTED else None


def _is_bounded(module: Module, listed: _List) -> bool:
    """Tell whether the items are few: written out, a slice, or a batch of an outer loop."""
    items = [_value_of(module, one.iter) for one in listed.generators]
    return all(_is_few(module, one) for one in items)


def _is_few(module: Module, node: ast.expr) -> bool:
    match node:
        case ast.Tuple() | ast.List() | ast.Set() | ast.Dict() | ast.Constant():
            return True
        case ast.Subscript(slice=ast.Slice()):
            return True
        case ast.Call(args=arguments):
            found = module.resolve(node.func)
            is_range = found is not None and found.name == "builtins.range"
            return is_range and all(isinstance(one, ast.Constant) for one in arguments)
        case ast.Name():
            owner = module.names.scope_of(node).owner_of(node.id)
            bindings = owner.bindings[node.id] if owner is not None else []
            # A batch of a loop around; the parts of a comprehension are bound in scopes of its own.
            return any(isinstance(module.statement(one.node), ast.For) for one in bindings)
    return False


def _value_of(module: Module, node: ast.expr) -> ast.expr:
    """Give what a name was bound to, if that is so once."""
    if isinstance(node, ast.Name):
        owner = module.names.scope_of(node).owner_of(node.id)
        bindings = owner.bindings[node.id] if owner is not None else []
        if len(bindings) == 1 and bindings[0].kind == "assign" and bindings[0].value is not None:
            return bindings[0].value
    return node


def _is_limited(operation: Operation) -> bool:
    """Tell whether the policy of a step limits how many of its attempts run at once."""
    if operation.definition is None:
        return False
    said = operation.definition.entry.policy
    return bool(said.get("concurrency") or said.get("rate") or said.get("queue"))
