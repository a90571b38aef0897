"""Durable or plain, an agent comes to the same; and its log grows with what is said alone."""

from __future__ import annotations

from typing import Any

from pydantic_ai.messages import ModelMessagesTypeAdapter

from tests.agent.conftest import Agents, HouseOf
from tests.agent.models import Call, Script
from tests.agent.test_agent import BOTS
from tests.agent.test_chat import CHATS, chat, post
from wfc.eventlog import wire

SCENARIOS: list[list[Any]] = [
    [["Hi."]],
    [[Call("search", {"query": "LHR"}), Call("double", {"number": 4}, "c2")], ["X1, ", "8."]],
    [[Call("double", {"number": "four"})], [Call("double", {"number": 4}, "c2")], ["8."]],
    [[Call("vanish", {})], ["No such tool."]],
]
_DIFFER = ("timestamp", "run_id", "conversation_id")


def without_times(messages: Any) -> Any:
    """Leave out what no two runs have in common."""
    plain = ModelMessagesTypeAdapter.dump_python(list(messages), mode="json")
    return _stripped(plain)


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _stripped(each) for name, each in value.items() if name not in _DIFFER}
    return [_stripped(each) for each in value] if isinstance(value, list) else value


async def hear(_context: Any, events: Any) -> None:
    """Let the model of a plain agent stream."""
    async for _ in events:
        pass


async def test_durable_agents_come_to_what_plain_ones_do(house_of: HouseOf, script: Script) -> None:
    house = await house_of(BOTS)
    for replies in SCENARIOS:
        script.says(*replies)
        for workflow, hears in ((BOTS.module.quiet, None), (BOTS.module.asks, hear)):
            plain = await BOTS.module.bot.agent.run(
                "fly me", deps={"name": "Ada"}, event_stream_handler=hears
            )
            run = await house.start(workflow, "fly me")
            await house.worker().run_until_idle()
            durable = await run.result("20s")
            assert durable.output == plain.output
            assert durable.usage == plain.usage
            assert without_times(durable.messages) == without_times(plain.all_messages())


async def test_a_log_grows_by_what_is_said(house_of: HouseOf, script: Script) -> None:
    """Not by what was said before: prompts are never recorded."""
    turns = 40
    house = await house_of(CHATS)
    script.says(*[[f"answer {number:03}"] for number in range(turns)])
    run = await house.start(CHATS.module.support, chat("message 000"))
    worker = house.worker()
    sizes = []
    for turn in range(2, turns + 1):
        await worker.run_until_idle()
        sizes.append(await _bytes(house, run))
        await post(house, run, f"message {turn:03}", str(turn))
    await worker.run_until_idle()
    sizes.append(await _bytes(house, run))
    half = turns // 2
    assert sizes[-1] - sizes[half - 1] <= 1.1 * sizes[half - 1]
    events = len(await house.world.history(run.id, 0, 2000))
    assert events <= 5 * turns + 5
    script.calls.clear()


async def test_chunks_are_no_events(house_of: HouseOf, script: Script) -> None:
    """An answer of a thousand words and one of one word have equally many events."""
    house = await house_of(BOTS)
    lengths = []
    for words in (1, 1000):
        script.says(["word "] * words)
        run = await house.start(BOTS.module.asks, "talk")
        await house.worker().run_until_idle()
        await run.result("20s")
        lengths.append(len(await house.log(run)))
    assert lengths[0] == lengths[1] == 4


async def _bytes(house: Agents, run: Any) -> int:
    return sum(
        len(wire.encode(one.recorded_at, one.event))
        for one in await house.world.history(run.id, 0, 2000)
    )
