"""Family 8: hooks, waits and streams."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from wfc.cron import fault_of as cron_fault
from wfc.determinism import Reason, Verdict, lookup
from wfc.durations import parse
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Area, Kind, Module
from wfc.lint_rules.registry import rule

_WRITES: Final = frozenset(
    f"wfc.get_writable.{method}" for method in ("write", "write_many", "close")
)
_DEADLINES: Final = frozenset({"asyncio.timeout", "asyncio.timeout_at", "asyncio.wait_for"})
_DURATIONS: Final = {"wfc.create_hook": "retention", "wfc.create_webhook": "retention"}
_HUGE: Final = 1_000_000


@rule("WFC801")
def constant_token(module: Module) -> Iterator[Finding]:
    """Find a token that all runs of a workflow would claim."""
    for call, token in _tokens(module):
        literal = isinstance(token, ast.Constant) and isinstance(token.value, str)
        bare = isinstance(token, ast.JoinedStr) and not any(
            isinstance(part, ast.FormattedValue) for part in token.values
        )
        if literal or bare:
            yield module.finding(
                "WFC801",
                token,
                f"`{module.text(call.func)}` claims the token {module.text(token)} in every run; "
                "the second run that is open at the same time gets a conflict",
                advice="put an id of the run's subject into it: an f-string with an argument",
            )


@rule("WFC802")
def weak_token(module: Module) -> Iterator[Finding]:
    """Find a token drawn from the run's seed by the workflow itself, so that it can be guessed."""
    for _, token in _tokens(module):
        drawn = _drawn(module, token)
        if drawn is not None:
            yield module.finding(
                "WFC802",
                token,
                f"this token comes from `{drawn}`, which workflow code can draw again, and so can "
                "whoever knows the seed",
                advice="leave `token` out: wfc makes one of 192 bits",
            )


@rule("WFC803")
def not_disposed(module: Module) -> Iterator[Finding]:
    """Find a hook that stays open until the run ends."""
    for call in _hooks(module):
        if not _is_disposed(module, call):
            yield module.finding(
                "WFC803",
                call,
                "this hook is neither opened by `async with` nor disposed of, so its token stays "
                "claimed until the run ends",
            )


@rule("WFC804")
def untyped_hook(module: Module) -> Iterator[Finding]:
    """Find a hook that takes any payload."""
    for call in _hooks(module):
        if not call.args and not any(word.arg == "schema" for word in call.keywords):
            yield module.finding(
                "WFC804", call, "this hook takes any payload, and checks none at the door"
            )


@rule("WFC805")
def no_deadline(module: Module) -> Iterator[Finding]:
    """Find a wait for a hook that may last for ever."""
    for node in module.nodes(ast.Await):
        if module.area(node) is not Area.WORKFLOW or not _is_hook(module, node.value):
            continue
        if not any(_limits(module, around) for around in module.ancestors(node)):
            yield module.finding(
                "WFC805",
                node,
                "nothing limits how long this waits for the hook; if nobody answers, it never ends",
            )


@rule("WFC806")
def write_in_workflow(module: Module) -> Iterator[Finding]:
    """Find a write to a stream by workflow code, which a replay would repeat."""
    for call in module.nodes(ast.Call):
        if not isinstance(call.func, ast.Attribute) or module.area(call) is not Area.WORKFLOW:
            continue
        found = module.target(call)
        if found is not None and found.name in _WRITES and found.exact:
            yield module.finding(
                "WFC806",
                call,
                f"`{module.text(call.func)}` writes to a stream in workflow code; a replay would "
                "write again, so wfc refuses it",
            )


@rule("WFC807")
def duration(module: Module) -> Iterator[Finding]:
    """Find a literal duration that wfc cannot read, or that is below zero."""
    for call, value, what in _durations(module):
        try:
            parse(value, what=what)
        except ValueError as error:
            why, _, forms = str(error).partition(" Accepted forms: ")
            yield module.finding(
                "WFC807", call, why.removesuffix("."), advice=f"write it as {forms}"
            )


@rule("WFC808")
def huge_number(module: Module) -> Iterator[Finding]:
    """Find a number of seconds that was meant as milliseconds."""
    for call in module.nodes(ast.Call):
        operation = module.operation(call)
        if operation is None or operation.kind is not Kind.SLEEP or not call.args:
            continue
        value = call.args[0]
        if isinstance(value, ast.Constant) and type(value.value) in (int, float):
            number = float(value.value)  # type: ignore[arg-type]  # the type is checked above
            if number >= _HUGE:
                yield module.finding(
                    "WFC808",
                    value,
                    f"a bare number is seconds: {number:,.0f} s are {number / 86_400:,.0f} days",
                    advice='write the unit: "16m", "11 days"',
                )


@rule("WFC809")
def cron(module: Module) -> Iterator[Finding]:
    """Find a literal cron expression that no schedule takes."""
    for call in module.nodes(ast.Call):
        found = module.resolve(call.func)
        if found is None or found.name != "wfc.api.schedule":
            continue
        for word in call.keywords:
            if word.arg == "cron" and isinstance(word.value, ast.Constant):
                why = cron_fault(word.value.value)
                if why is not None:
                    yield module.finding(
                        "WFC809", word.value, f"{word.value.value!r} is no cron expression: {why}"
                    )


def _hooks(module: Module) -> Iterator[ast.Call]:
    for call in module.nodes(ast.Call):
        operation = module.operation(call)
        is_hook = operation is not None and operation.kind is Kind.HOOK
        if is_hook and module.area(call) is Area.WORKFLOW:
            yield call


def _tokens(module: Module) -> Iterator[tuple[ast.Call, ast.expr]]:
    for call in _hooks(module):
        for word in call.keywords:
            if word.arg == "token":
                yield call, word.value


def _drawn(module: Module, token: ast.expr, depth: int = 0) -> str | None:
    """Give the name of what a value was drawn by, through names that are bound once."""
    for node in ast.walk(token):
        if isinstance(node, ast.Call):
            found = module.target(node)
            entry = lookup(found.name, module.rules) if found is not None else None
            if (
                entry is not None
                and entry.verdict is Verdict.SHIM
                and (entry.reason is Reason.RANDOM)
            ):
                return module.text(node.func)
        elif isinstance(node, ast.Name) and depth == 0:
            owner = module.names.scope_of(node).owner_of(node.id)
            bindings = owner.bindings[node.id] if owner is not None else []
            if len(bindings) == 1 and bindings[0].value is not None:
                drawn = _drawn(module, bindings[0].value, depth + 1)
                if drawn is not None:
                    return drawn
    return None


def _is_disposed(module: Module, call: ast.Call) -> bool:
    """Tell whether a hook is opened by a `with`, disposed of, or handed to somebody else."""
    above = module.parent(call)
    if isinstance(above, ast.withitem):
        return True
    if isinstance(above, ast.Await | ast.AsyncFor | ast.Expr):
        return False  # nobody holds it
    if not isinstance(above, ast.Assign) or not isinstance(above.targets[0], ast.Name):
        return True  # it goes somewhere else, where this rule cannot look
    name, function = above.targets[0].id, module.function(call)
    uses = [
        node
        for node in module.within(function or module.tree, ast.Name)
        if node.id == name and isinstance(node.ctx, ast.Load)
    ]
    return any(_lets_go(module, use) for use in uses)


def _lets_go(module: Module, use: ast.Name) -> bool:
    above = module.parent(use)
    match above:
        case ast.Attribute(attr=attribute):
            return attribute == "dispose"
        case ast.Await() | ast.AsyncFor() | ast.comprehension() | ast.FormattedValue():
            return False
    return True  # `async with`, an argument, a return: somebody else sees to it


def _is_hook(module: Module, node: ast.expr) -> bool:
    operation = module.operation(node)
    if operation is not None:
        return operation.kind is Kind.HOOK
    found = module.instance(node)
    return found is not None and found.name in _DURATIONS


def _limits(module: Module, node: ast.AST) -> bool:
    calls: list[ast.expr] = []
    if isinstance(node, ast.AsyncWith):
        calls = [item.context_expr for item in node.items]
    elif isinstance(node, ast.Call):
        calls = [node]
    for call in calls:
        found = module.resolve(call.func) if isinstance(call, ast.Call) else None
        if found is not None and found.name in _DEADLINES:
            return True
    return False


def _durations(module: Module) -> Iterator[tuple[ast.expr, object, str]]:
    """Give the literal durations that are given to wfc: node, value, what it is."""
    for call in module.nodes(ast.Call):
        found = module.resolve(call.func)
        if found is None or not found.exact:
            continue
        if found.name == "wfc.sleep" and call.args:
            yield from _literal(call.args[0], "duration of a sleep")
        wanted = _DURATIONS.get(found.name)
        for word in call.keywords:
            if wanted is not None and word.arg == wanted:
                yield from _literal(word.value, f"`{wanted}`")


def _literal(node: ast.expr, what: str) -> Iterator[tuple[ast.expr, object, str]]:
    match node:
        case ast.Constant(value=str() | int() | float() as value):
            yield node, value, what
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            yield node, -value, what
