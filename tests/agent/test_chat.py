"""Conversations: turns that come one by one, and the run that waits between them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.agent.conftest import Agents, HouseOf
from tests.agent.models import Call, Script
from tests.runtime.programs import Program
from wfc.agent import Chat, Post, Principal
from wfc.errors import RunFailed, StreamTooLarge
from wfc.ids import RunId
from wfc.runtime.hook_door import send
from wfc.runtime.run import Run
from wfc.runtime.writable import (
    THE_TURN,
    UI_CHUNK_BYTES_MAX,
    StreamName,
    Writable,
    get_writable,
)

CHATS = Program(
    "agent_chats",
    '''
    """Conversations under test."""
    import sys

    import wfc
    from wfc import get_writable
    from wfc.agent import Chat, DurableAgent


    async def look(city: str) -> str:
        """Look at the weather."""
        "use step"
        await get_writable(turn=True).write({"type": "data-note", "data": {"city": city}})
        return "sunny"


    bot = DurableAgent("bot", wfc.scripted, tools=[look])


    async def support(chat: Chat) -> str:
        "use workflow"
        heard = []
        async for turn in chat.turns(idle="1 day"):
            heard.append(f"{turn.number} {turn.text}")
            await bot.stream(turn)
        return ", ".join(heard)


    async def endless(chat: Chat, name: str = "x") -> None:
        "use workflow"
        async for turn in chat.turns(rollover_events=3):
            await bot.stream(turn)


    async def short(history: list) -> list:
        return history[-1:]


    async def compacted(chat: Chat) -> None:
        "use workflow"
        async for turn in chat.turns(rollover_bytes=10, compact=short):
            await bot.stream(turn)


    async def twice(chat: Chat, *, close: bool = True) -> list:
        "use workflow"
        async for turn in chat.turns():
            first = await bot.stream(turn, close=close, send_finish=close)
            second = await bot.stream(turn)
            return [first.output, second.output, len(second.messages)]
        return []


    async def open_twice(chat: Chat) -> list:
        "use workflow"
        return await twice(chat, close=False)


    async def looks_alone(city: str) -> str:
        "use workflow"
        return await look(city)


    async def silent(chat: Chat) -> None:
        "use workflow"
        async for turn in chat.turns(idle="1 day"):
            pass
    ''',
)
FLOWS: Any = CHATS.module


def said(text: str, turn: str = "1") -> Post:
    message = {"id": f"m{turn}", "role": "user", "parts": [{"type": "text", "text": text}]}
    return Post(turn=turn, message=message)


def chat(text: str) -> Chat:
    return Chat(id="c1", principal=Principal("ada"), first=said(text))


async def post(house: Agents, run: Run[Any], text: str, turn: str) -> None:
    client: Any = house.session
    await send(client, f"chat:{run.id}", said(text, turn), idempotency_id=f"turn:{turn}")


@pytest.mark.parametrize("always", [False, True], ids=["live", "always replay"])
async def test_turn_follows_turn(house_of: HouseOf, script: Script, *, always: bool) -> None:
    """Each has a stream of its own; what was said before comes from our own records."""
    house = await house_of(CHATS)
    script.says(["Hi ", "Ada."], ["Bye."])
    run = await house.start(FLOWS.support, chat("hello"))
    await house.worker(always_replay=always).run_until_idle()
    assert (await house.frames(run))[-1] == {"type": "finish"}
    await post(house, run, "bye", "2")
    await house.worker(always_replay=always).run_until_idle()
    assert [one.get("delta") for one in await house.frames(run, "2") if "delta" in one] == ["Bye."]
    assert await house.is_closed(run, "2")
    (asked,) = [
        part.content for part in script.requests[1][0].parts if part.part_kind == "user-prompt"
    ]
    assert asked == "hello"
    assert len(script.requests[1]) == 3
    house.advance(days=2)
    await house.worker(always_replay=always).run_until_idle()
    assert await run.result() == "1 hello, 2 bye"
    await house.replayed(run, CHATS)
    assert script.calls == [("scripted", 0), ("scripted", 1)]


async def test_a_step_may_write_to_the_turn(house_of: HouseOf, script: Script) -> None:
    house = await house_of(CHATS)
    script.says([Call("look", {"city": "Rome"})], ["Sunny."])
    run = await house.start(FLOWS.support, chat("weather?"))
    await house.worker().run_until_idle()
    kinds = [one["type"] for one in await house.frames(run)]
    assert kinds.index("tool-output-available") > kinds.index("data-note")


async def test_where_no_turn_is_open_there_is_none_to_write_to(
    house_of: HouseOf, script: Script
) -> None:
    house = await house_of(CHATS)
    run = await house.start(FLOWS.looks_alone, "Rome")
    for _ in range(4):
        await house.worker().run_until_idle()
        house.advance(minutes=1)
    with pytest.raises(RunFailed, match="no turn of an agent is open"):
        await run.result("20s")


@pytest.mark.parametrize(
    "frame",
    [{"type": "text-delta", "delta": "x"}, {"type": "data-x"}, {"data": 1}, "x", {"type": 3}],
)
async def test_only_data_may_be_written_to_a_turn(frame: Any) -> None:
    """Anything else would break its readers."""
    out: Writable[Any] = Writable(StreamName(RunId("r"), THE_TURN))
    with pytest.raises(ValueError, match="data-"):
        out._frame(frame)


def test_what_is_written_to_a_turn_is_bounded() -> None:
    out: Writable[Any] = Writable(StreamName(RunId("r"), THE_TURN))
    assert out._frame({"type": "data-x", "data": 1}).body == b'{"type":"data-x","data":1}'
    with pytest.raises(StreamTooLarge):
        out._frame({"type": "data-x", "data": "x" * UI_CHUNK_BYTES_MAX})
    with pytest.raises(ValueError, match="names two streams"):
        get_writable(namespace="x", turn=True)


async def test_a_long_chat_begins_anew(house_of: HouseOf, script: Script) -> None:
    """Same run, same hook: what came meanwhile is answered in the next chapter, history known."""
    house = await house_of(CHATS)
    script.says(["Hi."], ["Two."], ["Three."], ["Four."])
    run = await house.start(FLOWS.endless, chat("one"), "y")
    await house.worker().run_until_idle()
    for turn, text in (("2", "two"), ("3", "three"), ("4", "four")):
        await post(house, run, text, turn)
    await house.worker().run_until_idle()
    log = await house.log(run)
    assert log.count("run_restarted") >= 1
    for turn in "1234":
        assert (await house.frames(run, turn))[-1] == {"type": "finish"}
    assert len(script.requests[3]) == 7
    assert [one[1] for one in script.calls] == [0, 1, 2, 3]


async def test_a_turn_that_nobody_answers_is_finished(house_of: HouseOf, script: Script) -> None:
    house = await house_of(CHATS)
    run = await house.start(FLOWS.silent, chat("hello"))
    await house.worker().run_until_idle()
    assert [one["type"] for one in await house.frames(run)] == ["start", "finish"]
    assert await house.is_closed(run)


async def test_a_chat_may_be_made_shorter(house_of: HouseOf, script: Script) -> None:
    """By a step of its own, between two chapters."""
    house = await house_of(CHATS)
    script.says(["Hi."], ["Two."])
    run = await house.start(FLOWS.compacted, chat("one"))
    await house.worker().run_until_idle()
    assert (await house.log(run)).count("run_restarted") == 1
    await post(house, run, "two", "2")
    await house.worker().run_until_idle()
    assert [len(messages) for messages in script.requests] == [1, 2]
    assert (await house.frames(run, "2"))[-1] == {"type": "finish"}


async def test_two_agents_may_speak_in_one_turn(house_of: HouseOf, script: Script) -> None:
    """Each answers the user; the first leaves the stream open, and the last is remembered."""
    house = await house_of(CHATS)
    script.says(["Hi."], ["Ho."])
    run = await house.start(FLOWS.open_twice, chat("one"))
    await house.worker().run_until_idle()
    assert await run.result("20s") == ["Hi.", "Hi.", 2]
    assert len(script.calls) == 2
    kinds = [one["type"] for one in await house.frames(run)]
    assert (kinds.count("start"), kinds.count("finish"), kinds[-1]) == (1, 1, "finish")
    other = await house.start(FLOWS.twice, chat("one"))
    await house.worker().run_until_idle()
    with pytest.raises(RunFailed, match="is finished"):
        await other.result("20s")
