"""What the attempt rows of queued steps promise: one holder, told what was lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from wfc.clock import VirtualClock
from wfc.eventlog.event import (
    RunCompleted,
    RunPaused,
    RunUnpaused,
    StepCancelled,
    StepRetrying,
)
from wfc.ids import WorkerId
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    LEASE_S,
    RUN,
    emptied,
    joined,
    owned,
    queued_step,
    step_done,
    step_id,
    taken_step,
    wrote,
)
from wfc.worlds.protocol import (
    Attempt,
    AttemptOf,
    Claimed,
    ClaimedAttempt,
    Held,
    NotYet,
    OpenRun,
    Over,
    Owner,
    Queued,
    Release,
    World,
)


def _pass_lease(clock: VirtualClock) -> None:
    clock.advance(timedelta(seconds=LEASE_S + 1))


class Attempts:
    """Who runs a queued step."""

    async def test_an_attempt_has_one_holder(self, world: World) -> None:
        """All others learn who it is."""
        await queued_step(world)
        await joined(world, BOB)
        await taken_step(world)
        for worker_id in (ALICE, BOB):
            assert await world.claim_attempt(RUN, step_id(0), worker_id) == Held(BOB)

    async def test_racing_for_an_attempt_has_one_winner(self, world: World) -> None:
        """At most one body of an attempt runs."""
        await queued_step(world)
        workers = [WorkerId(f"worker_{number:02}") for number in range(12)]
        await joined(world, *workers)
        answers = await asyncio.gather(
            *(world.claim_attempt(RUN, step_id(0), worker) for worker in workers)
        )
        assert sum(isinstance(answer, ClaimedAttempt) for answer in answers) == 1

    async def test_a_step_that_nobody_queued_is_over(self, world: World) -> None:
        """Its message is to be forgotten."""
        await owned(world)
        assert await world.claim_attempt(RUN, step_id(0), ALICE) == Over()

    async def test_a_step_with_an_outcome_is_over(self, world: World) -> None:
        """Its body never runs again."""
        owner = await queued_step(world)
        wrote(await world.append(RUN, [step_done()], guard=owner))
        assert await world.claim_attempt(RUN, step_id(0), ALICE) == Over()
        assert await world.take(ALICE, 10) == []

    async def test_a_paused_or_blocked_run_starts_no_attempt(self, world: World) -> None:
        """No new body until the run goes on."""
        await queued_step(world)
        wrote(await world.append(RUN, [RunPaused()], guard=OpenRun()))
        assert await world.claim_attempt(RUN, step_id(0), ALICE) == NotYet()
        wrote(await world.append(RUN, [RunUnpaused()], guard=OpenRun()))
        await world.block(RUN, "why")
        assert await world.claim_attempt(RUN, step_id(0), ALICE) == NotYet()
        await world.block(RUN, None)
        assert isinstance(await world.claim_attempt(RUN, step_id(0), ALICE), ClaimedAttempt)

    async def test_a_retry_does_not_start_early(self, world: World, clock: VirtualClock) -> None:
        """The attempt row keeps the time of its message."""
        await queued_step(world, not_before=clock.now_us() + 2_000_000)
        assert await world.claim_attempt(RUN, step_id(0), ALICE) == NotYet()
        clock.advance(timedelta(seconds=2))
        assert isinstance(await world.claim_attempt(RUN, step_id(0), ALICE), ClaimedAttempt)

    async def test_a_lost_attempt_is_told_to_the_next_holder(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Whether its worker left, or was swept, or just taken over from."""
        await queued_step(world)
        first = await taken_step(world, ALICE)
        await world.leave(ALICE)
        await joined(world, BOB)
        second = await taken_step(world)
        _pass_lease(clock)
        await world.sweep()
        await joined(world, ALICE)
        third = await taken_step(world, ALICE)
        assert [first.lost, second.lost, third.lost] == [False, True, True]
        assert first.fence < second.fence < third.fence

    async def test_the_next_owner_learns_which_steps_are_queued(self, world: World) -> None:
        """It must not run them itself."""
        owner = await queued_step(world)
        more = Queued(message=Attempt(RUN, step_id(1)))
        wrote(await world.append(RUN, [], guard=owner, messages=[more], release=Release()))
        answer = await world.claim(RUN, ALICE)
        assert isinstance(answer, Claimed)
        assert answer.attempts == {step_id(0), step_id(1)}
        wrote(
            await world.append(RUN, [step_done(0)], guard=Owner(answer.fence, 3), release=Release())
        )
        again = await world.claim(RUN, ALICE)
        assert isinstance(again, Claimed)
        assert again.attempts == {step_id(1)}

    async def test_a_retried_attempt_gives_its_row_back(self, world: World) -> None:
        """The next attempt has a row and a fence of its own, if it is queued again."""
        await queued_step(world)
        fence = (await taken_step(world, ALICE)).fence
        retrying = StepRetrying(operation_id=step_id(0), attempt=1, error=b"", retry_at=0)
        again = Queued(message=Attempt(RUN, step_id(0)))
        wrote(
            await world.append(
                RUN, [retrying], guard=AttemptOf(step_id(0), fence), messages=[again]
            )
        )
        await joined(world, BOB)
        answer = await taken_step(world)
        assert not answer.lost
        assert answer.fence > fence

    @pytest.mark.parametrize(
        "event",
        [
            StepCancelled(operation_id=step_id(0), attempt=1),
            RunCompleted(output=b""),
        ],
        ids=lambda event: event.name,
    )
    async def test_a_holder_learns_that_its_attempt_is_not_wanted(
        self, world: World, event: StepCancelled | RunCompleted
    ) -> None:
        """By its next heartbeat, once."""
        owner = await queued_step(world)
        await joined(world, BOB)
        await taken_step(world)
        wrote(await world.append(RUN, [event], guard=owner))
        answers = [await asyncio.to_thread(world.renew, BOB, lease_s=LEASE_S) for _ in range(2)]
        assert [answer.cancelled for answer in answers] == [((RUN, step_id(0)),), ()]

    async def test_an_unwanted_attempt_of_a_dead_worker_is_forgotten(
        self, world: World, clock: VirtualClock
    ) -> None:
        """It is not queued again."""
        owner = await queued_step(world)
        await joined(world, BOB)
        await emptied(world)
        await taken_step(world)
        cancelled = StepCancelled(operation_id=step_id(0), attempt=1)
        wrote(await world.append(RUN, [cancelled], guard=owner, release=Release()))
        _pass_lease(clock)
        assert (await world.sweep()).total() == 0
        await joined(world)
        answer = await world.claim(RUN, ALICE)
        assert isinstance(answer, Claimed)
        assert answer.attempts == frozenset()
