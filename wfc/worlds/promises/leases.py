"""What leases promise: one owner per run, one holder per attempt, and losses that are noticed."""
# ruff: noqa: PLR2004 - expected values are literals in a test

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from wfc.clock import VirtualClock
from wfc.errors import LeaseLost, RunNotFound
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    RunCancelRequested,
    RunCompleted,
    RunPaused,
    RunUnpaused,
    RunWoken,
)
from wfc.ids import WorkerId
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    LEASE_S,
    RUN,
    claimed,
    created,
    emptied,
    joined,
    owned,
    released,
    started,
    step_done,
    step_id,
    wrote,
)
from wfc.worlds.protocol import (
    Claimed,
    Held,
    NotYet,
    OpenRun,
    Over,
    Owner,
    Release,
    Renewal,
    Resume,
    Suspect,
    Swept,
    WorkerRow,
    World,
)


def _pass_lease(clock: VirtualClock) -> None:
    clock.advance(timedelta(seconds=LEASE_S + 1))


class Leases:
    """Who may decide."""

    async def test_the_fence_grows_with_every_claim(self, world: World) -> None:
        """So an older owner can always be told."""
        await joined(world)
        await started(world)
        fences = []
        for _ in range(3):
            owner = await claimed(world)
            fences.append(owner.fence)
            wrote(await world.append(RUN, [], guard=owner, release=Release()))
        assert fences == sorted(set(fences))

    async def test_twenty_four_racing_claims_have_one_winner(self, world: World) -> None:
        """All others learn who it is."""
        workers = [WorkerId(f"worker_{number:02}") for number in range(24)]
        await joined(world, *workers)
        await started(world)
        answers = await asyncio.gather(*(world.claim(RUN, worker) for worker in workers))
        (winner,) = [
            worker
            for worker, answer in zip(workers, answers, strict=True)
            if isinstance(answer, Claimed)
        ]
        assert answers.count(Held(winner)) == 23

    async def test_an_owner_cannot_claim_twice(self, world: World) -> None:
        """At most one execution owns the run, also within one worker."""
        await owned(world)
        assert await world.claim(RUN, ALICE) == Held(ALICE)

    async def test_a_missing_run_is_over(self, world: World) -> None:
        """Its message is to be forgotten."""
        await joined(world)
        assert await world.claim(RUN, ALICE) == Over()

    async def test_an_ended_run_is_over(self, world: World) -> None:
        """Nobody owns it any more."""
        owner = await owned(world)
        wrote(await world.append(RUN, [RunCompleted(output=b"")], guard=owner))
        assert await world.claim(RUN, ALICE) == Over()

    async def test_a_paused_run_is_not_claimed(self, world: World) -> None:
        """Not before it is unpaused."""
        await joined(world)
        await started(world)
        wrote(await world.append(RUN, [RunPaused()], guard=OpenRun(), claim=ALICE))
        assert await world.claim(RUN, ALICE) == NotYet()
        wrote(await world.append(RUN, [RunUnpaused()], guard=OpenRun()))
        assert isinstance(await world.claim(RUN, ALICE), Claimed)

    async def test_a_blocked_run_is_not_claimed(self, world: World) -> None:
        """Not before it is freed; the row says why."""
        await joined(world)
        await started(world)
        await world.block(RUN, "bundle missing")
        run = await world.run(RUN)
        assert run is not None
        assert run.blocked == "bundle missing"
        assert await world.claim(RUN, ALICE) == NotYet()
        await world.block(RUN, None)
        assert isinstance(await world.claim(RUN, ALICE), Claimed)

    async def test_only_its_owner_blocks_a_run_under_a_fence(
        self, world: World, clock: VirtualClock
    ) -> None:
        """A worker that was given up may find the log odd that it reads, and must not judge it."""
        late = await owned(world)
        _pass_lease(clock)
        await joined(world, BOB)
        present = await claimed(world, RUN, BOB)
        await world.block(RUN, "odd", fence=late.fence)
        run = await world.run(RUN)
        assert run is not None
        assert run.blocked is None
        await world.block(RUN, "odd", fence=present.fence)
        run = await world.run(RUN)
        assert run is not None
        assert run.blocked == "odd"

    async def test_an_unknown_run_cannot_be_blocked(self, world: World) -> None:
        """A wrong id is told."""
        with pytest.raises(RunNotFound):
            await world.block(RUN, "why not")

    async def test_a_freed_run_is_queued(self, world: World) -> None:
        """Whoever took its message while it was blocked has forgotten it."""
        await joined(world)
        await started(world)
        await emptied(world)
        await world.block(RUN, "key missing")
        await world.block(RUN, None)
        assert len(await world.take(ALICE, 10)) == 1

    async def test_an_ended_run_is_not_queued_when_it_is_freed(self, world: World) -> None:
        """There is nothing to do for it."""
        owner = await owned(world)
        wrote(await world.append(RUN, [RunCompleted(output=b"")], guard=owner))
        await world.block(RUN, "odd")
        await world.block(RUN, None)
        assert await world.next_due() is None

    async def test_a_delayed_run_is_not_claimed_early(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Its message is due at that time, and not before."""
        await joined(world)
        due = clock.now_us() + 5_000_000
        await started(world, RUN, created(not_before=due))
        assert await world.claim(RUN, ALICE) == NotYet()
        assert await world.take(ALICE, 10) == []
        assert await world.next_due() == due
        clock.advance(timedelta(seconds=5))
        assert isinstance(await world.claim(RUN, ALICE), Claimed)
        assert len(await world.take(ALICE, 10)) == 1

    @pytest.mark.parametrize("event", [RunWoken(), RunCancelRequested()], ids=lambda one: one.name)
    async def test_a_delay_can_be_cut_short(
        self, world: World, clock: VirtualClock, event: RunWoken | RunCancelRequested
    ) -> None:
        """A woken or cancelled run needs a worker now."""
        await joined(world)
        await started(world, RUN, created(not_before=clock.now_us() + 5_000_000))
        wrote(await world.append(RUN, [event], guard=OpenRun()))
        assert len(await world.take(ALICE, 10)) == 1
        assert isinstance(await world.claim(RUN, ALICE), Claimed)

    async def test_only_a_worker_with_a_lease_claims(
        self, world: World, clock: VirtualClock
    ) -> None:
        """One that was given up would own what others think is free."""
        await started(world)
        with pytest.raises(LeaseLost):
            await world.claim(RUN, ALICE)
        await joined(world)
        _pass_lease(clock)
        with pytest.raises(LeaseLost):
            await world.claim(RUN, ALICE)
        with pytest.raises(LeaseLost):
            await world.claim_attempt(RUN, step_id(0), ALICE)

    # -- losses

    async def test_a_release_is_no_loss(self, world: World) -> None:
        """Who gives a run back has recorded what it did."""
        await released(world)
        answer = await world.claim(RUN, ALICE)
        assert isinstance(answer, Claimed)
        assert (answer.loss, answer.losses) == (False, 0)

    async def test_a_dead_owner_is_a_loss(self, world: World, clock: VirtualClock) -> None:
        """The next owner is told, once the lease has run out and not before."""
        await owned(world)
        await joined(world, BOB)
        assert await world.claim(RUN, BOB) == Held(ALICE)
        _pass_lease(clock)
        await joined(world, BOB)
        answer = await world.claim(RUN, BOB)
        assert isinstance(answer, Claimed)
        assert (answer.loss, answer.losses) == (True, 1)

    async def test_a_lost_run_waits_for_its_start_after_the_clock_was_set_back(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Nobody could claim it, so neither the loss nor a sweep queues it before it is due."""
        await joined(world)
        await started(world, RUN, created(not_before=clock.now_us() + 5_000_000))
        clock.advance(timedelta(seconds=5))
        assert isinstance(await world.claim(RUN, ALICE), Claimed)
        clock.advance(timedelta(seconds=-5))
        await world.leave(ALICE)
        await joined(world, BOB)
        assert await world.sweep() == Swept()
        assert await world.take(BOB, 10) == []
        clock.advance(timedelta(seconds=5))
        assert [one.message for one in await world.take(BOB, 10)] == [Resume(RUN)]
        answer = await world.claim(RUN, BOB)
        assert isinstance(answer, Claimed)
        assert answer.loss

    async def test_a_worker_that_leaves_loses_its_runs_at_once(self, world: World) -> None:
        """They are queued, and the next owner is told of the loss."""
        await owned(world)
        await joined(world, BOB)
        await world.leave(ALICE)
        assert len(await world.take(BOB, 10)) == 1
        answer = await world.claim(RUN, BOB)
        assert isinstance(answer, Claimed)
        assert answer.loss

    async def test_a_worker_that_joins_anew_has_lost_its_runs(self, world: World) -> None:
        """It has dropped its executions, so nobody would ever go on with them."""
        owner = await owned(world)
        await joined(world)
        answer = await world.claim(RUN, ALICE)
        assert isinstance(answer, Claimed)
        assert answer.loss
        assert answer.fence > owner.fence

    async def test_losses_are_counted_until_something_is_written(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Only the owner's own events show that it got anywhere."""
        await owned(world)
        counted = []
        for _ in range(3):
            _pass_lease(clock)
            await joined(world)
            answer = await world.claim(RUN, ALICE)
            assert isinstance(answer, Claimed)
            counted.append(answer.losses)
            await world.append(RUN, [RunCancelRequested()], guard=OpenRun())
        run = await world.run(RUN)
        assert run is not None
        assert (counted, run.losses) == ([1, 2, 3], 3)
        wrote(await world.append(RUN, [step_done()], guard=Owner(run.fence, run.length)))
        run = await world.run(RUN)
        assert run is not None
        assert run.losses == 0

    async def test_a_run_that_was_lost_too_often_is_not_claimed_unawares(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Who asks is told, and nothing is changed by that: the loss is there for the next."""
        await owned(world)
        for losses in (1, 2):
            _pass_lease(clock)
            await joined(world)
            assert await world.claim(RUN, ALICE, losses_max=losses - 1) == Suspect(losses=losses)
            answer = await world.claim(RUN, ALICE, losses_max=losses)
            assert isinstance(answer, Claimed)
            assert (answer.loss, answer.losses) == (True, losses)

    # -- workers

    async def test_a_lease_is_prolonged(self, world: World, clock: VirtualClock) -> None:
        """From a thread, as a heartbeat does."""
        await owned(world)
        for _ in range(3):
            clock.advance(timedelta(seconds=LEASE_S - 1))
            answer = await asyncio.to_thread(world.renew, ALICE, lease_s=LEASE_S)
            assert answer == Renewal(fenced=False)
        run = await world.run(RUN)
        assert run is not None
        assert run.status is RunStatus.RUNNING

    async def test_an_unknown_worker_is_fenced(self, world: World) -> None:
        """It must join first."""
        assert await asyncio.to_thread(world.renew, ALICE, lease_s=1) == Renewal(fenced=True)

    async def test_a_swept_worker_is_fenced(self, world: World, clock: VirtualClock) -> None:
        """What it held is in other hands."""
        await owned(world)
        _pass_lease(clock)
        await world.sweep()
        answer = await asyncio.to_thread(world.renew, ALICE, lease_s=LEASE_S)
        assert answer == Renewal(fenced=True)

    async def test_living_workers_are_listed(self, world: World, clock: VirtualClock) -> None:
        """With their queues; not after their lease, nor after they left."""
        now = clock.now_us()
        await world.join(ALICE, lease_s=10, queues=["gpu", "free"])
        await world.join(BOB, lease_s=20)
        alice = WorkerRow(worker_id=ALICE, lease_until=now + 10_000_000, queues=("gpu", "free"))
        bob = WorkerRow(worker_id=BOB, lease_until=now + 20_000_000)
        assert await world.workers() == [alice, bob]
        clock.advance(timedelta(seconds=10))
        assert await world.workers() == [bob]
        await world.leave(BOB)
        assert await world.workers() == []

    async def test_to_leave_twice_does_nothing(self, world: World) -> None:
        """A shutdown may be repeated."""
        await joined(world)
        await world.leave(ALICE)
        await world.leave(ALICE)
        assert await world.workers() == []
