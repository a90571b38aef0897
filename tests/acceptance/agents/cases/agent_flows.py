"""A conversation that is killed at every point: tools at the same time, retries, an approval, an
agent within the agent, a typed answer, and a restart in between.
"""

import asyncio
from typing import Any

from agent_models import TALKER, THINKER, journal
from pydantic import BaseModel
from pydantic_ai.messages import ModelMessage

from wfc import get_step_metadata
from wfc.agent import Chat, DurableAgent, Post
from wfc.api import Run, list_hooks, resume_hook
from wfc.errors import HookNotFound


class Farewell(BaseModel):
    """How it ends."""

    text: str
    count: int


async def search(query: str) -> str:
    """Search."""
    "use step"
    journal("begin")
    journal("end")
    return f"{query}: X1"


async def flaky(number: int) -> int:
    """Fail once."""
    "use step"
    journal("begin")
    if get_step_metadata().attempt == 1:
        raise ValueError("not yet")
    journal("end")
    return 2 * number


async def book(flight: str) -> str:
    """Book."""
    "use step"
    journal("begin")
    journal("end")
    return f"booked {flight}"


thinker = DurableAgent("thinker", THINKER)


async def ask(question: str) -> str:
    """Ask somebody who thinks."""
    return (await thinker.stream(question)).output


bot = DurableAgent("bot", TALKER, tools=[search, flaky, book, ask], approval={"book": True})


def told(messages: list[ModelMessage]) -> list[Any]:
    """Say what was said, without the times at which it was."""
    return [
        [
            [part.part_kind, str(getattr(part, "content", None) or getattr(part, "args", None))]
            for part in message.parts
        ]
        for message in messages
    ]


async def talks(chat: Chat) -> list[Any]:
    "use workflow"
    async for turn in chat.turns(rollover_events=10):
        kind = Farewell if turn.number == "3" else None
        result = await bot.stream(turn, output_type=kind)
        if turn.number == "3":
            farewell: Any = result.output
            return [farewell.text, farewell.count, told(list(result.messages))]
    return []


def said(number: int) -> Post:
    """What the user writes."""
    parts = [{"type": "text", "text": f"message {number}"}]
    return Post(turn=str(number), message={"id": f"m{number}", "role": "user", "parts": parts})


ARGUMENTS = {"talks": (Chat(id="c1", first=said(1)),)}


async def drive(run: Run[Any]) -> None:
    """Be the user, and whoever approves: all is said at once, and again after each kill."""
    posted = 1
    while True:
        if posted < 3:
            try:
                await resume_hook(
                    f"chat:{run.id}", said(posted + 1), idempotency_id=f"turn:{posted + 1}"
                )
                posted += 1
            except HookNotFound:
                pass
        for hook in (await list_hooks(run=run.id)).items:
            if hook.id.startswith("apr_") and hook.status == "active":
                await resume_hook(hook.id, {"approved": True}, idempotency_id=f"yes:{hook.id}")
        await asyncio.sleep(0.005)
