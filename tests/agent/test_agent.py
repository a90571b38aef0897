"""An agent in a workflow: each call is a step, and a replay makes none of them again."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai.exceptions import ModelHTTPError, UsageLimitExceeded

from tests.agent.conftest import HouseOf
from tests.agent.models import Call, Script
from tests.runtime.programs import Program
from wfc.errors import AgentOutputError, OutsideWorkflow, RunFailed

BOTS = Program(
    "agent_bots",
    '''
    """Agents under test."""
    import asyncio
    import sys

    from pydantic import BaseModel
    from pydantic_ai import ModelRetry, RunContext, Tool
    from pydantic_ai.usage import UsageLimits

    import wfc
    from wfc import policy, sleep
    from wfc.agent import AgentResult, DurableAgent, step_count_is


    class Flight(BaseModel):
        number: str
        cents: int


    async def search(query: str) -> list[Flight]:
        """Search for flights.

        Args:
            query: from where to where
        """
        "use step"
        sys.script.calls.append(("search", query))
        if sys.script.troubles:
            raise sys.script.troubles.pop(0)
        return [Flight(number="X1", cents=100)]


    async def book(ctx: RunContext[dict], flight: Flight) -> str:
        """Book a flight."""
        "use step"
        sys.script.calls.append(("book", type(flight).__module__, flight.number, dict(ctx.deps)))
        ctx.deps["lost"] = True
        if sys.script.troubles:
            raise sys.script.troubles.pop(0)
        return f"booked {flight.number} for {ctx.deps['name']}"


    async def nap(seconds: int) -> str:
        """Nap."""
        await sleep(seconds)
        found = await search("after a nap")
        return f"rested, {len(found)}"


    def double(number: int) -> int:
        """Double a number, in workflow code."""
        return 2 * number


    bot = DurableAgent("bot", wfc.scripted, tools=[search, book, nap, double], output_type=str)
    typed = DurableAgent("typed", wfc.scripted, tools=[search], output_type=Flight)
    strict = DurableAgent(
        "strict",
        wfc.scripted,
        tools=[Tool(search, metadata={"wfc": {"on_failure": "raise"}})],
        usage_limits=UsageLimits(request_limit=2),
    )


    async def asks(question: str) -> AgentResult:
        "use workflow"
        return await bot.stream(question, deps={"name": "Ada"})


    async def quiet(question: str) -> AgentResult:
        "use workflow"
        return await bot.stream(question, deps={"name": "Ada"}, stream_to=None)


    async def structured(question: str) -> Flight:
        "use workflow"
        return (await typed.stream(question)).output


    async def limited(question: str) -> str:
        "use workflow"
        return (await strict.stream(question)).output


    async def stops(question: str) -> AgentResult:
        "use workflow"
        return await bot.stream(question, stop_when=step_count_is(1))


    async def both(question: str) -> list[str]:
        "use workflow"
        results = await asyncio.gather(*(bot.stream(f"{question} {n}") for n in range(2)))
        return [one.output for one in results]
    ''',
)
FLOWS: Any = BOTS.module
ORDER = [
    "run_created", "run_started", "step_completed", "step_completed", "step_completed",
    "run_completed",
]  # fmt: skip


@pytest.mark.parametrize("always", [False, True], ids=["live", "always replay"])
async def test_every_call_is_a_step(house_of: HouseOf, script: Script, *, always: bool) -> None:
    """A model call is a closure step, a tool call the ordinary step of its function."""
    house = await house_of(BOTS, sqlite=True)
    script.says([Call("search", {"query": "LHR"})], ["It is ", "X1."])
    run = await house.start(FLOWS.asks, "fly me")
    await house.worker(always_replay=always).run_until_idle()
    result = await run.result()
    assert (result.output, result.turn, len(result.steps)) == ("It is X1.", "1", 2)
    assert await house.log(run) == ORDER
    names = [getattr(one.event, "operation_id", None) for one in await house.world.history(run.id)]
    assert names[2:5] == ["bot__model.request_stream#0", "search#0", "bot__model.request_stream#1"]
    assert script.calls == [("scripted", 0), ("search", "LHR"), ("scripted", 1)]
    await house.replayed(run, BOTS)
    assert len(script.calls) == 3


async def test_readers_see_it_while_it_comes(house_of: HouseOf, script: Script) -> None:
    house = await house_of(BOTS)
    script.says([Call("search", {"query": "LHR"})], ["It is ", "X1."])
    run = await house.start(FLOWS.asks, "fly me")
    await house.worker().run_until_idle()
    assert await house.frames(run) == [
        {"type": "start", "messageMetadata": {"wfc": f"{run.id}~1"}},
        {"type": "start-step"},
        {"type": "tool-input-start", "toolCallId": "c1", "toolName": "search"},
        {"type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": '{"query": "LHR"}'},
        {
            "type": "tool-input-available", "toolCallId": "c1", "toolName": "search",
            "input": {"query": "LHR"},
        },
        {
            "type": "tool-output-available", "toolCallId": "c1",
            "output": [{"number": "X1", "cents": 100}],
        },
        {"type": "finish-step"},
        {"type": "start-step"},
        {"type": "text-start", "id": "t1.s2.p1"},
        {"type": "text-delta", "id": "t1.s2.p1", "delta": "It is "},
        {"type": "text-delta", "id": "t1.s2.p1", "delta": "X1."},
        {"type": "text-end", "id": "t1.s2.p1"},
        {"type": "finish-step"},
        {"type": "finish"},
    ]  # fmt: skip
    assert await house.is_closed(run)


async def test_without_a_stream_nothing_is_written(house_of: HouseOf, script: Script) -> None:
    house = await house_of(BOTS)
    script.says(["Hi."])
    run = await house.start(FLOWS.quiet, "fly me")
    await house.worker().run_until_idle()
    result = await run.result()
    assert (result.output, result.turn) == ("Hi.", None)
    assert await run.streams() == []
    names = [getattr(one.event, "operation_id", None) for one in await house.world.history(run.id)]
    assert "bot__model.request#0" in names


async def test_a_tool_may_take_the_context(house_of: HouseOf, script: Script) -> None:
    """It gets copies: classes of its own module, and what it changes is lost, live as replayed."""
    house = await house_of(BOTS)
    flight = {"number": "X1", "cents": 100}
    script.says(
        [Call("book", {"flight": flight})], [Call("book", {"flight": flight}, "c2")], ["ok"]
    )
    run = await house.start(FLOWS.asks, "book it")
    await house.worker().run_until_idle()
    result = await run.result()
    assert [one.content for one in result.tool_results] == ["booked X1 for Ada"] * 2
    seen = ("book", "agent_bots", "X1", {"name": "Ada"})
    assert [one for one in script.calls if one[0] == "book"] == [seen, seen]
    names = [getattr(one.event, "operation_id", None) for one in await house.world.history(run.id)]
    assert "bot__function_toolset__<agent>.call_tool.book#1" in names
    await house.replayed(run, BOTS)


async def test_a_tool_may_be_workflow_code(house_of: HouseOf, script: Script) -> None:
    """It may sleep for days and call steps; siblings start together."""
    house = await house_of(BOTS)
    script.says([Call("nap", {"seconds": 86400}), Call("double", {"number": 4}, "c2")], ["rested"])
    run = await house.start(FLOWS.asks, "rest")
    await house.worker().run_until_idle()
    assert (await house.log(run))[-1] == "wait_created"
    house.advance(days=1)
    await house.worker().run_until_idle()
    result = await run.result()
    assert [one.content for one in result.tool_results] == ["rested, 1", 8]
    assert script.calls == [("scripted", 0), ("search", "after a nap"), ("scripted", 1)]
    await house.replayed(run, BOTS)


async def test_an_output_may_have_a_type(house_of: HouseOf, script: Script) -> None:
    """What does not fit goes back to the model."""
    house = await house_of(BOTS)
    script.says(
        [Call("final_result", {"number": "X1"})],
        [Call("final_result", {"number": "X1", "cents": 7}, "c2")],
    )
    run = await house.start(FLOWS.structured, "fly me")
    await house.worker().run_until_idle()
    assert await run.result() == FLOWS.Flight(number="X1", cents=7)
    kinds = [one["type"] for one in await house.frames(run)]
    assert kinds.count("tool-input-error") == 1
    assert kinds[-2:] == ["finish-step", "finish"]
    await house.replayed(run, BOTS)


async def test_an_output_that_never_fits_fails_the_run(house_of: HouseOf, script: Script) -> None:
    """What was said last is told."""
    house = await house_of(BOTS)
    script.says(
        [Call("final_result", {"number": "X1"})], [Call("final_result", {"number": "X2"}, "c2")]
    )
    run = await house.start(FLOWS.structured, "fly me")
    await house.worker().run_until_idle()
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert isinstance(caught.value.cause, AgentOutputError)
    assert caught.value.cause.text == '{"number":"X2"}'


async def test_a_model_is_tried_again(house_of: HouseOf, script: Script) -> None:
    """Readers are told that the step begins anew; each attempt is an event."""
    house = await house_of(BOTS)
    script.says(["Hi."])
    script.troubles = [ModelHTTPError(503, "scripted", headers={"retry-after": "60"})]
    run = await house.start(FLOWS.asks, "fly me")
    worker = house.worker()
    await worker.run_until_idle()
    house.advance(seconds=59)
    await worker.run_until_idle()
    assert (await house.log(run))[-1] == "step_retrying"
    house.advance(seconds=1)
    await worker.run_until_idle()
    assert (await run.result()).output == "Hi."
    assert [one["type"] for one in await house.frames(run)][:4] == [
        "start", "start-step", "reset-step", "text-start",
    ]  # fmt: skip
    assert len(script.calls) == 2


async def test_what_a_model_refuses_is_not_tried_again(house_of: HouseOf, script: Script) -> None:
    """The run fails with the error's own class, and its stream says so in words for the public."""
    house = await house_of(BOTS)
    script.says(["Hi."])
    script.troubles = [ModelHTTPError(400, "scripted", body={"no": "way"})]
    run = await house.start(FLOWS.asks, "fly me")
    await house.worker().run_until_idle()
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert isinstance(caught.value.cause, ModelHTTPError)
    assert caught.value.cause.status_code == 400
    assert (await house.frames(run))[-3:] == [
        {"type": "finish-step"},
        {"type": "error", "errorText": f"The agent could not finish (run {run.id})."},
        {"type": "finish", "finishReason": "error"},
    ]
    assert await house.is_closed(run)
    assert len(script.calls) == 1


async def test_the_model_is_told_of_a_tool_that_failed(house_of: HouseOf, script: Script) -> None:
    house = await house_of(BOTS)
    script.says([Call("search", {"query": "LHR"})], ["sorry"])
    run = await house.start(FLOWS.asks, "fly me")
    worker = house.worker()
    _fail_tool(script, ValueError("no net"), 3)
    for _ in range(4):
        await worker.run_until_idle()
        house.advance(minutes=1)
    result = await run.result()
    (told,) = result.tool_results
    assert "no net" in str(told.content)
    assert told.outcome == "failed"
    assert [one["type"] for one in await house.frames(run)].count("tool-output-error") == 1
    await house.replayed(run, BOTS)


def _fail_tool(script: Script, error: Exception, times: int) -> None:
    """Let the tool fail and not the model."""
    reply = script.reply

    def says(name: str, messages: Any, info: Any) -> Any:
        found = reply(name, messages, info)
        if not script.troubles and len(script.requests) == 1:
            script.troubles = [error] * times
        return found

    script.reply = says  # type: ignore[method-assign]  # around the real one


async def test_a_tool_may_fail_its_run(house_of: HouseOf, script: Script) -> None:
    house = await house_of(BOTS)
    script.says([Call("search", {"query": "LHR"})], ["sorry"])
    _fail_tool(script, ValueError("no net"), 3)
    run = await house.start(FLOWS.limited, "fly me")
    for _ in range(4):
        await house.worker().run_until_idle()
        house.advance(minutes=1)
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert str(caught.value.cause) == "no net"


async def test_a_request_too_many_fails_the_run(house_of: HouseOf, script: Script) -> None:
    house = await house_of(BOTS)
    script.says(*[[Call("search", {"query": str(n)}, f"c{n}")] for n in range(4)])
    run = await house.start(FLOWS.limited, "fly me")
    await house.worker().run_until_idle()
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert isinstance(caught.value.cause, UsageLimitExceeded)


async def test_an_agent_stops_when_it_is_told(house_of: HouseOf, script: Script) -> None:
    """What its tools came to stands in its messages."""
    house = await house_of(BOTS)
    script.says([Call("search", {"query": "LHR"})])
    run = await house.start(FLOWS.stops, "fly me")
    await house.worker().run_until_idle()
    result = await run.result()
    assert (result.finish_reason, len(result.steps)) == ("stopped", 1)
    assert result.tool_results[0].tool_name == "search"
    assert [one["type"] for one in await house.frames(run)][-2:] == ["finish-step", "finish"]
    await house.replayed(run, BOTS)


async def test_two_agents_may_speak_at_the_same_time(house_of: HouseOf, script: Script) -> None:
    house = await house_of(BOTS)
    script.says(["Hi."])
    run = await house.start(FLOWS.both, "fly me")
    await house.worker().run_until_idle()
    assert await run.result() == ["Hi.", "Hi."]
    for turn in ("1", "2"):
        assert (await house.frames(run, turn))[-1] == {"type": "finish"}
    await house.replayed(run, BOTS)


async def test_outside_of_a_workflow_it_does_not_stream() -> None:
    with pytest.raises(OutsideWorkflow, match=r"bot\.agent\.run"):
        await FLOWS.bot.stream("hi")


async def test_outside_of_a_workflow_the_agent_is_a_plain_one(script: Script) -> None:
    script.says([Call("search", {"query": "LHR"})], ["It is X1."])
    found = await FLOWS.bot.agent.run("fly me", deps={"name": "Ada"})
    assert found.output == "It is X1."
    assert script.calls == [("scripted", 0), ("search", "LHR"), ("scripted", 1)]
