"""What a tool of an agent is to its run: a step, a step around live code, or workflow code.

* A step function is called as that step. Where its first parameter is a `RunContext`, which no log
  holds, the call is a closure step, and context and arguments reach it as copies.
* A plain function of a compiled module is workflow code: it may sleep, wait, call steps.
* Anything else is library code, whose call is a closure step.
"""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, Literal

from pydantic_ai import FunctionToolset, RunContext, Tool
from pydantic_ai.exceptions import ToolFailed
from pydantic_ai.toolsets import ToolsetTool

from wfc import abi
from wfc.agent.copies import host_copy
from wfc.agent.faults import ANSWERS
from wfc.agent.tool_context import with_entry
from wfc.errors import CodecError, PolicyError, StepUnknown
from wfc.ids import DefinitionId
from wfc.policies import from_literal
from wfc.runtime import context

KEY: Final = "wfc"
"""Under what name the metadata of a tool speaks to wfc."""
ON_FAILURE: Final = "on_failure"
CONTEXT_TYPE: Final = "context_type"
_POLICY: Final = ("attempts", "timeout", "queue")
_OPTIONS: Final = frozenset({*_POLICY, CONTEXT_TYPE, ON_FAILURE})
_MARK: Final = "__wfc_tool__"


class Kind(Enum):
    """What the function of a tool is to a run."""

    STEP = "step"
    STEP_WITH_CONTEXT = "step with a context"
    WORKFLOW = "workflow code"
    LIBRARY = "library code"


def kind_of(function: Any) -> Kind:
    """Tell what a function is, as the present module holds it."""
    plain = inspect.unwrap(function) if callable(function) else function
    if abi.id_of(function) is not None:
        return Kind.STEP_WITH_CONTEXT if takes_context(function) else Kind.STEP
    bundle = getattr(plain, "__globals__", {}).get(abi.NAME)
    if isinstance(bundle, abi.Bundle) and bundle.place_at is not None:
        return Kind.WORKFLOW
    return Kind.LIBRARY


def takes_context(function: Callable[..., Any]) -> bool:
    """Tell whether the first parameter of a function is a `RunContext`."""
    first = next(iter(inspect.signature(function).parameters.values()), None)
    if first is None:
        return False
    try:
        hint = typing.get_type_hints(function).get(first.name, first.annotation)
    except Exception:  # noqa: BLE001 - a name that only type checkers see says nothing
        hint = first.annotation
    if isinstance(hint, str):
        return hint.partition("[")[0].rpartition(".")[2] == RunContext.__name__
    return (typing.get_origin(hint) or hint) is RunContext


# --- adapting ------------------------------------------------------------------------------------


def adapt(toolset: FunctionToolset[Any]) -> None:
    """Let the tools of a toolset be called as what they are. Raises `PolicyError`, `TypeError`."""
    for tool in toolset.tools.values():
        _adapt(tool)


def _adapt(tool: Tool[Any]) -> None:
    options = options_of(tool.metadata, tool.name)
    function = tool.function_schema.function
    if hasattr(function, _MARK):
        return
    kind = kind_of(function)
    adapted: Callable[..., Any] | None = None
    if kind is Kind.STEP:
        adapted = _as_step(function, tool.name, raises=raises(options))
    elif kind is Kind.STEP_WITH_CONTEXT:
        adapted = _with_copies(function, tool.name)
    elif kind is Kind.WORKFLOW and tool.function_schema.takes_ctx:
        adapted = _with_entry(function, tool.name)
    if adapted is not None:
        setattr(adapted, _MARK, kind)
        tool.function_schema = dataclasses.replace(
            tool.function_schema, function=adapted, is_async=True
        )


def _as_step(step: Callable[..., Any], name: str, *, raises: bool) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            value = step(*args, **kwargs)
            return await value if inspect.isawaitable(value) else value
        except (*ANSWERS, CodecError):
            raise
        except Exception as error:
            if raises or context.current.get() is None:
                raise
            raise failed(name, error) from error

    return call


def _with_copies(step: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Call the step function itself, in an attempt, with copies of what workflow code holds."""
    step_id = abi.id_of(step)
    assert step_id is not None

    async def call(ctx: RunContext[Any], *args: Any, **kwargs: Any) -> Any:
        function = _host(step_id)
        if function is step:
            arguments: tuple[tuple[Any, ...], dict[str, Any]] = args, kwargs
        else:
            bound = inspect.signature(step).bind(ctx, *args, **kwargs)
            arguments = _copied(bound, _hints(function), f"tool `{name}`")
        ctx = with_entry(ctx, name, copies=True)
        if inspect.iscoroutinefunction(function):
            return await function(ctx, *arguments[0], **arguments[1])
        return await asyncio.to_thread(function, ctx, *arguments[0], **arguments[1])

    return call


def _with_entry(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Call workflow code, which may see its entry of the tool context."""

    async def call(ctx: RunContext[Any], *args: Any, **kwargs: Any) -> Any:
        value = function(with_entry(ctx, name, copies=False), *args, **kwargs)
        return await value if inspect.isawaitable(value) else value

    return call


def _host(step: DefinitionId) -> Callable[..., Any]:
    registration = abi.registered.get(step)
    if registration is None:
        raise StepUnknown(
            f"the tool {step} is not loaded in this worker, so it cannot be called. Import its "
            "module, or let the worker build the project."
        )
    function: Callable[..., Any] = registration.function
    return function


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:  # noqa: BLE001 - a name that only type checkers see says nothing
        return {}


def _copied(
    bound: inspect.BoundArguments, hints: Mapping[str, Any], what: str
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    first = next(iter(bound.arguments))
    for name, value in bound.arguments.items():
        if name != first:
            bound.arguments[name] = host_copy(value, f"{what}, argument `{name}`", hints.get(name))
    return bound.args[1:], dict(bound.kwargs)


def failed(name: str, error: BaseException) -> ToolFailed:
    """Say in words for the model that a tool is out of attempts."""
    return ToolFailed(f"The tool {name} failed: {type(error).__name__}: {error}")


# --- metadata ------------------------------------------------------------------------------------


def options_of(metadata: Mapping[str, Any] | None, name: str) -> Mapping[str, Any] | Literal[False]:
    """Give what the metadata of a tool says to wfc. Raises `PolicyError` for what it cannot say."""
    options = (metadata or {}).get(KEY, {})
    if options is False:
        return False
    if not isinstance(options, Mapping):
        raise PolicyError(
            f"tool `{name}`: metadata={{'wfc': {options!r}}} says nothing. Give a dict of "
            f"{', '.join(sorted(_OPTIONS))}, or False for workflow code."
        )
    unknown = sorted(set(options) - _OPTIONS)
    if unknown:
        raise PolicyError(
            f"tool `{name}`: metadata for wfc has {', '.join(unknown)}, which it does not know. It "
            f"takes {', '.join(sorted(_OPTIONS))}."
        )
    if options.get(ON_FAILURE, "tell") not in ("tell", "raise"):
        raise PolicyError(
            f"tool `{name}`: on_failure={options[ON_FAILURE]!r}; it is 'tell' (the "
            "model) or 'raise'"
        )
    from_literal(policy_in(options))
    return options


def policy_in(options: Mapping[str, Any] | Literal[False]) -> dict[str, Any]:
    """Give the keywords of `wfc.policy` among the options of a tool."""
    return {} if options is False else {k: v for k, v in options.items() if k in _POLICY}


def raises(options: Mapping[str, Any] | Literal[False]) -> bool:
    """Tell whether a tool out of attempts fails the run; else the model is told."""
    return options is not False and options.get(ON_FAILURE) == "raise"


def config_of(
    tool: ToolsetTool[Any], name: str, base: Mapping[str, Any]
) -> Mapping[str, Any] | Literal[False]:
    """Say by what policy a call of a tool is a closure step; False: it is workflow code."""
    options = options_of(tool.tool_def.metadata, name)
    if options is False:
        return False
    function = getattr(getattr(tool, "call_func", None), "__self__", None)
    kind = getattr(function, "function", None)
    mark = getattr(kind, _MARK, None) or (Kind.LIBRARY if kind is None else kind_of(kind))
    if mark in (Kind.STEP, Kind.WORKFLOW):
        return False
    kept = {ON_FAILURE: options[ON_FAILURE]} if ON_FAILURE in options else {}
    return {**base, **policy_in(options), **kept}


def context_types(tools: Sequence[Tool[Any]]) -> dict[str, Any]:
    """Give what tools say that their entries of the tool context are."""
    found: dict[str, Any] = {}
    for tool in tools:
        options = options_of(tool.metadata, tool.name)
        if options is not False and CONTEXT_TYPE in options:
            found[tool.name] = options[CONTEXT_TYPE]
    return found


def check_names(tools: Sequence[Tool[Any]]) -> None:
    """See that no two tools have one name. Raises `ValueError`."""
    seen: set[str] = set()
    for tool in tools:
        if tool.name in seen:
            raise ValueError(
                f"two tools are called `{tool.name}`, so a call could mean either. Give one of "
                "them another name: Tool(function, name=...)"
            )
        seen.add(tool.name)
