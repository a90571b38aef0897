"""Conversations: turns that come one by one, and the run that waits between them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.agent.conftest import Agents, HouseOf
from tests.agent.models import Call, Script
from tests.runtime.programs import Program
from wfc.agent import Chat, Post, Principal
from wfc.agent.posting import post as post_at
from wfc.agent.posting import turns_of
from wfc.runtime.hook_door import send
from wfc.runtime.run import Run

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


async def test_messages_are_numbered_at_the_door(house_of: HouseOf, script: Script) -> None:
    """Of two that race for a number the second takes the next; who repeats itself is known."""
    house = await house_of(CHATS)
    script.says(["One."], ["Two."], ["Three."])
    run = await house.start(FLOWS.support, chat("one"))
    await house.worker().run_until_idle()
    client: Any = house.session
    first, again = dict(said("two", "a").message), dict(said("three", "b").message)
    turns = await asyncio.gather(post_at(client, run.id, first), post_at(client, run.id, again))
    assert sorted(turns) == ["2", "3"]
    assert await post_at(client, run.id, first) == turns[0]
    assert await post_at(client, run.id, said("one").message) == "1"
    await house.worker().run_until_idle()
    assert await turns_of(client, run.id) == {"m1": "1", "ma": turns[0], "mb": turns[1]}
    for turn in ("2", "3"):
        assert (await house.frames(run, turn))[-1] == {"type": "finish"}
