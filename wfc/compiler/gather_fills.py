"""What a module puts into the objects of other modules when it is imported.

A workflow bundle does not follow that: it holds what a module puts into its own objects. So the
build tells of it where a workflow reaches the object.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wfc.compiler.facts import Fill
from wfc.compiler.gather_names import Names
from wfc.compiler.marks import Marks
from wfc.compiler.spans import span_of


def fills_of(tree: ast.Module, names: Names, marks: Marks) -> Iterator[Fill]:
    """Give the top-level statements that change, or may, what was imported."""
    steps = frozenset(mark.node for mark in marks.functions if mark.kind == "step")
    for top, statement in enumerate(tree.body):
        for changed in sorted(_changed(statement, names, names.walked.touched.get(top, set()))):
            yield Fill(target=changed, span=span_of(statement), calls=False, bound=None)
        if statement in steps:
            continue  # no workflow bundle decorates a step
        for used in _used(statement):
            function = used.func if isinstance(used, ast.Call) else used
            target = names.resolve(function)
            if target is not None and not target.startswith((f"{names.module}.", "builtins.")):
                bound = getattr(statement, "name", None)
                yield Fill(target=target, span=span_of(used), calls=True, bound=bound)


def _used(statement: ast.stmt) -> list[ast.expr]:
    match statement:
        case ast.ClassDef():
            return [*statement.decorator_list, *statement.bases]
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return statement.decorator_list
        case ast.Expr(value=ast.Call() as call):
            return [call]
    return []


def _changed(statement: ast.stmt, names: Names, touched: set[str]) -> set[str]:
    """Give what a statement may change of other modules: what it mentions of a touched import."""
    bindings = names.walked.module.bindings
    imported = {
        name for name in touched if any(one.kind == "import" for one in bindings.get(name, ()))
    }
    found = set()
    for node in ast.walk(statement) if imported else ():
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(root, ast.Name):
            target = names.resolve(node) if root.id in imported else None
            if target is not None:
                found.add(target)
    match statement:
        case ast.Expr(value=ast.Call(args=[ast.expr() as owner, ast.Constant(str() as name), *_])):
            # `setattr(conf, "RATE", 5)` says what it changes of a module by a text.
            found |= {f"{target}.{name}" for target in [names.resolve(owner)] if target in found}
    return found
