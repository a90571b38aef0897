"""What differs between two runs of an agent's code over the same answers, made equal.

Messages are made by workflow code, live and at every replay, and each notes the time at which that
was. And a provider may use the id of a call twice, by which results are told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    NativeToolCallPart,
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


def tell_calls_apart(response: ModelResponse, before: Sequence[ModelMessage]) -> None:
    """Rename the calls of an answer whose ids were used before, to ``<id>.2`` and so on."""
    known = {
        part.tool_call_id
        for message in before
        if isinstance(message, ModelResponse)
        for part in message.parts
        if isinstance(part, ToolCallPart | NativeToolCallPart)
    }
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
