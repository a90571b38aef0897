"""Family 1, directives and structure. What one module tells is found by the compiler itself
(`compiler/gather_directives.py`, `gather_rules.py`, `gather_calls.py`); here stands what only a
linter says, or what needs the other modules.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wfc.compiler.scopes import FUNCTIONS, is_main_test
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Area, Kind, Module
from wfc.lint_rules.registry import rule

_STARTS = frozenset({"wfc.api.start", "wfc.api.start.options"})


@rule("WFC135", project=True)
def called_directly(module: Module) -> Iterator[Finding]:
    """Find a workflow called by code that no workflow reaches: nothing would be recorded."""
    for call in module.nodes(ast.Call):
        operation = module.operation(call)
        if operation is None or operation.kind is not Kind.INLINE:
            continue
        if module.area(call) is not Area.PLAIN or operation.definition is None:
            continue
        name, shown = operation.definition.entry.qualname, module.text(call.func)
        yield module.finding(
            "WFC135",
            call,
            f'the workflow "{name}" is called like a function, but no workflow runs here, so '
            "awaiting it raises WFC160",
            advice=f"start a run: `await start({shown}, ...)`, with `start` of `wfc.api`",
        )


@rule("WFC136", project=True)
def unused_step(module: Module) -> Iterator[Finding]:
    """Find a step that nothing in the project names."""
    if module.overview is None:
        return
    for mark in module.steps():
        if mark.definition.entry.id not in module.overview.named:
            yield module.finding(
                "WFC136", mark.node, f'nothing in the project uses the step "{mark.qualname}"'
            )


@rule("WFC137")
def main_only(module: Module) -> Iterator[Finding]:
    """Find a script that starts runs of its own workflows when Python runs it uncompiled."""
    blocks = [one for one in module.tree.body if isinstance(one, ast.If) and is_main_test(one.test)]
    own = {f"{module.facts.name}.{mark.qualname}" for mark in module.workflows()}
    if not blocks or not own:
        return
    for block in blocks:
        if any(_starts_own(module, node, own) for node in _called_from(module, block)):
            yield module.finding(
                "WFC137",
                block,
                "run by `python`, this file is not compiled, so `start` raises WFC161",
                advice=f"run it by `wfc run {module.source.path}`",
            )


def _called_from(module: Module, block: ast.If) -> Iterator[ast.AST]:
    """Give the nodes of a block, and of the functions of this module that it names."""
    pending: list[ast.AST] = [block]
    seen = set[ast.AST]()
    functions = {
        f"{module.facts.name}.{one.name}": one
        for one in module.tree.body
        if isinstance(one, FUNCTIONS)
    }
    while pending:
        for node in ast.walk(pending.pop()):
            yield node
            found = module.resolve(node) if isinstance(node, ast.Name | ast.Attribute) else None
            function = functions.get(found.name) if found is not None else None
            if (
                function is not None
                and function not in seen
                and module.area(function) is Area.PLAIN
            ):
                seen.add(function)
                pending.append(function)


def _starts_own(module: Module, node: ast.AST, own: set[str]) -> bool:
    if not isinstance(node, ast.Call):
        return False
    func = node.func
    while isinstance(func, ast.Call):  # `start.options(...)(workflow)`
        func = func.func
    found = module.resolve(func)
    if found is None or found.name not in _STARTS or not node.args:
        return False
    workflow = module.resolve(node.args[0])
    return workflow is not None and workflow.name in own
