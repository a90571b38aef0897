"""However an agent's run ends, its stream ends with `finish`, and every part of it is closed."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from typing import Any

import pytest

from tests.agent.conftest import HouseOf
from tests.agent.models import Call, Script
from tests.runtime.house import until
from tests.runtime.programs import Program
from wfc.agent.dangling import closing
from wfc.errors import RunCancelled, RunFailed, StepTimeout
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import StepFailed

ENDING = Program(
    "agent_ending",
    '''
    """Agents that are ended."""
    import sys

    import wfc
    from wfc import sleep
    from wfc.agent import DurableAgent


    async def note(what: str) -> None:
        "use step"
        sys.script.calls.append(what)


    async def search(query: str) -> str:
        """Search."""
        "use step"
        sys.script.calls.append(("search", query))
        if sys.script.hold is not None:
            await sys.script.hold()
        return "X1"


    async def nap(days: int) -> str:
        """Nap."""
        await sleep(86400 * days)
        return "rested"


    async def aborted() -> None:
        await note("aborted")


    async def failed(error: Exception) -> None:
        await note("failed")


    async def ended(result: object) -> None:
        await note("ended")


    bot = DurableAgent(
        "bot",
        wfc.scripted,
        tools=[search, nap],
        approval={"search": lambda ctx, args: args["query"] == "ask"},
        on_abort=aborted,
        on_error=failed,
        on_end=ended,
    )


    async def asks(question: str) -> str:
        "use workflow"
        return (await bot.stream(question)).output


    async def in_time(question: str) -> list:
        "use workflow"
        result = await bot.stream(question, timeout="1 day")
        return [result.output, result.finish_reason, len(result.messages)]


    async def unseen(question: str) -> list:
        "use workflow"
        result = await bot.stream(question, timeout="1 day", stream_to=None)
        return [result.output, result.finish_reason]


    async def naps(question: str) -> str:
        "use workflow"
        return (await bot.stream(question)).output
    ''',
)
FLOWS: Any = ENDING.module


async def test_a_model_is_cancelled_in_mid_answer(house_of: HouseOf, script: Script) -> None:
    """Its call is given up at once; what it had begun is closed, then comes the end."""
    house = await house_of(ENDING, sqlite=True)
    gate, entered = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        entered.set()
        await gate.wait()

    script.hold = hold
    script.says(["Let me ", "think"])
    await house.embedded()
    run = await house.start(FLOWS.asks, "fly me")
    await entered.wait()

    async def first_words() -> bool:
        return any("delta" in one for one in await house.frames(run))

    async with asyncio.timeout(30):
        while not await first_words():  # noqa: ASYNC110 - the stream of another connection
            await asyncio.sleep(0.005)
    await run.cancel("enough")
    with pytest.raises(RunCancelled):
        await run.result("20s")
    assert await house.frames(run) == [
        {"type": "start", "messageMetadata": {"wfc": f"{run.id}~1"}},
        {"type": "start-step"},
        {"type": "text-start", "id": "t1.s1.p1"},
        {"type": "text-delta", "id": "t1.s1.p1", "delta": "Let me "},
        {"type": "text-end", "id": "t1.s1.p1"},
        {"type": "finish-step"},
        {"type": "abort", "reason": "The agent was cancelled."},
        {"type": "finish"},
    ]
    assert await house.is_closed(run)
    assert script.calls == [("scripted", 0), "aborted"]


async def test_an_agent_is_cancelled_while_it_waits(house_of: HouseOf, script: Script) -> None:
    """Its approvals are disposed of; the call that waited is told off."""
    house = await house_of(ENDING)
    script.says([Call("nap", {"days": 9})])
    run = await house.start(FLOWS.asks, "rest")
    await house.worker().run_until_idle()
    await run.cancel()
    await house.worker().run_until_idle()
    assert await run.status() is RunStatus.CANCELLED
    assert [one["type"] for one in await house.frames(run)][-4:] == [
        "tool-output-error", "finish-step", "abort", "finish",
    ]  # fmt: skip


async def test_who_is_asked_is_asked_no_more(house_of: HouseOf, script: Script) -> None:
    house = await house_of(ENDING)
    script.says([Call("search", {"query": "ask"})])
    run = await house.start(FLOWS.asks, "rest")
    await house.worker().run_until_idle()
    await run.cancel()
    await house.worker().run_until_idle()
    log = await house.log(run)
    assert (log[-1], log.count("hook_created")) == ("run_cancelled", 1)
    assert [one["type"] for one in await house.frames(run)][-1] == "finish"


async def test_force_runs_no_code_and_still_finishes(house_of: HouseOf, script: Script) -> None:
    house = await house_of(ENDING)
    script.says([Call("nap", {"days": 9})])
    run = await house.start(FLOWS.asks, "rest")
    await house.worker().run_until_idle()
    await run.cancel(force=True)
    assert [one["type"] for one in await house.frames(run)][-2:] == ["abort", "finish"]
    assert await house.is_closed(run)
    assert "aborted" not in script.calls


async def test_a_failure_is_told_and_called_back(house_of: HouseOf, script: Script) -> None:
    house = await house_of(ENDING)
    script.says()
    run = await house.start(FLOWS.asks, "fly me")
    for _ in range(4):
        await house.worker().run_until_idle()
        house.advance(minutes=1)
    with pytest.raises(RunFailed):
        await run.result()
    assert script.calls[-2:] == ["failed", "ended"]
    assert [one["type"] for one in await house.frames(run)][-2:] == ["error", "finish"]


@pytest.mark.parametrize("days", [3, 0])
async def test_the_time_of_an_agent_may_be_over(
    house_of: HouseOf, script: Script, days: int
) -> None:
    """That is no error: the result says so."""
    house = await house_of(ENDING)
    script.says([Call("nap", {"days": days})], ["Done."])
    run = await house.start(FLOWS.in_time, "rest")
    await house.worker().run_until_idle()
    house.advance(days=days)
    await house.worker().run_until_idle()
    result = await run.result()
    if days:
        assert result == [None, "timeout", 3]
        assert [one["type"] for one in await house.frames(run)][-3:] == [
            "finish-step", "abort", "finish",
        ]  # fmt: skip
        assert script.calls[-2:] == ["aborted", "ended"]
    else:
        assert result == ["Done.", None, 4]
    await house.replayed(run, ENDING)


async def test_a_model_that_takes_all_the_time_is_given_up(
    house_of: HouseOf, script: Script
) -> None:
    """Its attempts share what is left: none follows after the end."""
    house = await house_of(ENDING)
    script.says(["Done."])
    reply = script.reply

    def late(name: str, messages: Any, info: Any) -> Any:
        reply(name, messages, info)
        house.advance(days=2)
        raise StepTimeout("too long")

    script.reply = late  # type: ignore[method-assign]  # around the real one
    for workflow in (FLOWS.in_time, FLOWS.unseen):
        run = await house.start(workflow, "rest")
        await house.worker().run_until_idle()
        assert (await run.result("20s"))[:2] == [None, "timeout"]
        (failed,) = await house.events(run, StepFailed)
        assert failed.created.policy.total_s == 86_400
        await house.replayed(run, ENDING)
    assert [one for one in script.calls if isinstance(one, tuple)] == [("scripted", 0)] * 2


async def test_an_agent_that_nobody_sees_may_be_cancelled(
    house_of: HouseOf, script: Script
) -> None:
    house = await house_of(ENDING)
    script.says([Call("nap", {"days": 9})])
    run = await house.start(FLOWS.unseen, "rest")
    await house.worker().run_until_idle()
    await run.cancel()
    await house.worker().run_until_idle()
    assert await run.status() is RunStatus.CANCELLED
    assert script.calls == [("scripted", 0), "aborted"]
    script.says()
    other = await house.start(FLOWS.unseen, "rest")
    for _ in range(4):
        await house.worker().run_until_idle()
        house.advance(minutes=1)
    with pytest.raises(RunFailed):
        await other.result("20s")
    assert script.calls[-2:] == ["failed", "ended"]


async def test_dropped_agents_leave_nothing_behind(house_of: HouseOf, script: Script) -> None:
    """No code of theirs runs, no task of anyio spins, no step is asked for."""
    house = await house_of(ENDING)
    script.says([Call("nap", {"days": 9})])
    runs = [await house.start(FLOWS.naps, "rest") for _ in range(20)]
    worker = house.worker(executions=0)
    await worker.run_until_idle()
    gc.collect()
    assert script.calls == [("scripted", 0)] * 20
    for run in runs:
        assert (await house.log(run))[-1] == "wait_created"
    await until(lambda: not worker.owned.active)


DROPS = """
import asyncio, gc, sys
from tests.agent.models import Call, Script
from tests.agent.test_ending import ENDING, FLOWS
from tests.runtime.house import House
from wfc.clock import VirtualClock
from wfc.worlds.open import open_world
from wfc.runtime.execution import Execution

async def main(count):
    sys.script = Script()
    sys.script.says([Call("nap", {"days": 9})])
    clock = VirtualClock()
    world = open_world("memory:", clock)
    await world.open()
    house = await House(world, clock, ENDING.version).open()
    run = await house.start(FLOWS.naps, "rest")
    worker = house.worker()
    await worker.run_until_idle()
    history = await world.history(run.id)
    template = await worker.registry.template(
        world, ENDING.version.id, history[0].event.workflow
    )
    kept = []
    for _ in range(count):
        execution = Execution(template, run.id, history[0])
        execution.deliver(history)
        kept.append(execution)
    for execution in kept:
        execution.drop()
    del kept, execution
    gc.collect()
    await house.close()
    print(len(sys.script.calls))

asyncio.run(main(int(sys.argv[1])))
"""


@pytest.mark.soak
@pytest.mark.parametrize("count", [1000])
def test_a_process_that_dropped_agents_exits_clean(count: int) -> None:
    """Asyncio's own exit finds nothing of them that would go on, and neither does the collector."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", DROPS, str(count)],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "1\n", "")


def test_what_is_open_is_closed() -> None:
    """A call that was announced is answered, one that was not is taken back."""
    frames: list[dict[str, Any]] = [
        {"type": "start-step"},
        {"type": "text-start", "id": "p1"},
        {"type": "text-end", "id": "p1"},
        {"type": "reasoning-start", "id": "p2"},
        {"type": "tool-input-start", "toolCallId": "c1", "toolName": "search"},
        {"type": "tool-input-available", "toolCallId": "c1"},
        {"type": "tool-input-start", "toolCallId": "c2", "toolName": "nap"},
        {"type": "tool-input-start", "toolCallId": "c3", "toolName": "nap"},
        {"type": "tool-input-available", "toolCallId": "c3"},
        {"type": "tool-output-available", "toolCallId": "c3", "output": 1},
    ]
    assert [(one["type"], one.get("id", one.get("toolCallId"))) for one in closing(frames)] == [
        ("reasoning-end", "p2"), ("tool-output-error", "c1"), ("tool-input-error", "c2"),
    ]  # fmt: skip
    reset = [*frames, {"type": "reset-step"}]
    assert [one["toolCallId"] for one in closing(reset)] == ["c1"]
