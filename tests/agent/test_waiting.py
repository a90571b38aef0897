"""Tools that wait: the run is suspended, and readers see for what."""

from __future__ import annotations

from typing import Any

import pytest

from tests.agent.conftest import HouseOf
from tests.agent.models import Call, Script
from tests.runtime.programs import Program
from wfc.agent import sleep_tool
from wfc.errors import HookPayloadInvalid
from wfc.eventlog.event import HookCreated
from wfc.runtime.hook_door import send

WAITING = Program(
    "agent_waiting",
    '''
    """Agents that wait."""
    import wfc
    from pydantic import BaseModel
    from wfc.agent import DurableAgent, sleep_tool, webhook_tool


    class Answer(BaseModel):
        yes: bool


    bot = DurableAgent(
        "bot", wfc.scripted, tools=[sleep_tool(max="2 days"), webhook_tool("answer", Answer)]
    )


    async def waits(question: str) -> list:
        "use workflow"
        result = await bot.stream(question)
        return [one.content for one in result.tool_results]
    ''',
)
FLOWS: Any = WAITING.module


async def test_a_model_may_let_its_run_sleep(house_of: HouseOf, script: Script) -> None:
    house = await house_of(WAITING)
    script.says([Call("sleep", {"duration": "1 day"})], ["Done."])
    run = await house.start(FLOWS.waits, "rest")
    await house.worker().run_until_idle()
    frames = await house.frames(run)
    (shown,) = [one for one in frames if one["type"] == "data-sleep"]
    assert shown["data"]["until"].startswith("20")
    assert frames[-1] == shown
    house.advance(days=1)
    await house.worker().run_until_idle()
    (said,) = await run.result()
    assert said == f"Slept until {shown['data']['until']}."
    await house.replayed(run, WAITING)


async def test_who_sleeps_may_be_woken(house_of: HouseOf, script: Script) -> None:
    house = await house_of(WAITING)
    script.says([Call("sleep", {"duration": "1 day"})], ["Done."])
    run = await house.start(FLOWS.waits, "rest")
    await house.worker().run_until_idle()
    assert await run.wake_up() == 1
    await house.worker().run_until_idle()
    (said,) = await run.result()
    assert said.startswith("Woken early")


async def test_too_long_a_sleep_goes_back_to_the_model(house_of: HouseOf, script: Script) -> None:
    house = await house_of(WAITING)
    script.says(
        [Call("sleep", {"duration": "3 days"})],
        [Call("sleep", {"duration": "long"}, "c2")],
        ["Then not."],
    )
    run = await house.start(FLOWS.waits, "rest")
    await house.worker().run_until_idle()
    log = await house.log(run)
    assert "wait_created" not in log
    assert len(script.calls) >= 2


async def test_a_model_may_wait_for_an_answer_from_outside(
    house_of: HouseOf, script: Script
) -> None:
    house = await house_of(WAITING)
    script.says([Call("answer")], ["Done."])
    run = await house.start(FLOWS.waits, "ask")
    await house.worker().run_until_idle()
    (hook,) = await house.events(run, HookCreated)
    (shown,) = [one for one in await house.frames(run) if one["type"] == "data-webhook"]
    assert shown["data"] == {"url": hook.url, "toolCallId": "c1"}
    client: Any = house.session
    with pytest.raises(HookPayloadInvalid):
        await send(client, hook.token, {"yes": "perhaps"}, as_json=True)
    await send(client, hook.token, {"yes": True}, as_json=True)
    await house.worker().run_until_idle()
    assert await run.result() == [{"yes": True}]
    await house.replayed(run, WAITING)


def test_what_is_no_duration_is_refused() -> None:
    with pytest.raises(ValueError, match="max"):
        sleep_tool(max="long")
