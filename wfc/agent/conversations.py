"""Where a conversation is: its newest run, whose it is, and its turns as readers name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from wfc import codec
from wfc.agent.chat import Chat, Post, token_of
from wfc.agent.turn import namespace_of
from wfc.eventlog.entity import Run
from wfc.eventlog.event import HookKind, HookReceived, RunCreated
from wfc.http.principal import Principal
from wfc.ids import DefinitionId, RunId, is_run_id
from wfc.runtime.client import Client
from wfc.runtime.webhook_door import Refusal
from wfc.runtime.writable import TURN
from wfc.worlds.protocol import HookFilter, HookRow, RunFilter, StreamRow

CHAT: Final = "wfc.chat"
"""The attribute that says which chat a run belongs to."""
OWNER: Final = "wfc.owner"
"""The attribute that says whose it is; absent: whoever knows its id."""
_LOOKED_BACK: Final = 500
"""So many of the last events are looked at for messages that nobody has begun to answer."""
_HOOKS_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One turn of a run, as readers of its stream name it."""

    run_id: RunId
    turn: str

    def __str__(self) -> str:
        """Give the outside name: ``<run>~<turn>``."""
        return f"{self.run_id}~{self.turn}"


class Conversations:
    """The conversations that one workflow holds, as one caller may see them."""

    def __init__(self, client: Client, workflow: DefinitionId, principal: Principal | None) -> None:
        """Look at the runs of `workflow` that are `principal`'s."""
        self.client = client
        self.workflow = workflow
        self.principal = principal

    # -- runs

    async def run(self, run_id: str) -> Run:
        """Give a run that is a chat of the caller's. Raises `Refusal` (404)."""
        row = await self.client.world.run(RunId(run_id)) if is_run_id(run_id) else None
        if row is None or not self._is_ours(row):
            raise unknown()
        return row

    async def newest(self, chat_id: str) -> Run | None:
        """Give the newest run of a chat; None if there is none. Raises `Refusal` (404)."""
        where = RunFilter(attributes={CHAT: chat_id})
        found = (await self.client.world.list_runs(where, limit=1)).runs
        if not found:
            return None
        if not self._is_ours(found[0]):
            raise unknown()
        return found[0]

    async def meant(self, name: str) -> tuple[Run, str | None]:
        """Give the run that ``<run>~<turn>``, a run's id or a chat's id means, and the turn.

        Raises `Refusal` (404).
        """
        run_id, separator, turn = name.rpartition("~")
        if separator:
            return await self.run(run_id), turn
        if is_run_id(name):
            row = await self.client.world.run(RunId(name))
            if row is not None:
                return await self.run(name), None
        newest = await self.newest(name)
        if newest is None:
            raise unknown()
        return newest, None

    def _is_ours(self, row: Run) -> bool:
        """Tell whether a run is a chat of this workflow, and the caller's where it has an owner."""
        if row.workflow != self.workflow or CHAT not in row.attributes:
            return False
        owner = row.attributes.get(OWNER)
        return owner is None or (self.principal is not None and owner == self.principal.id)

    # -- turns

    async def streams(self, run_id: RunId) -> list[StreamRow]:
        """List the streams of a run's turns, the earliest first."""
        found = await self.client.world.streams(run_id)
        turns = [row for row in found if row.namespace.startswith(TURN)]
        return sorted(turns, key=lambda row: (row.created_at, row.namespace))

    async def is_known(self, row: Run, turn: str) -> bool:
        """Tell whether a run has, or will have, a turn of this name."""
        names = {one.namespace for one in await self.streams(row.run_id)}
        if namespace_of(turn) in names:
            return True
        waiting = [post.turn for _, post in await self.posts(row)]
        if turn in waiting or turn in await self._continued(row.run_id):
            return True
        first = await self.begun_with(row.run_id)
        return first.first is not None and first.first.turn == turn

    async def newest_turn(self, row: Run) -> str | None:
        """Name the turn that was begun, or asked for, last; None if there is none."""
        begun = await self.streams(row.run_id)
        asked = await self.posts(row)
        if asked and (not begun or asked[-1][0] > begun[-1].created_at):
            names = {one.namespace for one in begun}
            if namespace_of(asked[-1][1].turn) not in names:
                return asked[-1][1].turn
        if begun:
            return begun[-1].namespace.removeprefix(TURN)
        first = (await self.begun_with(row.run_id)).first
        return None if first is None else first.turn

    async def is_busy(self, row: Run) -> bool:
        """Tell whether a turn is being answered, or waits to be."""
        begun = await self.streams(row.run_id)
        if not begun:
            return True
        names = {one.namespace for one in begun}
        asked = [post.turn for _, post in await self.posts(row)]
        waiting = any(namespace_of(turn) not in names for turn in asked[-1:])
        return waiting or any(not one.closed for one in begun)

    async def posts(self, row: Run) -> list[tuple[int, Post]]:
        """Give the last messages that came for a run, with the instants at which they did."""
        world = self.client.world
        after = max(0, row.length - _LOOKED_BACK)
        found = []
        while page := await world.history(row.run_id, after, _LOOKED_BACK, veiled=True):
            after += len(page)
            for each in page:
                if isinstance(each.event, HookReceived):
                    post = self.read_post(each.event.payload)
                    if post is not None:
                        found.append((each.recorded_at, post))
        return found

    async def begun_with(self, run_id: RunId) -> Chat:
        """Give the chat that a run began with. Raises `Refusal` (404)."""
        log = await self.client.world.history(run_id, 0, 1)
        created = log[0].event if log else None
        if isinstance(created, RunCreated):
            values = codec.decode(created.arguments, types=self.client.types)
            for value in values.values():
                if isinstance(value, Chat):
                    return value
        raise unknown()

    def read_post(self, payload: bytes) -> Post | None:
        """Read a payload; None for one of another hook."""
        if codec.is_withheld(payload):
            return None
        value = codec.decode(payload, types=self.client.types)
        return value if isinstance(value, Post) else None

    # -- what people are asked

    async def asked(self, run_id: RunId) -> list[HookRow]:
        """List the approvals that a run waits for."""
        where = HookFilter(run_id=run_id, kind=HookKind.APPROVAL, statuses=frozenset({"active"}))
        return list((await self.client.world.list_hooks(where, limit=_HOOKS_MAX)).hooks)

    async def _continued(self, run_id: RunId) -> set[str]:
        """Name the turns that go on what people were asked about."""
        where = HookFilter(run_id=run_id)
        found = (await self.client.world.list_hooks(where, limit=_HOOKS_MAX)).hooks
        return {str(told_of(row, self.client.types).get("then")) for row in found}

    async def takes_messages(self, run_id: RunId) -> bool:
        """Tell whether the hook that messages are sent to is there."""
        row = await self.client.world.hook_by_token(token_of(run_id))
        return row is not None and row.hook.status == "active"


def told_of(row: HookRow, types: codec.Types) -> dict[str, Any]:
    """Read what the run says of a hook: tool, call, turn, and where the answer goes on."""
    if row.hook.metadata is None or codec.is_withheld(row.hook.metadata):
        return {}
    found = codec.decode(row.hook.metadata, types=types)
    return dict(found) if isinstance(found, dict) else {}


def unknown() -> Refusal:
    """Refuse what is not there, or somebody else's: nobody learns which."""
    return Refusal(
        status=404,
        code="no-such-chat",
        title="There is no such chat",
        detail="No chat, run or turn has this id, or it is somebody else's.",
    )
