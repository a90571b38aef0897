"""What `append` refuses: writers without the right, or behind the log, write nothing."""
# ruff: noqa: PLR2004 - expected values are literals in a test

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from wfc.clock import VirtualClock
from wfc.errors import IllegalEvent
from wfc.eventlog.event import (
    AttributesSet,
    Event,
    HookDisposed,
    RunCancelled,
    RunCompleted,
    RunStarted,
    RunUnpaused,
    RunWoken,
    StepCancelled,
)
from wfc.ids import RunId
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    CANCEL,
    ENDS,
    LEASE_S,
    OTHER,
    OUTSIDE,
    RECEIVED,
    RUN,
    claimed,
    created,
    hook_created,
    joined,
    log,
    owned,
    queued_step,
    released,
    started,
    step_done,
    step_ended,
    step_id,
    taken_step,
    wrote,
)
from wfc.worlds.protocol import (
    Appended,
    AttemptOf,
    Child,
    Claimed,
    Guard,
    NewRun,
    OpenHook,
    OpenRun,
    Owner,
    Queued,
    Refusal,
    Refused,
    Release,
    Resume,
    Unowned,
    World,
)


class Refusing:
    """Guards."""

    async def test_a_run_id_is_given_once(self, world: World) -> None:
        """The second start learns how the first one began, also after the run has ended."""
        owner = await owned(world)
        first = (await log(world))[0]
        for _ in range(2):
            answer = await world.append(RUN, [created(arguments=b"others")], guard=NewRun())
            assert answer == Refused(reason=Refusal.EXISTS, events=(first,))
            await world.append(RUN, [RunCompleted(output=b"")], guard=owner)

    async def test_fifty_racing_starts_make_one_run(self, world: World) -> None:
        """Whoever loses the race learns the winner's arguments."""
        answers = await asyncio.gather(
            *(
                world.append(RUN, [created(arguments=b"%d" % number)], guard=NewRun())
                for number in range(50)
            )
        )
        (winner,) = [answer for answer in answers if isinstance(answer, Appended)]
        losers = [answer for answer in answers if isinstance(answer, Refused)]
        assert losers == [Refused(reason=Refusal.EXISTS, events=winner.recorded)] * 49
        assert len(await log(world)) == 1

    @pytest.mark.parametrize("guard", [Owner(1, 1), *OUTSIDE], ids=repr)
    async def test_nothing_is_appended_to_a_missing_run(self, world: World, guard: Guard) -> None:
        """Only `NewRun` makes a run."""
        answer = await world.append(RUN, [CANCEL], guard=guard)
        assert answer == Refused(reason=Refusal.MISSING)
        assert await world.run(RUN) is None

    @pytest.mark.parametrize("guard", [Owner(1, 2), *OUTSIDE], ids=repr)
    @pytest.mark.parametrize("end", [end for end, _ in ENDS], ids=lambda end: end.name)
    async def test_nothing_is_appended_to_a_run_that_ended(
        self, world: World, guard: Guard, end: Event
    ) -> None:
        """After a terminal event nothing follows, whatever the guard."""
        owner = await owned(world)
        wrote(await world.append(RUN, [end], guard=owner))
        assert await world.append(RUN, [CANCEL], guard=guard) == Refused(reason=Refusal.OVER)
        assert len(await log(world)) == 3

    async def test_an_owner_must_have_seen_the_whole_log(self, world: World) -> None:
        """Who is behind writes nothing and gets what it misses, in order."""
        owner = await owned(world)
        cancel = wrote(await world.append(RUN, [CANCEL], guard=OpenRun()))
        changes = AttributesSet(changes={"a": 1})
        attributes = wrote(await world.append(RUN, [changes], guard=OpenRun()))
        missed = (*cancel.recorded, *attributes.recorded)
        for events in ([step_done()], [RunCompleted(output=b"")], []):
            answer = await world.append(RUN, events, guard=owner)
            assert answer == Refused(reason=Refusal.BEHIND, events=missed)
        assert len(await log(world)) == 4

    async def test_an_owner_that_is_behind_releases_nothing(self, world: World) -> None:
        """A release says that all was seen; otherwise news would wait for nobody."""
        owner = await owned(world)
        await world.append(RUN, [CANCEL], guard=OpenRun())
        answer = await world.append(RUN, [], guard=owner, release=Release())
        assert isinstance(answer, Refused)
        run = await world.run(RUN)
        assert run is not None
        assert run.owner == ALICE

    async def test_a_run_without_owner_takes_no_decision(self, world: World) -> None:
        """A fence that nobody was given is no right."""
        await started(world)
        answer = await world.append(RUN, [step_done()], guard=Owner(0, 1))
        assert answer == Refused(reason=Refusal.FENCED)

    async def test_a_released_run_takes_no_decision(self, world: World) -> None:
        """The right ends with the release, before anybody else claims."""
        owner = await released(world)
        answer = await world.append(RUN, [step_done()], guard=owner)
        assert answer == Refused(reason=Refusal.FENCED)

    async def test_a_given_up_owner_takes_no_decision(self, world: World) -> None:
        """A worker that left cannot write with the fence that it still remembers."""
        owner = await owned(world)
        await world.leave(ALICE)
        answer = await world.append(RUN, [step_done()], guard=owner)
        assert answer == Refused(reason=Refusal.FENCED)

    async def test_an_overtaken_owner_takes_no_decision(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Two owners never both decide: the older fence is refused at any length."""
        owner = await owned(world)
        clock.advance(timedelta(seconds=LEASE_S + 1))
        await joined(world, BOB)
        newer = await claimed(world, worker_id=BOB)
        answer = await world.append(RUN, [step_done()], guard=owner)
        assert answer == Refused(reason=Refusal.FENCED)
        wrote(await world.append(RUN, [step_done()], guard=newer))

    async def test_a_late_owner_may_go_on_if_nobody_took_over(
        self, world: World, clock: VirtualClock
    ) -> None:
        """A lease that ran out unnoticed harms nobody: the fence is still the newest."""
        owner = await owned(world)
        clock.advance(timedelta(seconds=LEASE_S + 1))
        wrote(await world.append(RUN, [step_done()], guard=owner))

    async def test_an_owner_cannot_have_seen_more_than_there_is(self, world: World) -> None:
        """A wrong count is a fault of the caller and says so."""
        owner = await owned(world)
        with pytest.raises(IllegalEvent):
            await world.append(RUN, [step_done()], guard=Owner(owner.fence, 3))

    async def test_an_attempt_needs_its_row(self, world: World) -> None:
        """Without a queued step there is no outcome of one."""
        await owned(world)
        answer = await world.append(RUN, [step_done()], guard=AttemptOf(step_id(0), 1))
        assert answer == Refused(reason=Refusal.MISSING)

    async def test_an_attempt_must_be_taken(self, world: World) -> None:
        """A row that nobody holds lets nobody write."""
        await queued_step(world)
        answer = await world.append(RUN, [step_done()], guard=AttemptOf(step_id(0), 0))
        assert answer == Refused(reason=Refusal.FENCED)

    async def test_an_overtaken_attempt_writes_nothing(
        self, world: World, clock: VirtualClock
    ) -> None:
        """A step's outcome comes from the newest holder of its attempt only."""
        await queued_step(world)
        await joined(world, BOB)
        first = await taken_step(world)
        clock.advance(timedelta(seconds=LEASE_S + 1))
        await joined(world, ALICE)
        second = await taken_step(world, ALICE)
        assert (first.lost, second.lost) == (False, True)
        late = await world.append(RUN, [step_ended()], guard=AttemptOf(step_id(0), first.fence))
        assert late == Refused(reason=Refusal.FENCED)
        wrote(await world.append(RUN, [step_ended()], guard=AttemptOf(step_id(0), second.fence)))

    async def test_an_outcome_is_recorded_once(self, world: World) -> None:
        """The outcome removes the row that would allow another one."""
        await queued_step(world)
        guard = AttemptOf(step_id(0), (await taken_step(world, ALICE)).fence)
        wrote(await world.append(RUN, [step_ended()], guard=guard))
        assert await world.append(RUN, [step_ended()], guard=guard) == Refused(
            reason=Refusal.MISSING
        )

    async def test_a_step_given_up_by_its_owner_has_no_outcome(self, world: World) -> None:
        """The owner's word goes before that of an attempt under way."""
        owner = await queued_step(world)
        guard = AttemptOf(step_id(0), (await taken_step(world, ALICE)).fence)
        cancelled = StepCancelled(operation_id=step_id(0), attempt=1)
        wrote(await world.append(RUN, [cancelled], guard=owner))
        assert await world.append(RUN, [step_done()], guard=guard) == Refused(
            reason=Refusal.MISSING
        )

    async def test_a_hook_takes_payloads_while_it_is_active(self, world: World) -> None:
        """An unknown token, a disposed hook and another run's token are closed."""
        owner = await owned(world)
        await started(world, OTHER)
        assert await world.append(RUN, [RECEIVED], guard=OpenHook("token")) == Refused(
            reason=Refusal.CLOSED
        )
        answer = wrote(await world.append(RUN, [hook_created()], guard=owner))
        wrote(await world.append(RUN, [RECEIVED], guard=OpenHook("token")))
        assert await world.append(OTHER, [RECEIVED], guard=OpenHook("token")) == Refused(
            reason=Refusal.CLOSED
        )
        disposed = HookDisposed(operation_id=RECEIVED.operation_id)
        wrote(await world.append(RUN, [disposed], guard=Owner(owner.fence, answer.length + 1)))
        assert await world.append(RUN, [RECEIVED], guard=OpenHook("token")) == Refused(
            reason=Refusal.CLOSED
        )

    async def test_what_needs_an_unowned_run_waits_for_one(self, world: World) -> None:
        """`Unowned` is refused while a living worker owns the run, and when it has not seen all."""
        owner = await owned(world)
        woken = RunWoken()
        assert await world.append(RUN, [woken], guard=Unowned(2)) == Refused(reason=Refusal.HELD)
        wrote(await world.append(RUN, [step_done()], guard=owner))
        await world.append(RUN, [], guard=Owner(owner.fence, 3), release=Release())
        behind = await world.append(RUN, [woken], guard=Unowned(2))
        assert isinstance(behind, Refused)
        assert behind.reason is Refusal.BEHIND
        assert [one.position for one in behind.events] == [3]
        wrote(await world.append(RUN, [woken], guard=Unowned(3)))

    async def test_an_unowned_append_ends_the_right_of_a_dead_owner(
        self, world: World, clock: VirtualClock
    ) -> None:
        """A worker that comes back from the dead does not decide over an upgraded run."""
        owner = await owned(world)
        clock.advance(timedelta(seconds=LEASE_S + 1))
        wrote(await world.append(RUN, [RunWoken()], guard=Unowned(2)))
        answer = await world.append(RUN, [step_done()], guard=Owner(owner.fence, 3))
        assert answer == Refused(reason=Refusal.FENCED)
        await joined(world, BOB)
        again = await world.claim(RUN, BOB)
        assert isinstance(again, Claimed)
        assert again.loss

    @pytest.mark.parametrize(
        ("run_id", "events", "guard"),
        [
            (RUN, [], NewRun()),
            (RUN, [RunStarted(worker_id=ALICE)], NewRun()),
            (RUN, [created(), created()], NewRun()),
            (RUN, [created(), RunCompleted(output=b""), step_done()], NewRun()),
            (RunId("a b"), [created()], NewRun()),
            (RunId(".."), [created()], NewRun()),
            (RunId(""), [created()], NewRun()),
            (OTHER, [created()], OpenRun()),
            (OTHER, [], OpenRun()),
            (OTHER, [], Unowned(1)),
            (OTHER, [], OpenHook("token")),
            (OTHER, [], AttemptOf(step_id(0), 1)),
            (OTHER, [RunCancelled(), CANCEL], OpenRun()),
            (OTHER, [CANCEL, RunUnpaused(idempotency_id="i")], OpenRun()),
            (RUN, [created(), *[RunUnpaused(idempotency_id="i")] * 2], NewRun()),
        ],
    )
    async def test_an_impossible_log_is_never_written(
        self, world: World, run_id: RunId, events: Sequence[Event], guard: Guard
    ) -> None:
        """What no log may hold is refused as a fault of the caller, and changes nothing."""
        await started(world, OTHER)
        with pytest.raises(IllegalEvent):
            await world.append(run_id, events, guard=guard)
        assert await world.run(RUN) is None
        assert len(await log(world, OTHER)) == 1

    async def test_a_refused_append_changes_nothing_else(self, world: World) -> None:
        """Messages, children and views of a refused append are not there either."""
        owner = await owned(world)
        before = await world.run(RUN)
        answer = await world.append(
            RUN,
            [AttributesSet(changes={"a": 1}), hook_created()],
            guard=Owner(owner.fence, 1),
            messages=[Queued(message=Resume(OTHER))],
            create=[Child(run_id=OTHER, event=created())],
            release=Release(wake_at=1),
        )
        assert isinstance(answer, Refused)
        assert await world.run(RUN) == before
        assert await world.run(OTHER) is None
        assert await world.take(ALICE, 10) == []
