"""Family 3, from 350 on: steps, and where operations may be called."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Area, Kind, Module
from wfc.lint_rules.registry import rule

_SHOWN = {Kind.SLEEP: "sleep", Kind.HOOK: "create_hook", Kind.CHILD: "start"}


@rule("WFC359")
def outside_workflow(module: Module) -> Iterator[Finding]:
    """Find an operation asked for in a step body, or by code that no workflow can reach."""
    for call in module.nodes(ast.Call):
        operation = module.operation(call)
        if operation is None or not operation.name.startswith("wfc."):
            continue
        if operation.kind not in _SHOWN:
            continue
        area = module.area(call)
        # A helper may be called by workflows of other files, which file mode does not see.
        outside = area is Area.PLAIN and (
            module.overview is not None or module.function(call) is None
        )
        if area is Area.STEP or outside:
            where = "the body of a step" if area is Area.STEP else "code that no workflow reaches"
            yield module.finding(
                "WFC359",
                call,
                f"`{module.text(call.func)}` is called in {where}; there is no run that could "
                "record it, so it raises",
            )
