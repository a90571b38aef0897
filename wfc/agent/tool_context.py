"""What one call of an agent gives to its tools by name: each of them sees its own entry alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from pydantic_ai import RunContext

from wfc.agent.copies import host_copy
from wfc.codec.fitting import adapter_of

NOTHING: Final[Mapping[str, Any]] = {}
current: Final[ContextVar[Mapping[str, Any]]] = ContextVar("wfc_tool_context", default=NOTHING)


def checked(
    given: Mapping[str, Any] | None,
    types: Mapping[str, Any],
    tools: Collection[str] | None,
) -> Mapping[str, Any]:
    """Judge what is given by the `context_type` of each tool.

    Raises `ValueError` for a tool that the agent has not, and for what does not fit.
    """
    entries: dict[str, Any] = {}
    for name, value in (given or NOTHING).items():
        if tools is not None and name not in tools:
            raise ValueError(
                f"tool_context has an entry for `{name}`, and the agent has no such tool. It has "
                f"{', '.join(sorted(tools)) or 'none'}."
            )
        adapter = adapter_of(types[name]) if name in types else None
        entries[name] = value if adapter is None else adapter.validate_python(value)
    return entries


@contextmanager
def given(entries: Mapping[str, Any]) -> Iterator[None]:
    """Let tools that are called inside see their entries."""
    token = current.set(entries)
    try:
        yield
    finally:
        current.reset(token)


def with_entry(ctx: RunContext[Any], tool: str, *, copies: bool) -> RunContext[Any]:
    """Give a context with the entry of `tool` as its `tool_context`.

    Inside of a step it holds copies, as its `deps` do: what is changed there is lost in every case,
    as it is when the step is taken from the log.
    """
    entry = current.get().get(tool)
    seen = dataclasses.replace(ctx)
    if copies:
        seen.deps = host_copy(ctx.deps, f"the deps of tool `{tool}`")
        entry = host_copy(entry, f"what tool `{tool}` is given")
    seen.tool_context = entry  # type: ignore[attr-defined]  # what it is called for users of wfc
    return seen
