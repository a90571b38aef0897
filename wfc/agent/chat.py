"""Conversations: a workflow that is suspended between the turns of a chat.

The first message comes with the start, all others through one hook of the run. History is ours: it
is what agents have answered, rebuilt by replay, and never what a browser says it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    UserPromptPart,
)
from pydantic_ai.ui.vercel_ai import VercelAIAdapter
from pydantic_ai.ui.vercel_ai.request_types import UIMessage

from wfc import codec, create_hook, restart
from wfc.agent import stamps
from wfc.agent.durability import now
from wfc.agent.turn import Turn
from wfc.durations import Duration, seconds
from wfc.http.principal import Principal
from wfc.runtime import context
from wfc.runtime.live import Live

ROLLOVER_EVENTS: Final = 2_000
ROLLOVER_BYTES: Final = 8 << 20
Compact = Callable[[list[ModelMessage]], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message of a user, and the number of the turn that answers it.

    `message` is the browser's, as its JSON says it: ``{"id", "role": "user", "parts"}``.
    """

    turn: str
    message: Mapping[str, Any]

    @property
    def id(self) -> str:
        """What the browser calls the message."""
        return str(self.message.get("id", ""))


@dataclass(frozen=True, kw_only=True)
class Chat:
    """The argument of a workflow that holds a conversation: ``async for turn in chat.turns()``.

    `history` is what earlier chapters of the run have said, `first` the message it began with.
    """

    id: str
    principal: Principal | None = None
    first: Post | None = None
    history: tuple[Any, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    """What else the browser sent along with the first message."""

    async def turns(
        self,
        *,
        idle: Duration | None = None,
        rollover_events: int = ROLLOVER_EVENTS,
        rollover_bytes: int = ROLLOVER_BYTES,
        compact: Compact | None = None,
    ) -> AsyncIterator[ChatTurn]:
        """Give turn after turn, suspended between them; end when nothing came for `idle`.

        A log of more than `rollover_events`, or as many bytes of messages, is left behind after a
        turn: the run restarts with its history, which `compact`, a step, may shorten. The workflow
        must loop in its main task. Raises `OutsideWorkflow`.
        """
        execution = context.needed("chat.turns()")
        hook = create_hook(Post, token=token_of(execution.run_id), metadata={"chat": self.id})
        history = list(ModelMessagesTypeAdapter.validate_python(list(self.history)))
        coming, size = self.first, 0
        while True:
            post = coming or await _next(hook, idle)
            if post is None:
                return
            coming = None
            turn = ChatTurn(chat=self, post=post, history=list(history))
            yield turn
            turn.end(execution)
            history = turn.said
            size += len(ModelMessagesTypeAdapter.dump_json(history[len(turn.history) :]))
            events = execution.position - execution.opening.position
            if events > rollover_events or size > rollover_bytes:
                if compact is not None:
                    history = await compact(history)
                await restart(**self._next_chapter(execution, history))

    def _next_chapter(self, execution: Live, history: list[ModelMessage]) -> dict[str, Any]:
        """Give the arguments of the workflow with this chat as it stands now."""
        said = tuple(ModelMessagesTypeAdapter.dump_python(history, mode="json"))
        present = replace(self, first=None, history=said)
        arguments = execution.template.decode_arguments(execution.begun.arguments)
        return {
            name: present if isinstance(value, Chat) and value.id == self.id else value
            for name, value in arguments.items()
        }


class ChatTurn:
    """One message of a user, and what was said before it. Give it to ``bot.stream(turn)``."""

    def __init__(self, *, chat: Chat, post: Post, history: list[ModelMessage]) -> None:
        """Stand before the answer."""
        self.chat = chat
        self.number = post.turn
        self.message = post.message
        self.history = history
        self.messages = messages_of(post.message)
        stamps.stamp(self.messages, now())
        self.said: list[ModelMessage] = [*history, *self.messages]
        """The conversation with this turn, as far as it was answered."""
        self._turn: Turn | None = None

    @property
    def text(self) -> str:
        """What the user wrote."""
        return "".join(
            part.content
            for message in self.messages
            for part in message.parts
            if isinstance(part, UserPromptPart) and isinstance(part.content, str)
        )

    def begin(self, execution: Live) -> Turn:
        """Give the stream of the turn; a second agent in the same turn goes on with it."""
        if self._turn is None:
            self._turn = Turn(execution, self.number)
        elif self._turn.was_opened and not self._turn.is_open:
            raise ValueError(
                f"the stream of turn {self.number} is finished, so a second agent cannot speak in "
                "it. Say `close=False, send_finish=False` where the first one streams."
            )
        return self._turn

    def answered(self, messages: list[ModelMessage]) -> None:
        """Take over what an agent has made of the conversation."""
        self.said = messages

    def end(self, execution: Live) -> None:
        """See that the stream of the turn is finished, whatever the workflow did."""
        turn = self._turn or Turn(execution, self.number)
        if not turn.was_opened:
            turn.open(error_text="")
        if turn.is_open:
            turn.end_step()
            turn.finish(None, close=True)


def token_of(run_id: str) -> str:
    """Give the token of the hook that takes the messages of a chat's run."""
    return f"chat:{run_id}"


def messages_of(message: Mapping[str, Any]) -> list[ModelMessage]:
    """Read a message of a browser. Raises `ValidationError` for one that is none of a user."""
    found = UIMessage.model_validate({**message, "role": "user"})
    loaded = VercelAIAdapter.load_messages([found])
    return [one for one in loaded if isinstance(one, ModelRequest)]


async def _next(hook: Any, idle: Duration | None) -> Post | None:
    if idle is None:
        found: Post = await hook
        return found
    try:
        async with asyncio.timeout(seconds(idle, what="idle")):
            post: Post = await hook
            return post
    except TimeoutError:
        return None


for _kind in (Post, Chat, Principal):
    codec.REGISTERED.register_type(_kind)
