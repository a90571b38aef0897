"""Messages that a worker takes, and the receipts of those that it has dealt with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from wfc import fault
from wfc.clock import MICROSECONDS
from wfc.errors import LeaseLost, WorldError
from wfc.ids import WorkerId
from wfc.runtime.membership import Membership
from wfc.worlds.protocol import Message, Taken, World

LOOK_AGAIN_S: Final = 1.0
"""So long nobody looks, if nothing is heard and nothing becomes due."""


class Inbox:
    """A message is done when its receipt was given back; until then the world keeps it."""

    def __init__(
        self,
        world: World,
        membership: Membership,
        deal_with: Callable[[Message], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        """Hand each message to `deal_with`, in a task of its own."""
        self.closed = False
        """Whether messages whose lease was lost are left to others."""
        self._world = world
        self._membership = membership
        self._deal_with = deal_with
        self._spawn = spawn
        self._receipts: list[int] = []
        self.in_hand: set[int] = set()
        """Receipts of messages that were taken, until the world has forgotten them."""

    async def take(self, room: int) -> bool:
        """Take up to `room` messages; tell whether there were any."""
        taken = await self._world.take(self._membership.worker_id, room)
        fault.point("messages.taken")
        self.in_hand.update(each.receipt for each in taken)
        for each in taken:
            self._spawn(self._handle(each))
        return bool(taken)

    async def flush(self) -> None:
        """Give receipts back."""
        if self._receipts:
            receipts, self._receipts = self._receipts, []
            fault.point("receipts.flushing")
            try:
                await self._world.done(receipts)
            except WorldError:
                self._receipts += receipts
                raise
            fault.point("receipts.flushed")
            self.in_hand.difference_update(receipts)

    def forget(self) -> None:
        """Let go of the receipts of a lease that was lost."""
        self._receipts.clear()
        self.in_hand.clear()

    async def pause_s(self) -> float:
        """Say how long there is nothing to take, unless news comes."""
        due = await self._world.next_due()
        if due is None:
            return LOOK_AGAIN_S
        left_s = (due - self._world.now_us()) / MICROSECONDS
        # What is overdue and was not taken belongs to others, or there is no room for it.
        return LOOK_AGAIN_S if left_s <= 0 else min(left_s, LOOK_AGAIN_S)

    async def _dealt(self, taken: Taken, me: WorkerId) -> bool:
        try:
            await self._deal_with(taken.message)
        except LeaseLost:
            await self._membership.check(me)
            return False
        return True

    async def _handle(self, taken: Taken) -> None:
        me = self._membership.worker_id
        while me == self._membership.worker_id and not self.closed:
            try:
                if not await self._dealt(taken, me):
                    continue
            except BaseException:
                self.in_hand.discard(taken.receipt)  # whoever resolves the doubt gives it back
                raise
            self._receipts.append(taken.receipt)
            return
