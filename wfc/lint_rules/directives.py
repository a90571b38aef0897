"""Family 1, directives and structure. What one module tells is found by the compiler itself
(`compiler/gather_directives.py`, `gather_rules.py`, `gather_calls.py`); here stands what only a
linter says, or what needs the other modules.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Area, Kind, Module
from wfc.lint_rules.registry import rule


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
