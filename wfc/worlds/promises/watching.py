"""What the change feed promises: news are never missed, whenever they come."""

from __future__ import annotations

import asyncio

import pytest

from wfc.eventlog.event import RunCancelRequested, RunCompleted
from wfc.worlds.promises.given import (
    ALICE,
    OTHER,
    RUN,
    hook_created,
    joined,
    owned,
    started,
    step_done,
    wrote,
)
from wfc.worlds.protocol import OpenRun, Owner, Queued, Resume, World

GENEROUS_S = 10.0
BRIEF_S = 0.001


class Watching:
    """News by topic."""

    async def test_news_between_a_look_and_a_wait_are_not_missed(self, world: World) -> None:
        """A watch remembers from the moment it was made."""
        await started(world)
        watch = world.watch(f"run:{RUN}")
        wrote(await world.append(RUN, [RunCancelRequested()], guard=OpenRun()))
        assert await watch.changed(GENEROUS_S)
        watch.close()

    async def test_a_waiter_is_woken(self, world: World) -> None:
        """News wake who already waits."""
        await started(world)
        watch = world.watch(f"run:{RUN}")
        waiting = asyncio.create_task(watch.changed(GENEROUS_S))
        await asyncio.sleep(0)
        wrote(await world.append(RUN, [RunCancelRequested()], guard=OpenRun()))
        assert await waiting
        watch.close()

    async def test_silence_ends_with_the_time_limit(self, world: World) -> None:
        """And the watch still hears what comes later."""
        await started(world)
        watch = world.watch(f"run:{RUN}")
        assert not await watch.changed(BRIEF_S)
        wrote(await world.append(RUN, [RunCancelRequested()], guard=OpenRun()))
        assert await watch.changed(GENEROUS_S)
        watch.close()

    async def test_news_are_told_to_every_watch_once(self, world: World) -> None:
        """One waiter does not take them from another."""
        await started(world)
        watches = [world.watch(f"run:{RUN}") for _ in range(3)]
        wrote(await world.append(RUN, [RunCancelRequested()], guard=OpenRun()))
        assert [await watch.changed(GENEROUS_S) for watch in watches] == [True] * 3
        assert [await watch.changed(BRIEF_S) for watch in watches] == [False] * 3
        for watch in watches:
            watch.close()

    async def test_other_runs_are_not_heard(self, world: World) -> None:
        """A reader of one run sleeps while others go on."""
        await started(world)
        await started(world, OTHER)
        watch = world.watch(f"run:{RUN}")
        wrote(await world.append(OTHER, [RunCancelRequested()], guard=OpenRun()))
        assert not await watch.changed(BRIEF_S)
        watch.close()

    async def test_a_closed_watch_hears_nothing(self, world: World) -> None:
        """To close it twice does nothing."""
        watch = world.watch("runs", "queues")
        watch.close()
        watch.close()
        await started(world)
        assert not await watch.changed(BRIEF_S)

    @pytest.mark.parametrize("topic", ["runs", f"run:{RUN}", "queues", "hooks", "workers"])
    async def test_a_topic_tells_its_news(self, world: World, topic: str) -> None:
        """What a topic is about wakes its watch."""
        owner = await owned(world)
        watch = world.watch(topic)
        if topic == "workers":
            await world.leave(ALICE)
        elif topic == "queues":
            await world.enqueue(Queued(message=Resume(RUN)))
        else:
            wrote(await world.append(RUN, [hook_created()], guard=owner))
        assert await watch.changed(GENEROUS_S)
        watch.close()

    @pytest.mark.parametrize("topic", ["runs", f"run:{RUN}", "queues"])
    async def test_a_start_is_news(self, world: World, topic: str) -> None:
        """For lists, for who waits for this run, and for idle workers."""
        watch = world.watch(topic)
        await started(world)
        assert await watch.changed(GENEROUS_S)
        watch.close()

    async def test_a_step_does_not_wake_idle_workers(self, world: World) -> None:
        """An owner's own progress is no news of the queue, or every worker would spin."""
        owner = await owned(world)
        watch = world.watch("queues")
        wrote(await world.append(RUN, [step_done()], guard=owner))
        assert not await watch.changed(BRIEF_S)
        watch.close()

    async def test_a_joining_worker_is_news(self, world: World) -> None:
        """Of the topic `workers`."""
        watch = world.watch("workers")
        await joined(world)
        assert await watch.changed(GENEROUS_S)
        watch.close()

    @pytest.mark.parametrize("topic", ["runs", f"run:{RUN}"])
    async def test_an_end_is_news(self, world: World, topic: str) -> None:
        """Whoever waits for a result wakes."""
        owner = await owned(world)
        watch = world.watch(topic)
        wrote(
            await world.append(
                RUN, [RunCompleted(output=b"")], guard=Owner(owner.fence, owner.length)
            )
        )
        assert await watch.changed(GENEROUS_S)
        watch.close()
