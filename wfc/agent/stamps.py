"""What differs between two runs of an agent's code over the same answers, made equal.

Messages are made by workflow code, live and at every replay, and each notes the time at which that
was. And a provider may use the id of a call twice, by which results are told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    NativeToolCallPart,
    PartDeltaEvent,
    PartStartEvent,
    ToolCallPart,
)


def stamp(messages: Sequence[ModelMessage], now: datetime) -> None:
    """Give the requests after the last answer the time `now`, in place.

    What stands before it was stamped when it was sent, or came from outside with its own times.
    """
    for message in reversed(messages):
        if not isinstance(message, ModelRequest):
            return
        if message.timestamp is not None:
            message.timestamp = now
        for part in message.parts:
            if hasattr(part, "timestamp"):
                part.timestamp = now


def calls_in(messages: Sequence[ModelMessage]) -> set[str]:
    """Give the ids of all calls that models have made."""
    return {
        part.tool_call_id
        for message in messages
        if isinstance(message, ModelResponse)
        for part in message.parts
        if isinstance(part, ToolCallPart | NativeToolCallPart)
    }


class CallsApart:
    """Renames calls in the events of an answer, as `tell_calls_apart` will in the answer."""

    def __init__(self, before: Sequence[ModelMessage]) -> None:
        """Know the ids that were used before."""
        self._known = calls_in(before)
        self._names: dict[int, str] = {}

    def renamed(self, event: Any) -> Any:
        """Give an event with the id that its call has in the end."""
        if isinstance(event, PartStartEvent) and isinstance(event.part, ToolCallPart):
            name = fresh(event.part.tool_call_id, self._known)
            self._known.add(name)
            self._names[event.index] = name
        name = self._names.get(getattr(event, "index", -1), "")
        if not name:
            return event
        if isinstance(event, PartDeltaEvent):
            delta: Any = event.delta
            return replace(event, delta=replace(delta, tool_call_id=name))
        return replace(event, part=replace(event.part, tool_call_id=name))


def tell_calls_apart(response: ModelResponse, before: Sequence[ModelMessage]) -> None:
    """Rename the calls of an answer whose ids were used before, to ``<id>.2`` and so on."""
    known = calls_in(before)
    for part in response.parts:
        if not isinstance(part, ToolCallPart):
            continue
        part.tool_call_id = fresh(part.tool_call_id, known)
        known.add(part.tool_call_id)


def fresh(name: str, known: set[str]) -> str:
    """Give a name that is not known yet: the same one, if possible."""
    if name not in known:
        return name
    number = 2
    while f"{name}.{number}" in known:
        number += 1
    return f"{name}.{number}"
