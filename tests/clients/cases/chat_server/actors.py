"""A model that follows what the user says: no network, and the same words each time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from pydantic_ai.messages import ModelMessage, ModelRequest, ToolReturnPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

WORDS = 30
PAUSE_S = 0.01


def _last_prompt(messages: list[ModelMessage]) -> str:
    prompts = [
        str(part.content)
        for message in messages
        if isinstance(message, ModelRequest)
        for part in message.parts
        if isinstance(part, UserPromptPart)
    ]
    return prompts[-1]


def _returned(messages: list[ModelMessage]) -> list[str]:
    last = messages[-1]
    parts = last.parts if isinstance(last, ModelRequest) else ()
    return [str(part.content) for part in parts if isinstance(part, ToolReturnPart)]


async def speak(
    messages: list[ModelMessage], info: AgentInfo
) -> AsyncIterator[str | dict[int, DeltaToolCall]]:
    """Say words, slowly; call the tool that the user names."""
    del info
    prompt, returned = _last_prompt(messages), _returned(messages)
    if returned:
        yield f"It says: {returned[-1]}"
    elif prompt.startswith(("look", "book")):
        tool, _, what = prompt.partition(" ")
        arguments = json.dumps({"what": what})
        yield {0: DeltaToolCall(tool, arguments, tool_call_id=f"call-{tool}-{len(messages)}")}
    else:
        for number in range(WORDS):
            await asyncio.sleep(PAUSE_S)
            yield f"{prompt}-{number} "


MODEL = FunctionModel(stream_function=speak, model_name="actor")
