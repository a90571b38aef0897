"""Family 3, from 350 on: how steps are declared and called, and where operations may stand.

What their bodies do stands in `step_bodies.py`, loops and gathers of them in `many_calls.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from wfc.compiler.gather_policies import policy_faults
from wfc.compiler.gather_signatures import POLICIES
from wfc.compiler.scopes import Function
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Area, Kind, Module
from wfc.lint_rules.registry import rule

_RETRIES: Final = frozenset(
    {"tenacity.retry", "stamina.retry", "backoff.on_exception", "backoff.on_predicate"}
    | {"retrying.retry", "retry.retry", "retry.api.retry", "retry2.retry"}
)


@rule("WFC354")
def retry_on_retry(module: Module) -> Iterator[Finding]:
    """Find a step that a library retries too, unseen by the log."""
    for mark in module.steps():
        if mark.definition.entry.policy.get("attempts") == 1:
            continue  # then only the library retries
        for decorator in mark.node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            found = module.resolve(called)
            if found is None or found.name not in _RETRIES:
                continue
            guess = "" if found.exact else "probably "
            yield module.finding(
                "WFC354",
                decorator,
                f'`{found.name}` {guess}retries inside each attempt of the step "{mark.qualname}", '
                "which wfc tries again too: the numbers multiply, and the log shows one attempt",
                certain=found.exact,
                advice="remove it and say `@policy(attempts=..., backoff=Backoff(...))`; to keep "
                "it, say `@policy(attempts=1)`",
            )


@rule("WFC356", project=True)
def step_in_step(module: Module) -> Iterator[Finding]:
    """Find a step called in the body of a step, where it is neither recorded nor retried."""
    for call in module.nodes(ast.Call):
        name = _step_called(module, call)
        around = module.marked_around(call)
        if name is None or around is None or module.area(call) is not Area.STEP:
            continue
        yield module.finding(
            "WFC356",
            call,
            f'the step "{name}" is called in the step "{around.qualname}", where it is a plain '
            "call: not recorded, not tried again by its own policy, repeated with this step",
            advice=f'call "{name}" from the workflow; or move what both share into a plain '
            "function without a directive",
        )


def _step_called(module: Module, call: ast.Call) -> str | None:
    """Give the qualname of the step that a call calls, by its name or as a method of `self`."""
    operation = module.operation(call)
    if operation is not None:
        definition = operation.definition
        is_step = operation.kind is Kind.STEP and definition is not None
        return definition.entry.qualname if is_step and definition is not None else None
    match call.func:
        case ast.Attribute(value=ast.Name(id=name) as base, attr=method):
            around = module.names.scope_of(base).class_of(name)
            steps = {one.qualname for one in module.steps()}
            wanted = f"{around.qualname}.{method}" if around is not None else ""
            return wanted if wanted in steps else None
    return None


# --- policies ------------------------------------------------------------------------------------


@rule("WFC358")
def policy_value(module: Module) -> Iterator[Finding]:
    """Find a value of `@policy` that Python would refuse when the module is imported.

    The compiler tells of those on steps and workflows itself.
    """
    marked = {mark.node for mark in module.marked}
    functions: list[Function] = [
        *module.nodes(ast.FunctionDef),
        *module.nodes(ast.AsyncFunctionDef),
    ]
    for function in functions:
        for decorator in function.decorator_list:
            if not isinstance(decorator, ast.Call) or function in marked:
                continue
            found = module.resolve(decorator.func)
            if found is None or found.name not in POLICIES:
                continue
            for node, why in policy_faults(decorator, module.names, function, function.name, None):
                guess = "" if found.exact else "probably wrong: "
                yield module.finding(
                    "WFC358", node, f"{guess}{why}", certain=found.exact,
                    advice="correct it: this is raised when the module is imported",
                )  # fmt: skip


# --- where operations may stand ------------------------------------------------------------------

_ONLY_IN_WORKFLOWS: Final[Mapping[str, tuple[str, str]]] = {
    "wfc.sleep": (
        "return, and await `sleep` in the workflow; a short pause in a step is `asyncio.sleep`",
        "a plain pause is `asyncio.sleep`; a durable one stands in a workflow",
    ),
    "wfc.create_hook": (
        "open the hook in the workflow and pass its token to the step",
        "open the hook in a workflow; from outside, `wfc.api.resume_hook(token, payload)` answers",
    ),
    "wfc.create_webhook": (
        "open the webhook in the workflow and pass its URL to the step",
        "open the webhook in a workflow and pass its URL on",
    ),
    "wfc.restart": (
        "return to the workflow and await `restart` there",
        "await `restart` in the workflow; from outside, `run.rerun()` of `wfc.api` runs it anew",
    ),
    "wfc.start": (
        "start the child in the workflow, or a run without a parent by `start` of `wfc.api`",
        "import `start` from `wfc.api`, which starts runs from outside",
    ),
}
"""What may only be asked for by workflow code, and what to do in a step or elsewhere."""


@rule("WFC359")
def outside_workflow(module: Module) -> Iterator[Finding]:
    """Find an operation asked for in a step body, or by code that no workflow can reach."""
    for call in module.nodes(ast.Call) if module.may_name_wfc else ():
        found = module.resolve(call.func)
        if found is None or found.name not in _ONLY_IN_WORKFLOWS:
            continue
        area = module.area(call)
        # A helper may be called by workflows of other files, which file mode does not see.
        outside = area is Area.PLAIN and (
            module.overview is not None or module.function(call) is None
        )
        if area is Area.STEP or outside:
            where = "the body of a step" if area is Area.STEP else "code that no workflow reaches"
            guess = "" if found.exact else "probably "
            yield module.finding(
                "WFC359",
                call,
                f"`{module.text(call.func)}` is {guess}called in {where}; there is no run that "
                "could record it, so it raises",
                certain=found.exact,
                advice=_ONLY_IN_WORKFLOWS[found.name][area is not Area.STEP],
            )
