"""What the models of these programs say; each call of one writes to the journal."""

import json
import os
from collections.abc import AsyncIterator

import jsonschema  # noqa: F401 - once, before the process forks
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from wfc import get_step_metadata

Piece = str | dict[int, DeltaToolCall]


def journal(what: str) -> None:
    """Append one line at once; `os.write` needs no flush to survive the death of the process."""
    file = os.open(os.environ["WFC_TEST_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        meta = get_step_metadata()
        os.write(file, f"{what} {meta.step_id} {meta.attempt}\n".encode())
    finally:
        os.close(file)


def call(place: int, tool: str, **arguments: object) -> dict[int, DeltaToolCall]:
    """Call a tool; the id tells calls of a conversation apart."""
    return {place: DeltaToolCall(tool, json.dumps(arguments), tool_call_id=f"{tool}-{place}")}


TALKS: list[list[Piece]] = [
    [call(1, "search", query="LHR"), call(2, "flaky", number=2)],
    ["Found ", "X1."],
    [call(3, "book", flight="X1"), call(4, "ask", question="why?")],
    ["Booked", " it."],
    [call(5, "final", text="bye")],
]


async def _talk(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Piece]:
    journal("begin")
    said = sum(isinstance(one, ModelResponse) for one in messages)
    if said == 1 and get_step_metadata().attempt == 1:
        yield "Fou"
        raise ModelHTTPError(503, "talker")
    if said == 4:
        yield call(5, info.output_tools[0].name, text="bye", count=3)
    else:
        for one in TALKS[said]:
            yield one
    journal("end")


async def _think(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Piece]:
    journal("begin")
    yield "because"
    journal("end")


def _reply(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    journal("begin")
    journal("end")
    return ModelResponse(parts=[])


def _thought(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    journal("begin")
    journal("end")
    return ModelResponse(parts=[TextPart("because")])


TALKER = FunctionModel(_reply, stream_function=_talk, model_name="talker")
THINKER = FunctionModel(_thought, stream_function=_think, model_name="thinker")
