"""What `append` promises: all or nothing, for many runs at once."""
# ruff: noqa: PLR2004 - expected values are literals in a test

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from wfc.clock import VirtualClock
from wfc.errors import IllegalEvent
from wfc.eventlog.event import (
    Event,
    HookConflicted,
    HookDisposed,
    RunCompleted,
    RunStarted,
)
from wfc.ids import RunId
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    CANCEL,
    OTHER,
    PLAIN,
    RUN,
    child_of,
    claimed,
    created,
    emptied,
    hook_created,
    joined,
    log,
    owned,
    started,
    step_done,
    wrote,
)
from wfc.worlds.protocol import (
    Appended,
    Child,
    NewRun,
    OpenRun,
    Owner,
    Refusal,
    Refused,
    Release,
    Resume,
    Unowned,
    World,
)


class Appending:
    """Writing events."""

    async def test_a_new_run_is_in_the_log(self, world: World, clock: VirtualClock) -> None:
        """What `append` answers is what the log holds, dense from 1, at the world's time."""
        answer = wrote(
            await world.append(RUN, [created(), RunStarted(worker_id=ALICE)], guard=NewRun())
        )
        assert [one.position for one in answer.recorded] == [1, 2]
        assert {one.recorded_at for one in answer.recorded} == {clock.now_us()}
        assert answer.length == 2
        assert await log(world) == list(answer.recorded)

    @pytest.mark.parametrize("event", PLAIN, ids=lambda event: event.name)
    async def test_every_event_reads_back_as_it_was(self, world: World, event: Event) -> None:
        """No field of any event is lost or changed."""
        owner = await owned(world)
        wrote(await world.append(RUN, [event], guard=owner))
        assert (await log(world))[-1].event == event

    async def test_large_payloads_read_back(self, world: World) -> None:
        """A payload of any allowed size is the same bytes again, also within an announcement."""
        large = bytes(range(256)) * 4096
        await joined(world)
        answer = await world.append(
            RUN,
            [created(arguments=large), RunStarted(worker_id=ALICE)],
            guard=NewRun(),
            claim=ALICE,
        )
        fence = wrote(answer).fence
        assert fence is not None
        wrote(await world.append(RUN, [step_done(0, large)], guard=Owner(fence, 2)))
        wrote(await world.append(RUN, [step_done(1, large + b"!")], guard=Owner(fence, 3)))
        wrote(await world.append(RUN, [RunCompleted(output=large)], guard=Owner(fence, 4)))
        events = [one.event for one in await log(world)]
        assert events[0] == created(arguments=large)
        assert events[2:] == [
            step_done(0, large),
            step_done(1, large + b"!"),
            RunCompleted(output=large),
        ]
        run = await world.run(RUN)
        assert run is not None
        assert run.output == large

    async def test_time_never_goes_back_within_a_run(
        self, world: World, clock: VirtualClock
    ) -> None:
        """A clock that was set back gives the time of the last event once more."""
        owner = await owned(world)
        at = clock.now_us()
        clock.advance(timedelta(seconds=-5))
        first = wrote(await world.append(RUN, [step_done(0)], guard=owner))
        second = wrote(await world.append(RUN, [CANCEL], guard=OpenRun()))
        assert [one.recorded_at for one in (*first.recorded, *second.recorded)] == [at, at]

    async def test_a_taken_token_is_a_conflict(self, world: World) -> None:
        """The second hook is written as conflicted and names the owner; a free token is not."""
        owner = await owned(world)
        other = await owned(world, OTHER, BOB)
        wrote(await world.append(RUN, [hook_created()], guard=owner))
        answer = wrote(await world.append(OTHER, [hook_created(number=1)], guard=other))
        conflict = HookConflicted(
            operation_id=hook_created(number=1).operation_id,
            token="token",  # noqa: S106 - no secret
            owner_run_id=RUN,
        )
        assert answer.recorded[0].event == conflict
        assert (await log(world, OTHER))[-1].event == conflict

    async def test_a_disposed_token_is_free(self, world: World) -> None:
        """Also within one append."""
        owner = await owned(world)
        first, second = hook_created(), hook_created(number=1)
        disposed = HookDisposed(operation_id=first.operation_id)
        answer = wrote(await world.append(RUN, [first, disposed, second], guard=owner))
        assert [one.event for one in answer.recorded] == [first, disposed, second]

    async def test_a_child_is_born_with_its_event(self, world: World) -> None:
        """Parent's event, child's run and child's message are one commit."""
        owner = await owned(world)
        event = child_of(RUN)
        wrote(
            await world.append(
                RUN, [PLAIN[-2]], guard=owner, create=[Child(run_id=OTHER, event=event)]
            )
        )
        assert [one.event for one in await log(world, OTHER)] == [event]
        run = await world.run(OTHER)
        assert run is not None
        assert run.parent_id == RUN
        assert [one.message for one in await world.take(ALICE, 10)] == [Resume(OTHER)]

    async def test_a_taken_child_id_writes_nothing(self, world: World) -> None:
        """The parent learns whose it is."""
        owner = await owned(world)
        await started(world, OTHER)
        answer = await world.append(
            RUN, [PLAIN[-2]], guard=owner, create=[Child(run_id=OTHER, event=child_of(RUN))]
        )
        assert answer == Refused(reason=Refusal.EXISTS, events=tuple(await log(world, OTHER)))
        assert len(await log(world)) == 2

    async def test_the_end_of_a_child_wakes_its_parent(self, world: World) -> None:
        """The parent's owner records it."""
        owner = await owned(world)
        child = Child(run_id=OTHER, event=child_of(RUN))
        wrote(await world.append(RUN, [PLAIN[-2]], guard=owner, create=[child], release=Release()))
        await emptied(world)
        child_owner = await claimed(world, OTHER)
        wrote(await world.append(OTHER, [RunCompleted(output=b"")], guard=child_owner))
        assert [one.message for one in await world.take(ALICE, 10)] == [Resume(RUN)]

    async def test_many_runs_append_at_once(self, world: World) -> None:
        """Writes that share a commit keep apart: every log is dense and its own."""
        await joined(world)
        run_ids = [RunId(f"run_{number}") for number in range(40)]

        async def chain(run_id: RunId) -> None:
            start = await world.append(run_id, [created()], guard=NewRun(), claim=ALICE)
            fence = wrote(start).fence
            assert fence is not None
            for number in range(8):
                done = step_done(number, run_id.encode())
                wrote(await world.append(run_id, [done], guard=Owner(fence, number + 1)))

        await asyncio.gather(*map(chain, run_ids))
        for run_id in run_ids:
            recorded = await log(world, run_id)
            assert [one.position for one in recorded] == list(range(1, 10))
            assert [one.event for one in recorded[1:]] == [
                step_done(number, run_id.encode()) for number in range(8)
            ]

    async def test_a_refused_write_harms_no_other(self, world: World) -> None:
        """Good and bad writes may share a commit; each gets its own answer."""
        owner = await owned(world)
        await started(world, OTHER)
        answers = await asyncio.gather(
            world.append(RUN, [step_done()], guard=owner),
            world.append(RUN, [step_done()], guard=Owner(owner.fence, 9)),
            world.append(OTHER, [step_done()], guard=Owner(1, 1)),
            world.append(OTHER, [CANCEL], guard=OpenRun()),
            world.append(OTHER, [created()], guard=NewRun()),
            world.append(OTHER, [CANCEL], guard=Unowned(9)),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [
            Appended,
            IllegalEvent,
            Refused,
            Appended,
            Refused,
            IllegalEvent,
        ]
        assert (len(await log(world)), len(await log(world, OTHER))) == (3, 2)
