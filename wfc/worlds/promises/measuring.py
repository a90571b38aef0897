"""What a world promises to count: what is due and not taken, and the runs that do not go on."""
# ruff: noqa: PLR2004 - expected values are literals in a test

from __future__ import annotations

import asyncio
from datetime import timedelta

from wfc.clock import VirtualClock
from wfc.eventlog.event import RunCancelled, RunPaused
from wfc.ids import RunId, WorkerId
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    OTHER,
    RUN,
    claimed,
    created,
    emptied,
    joined,
    owned,
    queued_step,
    released,
    started,
    step_id,
    wrote,
)
from wfc.worlds.protocol import Attempt, OpenRun, QueueBacklog, Queued, World

_LONG = timedelta(minutes=2)


async def _stuck(world: World) -> int:
    return (await world.backlog(stuck_before=world.now_us() - 60_000_000)).stuck


class Measuring:
    """Each test is one promise."""

    async def test_what_is_due_is_counted_by_queue(self, world: World, clock: VirtualClock) -> None:
        """Not what is due later, nor what somebody has taken."""
        assert (await world.backlog(stuck_before=0)).queues == ()
        begun = clock.now_us()
        await started(world, RUN, created(queue="free"))
        clock.advance(timedelta(seconds=1))
        await started(world, OTHER, created(queue="free"))
        await started(world, RunId("plain"))
        later = begun + 3_600_000_000
        await started(world, RunId("later"), created(not_before=later))
        assert (await world.backlog(stuck_before=0)).queues == (
            QueueBacklog(queue=None, depth=1, oldest=begun + 1_000_000),
            QueueBacklog(queue="free", depth=2, oldest=begun),
        )
        await joined(world)
        await world.take(ALICE, 2)
        (left,) = (await world.backlog(stuck_before=0)).queues
        assert left.depth == 1

    async def test_a_step_is_counted_in_its_own_queue(self, world: World) -> None:
        """Not in that of its run."""
        await owned(world)
        await emptied(world)
        message = Attempt(RUN, step_id(0))
        await world.enqueue(Queued(message=message, queue="charge"))
        ((queue, depth),) = (
            (one.queue, one.depth) for one in (await world.backlog(stuck_before=0)).queues
        )
        assert (queue, depth) == ("charge", 1)

    async def test_a_run_that_nobody_takes_is_stuck(
        self, world: World, clock: VirtualClock
    ) -> None:
        """From the instant on that the caller says; a paused or ended one never."""
        await started(world)
        await started(world, OTHER)
        assert await _stuck(world) == 0
        clock.advance(timedelta(seconds=60) - timedelta(microseconds=1))
        assert await _stuck(world) == 0
        clock.advance(timedelta(microseconds=1))
        assert await _stuck(world) == 2
        wrote(await world.append(RUN, [RunPaused()], guard=OpenRun()))
        assert await _stuck(world) == 1

    async def test_a_blocked_run_is_stuck_at_once(self, world: World) -> None:
        """Until it is freed, or ends."""
        await released(world)
        assert await _stuck(world) == 0
        await world.block(RUN, "damaged")
        assert await _stuck(world) == 1
        await world.block(RUN, None)
        assert await _stuck(world) == 0
        await world.block(RUN, "damaged")
        wrote(await world.append(RUN, [RunCancelled(forced=True)], guard=OpenRun()))
        assert await _stuck(world) == 0

    async def test_a_run_that_waits_is_not_stuck(self, world: World, clock: VirtualClock) -> None:
        """For its time, for the outside, or while its owner is awake."""
        await released(world, clock.now_us() + 3_600_000_000)
        await released(world, None, OTHER)
        clock.advance(_LONG)
        assert await _stuck(world) == 0
        clock.advance(timedelta(hours=1))
        assert await _stuck(world) == 1

    async def test_a_step_that_nobody_takes_is_stuck(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Though its run's owner is awake; unless nobody who is awake serves its queue."""
        await queued_step(world)
        await asyncio.to_thread(world.renew, ALICE, lease_s=86_400)
        clock.advance(_LONG)
        assert await _stuck(world) == 1
        await emptied(world)
        assert await _stuck(world) == 0
        message = Attempt(RUN, step_id(0))
        await world.enqueue(Queued(message=message, queue="charge"))
        clock.advance(_LONG)
        assert await _stuck(world) == 1
        await world.join(BOB, lease_s=86_400, queues=["other"])
        await world.leave(ALICE)
        await claimed(world, RUN, BOB)
        assert await _stuck(world) == 0, "nobody who is awake serves the queue"
        await world.join(WorkerId("carol"), lease_s=86_400, queues=["charge"])
        assert await _stuck(world) == 1
