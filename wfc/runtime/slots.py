"""The body slots of a worker: who finds none waits for its turn."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Starved(Protocol):
    """Who wants a slot."""

    def fill(self) -> None:
        """Hear that there is a slot, and take it if it is still wanted."""
        ...


class Slots:
    """So many bodies run at the same time."""

    def __init__(self, number: int) -> None:
        """Begin with `number` free slots."""
        self._free = number
        self._starved: dict[Starved, None] = {}

    def take(self, who: Starved) -> bool:
        """Take a slot; if there is none, `who.fill` is called when there is one."""
        if self._free <= 0:
            self._starved[who] = None
            return False
        self._free -= 1
        return True

    def give_back(self) -> None:
        """Give a slot back."""
        self._free += 1
        # Who is called may not want the slot any more; then the next one gets it.
        while self._free > 0 and self._starved:
            who = next(iter(self._starved))
            del self._starved[who]
            who.fill()

    async def taken(self) -> None:
        """Come back holding a slot."""
        wait = _Wait(self)
        if not self.take(wait):
            await wait.free


class _Wait:
    """Waits for a slot."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self.free: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fill(self) -> None:
        """Take the slot that has become free."""
        if not self.free.done() and self._slots.take(self):
            self.free.set_result(None)
