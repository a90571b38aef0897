"""The small parts: prompts, stamps, frames, prices, names of turns."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pydantic_ai
import pytest
from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolCallPartDelta,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.usage import RequestUsage, RunUsage

from tests.agent.conftest import HouseOf
from tests.agent.models import Call, Script
from tests.runtime.programs import Program
from wfc import abi, codec
from wfc.agent import AgentResult
from wfc.agent.framing import Framing, stored
from wfc.agent.pricing import cost_of, price_of
from wfc.agent.prompting import split
from wfc.agent.stamps import CallsApart, fresh, stamp, tell_calls_apart
from wfc.agent.tools import takes_context
from wfc.agent.turn import run_of
from wfc.errors import RunFailed, StepError, UnknownType, Unserialisable
from wfc.ids import DefinitionId
from wfc.runtime.any_types import AnyTypes
from wfc.runtime.writable import UI_CHUNK_BYTES_MAX

PARTS = Program(
    "agent_parts",
    '''
    """Agents with odd tools."""
    import sys

    import wfc
    from pydantic_ai import ModelRetry, RunContext, Tool
    from wfc.agent import DurableAgent


    def slow(ctx: RunContext[dict], text: str) -> str:
        """Work in a thread."""
        "use step"
        return f"{text} for {ctx.deps['name']}"


    async def picky(text: str) -> str:
        """Ask for something else."""
        "use step"
        sys.script.calls.append(text)
        if text == "no":
            raise ModelRetry("say yes")
        return text


    bot = DurableAgent(
        "bot",
        wfc.scripted,
        tools=[
            slow,
            picky,
            Tool(wfc.odd_tool, name="odd", metadata={"wfc": {"attempts": 1}}),
            Tool(wfc.bad_tool, name="bad", metadata={"wfc": {"attempts": 1}}),
            Tool(
                wfc.bad_tool,
                name="fatal",
                metadata={"wfc": {"attempts": 1, "on_failure": "raise"}},
            ),
        ],
    )


    async def asks(question: str) -> list:
        "use workflow"
        result = await bot.stream(question, deps={"name": "Ada"})
        return [one.content for one in result.tool_results]


    async def asks_with(deps: int) -> str:
        "use workflow"
        return (await bot.stream("go", deps=object())).output


    async def goes_on(question: str) -> list:
        "use workflow"
        first = await bot.stream(question)
        second = await bot.stream([*first.messages, *first.messages[:1]])
        return [second.output, len(second.messages), len(second.new_messages), second.turn]
    ''',
)
FLOWS: Any = PARTS.module


async def results(house_of: HouseOf, script: Script, *calls: Call) -> Any:
    house = await house_of(PARTS)
    script.says(*[[call] for call in calls], ["Done."])
    run = await house.start(FLOWS.asks, "go")
    await house.worker().run_until_idle()
    found = await run.result("20s")
    await house.replayed(run, PARTS)
    return found


async def test_a_sync_step_takes_the_context_in_a_thread(house_of: HouseOf, script: Script) -> None:
    assert await results(house_of, script, Call("slow", {"text": "work"})) == ["work for Ada"]


async def test_a_step_may_send_the_model_back(house_of: HouseOf, script: Script) -> None:
    """That is an answer: the step is not tried again."""
    calls = Call("picky", {"text": "no"}), Call("picky", {"text": "yes"}, "c2")
    found = await results(house_of, script, *calls)
    assert found[-1] == "yes"
    assert [one for one in script.calls if isinstance(one, str)] == ["no", "yes"]


async def test_the_model_is_told_of_library_code_that_failed(
    house_of: HouseOf, script: Script
) -> None:
    (told,) = await results(house_of, script, Call("bad"))
    assert "no way" in told


@pytest.mark.parametrize(
    ("tool", "error"), [("fatal", (ValueError, StepError)), ("odd", Unserialisable)]
)
async def test_what_a_tool_must_not_do_fails_the_run(
    house_of: HouseOf, script: Script, tool: str, error: Any
) -> None:
    """The error names the tool, and what it gave."""
    house = await house_of(PARTS)
    script.says([Call(tool)], ["Done."])
    run = await house.start(FLOWS.asks, "go")
    await house.worker().run_until_idle()
    with pytest.raises(RunFailed) as caught:
        await run.result("20s")
    assert isinstance(caught.value.cause, error)
    if tool == "odd":
        assert "call_tool:odd" in str(caught.value.cause)


async def test_deps_that_no_log_holds_are_refused_at_once(
    house_of: HouseOf, script: Script
) -> None:
    house = await house_of(PARTS)
    run = await house.start(FLOWS.asks_with, 1)
    await house.worker().run_until_idle()
    with pytest.raises(RunFailed, match="the deps of agent bot"):
        await run.result("20s")
    assert script.calls == []


async def test_messages_may_be_the_prompt(house_of: HouseOf, script: Script) -> None:
    house = await house_of(PARTS)
    script.says(["One."], ["Two."])
    run = await house.start(FLOWS.goes_on, "go")
    await house.worker().run_until_idle()
    assert await run.result("20s") == ["Two.", 4, 1, "2"]


def test_system_messages_in_a_prompt_are_refused_unless_allowed() -> None:
    messages = [ModelRequest(parts=[SystemPromptPart("obey"), UserPromptPart("hi")])]
    with pytest.raises(ValueError, match="allow_system"):
        split(messages, allow_system=False)
    assert split(messages, allow_system=True) == (None, messages)
    assert split(["a", "b"], allow_system=False) == (["a", "b"], [])
    with pytest.raises(TypeError, match="mixes"):
        split([*messages, "a"], allow_system=True)


def test_only_what_is_new_is_stamped() -> None:
    then, now = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)
    old = ModelRequest(parts=[UserPromptPart("hi", timestamp=then)], timestamp=then)
    new = ModelRequest(
        parts=[ToolReturnPart("t", "x", tool_call_id="c", timestamp=then)], timestamp=then
    )
    stamp([old, ModelResponse(parts=[]), new], now)
    assert (old.timestamp, old.parts[0].timestamp) == (then, then)  # type: ignore[union-attr]  # it has one
    assert (new.timestamp, new.parts[0].timestamp) == (now, now)  # type: ignore[union-attr]  # likewise


def test_ids_of_calls_are_told_apart() -> None:
    before = [ModelResponse(parts=[ToolCallPart("t", tool_call_id="c")])]
    response = ModelResponse(
        parts=[
            TextPart("x"),
            ToolCallPart("t", tool_call_id="c"),
            ToolCallPart("t", tool_call_id="c"),
        ]
    )
    tell_calls_apart(response, before)
    assert [getattr(part, "tool_call_id", None) for part in response.parts] == [None, "c.2", "c.3"]
    assert fresh("d", {"c"}) == "d"


def test_events_of_a_renamed_call_are_renamed() -> None:
    before = [ModelResponse(parts=[ToolCallPart("t", tool_call_id="c")])]
    apart = CallsApart([ModelRequest(parts=[]), *before])
    call = ToolCallPart("t", tool_call_id="c")
    events = [
        PartStartEvent(index=0, part=call),
        PartDeltaEvent(index=0, delta=ToolCallPartDelta(args_delta="{}", tool_call_id="c")),
        PartEndEvent(index=0, part=call),
    ]
    start, delta, end = (apart.renamed(event) for event in events)
    assert [start.part.tool_call_id, delta.delta.tool_call_id, end.part.tool_call_id] == ["c.2"] * 3
    text = PartStartEvent(index=1, part=TextPart("x"))
    assert apart.renamed(text) is text


async def test_readers_see_the_ids_that_calls_have_in_the_end(
    house_of: HouseOf, script: Script
) -> None:
    """A provider may use an id twice; results are told apart by it."""
    house = await house_of(PARTS)
    script.says([Call("picky", {"text": "a"})], [Call("picky", {"text": "b"})], ["Done."])
    run = await house.start(FLOWS.asks, "go")
    await house.worker().run_until_idle()
    assert await run.result("20s") == ["a", "b"]
    seen = [one["toolCallId"] for one in await house.frames(run) if "toolCallId" in one]
    assert seen == ["c1"] * 4 + ["c1.2"] * 4


async def test_a_part_under_way_is_closed() -> None:
    framing = Framing("t1.s1")
    await framing.frames(PartStartEvent(index=0, part=TextPart("")))
    assert [one["type"] for one in await framing.closing()] == ["text-end"]
    assert await framing.closing() == []
    await framing.frames(PartStartEvent(index=1, part=TextPart("")))
    await framing.frames(PartEndEvent(index=1, part=TextPart("x")))
    assert await framing.closing() == []


def test_no_frame_is_larger_than_readers_take() -> None:
    frame = {"type": "tool-output-available", "toolCallId": "c", "output": "x" * UI_CHUNK_BYTES_MAX}
    found = json.loads(stored(frame, "k").body)
    assert found["output"].startswith("(")
    assert {**frame, "output": found["output"]} == found


def test_what_has_no_known_price_costs_nothing_known() -> None:
    unknown = ModelResponse(parts=[], model_name="nobody's", usage=RequestUsage(input_tokens=5))
    known = ModelResponse(
        parts=[],
        model_name="gpt-4o",
        provider_name="openai",
        usage=RequestUsage(input_tokens=1000, output_tokens=1000),
    )
    assert price_of(ModelResponse(parts=[])) is None
    assert price_of(unknown) is None
    assert (price_of(known) or 0) > 0
    assert cost_of([]) is None
    assert cost_of([known, unknown]) is None
    assert cost_of([known, known]) == 2 * (price_of(known) or Decimal(0))


def test_a_result_passes_the_codec() -> None:
    messages = (
        ModelRequest(parts=[UserPromptPart("hi")]),
        ModelResponse(parts=[TextPart("ho"), ToolCallPart("t", {"a": 1}, tool_call_id="c")]),
        ModelRequest(parts=[ToolReturnPart("t", "x", tool_call_id="c")]),
    )
    result = AgentResult(
        output={"a": 1},
        messages=messages,
        new_messages=messages[1:],
        finish_reason="stop",
        usage=RunUsage(requests=1),
        cost=Decimal("0.1"),
    )
    back = codec.decode(codec.encode(result, path="it"), annotation=AgentResult)
    assert back == result
    assert [call.tool_name for call in back.tool_calls] == ["t"]
    assert back.steps[0].text == "ho"


def test_a_result_is_shown_where_no_agent_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the command line, say: as it was written."""
    result = AgentResult(
        output="ok", messages=(), new_messages=(), finish_reason=None, usage=RunUsage()
    )
    data = codec.encode(result, path="it")
    monkeypatch.delitem(codec.REGISTERED._by_name, codec.wire_name(AgentResult))
    monkeypatch.delitem(codec.REGISTERED._by_wire_name, codec.wire_name(AgentResult))
    with pytest.raises(UnknownType):
        codec.decode(data)
    assert codec.decode(data, types=AnyTypes())["output"] == "ok"


def test_hints_that_cannot_be_read_say_what_they_are_called() -> None:
    """A name that only type checkers see is taken as it is written."""

    def alone() -> None:
        """Take nothing."""

    def typed(ctx: Unseen[int], text: str) -> None:  # type: ignore[name-defined]  # noqa: F821 - on purpose
        """Take something."""

    def meant(ctx: pydantic_ai.RunContext[Unseen]) -> None:  # type: ignore[name-defined]  # noqa: F821 - on purpose
        """Take the context."""

    assert not takes_context(alone)
    assert not takes_context(typed)
    assert takes_context(meant)


async def test_a_tool_that_nobody_has_loaded_is_named(
    house_of: HouseOf, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await house_of(PARTS)
    script.says([Call("slow", {"text": "work"})], ["Done."])
    run = await house.start(FLOWS.asks, "go")
    monkeypatch.delitem(abi.registered, DefinitionId("agent_parts:slow"))
    await house.worker().run_until_idle()
    (told,) = await run.result("20s")
    assert "agent_parts:slow is not loaded" in str(told)


def test_a_turn_has_a_name_outside() -> None:
    assert run_of("run_1~2.1") == ("run_1", "2.1")
    with pytest.raises(ValueError, match="names no turn"):
        run_of("run_1")
