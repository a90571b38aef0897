"""Who looks at a run after an append: its owner, a claimer, or any worker, and when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from wfc.clock import VirtualClock
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    StepStarted,
)
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    CANCEL,
    RECEIVED,
    RUN,
    created,
    emptied,
    hook_created,
    joined,
    owned,
    queued_step,
    released,
    started,
    step_ended,
    step_id,
    taken_step,
    wrote,
)
from wfc.worlds.protocol import (
    Attempt,
    AttemptOf,
    Guard,
    Held,
    NewRun,
    OpenHook,
    OpenRun,
    Release,
    Resume,
    Unowned,
    World,
)


class PassingOn:
    """Messages, claims and releases of an append."""

    async def test_a_new_run_waits_in_the_queue(self, world: World) -> None:
        """Whoever starts a run need not tell a worker."""
        await joined(world)
        await started(world)
        assert [one.message for one in await world.take(ALICE, 10)] == [Resume(RUN)]

    async def test_a_starter_with_room_owns_the_run_at_once(self, world: World) -> None:
        """Start and claim are one commit, and no message is needed."""
        await owned(world)
        assert await world.take(ALICE, 10) == []
        assert await world.claim(RUN, ALICE) == Held(ALICE)

    @pytest.mark.parametrize("not_before", [False, True])
    async def test_a_start_lands_although_its_claim_cannot(
        self, world: World, clock: VirtualClock, *, not_before: bool
    ) -> None:
        """A claim is a wish: by no worker, or before its time, the run waits in the queue."""
        if not_before:
            await joined(world)
        due = clock.now_us() + 1_000_000 if not_before else None
        answer = await world.append(RUN, [created(not_before=due)], guard=NewRun(), claim=ALICE)
        assert wrote(answer).fence is None
        assert await world.next_due() == (due or clock.now_us())

    @pytest.mark.parametrize("guard", [OpenHook("token"), OpenRun(), Unowned(3)], ids=repr)
    @pytest.mark.parametrize("claim", [False, True])
    async def test_an_outside_fact_is_heard(
        self, world: World, guard: Guard, *, claim: bool
    ) -> None:
        """It queues a `Resume`, or its writer claims the run in the same commit."""
        owner = await owned(world)
        wrote(await world.append(RUN, [hook_created()], guard=owner, release=Release()))
        claimer = ALICE if claim else None
        answer = wrote(await world.append(RUN, [RECEIVED], guard=guard, claim=claimer))
        messages = [one.message for one in await world.take(ALICE, 10)]
        assert messages == ([] if claim else [Resume(RUN)])
        assert answer.fence == (owner.fence + 1 if claim else None)

    async def test_an_owner_hears_of_outside_facts(self, world: World) -> None:
        """A claim over a living owner fails, and the message waits for that owner."""
        await owned(world)
        await joined(world, BOB)
        answer = wrote(await world.append(RUN, [CANCEL], guard=OpenRun(), claim=BOB))
        assert answer.fence is None
        assert await world.take(BOB, 10) == []
        assert [one.message for one in await world.take(ALICE, 10)] == [Resume(RUN)]

    async def test_an_outcome_from_afar_is_heard(self, world: World) -> None:
        """The outcome of a queued step queues a `Resume` for the run's owner."""
        await queued_step(world)
        await joined(world, BOB)
        guard = AttemptOf(step_id(0), (await taken_step(world)).fence)
        wrote(
            await world.append(
                RUN, [StepStarted(operation_id=step_id(0), attempt=1, worker_id=BOB)], guard=guard
            )
        )
        assert [one.message for one in await world.take(ALICE, 10)] == [Attempt(RUN, step_id(0))]
        wrote(await world.append(RUN, [step_ended()], guard=guard))
        assert [one.message for one in await world.take(ALICE, 10)] == [Resume(RUN)]

    async def test_an_outcome_may_claim_the_run(self, world: World) -> None:
        """Who ran the last step of a suspended run goes on with it, in one commit."""
        owner = await queued_step(world)
        await emptied(world)
        await world.append(RUN, [], guard=owner, release=Release())
        guard = AttemptOf(step_id(0), (await taken_step(world, ALICE)).fence)
        answer = wrote(await world.append(RUN, [step_ended()], guard=guard, claim=ALICE))
        assert answer.fence == owner.fence + 1
        assert await world.take(ALICE, 10) == []

    async def test_a_release_may_name_no_time(self, world: World) -> None:
        """A run that waits for the outside costs nothing until news come."""
        await released(world)
        assert await world.next_due() is None
        run = await world.run(RUN)
        assert run is not None
        assert (run.status, run.owner, run.wake_at) == (RunStatus.SUSPENDED, None, None)

    async def test_a_release_wakes_at_its_time(self, world: World, clock: VirtualClock) -> None:
        """The `Resume` is due exactly at `wake_at`, never early."""
        wake_at = clock.now_us() + 10_000_000
        await released(world, wake_at)
        run = await world.run(RUN)
        assert run is not None
        assert run.wake_at == await world.next_due() == wake_at
        clock.advance(timedelta(seconds=9))
        assert await world.take(ALICE, 10) == []
        clock.advance(timedelta(seconds=1))
        assert [one.message for one in await world.take(ALICE, 10)] == [Resume(RUN)]
