"""Family 3: what the bodies of steps do that retries, timeouts and other steps suffer from."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Marked, Meaning, Module
from wfc.lint_rules.registry import rule

_VERBS: Final = ("get", "post", "put", "patch", "delete", "head", "options", "request")


def _requests_of(*homes: str) -> frozenset[str]:
    return frozenset(f"{home}.{verb}" for home in homes for verb in _VERBS)


_URLOPEN: Final = "urllib.request.urlopen"
_REQUESTS: Final = _requests_of(
    "requests", "requests.api", "requests.Session", "requests.session", "requests.sessions.Session"
)
_HTTPX: Final = _requests_of("httpx") | {"httpx.stream"}
_HTTPX_CLIENTS: Final = frozenset({"httpx.Client", "httpx.AsyncClient"})
_HTTPX_CALLS: Final = _requests_of(*_HTTPX_CLIENTS)
_POSTS: Final = frozenset(
    f"{home}.post"
    for home in (
        "requests", "requests.api", "requests.Session", "requests.session",
        "requests.sessions.Session", "httpx", *_HTTPX_CLIENTS, "aiohttp.ClientSession",
    )
)  # fmt: skip
_BLOCKING: Final = _REQUESTS | {
    *("time.sleep", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output")),
}
_INSTEAD: Final = {
    "time": "write `await asyncio.sleep(...)`; or make this a `def` step, which runs in a thread "
    "of its own",
    "subprocess": "write `def` instead of `async def`: a `def` step runs in a thread of its own; "
    "or await `asyncio.create_subprocess_exec(...)`",
}
_USUAL: Final = (
    "write `def` instead of `async def`: a `def` step runs in a thread of its own; or await an "
    "async client (`httpx.AsyncClient`)"
)
_URLOPEN_TIMEOUT: Final = 2  # urlopen(url, data, timeout)


@rule("WFC352")
def blocking_async_step(module: Module) -> Iterator[Finding]:
    """Find a call in an `async` step that stops the event loop, and all other steps with it."""
    for mark, call, found in _calls(module):
        if not isinstance(mark.node, ast.AsyncFunctionDef) or found.name not in _BLOCKING:
            continue
        guess = "" if found.exact else "probably "
        yield module.finding(
            "WFC352",
            call,
            f"`{module.text(call.func)}` {guess}blocks the event loop: while it waits in the async "
            f'step "{mark.qualname}", no other step and no run of this worker goes on',
            certain=found.exact,
            advice=_INSTEAD.get(found.name.partition(".")[0], _USUAL),
        )


@rule("WFC353")
def no_timeout(module: Module) -> Iterator[Finding]:
    """Find a request that may wait for ever, in a step that nothing else ends."""
    for mark, call, found in _calls(module):
        if _ends(module, mark, call) or not _waits_for_ever(call, found.name):
            continue
        guess = "" if found.exact else "probably "
        yield module.finding(
            "WFC353",
            call,
            f"`{module.text(call.func)}` {guess}waits for ever if the server never answers, and "
            f'nothing limits the step "{mark.qualname}"',
            certain=found.exact,
            advice='give the call `timeout=10`, or put `@policy(timeout="30s")` on the step',
        )


def _waits_for_ever(call: ast.Call, name: str) -> bool:
    if any(word.arg is None for word in call.keywords):
        return False  # `**options` may hold one
    given = [word.value for word in call.keywords if word.arg == "timeout"]
    is_none = bool(given) and isinstance(given[0], ast.Constant) and given[0].value is None
    if name in _REQUESTS:
        return not given or is_none
    if name == _URLOPEN:
        return is_none or (not given and len(call.args) <= _URLOPEN_TIMEOUT)
    return is_none and name in _HTTPX | _HTTPX_CLIENTS | _HTTPX_CALLS


def _ends(module: Module, mark: Marked, call: ast.Call) -> bool:
    """Tell whether something else limits a call: the policy of its step, or a timeout round it."""
    said = mark.definition.entry.policy
    if said.get("timeout") is not None or said.get("total") is not None:
        return True
    for around in module.ancestors(call):
        contexts: list[ast.expr] = []
        if isinstance(around, ast.AsyncWith):
            contexts = [item.context_expr for item in around.items]
        elif isinstance(around, ast.Call):
            contexts = [around]
        for one in contexts:
            found = module.resolve(one.func) if isinstance(one, ast.Call) else None
            if found is not None and found.name in _DEADLINES:
                return True
    return False


_DEADLINES: Final = frozenset(
    {"asyncio.timeout", "asyncio.timeout_at", "asyncio.wait_for", "anyio.fail_after"}
    | {"anyio.move_on_after", "async_timeout.timeout"}
)


@rule("WFC357")
def no_idempotency_key(module: Module) -> Iterator[Finding]:
    """Find a POST in a step that a second attempt would send again as something new."""
    for mark, call, found in _calls(module):
        verb = call.args[0] if call.args else None
        is_post = found.name in _POSTS or (
            found.name.removesuffix("request") + "post" in _POSTS
            and isinstance(verb, ast.Constant)
            and str(verb.value).upper() == "POST"
        )
        if is_post and not _speaks_of_keys(mark.node):
            yield module.finding(
                "WFC357",
                call,
                f'the step "{mark.qualname}" sends a POST that a second attempt sends again, and '
                "the other side cannot tell that it is the same",
                advice='send `headers={"Idempotency-Key": get_step_metadata().idempotency_key}`, '
                "which is the same in every attempt",
            )


def _speaks_of_keys(function: ast.AST) -> bool:
    for node in ast.walk(function):
        match node:
            case ast.Constant(value=str(word)) | ast.Name(id=word) | ast.Attribute(attr=word):
                pass
            case ast.arg(arg=word) | ast.keyword(arg=str(word)):
                pass
            case _:
                continue
        if "idempoten" in word.lower():
            return True
    return False


def _calls(module: Module) -> Iterator[tuple[Marked, ast.Call, Meaning]]:
    """Give the calls of step bodies whose target is known, but those in functions inside."""
    for mark in module.steps():
        for node in module.own(mark.node.body):
            if isinstance(node, ast.Call):
                found = module.target(node)
                if found is not None:
                    yield mark, node, found
