"""What limits promise of steps, and which workers are given those of a queue."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from wfc.clock import MICROSECONDS, VirtualClock
from wfc.eventlog.event import (
    RunCancelled,
    RunPaused,
    RunUnpaused,
    RunUpgraded,
    StepCancelled,
    StepRetrying,
    StepStarted,
)
from wfc.ids import DefinitionId, RunId, VersionId, WorkerId
from wfc.worlds.limits import limit_of_function
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    LEASE_S,
    OTHER,
    RUN,
    VERSION,
    emptied,
    joined,
    owned,
    step_created,
    step_ended,
    step_id,
    taken_step,
    wrote,
)
from wfc.worlds.protocol import (
    Attempt,
    AttemptOf,
    ClaimedAttempt,
    Gate,
    Limit,
    Message,
    NotYet,
    OpenRun,
    Owner,
    Queued,
    Release,
    Swept,
    Unowned,
    World,
)

CHARGE: Final = Gate(limit_of_function(DefinitionId("shop:charge")), "ann")


async def _limited(world: World, concurrency: int = 1) -> None:
    await joined(world, ALICE)
    await joined(world, BOB)
    await world.define_limits([Limit(name=CHARGE.limit, concurrency=concurrency)])


async def _with_steps(world: World, *numbers: int, run_id: RunId = RUN) -> Owner:
    """Queue steps of a run that pass one gate; the run is released then."""
    owner = await owned(world, run_id)
    messages = [Queued(message=Attempt(run_id, step_id(one)), gate=CHARGE) for one in numbers]
    events = [step_created(one) for one in numbers]
    answer = await world.append(run_id, events, guard=owner, messages=messages, release=Release())
    return Owner(owner.fence, wrote(answer).length)


async def _messages(world: World, worker_id: WorkerId = ALICE) -> list[Message]:
    return [one.message for one in await emptied(world, worker_id)]


async def _start(world: World, number: int = 0, worker_id: WorkerId = BOB) -> AttemptOf:
    """Begin the body of a step."""
    held = await taken_step(world, worker_id, number)
    guard = AttemptOf(step_id(number), held.fence)
    begun = StepStarted(operation_id=step_id(number), attempt=1, worker_id=worker_id)
    wrote(await world.append(RUN, [begun], guard=guard))
    return guard


async def _counts(world: World) -> tuple[int, int]:
    (state,) = [each for each in await world.gates() if each.gate.limit == CHARGE.limit]
    return state.held, state.waiting


class QueueingSteps:
    """Attempts at gates, and in queues."""

    async def test_steps_of_all_runs_share_a_limit(self, world: World) -> None:
        """The outcome of one lets the next one begin."""
        await _limited(world)
        await _with_steps(world, 0, 1)
        await _with_steps(world, 2, run_id=OTHER)
        assert await _messages(world) == [Attempt(RUN, step_id(0))]
        assert await world.claim_attempt(RUN, step_id(1), ALICE) == NotYet()
        guard = await _start(world)
        wrote(await world.append(RUN, [step_ended(0)], guard=guard))
        assert Attempt(RUN, step_id(1)) in await _messages(world)
        guard = await _start(world, 1)
        wrote(await world.append(RUN, [step_ended(1)], guard=guard))
        assert Attempt(OTHER, step_id(2)) in await _messages(world)
        assert await _counts(world) == (1, 0)

    async def test_a_retry_pause_holds_no_slot(self, world: World, clock: VirtualClock) -> None:
        """The next attempt waits in line when its time has come."""
        await _limited(world)
        await _with_steps(world, 0, 1)
        await emptied(world)
        guard = await _start(world)
        retry_at = clock.now_us() + 5 * MICROSECONDS
        event = StepRetrying(operation_id=step_id(0), attempt=1, error=b"", retry_at=retry_at)
        again = Queued(message=Attempt(RUN, step_id(0)), not_before=retry_at, gate=CHARGE)
        wrote(await world.append(RUN, [event], guard=guard, messages=[again]))
        assert Attempt(RUN, step_id(1)) in await _messages(world)
        clock.advance(timedelta(seconds=5))
        assert await _messages(world) == [Attempt(RUN, step_id(0))]
        assert await world.claim_attempt(RUN, step_id(0), BOB) == NotYet()
        assert (await world.sweep()).attempts == 1  # the message of the other was taken
        await emptied(world)
        guard = await _start(world, 1)
        wrote(await world.append(RUN, [step_ended(1)], guard=guard))
        assert Attempt(RUN, step_id(0)) in await _messages(world)

    async def test_a_dead_worker_gives_no_slot_away(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Its attempt is queued again with the slot that it has."""
        await _limited(world)
        await _with_steps(world, 0, 1)
        await emptied(world)
        await _start(world)
        clock.advance(timedelta(seconds=LEASE_S))
        await joined(world)
        assert (await world.sweep()).attempts == 1
        assert Attempt(RUN, step_id(0)) in await _messages(world)
        assert await _counts(world) == (1, 1)
        answer = await world.claim_attempt(RUN, step_id(0), ALICE)
        assert isinstance(answer, ClaimedAttempt)
        assert answer.lost

    async def test_a_body_that_is_still_to_be_told_keeps_its_slot(self, world: World) -> None:
        """Its step was cancelled, and its worker hears of it by heartbeat."""
        await _limited(world)
        owner = await _with_steps(world, 0, 1)
        await emptied(world)
        await _start(world)
        cancelled = StepCancelled(operation_id=step_id(0), attempt=1)
        claim = await world.claim(RUN, ALICE)
        fence = getattr(claim, "fence", 0)
        guard = Owner(fence, owner.length + 1)
        wrote(await world.append(RUN, [cancelled], guard=guard, release=Release()))
        assert await _messages(world) == []
        assert world.renew(BOB, lease_s=LEASE_S).cancelled == ((RUN, step_id(0)),)
        assert await _messages(world) == [Attempt(RUN, step_id(1))]

    async def test_a_forced_end_frees_what_no_body_uses(self, world: World) -> None:
        """The rest is free once its worker is gone."""
        await _limited(world, 2)
        await _with_steps(world, 0, 1)
        await _with_steps(world, 2, 3, run_id=OTHER)
        await emptied(world)
        await _start(world)
        forced = RunCancelled(reason=None, forced=True)
        wrote(await world.append(RUN, [forced], guard=OpenRun()))
        assert await _messages(world) == [Attempt(OTHER, step_id(2))]
        await world.leave(BOB)
        assert await _messages(world) == [Attempt(OTHER, step_id(3))]

    async def test_steps_of_a_paused_run_hold_no_slot(self, world: World) -> None:
        """Unless their bodies are under way."""
        await _limited(world)
        await _with_steps(world, 0)
        await _with_steps(world, 2, run_id=OTHER)
        assert await _messages(world) == [Attempt(RUN, step_id(0))]
        wrote(await world.append(RUN, [RunPaused()], guard=OpenRun()))
        assert await _messages(world) == [Attempt(OTHER, step_id(2))]
        forced = RunCancelled(reason=None, forced=True)
        wrote(await world.append(OTHER, [forced], guard=OpenRun()))
        wrote(await world.append(RUN, [RunUnpaused()], guard=OpenRun()))
        assert Attempt(RUN, step_id(0)) in await _messages(world)
        await taken_step(world)

    async def test_a_retry_of_a_paused_run_takes_no_slot(
        self, world: World, clock: VirtualClock
    ) -> None:
        """It stands in line when the run goes on."""
        await _limited(world)
        await _with_steps(world, 0)
        await _with_steps(world, 2, run_id=OTHER)
        await emptied(world)
        guard = await _start(world)
        wrote(await world.append(RUN, [RunPaused()], guard=OpenRun()))
        assert await _counts(world) == (1, 1)
        now = clock.now_us()
        event = StepRetrying(operation_id=step_id(0), attempt=1, error=b"", retry_at=now)
        again = Queued(message=Attempt(RUN, step_id(0)), not_before=now, gate=CHARGE)
        wrote(await world.append(RUN, [event], guard=guard, messages=[again]))
        assert await _messages(world) == [Attempt(OTHER, step_id(2))]
        forced = RunCancelled(reason=None, forced=True)
        wrote(await world.append(OTHER, [forced], guard=OpenRun()))
        assert await _counts(world) == (0, 0)
        wrote(await world.append(RUN, [RunUnpaused()], guard=OpenRun()))
        assert Attempt(RUN, step_id(0)) in await _messages(world)
        await taken_step(world)

    async def test_a_step_that_is_queued_once_more_stands_where_it_stood(
        self, world: World
    ) -> None:
        """By whoever asks."""
        await _limited(world)
        await _with_steps(world, 0, 1)
        await emptied(world)
        for number in (0, 1):
            await world.enqueue(Queued(message=Attempt(RUN, step_id(number)), gate=CHARGE))
        assert await _messages(world) == [Attempt(RUN, step_id(0))]
        assert await _counts(world) == (1, 1)

    async def test_a_step_keeps_its_place_under_its_new_name(self, world: World) -> None:
        """The run moves to code that calls it otherwise."""
        await _limited(world)
        owner = await _with_steps(world, 0, 1)
        await emptied(world)
        upgrade = RunUpgraded(
            from_version=VERSION,
            to_version=VersionId("fedc"),
            fingerprint="g",
            site_map={step_id(1).partition("#")[0]: "charge~new"},
        )
        wrote(await world.append(RUN, [upgrade], guard=Unowned(owner.length)))
        names = [each.claimant.operation_id for each in await world.standings(RUN)]
        assert sorted(names) == ["charge~new#0", "charge~new#1"]
        wrote(await world.append(RUN, [RunCancelled(reason=None, forced=True)], guard=OpenRun()))
        assert await world.standings(RUN) == []

    async def test_lost_messages_of_steps_are_queued_again(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Of those that hold a slot, and of those that are not due yet."""
        await _limited(world)
        owner = await owned(world)
        later = clock.now_us() + MICROSECONDS
        messages = [
            Queued(message=Attempt(RUN, step_id(0)), gate=CHARGE),
            Queued(message=Attempt(RUN, step_id(1)), gate=CHARGE),
            Queued(message=Attempt(RUN, step_id(2)), gate=CHARGE, not_before=later),
        ]
        events = [step_created(number) for number in range(3)]
        wrote(await world.append(RUN, events, guard=owner, messages=messages))
        clock.advance(timedelta(seconds=1))
        await emptied(world)
        assert await world.sweep() == Swept(attempts=2)

    # -- queues of workers

    async def test_steps_of_a_queue_go_to_workers_that_serve_it(self, world: World) -> None:
        """Who names no queue serves all of them."""
        carol = WorkerId("worker_carol")
        await world.join(BOB, lease_s=LEASE_S, queues=["cpu"])
        await world.join(carol, lease_s=LEASE_S, queues=["gpu", "tpu"])
        owner = await owned(world)
        queued = [
            Queued(message=Attempt(RUN, step_id(0)), queue="gpu"),
            Queued(message=Attempt(RUN, step_id(1))),
        ]
        events = [step_created(0), step_created(1)]
        wrote(await world.append(RUN, events, guard=owner, messages=queued))
        assert await _messages(world, BOB) == [Attempt(RUN, step_id(1))]
        assert await _messages(world, BOB) == []
        assert await _messages(world, carol) == [Attempt(RUN, step_id(0))]
        await world.sweep()
        assert await _messages(world, BOB) == [Attempt(RUN, step_id(1))]
        assert await _messages(world, ALICE) == [Attempt(RUN, step_id(0))]

    async def test_a_dead_worker_s_step_stays_in_its_queue(self, world: World) -> None:
        """Only those that serve it take it over."""
        await world.join(BOB, lease_s=LEASE_S, queues=["gpu"])
        owner = await owned(world)
        queued = Queued(message=Attempt(RUN, step_id(0)), queue="gpu")
        wrote(await world.append(RUN, [step_created()], guard=owner, messages=[queued]))
        await emptied(world, BOB)
        await taken_step(world, BOB)
        await world.leave(BOB)
        await world.join(BOB, lease_s=LEASE_S, queues=["cpu"])
        assert await _messages(world, BOB) == []
        assert await _messages(world, ALICE) == [Attempt(RUN, step_id(0))]
