"""Guards: what a workflow bundle asks before user code may run, inserted in the AST alone.

Freeing a suspended coroutine enters its `finally` blocks, broad handlers, exit methods, callbacks.
An execution is dropped by marking it dead and then unwinding it, and the guards see to it that the
unwinding passes through user code without running any:

* a handler's type becomes ``T if __wfc__.live() else ()``, a bare one re-raises;
* a `finally` body runs only while live;
* every function and lambda asks first, so exit methods, aliases of them, callbacks and predicates
  given to libraries return at once;
* what can be reached because a library swallowed the cancellation asks again: the code after a
  `with`, an `await` or a `yield`, and the blocks whose header holds one.

`__wfc__.live` asks for the execution of the current context, since methods live on shared classes.
Guard nodes have column 0 to 0 of the line they protect, so every other position is the source's.
"""

from __future__ import annotations

import ast
from typing import Final, TypeVar

from wfc import abi

_Node = TypeVar("_Node", bound=ast.AST)
_Functions = ast.FunctionDef | ast.AsyncFunctionDef
_RESUMES: Final = (ast.Await, ast.Yield, ast.YieldFrom)
_UNWIND: Final = "GeneratorExit"
# A function that a loop in a library calls until it raises must raise, or the loop spins for ever.
_STOPS: Final = {"__next__": "StopIteration", "__anext__": "StopAsyncIteration"}


def insert_guards(tree: ast.Module) -> ast.Module:
    """Insert the guards into a workflow bundle's tree, in place, and give it back."""
    guards = _Guards()
    tree.body = [guards.visit(statement) for statement in tree.body]
    return tree


class _Guards(ast.NodeTransformer):
    """Bottom-up: children first, so that inserted nodes are never visited."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        return self._function(node)

    def _function(self, node: _FunctionNode) -> _FunctionNode:
        self.generic_visit(node)
        node.body = _guarded_block(node.body)
        start = 1 if ast.get_docstring(node, clean=False) is not None else 0
        if node.body[start:]:
            line = _first_line(node.body[start])
            node.body.insert(start, _leave_unless_live(line, _STOPS.get(node.name)))
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        start = 1 if ast.get_docstring(node, clean=False) is not None else 0
        if node.body[start:]:
            node.body.insert(start, _name_home(_first_line(node.body[start])))
        else:
            node.body.append(_name_home(node.body[0].lineno))
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        self.generic_visit(node)
        line = node.body.lineno
        node.body = _at(
            line, ast.IfExp(test=_live(line), body=node.body, orelse=_at(line, ast.Constant(None)))
        )
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        # The captures of a nested step are read by us, and only while live.
        if not is_abi_call(node):
            self.generic_visit(node)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        self.generic_visit(node)
        if node.type is None:
            line = _first_line(node.body[0])
            node.body.insert(0, _unless_live(line, _at(line, ast.Raise())))
        else:
            line = node.type.lineno
            nothing = _at(line, ast.Tuple(elts=[], ctx=ast.Load()))
            node.type = _at(line, ast.IfExp(test=_live(line), body=node.type, orelse=nothing))
        return node

    def visit_Try(self, node: ast.Try) -> ast.Try:
        return self._try(node)

    def visit_TryStar(self, node: ast.TryStar) -> ast.TryStar:
        return self._try(node)

    def _try(self, node: _TryNode) -> _TryNode:
        self.generic_visit(node)
        if node.finalbody:
            line = _first_line(node.finalbody[0])
            node.finalbody = [_at(line, ast.If(test=_live(line), body=node.finalbody, orelse=[]))]
        return node


_FunctionNode = TypeVar("_FunctionNode", ast.FunctionDef, ast.AsyncFunctionDef)
_TryNode = TypeVar("_TryNode", ast.Try, ast.TryStar)


def is_abi_call(node: ast.AST) -> bool:
    """Tell whether `node` is a call that the compiler wrote: ``__wfc__.step(...)`` and the like."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == abi.NAME
    )


def _guarded_block(block: list[ast.stmt], stop: str | None = None) -> list[ast.stmt]:
    """Let a block of a function ask after each statement through which a dead execution may come.

    `stop` is the exception to leave by where `return` may not stand. Nested functions and classes
    are not entered: functions are guarded on their own, a class body holds no `await`.
    """
    guarded: list[ast.stmt] = []
    for statement in block:
        guarded.append(statement)
        if isinstance(statement, _SCOPES):
            continue
        resumes = _header_resumes(statement)
        _guard_blocks_of(statement, resumes=resumes, stop=stop)
        for case in getattr(statement, "cases", ()):
            _guard_blocks_of(case, resumes=resumes, stop=stop)
        for handler in getattr(statement, "handlers", ()):  # `return` is no syntax in `except*`
            inside = _UNWIND if isinstance(statement, ast.TryStar) else stop
            _guard_blocks_of(handler, resumes=False, stop=inside)
        if resumes or isinstance(statement, ast.With):
            guarded.append(_leave_unless_live(statement.lineno, stop))
    return guarded


_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _guard_blocks_of(part: ast.AST, *, resumes: bool, stop: str | None) -> None:
    """Guard the blocks of a statement, a handler or a case; `resumes` tells of the header above."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(part, name, None)
        if not isinstance(block, list) or not block:
            continue
        if name == "finalbody":
            setattr(part, name, _guarded_block(block, _UNWIND))  # `return` there warns since 3.14
            continue
        first = _first_line(block[0])
        block = _guarded_block(block, stop)
        setattr(part, name, [_leave_unless_live(first, stop), *block] if resumes else block)


def _header_resumes(statement: ast.stmt) -> bool:
    """Tell whether control may come back in `statement` outside its blocks: an await or a yield."""
    if isinstance(statement, (ast.AsyncFor, ast.AsyncWith)):
        return True
    if isinstance(statement, (ast.Return, ast.Raise, ast.Try, ast.TryStar)):
        return False
    return any(_resumes(node) for node in ast.iter_child_nodes(statement))


def _resumes(node: ast.AST) -> bool:
    if isinstance(node, _RESUMES):
        return True
    if isinstance(node, (ast.stmt, ast.match_case, ast.ExceptHandler, ast.Lambda)):
        return False  # a block, which is looked at by itself, or another function
    if isinstance(node, ast.comprehension) and node.is_async:
        return True
    return any(_resumes(child) for child in ast.iter_child_nodes(node))


def _leave_unless_live(line: int, stop: str | None = None) -> ast.If:
    leave: ast.stmt
    if stop is None:
        leave = _at(line, ast.Return())
    else:
        leave = _at(line, ast.Raise(exc=_at(line, ast.Name(id=stop, ctx=ast.Load()))))
    return _unless_live(line, leave)


def _unless_live(line: int, statement: ast.stmt) -> ast.If:
    dead = _at(line, ast.UnaryOp(op=ast.Not(), operand=_live(line)))
    return _at(line, ast.If(test=dead, body=[statement], orelse=[]))


def _name_home(line: int) -> ast.Assign:
    """Say in which module a class lies: where Python finds the names of its own version, which is
    not what `__name__` says.
    """
    name = _at(line, ast.Name(id=abi.NAME, ctx=ast.Load()))
    home = _at(line, ast.Attribute(value=name, attr="home", ctx=ast.Load()))
    target = _at(line, ast.Name(id="__module__", ctx=ast.Store()))
    return _at(line, ast.Assign(targets=[target], value=home))


def _live(line: int) -> ast.Call:
    name = _at(line, ast.Name(id=abi.NAME, ctx=ast.Load()))
    attribute = _at(line, ast.Attribute(value=name, attr="live", ctx=ast.Load()))
    return _at(line, ast.Call(func=attribute, args=[], keywords=[]))


def _at(line: int, node: _Node) -> _Node:
    """Place a guard's node: column 0 to 0 of the line it protects."""
    node.lineno = node.end_lineno = line  # type: ignore[attr-defined]  # every node made here is placed
    node.col_offset = node.end_col_offset = 0  # type: ignore[attr-defined]  # likewise
    return node


def _first_line(statement: ast.stmt) -> int:
    decorators = getattr(statement, "decorator_list", None)
    return int(decorators[0].lineno) if decorators else statement.lineno
