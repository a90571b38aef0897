"""What the sweeper promises: whatever a crash left behind is queued again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from wfc.clock import VirtualClock
from wfc.eventlog.event import RunCompleted, RunPaused, RunWoken
from wfc.ids import RunId
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    LEASE_S,
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
    taken_step,
    wrote,
)
from wfc.worlds.protocol import (
    Attempt,
    Claimed,
    Message,
    OpenRun,
    Release,
    Resume,
    Swept,
    Taken,
    World,
)


def _messages(taken: list[Taken]) -> list[Message]:
    return [one.message for one in taken]


def _resume(number: int) -> Resume:
    return Resume(RunId(f"run_{number}"))


class Sweeping:
    """Repairs."""

    async def test_a_healthy_world_needs_no_repair(self, world: World, clock: VirtualClock) -> None:
        """Owned, queued, sleeping, delayed, paused and waiting runs are left alone."""
        await owned(world, RunId("owned"))
        await released(world, None, RunId("waiting"))
        await released(world, clock.now_us() + 1_000_000, RunId("sleeping"))
        await started(world, RunId("queued"))
        await started(world, RunId("delayed"), created(not_before=clock.now_us() + 1_000_000))
        await started(world, RunId("paused"))
        wrote(await world.append(RunId("paused"), [RunPaused()], guard=OpenRun()))
        await world.join(ALICE, lease_s=LEASE_S)
        await claimed(world, RunId("owned"))
        await world.sweep()
        assert await world.sweep() == Swept()

    async def test_runs_of_a_dead_worker_are_freed(self, world: World, clock: VirtualClock) -> None:
        """And queued, once."""
        await owned(world)
        await owned(world, OTHER, BOB)
        clock.advance(timedelta(seconds=LEASE_S - 1))
        assert await world.sweep() == Swept()
        clock.advance(timedelta(seconds=1))
        assert await world.sweep() == Swept(orphans=2)
        assert await world.sweep() == Swept()
        await joined(world)
        assert set(_messages(await world.take(ALICE, 10))) == {Resume(RUN), Resume(OTHER)}

    async def test_a_runnable_run_without_message_is_queued(self, world: World) -> None:
        """A message that was forgotten without being handled is no end of the run."""
        await joined(world)
        await started(world)
        await emptied(world)
        assert await world.sweep() == Swept(unqueued=1)
        assert await world.sweep() == Swept()
        assert _messages(await world.take(ALICE, 10)) == [Resume(RUN)]

    async def test_a_run_whose_message_is_in_hand_is_left_alone(self, world: World) -> None:
        """Its taker lives and may be about to claim it."""
        await joined(world)
        await started(world)
        await world.take(ALICE, 10)
        assert await world.sweep() == Swept()

    async def test_news_for_a_sleeping_run_are_queued_again(self, world: World) -> None:
        """An outside fact makes a released run runnable."""
        await released(world)
        wrote(await world.append(RUN, [RunWoken()], guard=OpenRun()))
        await emptied(world)
        assert await world.sweep() == Swept(unqueued=1)

    async def test_an_overdue_wait_is_queued(self, world: World, clock: VirtualClock) -> None:
        """A lost wake-up is found by the row of the run; never before its time."""
        await released(world, clock.now_us() + 5_000_000)
        clock.advance(timedelta(seconds=5))
        await emptied(world)
        assert await world.sweep() == Swept(overdue=1)
        assert await world.sweep() == Swept()

    async def test_attempts_of_a_dead_worker_are_queued_again(
        self, world: World, clock: VirtualClock
    ) -> None:
        """And so are attempts whose message was forgotten."""
        await queued_step(world)
        await emptied(world)
        assert await world.sweep() == Swept(attempts=1)
        assert await world.sweep() == Swept()
        await emptied(world)
        await joined(world, BOB)
        await taken_step(world)
        assert await world.sweep() == Swept()
        clock.advance(timedelta(seconds=LEASE_S - 1))
        await asyncio.to_thread(world.renew, ALICE, lease_s=LEASE_S)
        clock.advance(timedelta(seconds=1))
        assert await world.sweep() == Swept(attempts=1)
        assert _messages(await world.take(ALICE, 10)) == [Attempt(RUN, step_id(0))]

    async def test_a_retry_is_queued_again_for_its_time(
        self, world: World, clock: VirtualClock
    ) -> None:
        """A repaired message is not early either."""
        due = clock.now_us() + 2_000_000
        owner = await queued_step(world, not_before=due)
        wrote(await world.append(RUN, [], guard=owner, release=Release()))
        await world.sweep()
        assert await world.next_due() == due

    async def test_paused_and_blocked_runs_are_not_queued(self, world: World) -> None:
        """Nobody could do anything for them."""
        await joined(world)
        for run_id in (RUN, OTHER):
            await started(world, run_id)
        await emptied(world)
        wrote(await world.append(RUN, [RunPaused()], guard=OpenRun()))
        await world.block(OTHER, "why")
        assert await world.sweep() == Swept()

    async def test_a_sweep_keeps_its_limit(self, world: World) -> None:
        """A long repair is done in pieces, and all of it in the end."""
        await joined(world)
        for number in range(5):
            await started(world, RunId(f"run_{number}"))
        await emptied(world)
        assert [(await world.sweep(2)).total() for _ in range(4)] == [2, 2, 1, 0]

    async def test_a_lost_queue_is_rebuilt(self, world: World) -> None:
        """Whatever is queued can be thrown away: every run that needs a worker gets one."""
        await joined(world)
        run_ids = [RunId(f"run_{number}") for number in range(6)]
        for run_id in run_ids:
            await started(world, run_id)
        finished: set[RunId] = set()
        while len(finished) < len(run_ids):
            await emptied(world)
            assert (await world.sweep()).total() == len(run_ids) - len(finished)
            for one in await world.take(ALICE, 2):
                owner = await claimed(world, one.message.run_id)
                ended = RunCompleted(output=b"")
                wrote(await world.append(one.message.run_id, [ended], guard=owner))
                finished.add(one.message.run_id)
        assert await world.sweep() == Swept()

    async def test_a_swept_run_can_be_claimed_by_another(
        self, world: World, clock: VirtualClock
    ) -> None:
        """It comes with the loss of its owner."""
        await owned(world)
        clock.advance(timedelta(seconds=LEASE_S))
        await world.sweep()
        await joined(world, BOB)
        answer = await world.claim(RUN, BOB)
        assert isinstance(answer, Claimed)
        assert answer.loss
