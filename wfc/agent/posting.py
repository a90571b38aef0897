"""Sending a message into a conversation from outside, and telling which turn will answer it.

Turns are numbered at the door: the number is part of what is sent, and its idempotency id, so of
two messages that race for one number the second is told, and takes the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wfc import codec
from wfc.agent.chat import Chat, Post, token_of
from wfc.errors import CodecError, IdempotencyMismatch
from wfc.eventlog.event import HookCreated, HookReceived, RunCreated, RunRestarted
from wfc.ids import RunId
from wfc.runtime.client import Client
from wfc.runtime.hook_door import send

_PAGE = 500


async def post(client: Client, run_id: RunId, message: Mapping[str, Any]) -> str:
    """Send a message of a user to the run of a chat; give the number of the turn that answers it.

    A message whose id came before is not sent again: its turn is given. Raises `HookNotFound` once
    the run takes no more, and what `resume_hook` raises.
    """
    known = await turns_of(client, run_id)
    name = str(message.get("id", ""))
    if name in known:
        return known[name]
    number = 1 + max((int(turn) for turn in known.values() if turn.isdecimal()), default=0)
    while True:
        turn = str(number)
        said = Post(turn=turn, message=dict(message))
        try:
            await send(client, token_of(run_id), said, idempotency_id=f"turn:{turn}")
        except IdempotencyMismatch:
            number += 1
            continue
        return turn


async def turns_of(client: Client, run_id: RunId) -> dict[str, str]:
    """Give the turns of a chat's run so far, by the id of the message that each answers."""
    turns: dict[str, str] = {}
    hooks: set[str] = set()
    after = 0
    while page := await client.world.history(run_id, after, _PAGE):
        after = page[-1].position
        for recorded in page:
            match recorded.event:
                case RunCreated(arguments=arguments) | RunRestarted(arguments=arguments):
                    first = _first_of(client, arguments)
                    if first is not None:
                        turns[first.id] = first.turn
                case HookCreated(operation_id=name, token=token) if token == token_of(run_id):
                    hooks.add(name)
                case HookReceived(operation_id=name, payload=payload) if name in hooks:
                    said: Post = codec.decode(payload, annotation=Post, types=client.types)
                    turns[said.id] = said.turn
    return turns


def _first_of(client: Client, arguments: bytes) -> Post | None:
    try:
        found = codec.decode_arguments(arguments, {}, client.types)
    except CodecError:
        return None  # whatever else the workflow takes is of types that only its own code has
    chats = [value for value in found.values() if isinstance(value, Chat)]
    return chats[0].first if chats else None
