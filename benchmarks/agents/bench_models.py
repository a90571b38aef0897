"""A model that calls a tool until it has called it often enough; it takes no time of its own."""

from collections.abc import AsyncIterator

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

STEPS = 20


def _asked(messages: list[ModelMessage]) -> int:
    return sum(isinstance(one, ModelResponse) for one in messages) + 1


def _reply(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
    number = _asked(messages)
    if number % STEPS == 0:
        return ModelResponse(parts=[TextPart("done")])
    call = ToolCallPart("add", {"left": number, "right": 1}, tool_call_id=f"c{number}")
    return ModelResponse(parts=[call])


async def _stream(
    messages: list[ModelMessage], _info: AgentInfo
) -> AsyncIterator[str | dict[int, DeltaToolCall]]:
    number = _asked(messages)
    if number % STEPS == 0:
        yield "done"
    else:
        arguments = f'{{"left": {number}, "right": 1}}'
        yield {0: DeltaToolCall("add", arguments, tool_call_id=f"c{number}")}


MODEL = FunctionModel(_reply, stream_function=_stream)
