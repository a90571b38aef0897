"""A message of a user on its way into its chat: to the run that waits, or to a new one.

What is sent twice lands once: the turn that answers a message is named by the message's id, and
two requests that both begin a chat begin one.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

from wfc.agent.chat import Chat, Post, token_of
from wfc.agent.conversations import CHAT, OWNER, Conversations, Place, unknown
from wfc.agent.posted import Posted, split
from wfc.agent.transcript import history_of
from wfc.agent.turn import namespace_of
from wfc.errors import HookClosed, HookNotFound, IdempotencyMismatch, RunIdConflict
from wfc.eventlog.entity import Run
from wfc.eventlog.event import Scalar
from wfc.ids import RunId
from wfc.runtime import hook_door
from wfc.runtime.client import Client
from wfc.runtime.starting import StartOptions, start_run
from wfc.runtime.webhook_door import Refusal

OnBusy = Literal["queue", "reject"]
_TRIES: Final = 20
_PATIENCE_S: Final = 10.0
"""So long a run that was just begun may take until it listens."""


class Speaker:
    """Puts messages of users where they belong."""

    def __init__(
        self,
        conversations: Conversations,
        client_of: Callable[[], Awaitable[Client]],
        workflow: Callable[..., Any],
        *,
        on_busy: OnBusy,
    ) -> None:
        """Start runs of `workflow`."""
        self._all = conversations
        self._client_of = client_of
        self._workflow = workflow
        self._on_busy = on_busy

    async def say(self, posted: Posted) -> Place:
        """Record a message, once; the place is where the answer will be. Raises `Refusal`."""
        chat_id = await self._chat_of(posted)
        for _ in range(_TRIES):
            row = await self._all.newest(chat_id)
            place = None
            if row is None:
                place = await self._begin(chat_id, posted, None)
            elif await self._is_repeated(row, posted):
                place = Place(run_id=row.run_id, turn=posted.turn)
            elif row.status.ended:
                place = await self._begin(chat_id, posted, row)
            else:
                place = await self._send(row, posted)
            if place is not None:
                return place
        raise Refusal(
            status=409,
            code="chat-busy",
            title="The chat changes too fast",
            detail="Nothing was recorded. Send the message again.",
        )

    async def _chat_of(self, posted: Posted) -> str:
        """Say which chat a message is for. Raises `Refusal` (404)."""
        if posted.chat_id is not None:
            return posted.chat_id
        said_in = None if posted.said_in is None else split(posted.said_in)
        if said_in is None:
            return f"chat_{secrets.token_hex(16)}"
        row = await self._all.run(said_in[0])
        return str(row.attributes[CHAT])

    async def _is_repeated(self, row: Run, posted: Posted) -> bool:
        """Tell whether the message is known already, though it may not be answered yet."""
        names = {one.namespace for one in await self._all.streams(row.run_id)}
        if namespace_of(posted.turn) in names:
            return True
        first = (await self._all.begun_with(row.run_id)).first
        return first is not None and first.turn == posted.turn

    async def _begin(self, chat_id: str, posted: Posted, before: Run | None) -> Place | None:
        """Begin a run with the message; None if somebody else has just begun one."""
        number = 1 if before is None else _number_of(before.run_id, chat_id) + 1
        said = () if before is None else await history_of(self._all, before)
        chat = Chat(
            id=chat_id,
            principal=self._all.principal,
            first=Post(turn=posted.turn, message=posted.message),
            history=said,
            body=posted.body,
        )
        marks: dict[str, Scalar] = {CHAT: chat_id}
        if self._all.principal is not None:
            marks[OWNER] = self._all.principal.id
        options = StartOptions(id=f"{chat_id}.{number}")
        try:
            run = await start_run(
                self._all.client,
                self._client_of,
                self._workflow,
                options,
                ((chat,), {}),
                marks=marks,
            )
        except RunIdConflict:
            if await self._all.client.world.run(RunId(f"{chat_id}.{number}")) is None:
                raise
            return None
        return Place(run_id=run.id, turn=posted.turn)

    async def _send(self, row: Run, posted: Posted) -> Place | None:
        """Send the message to a run; None: look again, it has ended meanwhile. Raises `Refusal`."""
        place = Place(run_id=row.run_id, turn=posted.turn)
        if self._on_busy == "reject" and await self._all.is_busy(row):
            raise Refusal(
                status=409,
                code="chat-busy",
                title="An answer is under way",
                detail="Nothing was recorded. Wait for the answer, or cancel it.",
            )
        post = Post(turn=posted.turn, message=posted.message)
        try:
            await hook_door.send(
                self._all.client,
                token_of(row.run_id),
                post,
                idempotency_id=f"message:{posted.turn}",
            )
        except IdempotencyMismatch:
            return place  # the same message with other words: what was said first counts
        except HookClosed:
            return None
        except HookNotFound:
            await self._listens(row.run_id)
            return None
        return place

    async def _listens(self, run_id: RunId) -> None:
        """Wait until a run that has begun listens, or has ended. Raises `Refusal` (503)."""
        world = self._all.client.world
        watch = world.watch(f"run:{run_id}")
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while not await self._all.takes_messages(run_id):
                    row = await world.run(run_id)
                    if row is None:
                        raise unknown()
                    if row.status.ended:
                        return
                    await watch.changed(1.0)
        except TimeoutError:
            raise Refusal(
                status=503,
                code="nobody-listens",
                title="The chat does not listen yet",
                detail="No worker has begun it. Nothing was recorded: send the message again.",
            ) from None
        finally:
            watch.close()


def _number_of(run_id: RunId, chat_id: str) -> int:
    """Give the number of a run among those of its chat."""
    number = run_id.removeprefix(f"{chat_id}.")
    return int(number) if number.isdecimal() else 0
