"""A worker among the workers of its world: its id, its lease, and the heartbeat that keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from wfc import fault
from wfc.clock import MICROSECONDS
from wfc.ids import WorkerId
from wfc.manifests.code import need_columns
from wfc.runtime.heartbeat import Heart, Heartbeat, HeartOf, Turns
from wfc.runtime.neighbours import give_up_gone, worker_id
from wfc.runtime.worker_limits import WorkerLimits
from wfc.worlds.protocol import Renewal, World

if TYPE_CHECKING:
    from wfc.runtime.otel import Telemetry


class Member(Protocol):
    """Who belongs to a world."""

    world: World
    options: WorkerLimits
    telemetry: Telemetry | None

    def learn(self, renewal: Renewal) -> None:
        """Act on what the heartbeat heard."""
        ...

    def fenced(self) -> Awaitable[None]:
        """Begin anew: others have given it up."""
        ...


class Membership:
    """From joining to leaving; `worker_id` is empty outside of that."""

    def __init__(
        self,
        member: Member,
        turns: Turns,
        queues: Sequence[str],
        entropy: Callable[[int], bytes],
        heart: HeartOf = Heartbeat,
    ) -> None:
        """Belong to nothing yet; `heart` makes what keeps the lease."""
        self.worker_id = WorkerId("")
        self.heartbeat: Heart | None = None
        self._heart = heart
        self._member = member
        self._world = member.world
        self._options = member.options
        self._turns = turns
        self._queues = tuple(queues)
        self._entropy = entropy
        self._lease_until = 0
        self._joining = asyncio.Lock()
        self._joined = False
        """Whether the world has heard of `worker_id`: before that it holds no lease to be lost."""

    async def join(self) -> None:
        """Take a lease under a fresh id, unless there is one."""
        async with self._joining:
            if not self._joined:
                await self._join()

    async def _join(self) -> None:
        # A fault of this process, not of any run: it would block each one that it takes.
        need_columns("the worker cannot start")
        world, lease_s = self._world, self._options.lease_s
        if not self.worker_id:
            self.worker_id = worker_id(world.now_us(), self._entropy(10))
        await world.join(self.worker_id, lease_s=lease_s, queues=self._queues)
        self._joined = True
        fault.point("worker.joined")
        await give_up_gone(world)
        self._lease_until = world.now_us() + round(lease_s * MICROSECONDS)
        if self.heartbeat is None:
            self.heartbeat = self._heart(
                self.renew,
                self._member.learn,
                self._turns,
                self._options.pulse,
                None if self._member.telemetry is None else self._member.telemetry.stalled,
            )
            self.heartbeat.start()

    async def join_anew(self) -> None:
        """Take another lease, as somebody else."""
        self.worker_id, self._joined = WorkerId(""), False
        await self.join()

    def renew(self) -> Renewal:
        """Prolong the lease; blocks."""
        lease_s = self._options.lease_s
        renewed = self.worker_id
        if not self._joined:
            return Renewal(fenced=False)
        renewal = self._world.renew(renewed, lease_s=lease_s)
        if not renewal.fenced:
            self._lease_until = self._world.now_us() + round(lease_s * MICROSECONDS)
        elif renewed != self.worker_id:
            return Renewal(fenced=False)  # it joined anew while this was under way
        return renewal

    async def keep(self) -> None:
        """Renew at once if the clock has run ahead of the heartbeat: a virtual clock was moved, or
        the machine slept.
        """
        half = round(self._options.lease_s * MICROSECONDS / 2)
        if self._world.now_us() >= self._lease_until - half:
            await self.check(self.worker_id)

    async def check(self, me: WorkerId) -> None:
        """Renew now; if others have given the worker `me` up, begin anew."""
        if me != self.worker_id:
            return  # it has begun anew already
        if not self._joined:
            await self.join()  # or waits for whoever does it
            return
        renewal = await asyncio.to_thread(self.renew)
        if renewal.fenced and me == self.worker_id:
            await self._member.fenced()
        elif renewal.cancelled:
            self._member.learn(renewal)

    async def stop_beating(self) -> None:
        """End the heartbeat."""
        if self.heartbeat is not None:
            await self.heartbeat.stop()
            self.heartbeat = None

    async def leave(self) -> None:
        """Give everything back."""
        fault.point("worker.leaving")
        await self._world.leave(self.worker_id)
        fault.point("worker.left")
