"""What limits promise: never exceeded, nobody passed over, and a free slot is always given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from wfc.clock import MICROSECONDS, VirtualClock
from wfc.eventlog.event import (
    Event,
    FailureKind,
    Parent,
    RunCancelled,
    RunCancelRequested,
    RunCompleted,
    RunFailed,
    RunPaused,
    RunUnpaused,
    RunUpgraded,
    RunWoken,
)
from wfc.ids import RunId, VersionId
from wfc.worlds.limits import limit_of_function, limit_of_queue
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    LEASE_S,
    OTHER,
    RUN,
    VERSION,
    WAIT,
    claimed,
    created,
    emptied,
    joined,
    owned,
    started,
    step_created,
    step_id,
    wrote,
)
from wfc.worlds.protocol import (
    Attempt,
    Child,
    Claimant,
    Claimed,
    Gate,
    Limit,
    Message,
    NewRun,
    NotYet,
    OpenRun,
    Queued,
    Rate,
    Release,
    Resume,
    SlotState,
    Swept,
    Taken,
    Unowned,
    World,
)

FREE: Final = limit_of_queue("free")
_GATE: Final = Gate(FREE)
THIRD: Final = RunId("run_3")
_DONE: Final = RunCompleted(output=b"")
_MINUTE: Final = 60 * MICROSECONDS


async def _limited(
    world: World, concurrency: int | None = 1, rate: Rate | None = None, *, active: bool = False
) -> None:
    await joined(world, ALICE)
    await joined(world, BOB)
    limit = Limit(name=FREE, concurrency=concurrency, rate=rate, active=active)
    await world.define_limits([limit])


async def _queued(
    world: World,
    *run_ids: RunId,
    priority: int = 0,
    key: str | None = None,
    not_before: int | None = None,
) -> None:
    """Start runs in the queue."""
    opening = created(queue="free", priority=priority, not_before=not_before)
    for run_id in run_ids or (RUN, OTHER, THIRD):
        await started(world, run_id, replace(opening, queue_key=key))


async def _messages(world: World, worker_id: str = ALICE) -> list[Message]:
    taken: Sequence[Taken] = await emptied(world, worker_id)  # type: ignore[arg-type]  # a bare string
    return [one.message for one in taken]


async def _end(world: World, run_id: RunId, event: Event = _DONE) -> None:
    wrote(await world.append(run_id, [event], guard=await claimed(world, run_id)))


async def _counts(world: World, gate: Gate = _GATE) -> tuple[int, int]:
    (state,) = [each for each in await world.gates() if each.gate == gate]
    return state.held, state.waiting


class Admitting:
    """Runs at the gate of a queue."""

    async def test_a_full_queue_lets_nobody_in(self, world: World) -> None:
        """The second run waits, and no worker is told of it."""
        await _limited(world)
        await _queued(world, RUN, OTHER)
        assert await _messages(world) == [Resume(RUN)]
        assert await world.claim(OTHER, BOB) == NotYet()
        assert isinstance(await world.claim(RUN, ALICE), Claimed)
        assert await _counts(world) == (1, 1)
        assert await world.sweep() == Swept()

    async def test_an_end_lets_the_next_one_in(self, world: World) -> None:
        """However it ends, and in the same commit."""
        await _limited(world)
        ends: list[Event] = [
            _DONE,
            RunFailed(error=b"error", kind=FailureKind.USER),
            RunCancelled(reason=None),
        ]
        await _queued(world, RUN, *(RunId(f"later_{number}") for number in range(3)))
        before = RUN
        for number, end in enumerate(ends):
            await emptied(world)
            await _end(world, before, end)
            before = RunId(f"later_{number}")
            assert await _messages(world) == [Resume(before)]
        assert await _counts(world) == (1, 0)

    async def test_a_forced_cancel_gives_the_slot_back(self, world: World) -> None:
        """Nobody owns the run, and none of its code runs."""
        await _limited(world)
        await _queued(world, RUN, OTHER)
        await emptied(world)
        forced = [RunCancelRequested(force=True), RunCancelled(reason=None, forced=True)]
        wrote(await world.append(RUN, forced, guard=OpenRun()))
        assert await _messages(world) == [Resume(OTHER)]

    async def test_priority_goes_first_then_age(self, world: World, clock: VirtualClock) -> None:
        """The age is that of the start, or of the instant to which it was delayed."""
        await _limited(world)
        await _queued(world, RUN)
        later = clock.now_us() + 5 * MICROSECONDS
        await _queued(world, RunId("delayed"), not_before=later)
        clock.advance(timedelta(seconds=4))
        await _queued(world, RunId("old"))
        clock.advance(timedelta(seconds=4))
        await _queued(world, RunId("young"))
        await _queued(world, RunId("urgent"), priority=9)
        await _queued(world, RunId("idle"), priority=-100)
        await emptied(world)
        # Whoever takes the message of the delayed one lets it knock.
        assert await world.claim(RunId("delayed"), ALICE) == NotYet()
        order = [RUN]
        for _ in range(5):
            await _end(world, order[-1])
            (message,) = await _messages(world)
            order.append(message.run_id)
        assert order[1:] == ["urgent", "old", "delayed", "young", "idle"]

    async def test_each_key_has_slots_of_its_own(self, world: World) -> None:
        """A key that is full holds up no other."""
        await _limited(world)
        await _queued(world, RUN, OTHER, key="ann")
        await _queued(world, THIRD, key="bob")
        assert set(await _messages(world)) == {Resume(RUN), Resume(THIRD)}
        assert await _counts(world, Gate(FREE, "ann")) == (1, 1)
        assert await _counts(world, Gate(FREE, "bob")) == (1, 0)

    async def test_a_queue_without_limits_is_open(self, world: World) -> None:
        """So is one that nobody has defined."""
        await joined(world)
        await _queued(world)
        assert await _messages(world) == [Resume(RUN), Resume(OTHER), Resume(THIRD)]
        await world.define_limits([Limit(name=FREE)])
        assert await _counts(world) == (3, 0)

    async def test_a_raised_limit_lets_more_in_and_a_lowered_one_nobody_out(
        self, world: World
    ) -> None:
        """At once."""
        await _limited(world)
        await _queued(world)
        assert await _messages(world) == [Resume(RUN)]
        await world.define_limits([Limit(name=FREE, concurrency=2)])
        assert await _messages(world) == [Resume(OTHER)]
        await world.define_limits([Limit(name=FREE, concurrency=1)])
        await claimed(world, RUN)
        await _end(world, OTHER)
        assert await _messages(world) == []
        assert await _counts(world) == (1, 1)

    async def test_a_claim_that_creates_a_run_needs_a_slot(self, world: World) -> None:
        """The run is there, and nobody owns it."""
        await _limited(world)
        opening = created(queue="free")
        first = wrote(await world.append(RUN, [opening], guard=NewRun(), claim=ALICE))
        second = wrote(await world.append(OTHER, [opening], guard=NewRun(), claim=ALICE))
        assert first.fence == 1
        assert second.fence is None
        assert await _messages(world) == []

    async def test_a_child_waits_like_any_run(self, world: World) -> None:
        """It is created by its parent's commit."""
        await _limited(world)
        owner = await owned(world)
        opening = created(queue="free")
        parent = Parent(run_id=RUN, operation_id=WAIT)
        await _queued(world, OTHER)
        await emptied(world)
        child = Child(run_id=THIRD, event=replace(opening, parent=parent, root_id=RUN, depth=1))
        wrote(await world.append(RUN, [], guard=owner, create=[child]))
        assert await _messages(world) == []
        await _end(world, OTHER)
        assert await _messages(world) == [Resume(THIRD)]

    async def test_a_run_passes_all_its_gates_or_none(self, world: World) -> None:
        """One that waits at a second gate holds up nobody at the first."""
        await _limited(world)
        own = limit_of_function(created().workflow)
        await world.define_limits([Limit(name=own, concurrency=1)])
        both = replace(created(queue="free"), limit_key="")
        await started(world, RunId("own"), replace(created(), limit_key=""))
        await started(world, RunId("both"), both)
        assert await _messages(world) == [Resume(RunId("own"))]
        await _queued(world, RUN)
        assert await _messages(world) == [Resume(RUN)]
        await _end(world, RunId("own"))
        assert await _messages(world) == []
        await _end(world, RUN)
        assert await _messages(world) == [Resume(RunId("both"))]
        assert await _counts(world) == (1, 0)
        assert await _counts(world, Gate(own)) == (1, 0)

    async def test_a_dead_worker_gives_no_slot_away(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Its run keeps the slot, and goes on elsewhere."""
        await _limited(world)
        await _queued(world, RUN, OTHER)
        await emptied(world)
        await claimed(world, RUN, BOB)
        clock.advance(timedelta(seconds=LEASE_S))
        await joined(world)
        assert await world.sweep() == Swept(orphans=1)
        assert await _messages(world) == [Resume(RUN)]
        answer = await world.claim(RUN, ALICE)
        assert isinstance(answer, Claimed)
        assert answer.loss
        assert await _counts(world) == (1, 1)

    async def test_a_lost_message_of_an_admitted_run_is_queued_again(self, world: World) -> None:
        """And none of a run that waits."""
        await _limited(world)
        await _queued(world, RUN, OTHER)
        await emptied(world)
        assert await world.sweep() == Swept(unqueued=1)
        assert await _messages(world) == [Resume(RUN)]

    async def test_gates_of_runs_that_have_gone_are_forgotten(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Also of one that failed, which might have been revived."""
        await _limited(world)
        await _queued(world, RUN)
        await emptied(world)
        await _end(world, RUN, RunFailed(error=b"error", kind=FailureKind.USER))
        assert [each.state for each in await world.standings(RUN)] == [SlotState.ASLEEP]
        clock.advance(timedelta(days=1))
        assert await world.gc(kept_us=0) == (RUN,)
        assert await world.standings(RUN) == []

    # -- resting

    async def test_a_suspended_run_keeps_its_slot(self, world: World) -> None:
        """Unless its queue is for the active."""
        await _limited(world)
        await _queued(world, RUN, OTHER)
        await emptied(world)
        wrote(await world.append(RUN, [], guard=await claimed(world), release=Release()))
        assert await _messages(world) == []

    async def test_a_queue_for_the_active_counts_no_suspended_run(self, world: World) -> None:
        """Whoever is woken waits for a slot anew."""
        await _limited(world, active=True)
        await _queued(world, RUN, OTHER)
        await emptied(world)
        wrote(await world.append(RUN, [], guard=await claimed(world), release=Release()))
        assert await _messages(world) == [Resume(OTHER)]
        wrote(await world.append(RUN, [RunWoken()], guard=OpenRun()))
        assert await world.claim(RUN, ALICE) == NotYet()
        assert await world.sweep() == Swept(unqueued=1)  # the message of the other was taken
        await emptied(world)
        await _end(world, OTHER)
        assert await _messages(world) == [Resume(RUN)]
        await claimed(world)

    async def test_a_sleeper_wants_its_slot_again_when_it_wakes(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Its message is due, and who takes it is told to leave it."""
        await _limited(world, active=True)
        await _queued(world, RUN, OTHER)
        await emptied(world)
        wake_at = clock.now_us() + MICROSECONDS
        release = Release(wake_at=wake_at)
        wrote(await world.append(RUN, [], guard=await claimed(world), release=release))
        await claimed(world, OTHER)
        await emptied(world)
        clock.advance(timedelta(seconds=1))
        assert await _messages(world) == [Resume(RUN)]
        assert await world.claim(RUN, ALICE) == NotYet()
        assert await world.sweep() == Swept()

    async def test_a_run_that_goes_on_at_once_keeps_its_slot(
        self, world: World, clock: VirtualClock
    ) -> None:
        """A worker that stops hands it to another."""
        await _limited(world, active=True)
        await _queued(world, RUN, OTHER)
        await emptied(world)
        release = Release(wake_at=clock.now_us())
        wrote(await world.append(RUN, [], guard=await claimed(world), release=release))
        assert await _messages(world) == [Resume(RUN)]

    async def test_a_queued_step_keeps_the_slot_of_its_run(self, world: World) -> None:
        """The run is suspended, and still at work."""
        await _limited(world, active=True)
        await _queued(world, RUN, OTHER)
        await emptied(world)
        message = Queued(message=Attempt(RUN, step_id(0)))
        answer = await world.append(
            RUN,
            [step_created()],
            guard=await claimed(world),
            messages=[message],
            release=Release(),
        )
        wrote(answer)
        assert await _counts(world) == (1, 1)

    async def test_who_waits_for_a_child_keeps_no_slot(self, world: World) -> None:
        """Whatever the queue says: the child may need it."""
        await _limited(world)
        await _queued(world, RUN, OTHER)
        await emptied(world)
        release = Release(for_child=True)
        wrote(await world.append(RUN, [], guard=await claimed(world), release=release))
        assert await _messages(world) == [Resume(OTHER)]

    async def test_a_paused_run_that_has_not_begun_waits_for_nothing(self, world: World) -> None:
        """It stands in line again when it may go on."""
        await _limited(world)
        await _queued(world, RUN, OTHER)
        await emptied(world)
        wrote(await world.append(RUN, [RunPaused()], guard=OpenRun()))
        assert await _messages(world) == [Resume(OTHER)]
        await _end(world, OTHER)
        wrote(await world.append(RUN, [RunUnpaused()], guard=OpenRun()))
        assert await _messages(world) == [Resume(RUN)]
        await claimed(world)

    async def test_a_blocked_run_keeps_no_slot(self, world: World) -> None:
        """Nobody executes it, perhaps for long; freed, it waits anew."""
        await _limited(world)
        await _queued(world, RUN, OTHER)
        await emptied(world)
        owner = await claimed(world)
        await world.block(RUN, "its code is missing")
        wrote(await world.append(RUN, [], guard=owner, release=Release()))
        assert await _messages(world) == [Resume(OTHER)]
        await world.block(RUN, None)
        assert await world.claim(RUN, ALICE) == NotYet()
        await world.block(OTHER, "its code is missing")
        assert await _messages(world) == [Resume(RUN)]

    async def test_a_halted_run_is_passed_over(self, world: World) -> None:
        """It was next in the line."""
        await _limited(world)
        await _queued(world)
        await emptied(world)
        await world.block(OTHER, "its code is missing")
        await _end(world, RUN)
        assert await _messages(world) == [Resume(THIRD)]

    async def test_a_cancelled_run_waits_for_no_slot(self, world: World) -> None:
        """It only cleans up, and takes no slot from another."""
        await _limited(world)
        await _queued(world)
        await emptied(world)
        wrote(await world.append(OTHER, [RunCancelRequested()], guard=OpenRun()))
        assert await _messages(world) == [Resume(OTHER)]
        await claimed(world, OTHER)
        assert await _counts(world) == (1, 1)
        await _end(world, RUN)
        assert await _messages(world) == [Resume(THIRD)]
        assert await _counts(world) == (1, 0)

    async def test_a_revived_run_waits_for_a_slot(self, world: World) -> None:
        """It gave its own back when it failed."""
        await _limited(world)
        await _queued(world, RUN, OTHER)
        await emptied(world)
        failed = RunFailed(error=b"error", kind=FailureKind.USER)
        answer = wrote(await world.append(RUN, [failed], guard=await claimed(world)))
        upgrade = RunUpgraded(from_version=VERSION, to_version=VersionId("fedc"), fingerprint="g")
        wrote(await world.append(RUN, [upgrade], guard=Unowned(answer.length)))
        assert await _messages(world) == [Resume(OTHER)]
        await _end(world, OTHER)
        assert await _messages(world) == [Resume(RUN)]

    # -- rates

    async def test_a_rate_lets_so_many_in_and_then_one_by_one(
        self, world: World, clock: VirtualClock
    ) -> None:
        """The next one is called when its time has come, and nobody before."""
        await _limited(world, None, Rate(2, _MINUTE))
        await _queued(world)
        await _queued(world, RunId("run_4"))
        assert await _messages(world) == [Resume(RUN), Resume(OTHER)]
        assert await world.claim(THIRD, ALICE) == NotYet()
        due = clock.now_us() + _MINUTE // 2
        assert await world.next_due() == due
        clock.advance(timedelta(seconds=29))
        assert await world.sweep() == Swept(unqueued=2)
        assert set(await _messages(world)) == {Resume(RUN), Resume(OTHER)}
        clock.advance(timedelta(seconds=1))
        await joined(world)
        assert await _messages(world) == [Resume(THIRD)]
        await _end(world, THIRD)
        assert await world.claim(RunId("run_4"), ALICE) == NotYet()
        clock.advance(timedelta(seconds=30))
        await joined(world)
        assert await _messages(world) == [Resume(RunId("run_4"))]

    async def test_a_rate_recovers_to_its_count_and_no_further(
        self, world: World, clock: VirtualClock
    ) -> None:
        """However long nobody came."""
        await _limited(world, None, Rate(2, _MINUTE))
        clock.advance(timedelta(days=1))
        await joined(world)
        await _queued(world)
        assert await _messages(world) == [Resume(RUN), Resume(OTHER)]

    async def test_a_slot_that_is_wanted_again_costs_no_rate(
        self, world: World, clock: VirtualClock
    ) -> None:
        """The run has begun already, and those that have not wait on."""
        await _limited(world, 1, Rate(1, _MINUTE), active=True)
        await _queued(world)
        await emptied(world)
        wrote(await world.append(RUN, [], guard=await claimed(world), release=Release()))
        assert await _messages(world) == []
        wrote(await world.append(RUN, [RunWoken()], guard=OpenRun()))
        assert await _messages(world) == [Resume(RUN)]
        owner = await claimed(world)
        clock.advance(timedelta(minutes=1))
        await joined(world)
        await _end(world, RUN)
        assert await _messages(world) == [Resume(OTHER)]
        assert owner.length > 0

    async def test_who_has_paid_passes_those_that_wait_for_the_rate(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Though they are more urgent."""
        await _limited(world, 2, Rate(1, _MINUTE), active=True)
        await _queued(world, RUN)
        await emptied(world)
        wrote(await world.append(RUN, [], guard=await claimed(world), release=Release()))
        await _queued(world, OTHER, THIRD, priority=9)
        wrote(await world.append(RUN, [RunWoken()], guard=OpenRun()))
        assert await _messages(world) == [Resume(RUN)]
        assert await _counts(world) == (1, 2)
        (first,), (second,) = await world.standings(OTHER), await world.standings(THIRD)
        assert first.opens_at == second.opens_at == clock.now_us() + _MINUTE
        assert (first.ahead, second.ahead) == (0, 1)
        clock.advance(timedelta(minutes=1))
        await joined(world)
        assert Resume(OTHER) in await _messages(world)

    async def test_a_lost_call_of_a_rate_is_made_again(
        self, world: World, clock: VirtualClock
    ) -> None:
        """By the sweeper."""
        await _limited(world, None, Rate(1, _MINUTE))
        await _queued(world, RUN, OTHER)
        clock.advance(timedelta(seconds=60))
        await joined(world)
        await emptied(world)
        assert (await world.sweep()).admitted == 1
        assert Resume(OTHER) in await _messages(world)

    async def test_the_line_goes_on_when_the_one_that_was_called_leaves(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Without a sweep."""
        await _limited(world, None, Rate(1, _MINUTE))
        await _queued(world)
        await emptied(world)
        forced = RunCancelled(reason=None, forced=True)
        wrote(await world.append(OTHER, [forced], guard=OpenRun()))
        assert await world.next_due() == clock.now_us() + _MINUTE
        clock.advance(timedelta(seconds=60))
        await joined(world)
        assert await _messages(world) == [Resume(THIRD)]

    # -- reading

    async def test_everybody_can_read_who_waits_behind_whom(
        self, world: World, clock: VirtualClock
    ) -> None:
        """And since when, and what holds it up."""
        await _limited(world)
        await _queued(world)
        began = clock.now_us()
        (state,) = await world.gates()
        assert (state.held, state.waiting, state.oldest) == (1, 2, began)
        assert state.limit == Limit(name=FREE, concurrency=1)
        (first,), (last,) = await world.standings(RUN), await world.standings(THIRD)
        assert first.state is SlotState.HELD
        assert (last.state, last.ahead, last.since) == (SlotState.WAITING, 1, began)
        assert last.holders == (Claimant(RUN),)
        assert last.gate == Gate(FREE)
        await world.define_limits([Limit(name=FREE, rate=Rate(1, _MINUTE))])
        assert await world.standings(RunId("nobody")) == []
