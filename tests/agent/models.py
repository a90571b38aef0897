"""Models that follow a script: what they say hangs on how much was said before, and is noted."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

import wfc


@dataclass
class Call:
    """A call of a tool."""

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)
    id: str = "c1"


Reply = Sequence[str | Call]


class Script:
    """What models say, by name; `calls` is what was really done, in order."""

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = {}
        self.troubles: list[BaseException] = []
        self.calls: list[Any] = []
        self.requests: list[list[ModelMessage]] = []
        self.infos: list[AgentInfo] = []
        self.hold: Any = None

    def says(self, *replies: Reply, model: str = "scripted") -> None:
        self.replies[model] = list(replies)

    def reply(self, name: str, messages: list[ModelMessage], info: AgentInfo) -> Reply:
        number = sum(isinstance(one, ModelResponse) for one in messages)
        self.calls.append((name, number))
        self.requests.append(list(messages))
        self.infos.append(info)
        if self.troubles:
            raise self.troubles.pop(0)
        return self.replies[name][number]


def script() -> Script:
    return sys.script  # type: ignore[attr-defined,no-any-return]  # set before each test


def scripted(name: str) -> FunctionModel:
    """Make a model that follows `sys.script`."""

    def say(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        parts = [
            TextPart(one)
            if isinstance(one, str)
            else ToolCallPart(one.tool, json.dumps(one.arguments), tool_call_id=one.id)
            for one in script().reply(name, messages, info)
        ]
        return ModelResponse(parts=parts)

    async def stream(
        messages: list[ModelMessage], info: AgentInfo
    ) -> AsyncIterator[str | dict[int, DeltaToolCall]]:
        for number, one in enumerate(script().reply(name, messages, info)):
            if isinstance(one, str):
                yield one
            else:
                arguments = json.dumps(one.arguments)
                yield {number: DeltaToolCall(one.tool, arguments, tool_call_id=one.id)}
            if script().hold is not None:
                await script().hold()

    return FunctionModel(say, stream_function=stream, model_name=name)


# Names of wfc may stand in workflow code, so that is where the programs of tests find these.
wfc.scripted = scripted("scripted")
wfc.other = scripted("other")


def _shout(text: str) -> str:
    """Shout."""
    return f"{text}!"


wfc.library_tool = _shout


def _odd() -> object:
    """Give what no log holds."""
    return object()


def _bad() -> str:
    """Fail."""
    raise ValueError("no way")


wfc.odd_tool = _odd
wfc.bad_tool = _bad
