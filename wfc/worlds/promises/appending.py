"""What `append` promises: all or nothing, under a guard, with the views in step."""
# ruff: noqa: PLR2004 - expected values are literals in a test

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import pytest

from wfc.clock import VirtualClock
from wfc.errors import IdempotencyMismatch, IllegalEvent
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    AttributesSet,
    ChildCreated,
    Event,
    FailureKind,
    HookConflicted,
    HookDisposed,
    HookReceived,
    Parent,
    RunCancelled,
    RunCancelRequested,
    RunCompleted,
    RunFailed,
    RunPaused,
    RunRestarted,
    RunStarted,
    RunUnpaused,
    RunUpgraded,
    RunWoken,
    StepCancelled,
    StepFailed,
    StepRetrying,
    StepStarted,
    WaitCause,
    WaitCompleted,
    WaitCreated,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    LEASE_S,
    OTHER,
    RUN,
    VERSION,
    claimed,
    created,
    emptied,
    hook_created,
    joined,
    log,
    owned,
    queued_step,
    released,
    started,
    step_created,
    step_done,
    step_id,
    taken_step,
    wrote,
)
from wfc.worlds.protocol import (
    Appended,
    Attempt,
    AttemptOf,
    Child,
    Claimed,
    Guard,
    Held,
    NewRun,
    OpenHook,
    OpenRun,
    Over,
    Owner,
    Queued,
    Refusal,
    Refused,
    Release,
    Resume,
    Unowned,
    World,
)

_CANCEL: Final = RunCancelRequested(reason="enough")
_RECEIVED: Final = HookReceived(
    operation_id=hook_created().operation_id, receipt_id="rcpt_1", payload=b"yes"
)
_WAIT: Final = OperationId("sleep~e5f6#0")
_OUTSIDE: Final[tuple[Guard, ...]] = (
    AttemptOf(step_id(0), 1),
    OpenHook("token"),
    OpenRun(),
    Unowned(1),
)
_ENDS: Final[tuple[tuple[Event, RunStatus], ...]] = (
    (RunCompleted(output=b"done"), RunStatus.COMPLETED),
    (RunFailed(error=b"error", kind=FailureKind.USER), RunStatus.FAILED),
    (RunCancelled(reason="enough"), RunStatus.CANCELLED),
)
_PLAIN: Final[tuple[Event, ...]] = (
    RunStarted(worker_id=ALICE),
    _CANCEL,
    RunPaused(reason="lunch", actor="ann"),
    RunUnpaused(actor="ann"),
    RunWoken(operation_ids=(step_id(0),)),
    RunUpgraded(from_version=VERSION, to_version=VersionId("fedc"), fingerprint="g"),
    RunRestarted(
        chapter=2, arguments=b"more", seed=bytes(32), version=VERSION, fingerprint="f" * 32
    ),
    step_created(),
    StepStarted(operation_id=step_id(0), attempt=1, worker_id=ALICE),
    StepRetrying(operation_id=step_id(0), attempt=1, error=b"error", retry_at=7),
    step_done(),
    StepFailed(operation_id=step_id(0), attempt=3, started_at=1, version=VERSION, error=b"error"),
    StepCancelled(operation_id=step_id(0), attempt=0, created=step_created()),
    hook_created(),
    _RECEIVED,
    HookDisposed(operation_id=_RECEIVED.operation_id),
    HookConflicted(operation_id=_RECEIVED.operation_id, token="t", owner_run_id=OTHER),  # noqa: S106 - no secret
    WaitCreated(operation_id=_WAIT, wake_at=9),
    WaitCompleted(operation_id=_WAIT, cause=WaitCause.ELAPSED),
    ChildCreated(
        operation_id=_WAIT, run_id=OTHER, workflow=DefinitionId("shop:ship"), digest=bytes(16)
    ),
    AttributesSet(changes={"tier": "free", "seats": 3, "rate": 0.5, "paid": True, "gone": None}),
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

    @pytest.mark.parametrize("event", _PLAIN, ids=lambda event: event.name)
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
        second = wrote(await world.append(RUN, [_CANCEL], guard=OpenRun()))
        assert [one.recorded_at for one in (*first.recorded, *second.recorded)] == [at, at]

    # -- refusals

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

    @pytest.mark.parametrize("guard", [Owner(1, 1), *_OUTSIDE], ids=repr)
    async def test_nothing_is_appended_to_a_missing_run(self, world: World, guard: Guard) -> None:
        """Only `NewRun` makes a run."""
        answer = await world.append(RUN, [_CANCEL], guard=guard)
        assert answer == Refused(reason=Refusal.MISSING)
        assert await world.run(RUN) is None

    @pytest.mark.parametrize("guard", [Owner(1, 2), *_OUTSIDE], ids=repr)
    @pytest.mark.parametrize("end", [end for end, _ in _ENDS], ids=lambda end: end.name)
    async def test_nothing_is_appended_to_a_run_that_ended(
        self, world: World, guard: Guard, end: Event
    ) -> None:
        """After a terminal event nothing follows, whatever the guard."""
        owner = await owned(world)
        wrote(await world.append(RUN, [end], guard=owner))
        assert await world.append(RUN, [_CANCEL], guard=guard) == Refused(reason=Refusal.OVER)
        assert len(await log(world)) == 3

    async def test_an_owner_must_have_seen_the_whole_log(self, world: World) -> None:
        """Who is behind writes nothing and gets what it misses, in order."""
        owner = await owned(world)
        cancel = wrote(await world.append(RUN, [_CANCEL], guard=OpenRun()))
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
        await world.append(RUN, [_CANCEL], guard=OpenRun())
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
        late = await world.append(RUN, [step_done()], guard=AttemptOf(step_id(0), first.fence))
        assert late == Refused(reason=Refusal.FENCED)
        wrote(await world.append(RUN, [step_done()], guard=AttemptOf(step_id(0), second.fence)))

    async def test_an_outcome_is_recorded_once(self, world: World) -> None:
        """The outcome removes the row that would allow another one."""
        await queued_step(world)
        guard = AttemptOf(step_id(0), (await taken_step(world, ALICE)).fence)
        wrote(await world.append(RUN, [step_done()], guard=guard))
        assert await world.append(RUN, [step_done()], guard=guard) == Refused(
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
        assert await world.append(RUN, [_RECEIVED], guard=OpenHook("token")) == Refused(
            reason=Refusal.CLOSED
        )
        answer = wrote(await world.append(RUN, [hook_created()], guard=owner))
        wrote(await world.append(RUN, [_RECEIVED], guard=OpenHook("token")))
        assert await world.append(OTHER, [_RECEIVED], guard=OpenHook("token")) == Refused(
            reason=Refusal.CLOSED
        )
        disposed = HookDisposed(operation_id=_RECEIVED.operation_id)
        wrote(await world.append(RUN, [disposed], guard=Owner(owner.fence, answer.length + 1)))
        assert await world.append(RUN, [_RECEIVED], guard=OpenHook("token")) == Refused(
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
            (OTHER, [RunCancelled(), _CANCEL], OpenRun()),
            (OTHER, [_CANCEL, RunUnpaused(idempotency_id="i")], OpenRun()),
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

    # -- idempotency

    async def test_one_idempotency_id_lands_once(self, world: World) -> None:
        """The second try learns where the first one is, also after hook and run have ended."""
        owner = await owned(world)
        wrote(await world.append(RUN, [hook_created()], guard=owner))
        sent = HookReceived(
            operation_id=_RECEIVED.operation_id,
            receipt_id="rcpt_1",
            payload=b"yes",
            idempotency_id="once",
            actor="ann",
        )
        again = HookReceived(
            operation_id=sent.operation_id,
            receipt_id="rcpt_2",
            payload=b"yes",
            idempotency_id="once",
        )
        first = wrote(await world.append(RUN, [sent], guard=OpenHook("token")))
        duplicate = Refused(reason=Refusal.DUPLICATE, events=first.recorded)
        assert await world.append(RUN, [again], guard=OpenHook("token")) == duplicate
        wrote(await world.append(RUN, [RunCompleted(output=b"")], guard=Owner(owner.fence, 4)))
        assert await world.append(RUN, [again], guard=OpenHook("token")) == duplicate

    async def test_another_payload_under_a_used_id_is_an_error(self, world: World) -> None:
        """A reused id must not hide that something else was sent."""
        await started(world)
        wrote(
            await world.append(
                RUN, [RunCancelRequested(reason="a", idempotency_id="i")], guard=OpenRun()
            )
        )
        with pytest.raises(IdempotencyMismatch):
            await world.append(
                RUN, [RunCancelRequested(reason="b", idempotency_id="i")], guard=OpenRun()
            )
        assert len(await log(world)) == 2

    async def test_one_idempotency_id_lands_once_among_racers(self, world: World) -> None:
        """Twenty-four callers at once, one event."""
        await started(world)
        event = RunCancelRequested(reason="a", idempotency_id="i")
        answers = await asyncio.gather(
            *(world.append(RUN, [event], guard=OpenRun()) for _ in range(24))
        )
        assert sum(isinstance(answer, Appended) for answer in answers) == 1
        assert len(await log(world)) == 2

    async def test_an_idempotency_id_belongs_to_its_run(self, world: World) -> None:
        """Two runs may see the same id."""
        event = RunCancelRequested(idempotency_id="i")
        for run_id in (RUN, OTHER):
            await started(world, run_id)
            wrote(await world.append(run_id, [event], guard=OpenRun()))

    # -- requests for what is so already

    @pytest.mark.parametrize(
        ("before", "request_"),
        [([], _CANCEL), ([], RunPaused()), ([RunPaused()], RunUnpaused())],
        ids=["cancel", "pause", "unpause"],
    )
    async def test_of_racing_requests_one_is_written(
        self, world: World, before: list[Event], request_: Event
    ) -> None:
        """Twenty callers at once, one event; the others hear that it is so already."""
        await started(world)
        for event in before:
            wrote(await world.append(RUN, [event], guard=OpenRun()))
        length = len(await log(world))
        answers = await asyncio.gather(
            *(world.append(RUN, [request_], guard=OpenRun()) for _ in range(20))
        )
        refused = [answer for answer in answers if isinstance(answer, Refused)]
        assert refused == [Refused(reason=Refusal.ALREADY)] * 19
        assert len(await log(world)) == length + 1

    async def test_a_run_that_is_not_paused_is_not_unpaused(self, world: World) -> None:
        """Nothing is written for what was never asked for."""
        await started(world)
        answer = await world.append(RUN, [RunUnpaused()], guard=OpenRun())
        assert answer == Refused(reason=Refusal.ALREADY)

    async def test_a_forced_cancellation_follows_a_plain_one(self, world: World) -> None:
        """It asks for more than the plain request did."""
        await started(world)
        wrote(await world.append(RUN, [_CANCEL], guard=OpenRun()))
        forced = [RunCancelRequested(force=True), RunCancelled(forced=True)]
        wrote(await world.append(RUN, forced, guard=OpenRun()))

    async def test_a_fact_from_outside_may_name_the_log_it_answers(self, world: World) -> None:
        """Whoever decided by an older log writes nothing and gets what it misses."""
        await owned(world)
        change = wrote(await world.append(RUN, [RunWoken()], guard=OpenRun(2)))
        answer = await world.append(RUN, [RunWoken()], guard=OpenRun(2))
        assert answer == Refused(reason=Refusal.BEHIND, events=change.recorded)
        wrote(await world.append(RUN, [RunWoken()], guard=OpenRun(3)))

    # -- who looks at the run next

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
        answer = wrote(await world.append(RUN, [_RECEIVED], guard=guard, claim=claimer))
        messages = [one.message for one in await world.take(ALICE, 10)]
        assert messages == ([] if claim else [Resume(RUN)])
        assert answer.fence == (owner.fence + 1 if claim else None)

    async def test_an_owner_hears_of_outside_facts(self, world: World) -> None:
        """A claim over a living owner fails, and the message waits for that owner."""
        await owned(world)
        await joined(world, BOB)
        answer = wrote(await world.append(RUN, [_CANCEL], guard=OpenRun(), claim=BOB))
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
        wrote(await world.append(RUN, [step_done()], guard=guard))
        assert [one.message for one in await world.take(ALICE, 10)] == [Resume(RUN)]

    async def test_an_outcome_may_claim_the_run(self, world: World) -> None:
        """Who ran the last step of a suspended run goes on with it, in one commit."""
        owner = await queued_step(world)
        await emptied(world)
        await world.append(RUN, [], guard=owner, release=Release())
        guard = AttemptOf(step_id(0), (await taken_step(world, ALICE)).fence)
        answer = wrote(await world.append(RUN, [step_done()], guard=guard, claim=ALICE))
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

    # -- views

    async def test_a_start_fills_the_view(self, world: World, clock: VirtualClock) -> None:
        """The row of a run says what its first event said."""
        event = created(attributes={"tier": "free"}, queue="slow", priority=7, not_before=5)
        await started(world, RUN, event)
        run = await world.run(RUN)
        assert run is not None
        assert (run.workflow, run.version, run.fingerprint) == ("shop:checkout", VERSION, "f" * 32)
        assert (run.status, run.length, run.chapter) == (RunStatus.PENDING, 1, 1)
        assert (run.created_at, run.started_at, run.ended_at) == (clock.now_us(), None, None)
        assert (run.queue, run.priority, run.not_before) == ("slow", 7, 5)
        assert run.attributes == await world.attributes(RUN) == {"tier": "free"}

    async def test_equal_arguments_have_equal_digests(self, world: World) -> None:
        """Two starts with one id can be told alike by the row."""
        for number, arguments in enumerate((b"a", b"a", b"b")):
            await started(world, RunId(f"run_{number}"), created(arguments=arguments))
        digests = [
            run.arguments_digest
            for run in [await world.run(RunId(f"run_{number}")) for number in range(3)]
            if run is not None
        ]
        assert digests[0] == digests[1] != digests[2]

    async def test_an_owned_run_is_running(self, world: World, clock: VirtualClock) -> None:
        """Running is the lease: without it the run is suspended, and pending before its start."""
        await owned(world)
        await started(world, OTHER)
        assert await _statuses(world) == [RunStatus.RUNNING, RunStatus.PENDING]
        clock.advance(timedelta(seconds=LEASE_S + 1))
        assert await _statuses(world) == [RunStatus.SUSPENDED, RunStatus.PENDING]

    @pytest.mark.parametrize(("end", "status"), _ENDS, ids=str)
    async def test_an_end_clears_up(
        self, world: World, clock: VirtualClock, end: Event, status: RunStatus
    ) -> None:
        """It frees the lease, forgets messages and attempts, and disposes the hooks."""
        owner = await queued_step(world)
        answer = wrote(await world.append(RUN, [hook_created(), _CANCEL], guard=owner))
        await world.enqueue(Queued(message=Resume(RUN)))
        wrote(await world.append(RUN, [end], guard=Owner(owner.fence, answer.length)))
        run = await world.run(RUN)
        assert run is not None
        assert (run.status, run.owner, run.ended_at) == (status, None, clock.now_us())
        assert await world.take(ALICE, 10) == []
        assert await world.claim(RUN, ALICE) == Over()
        assert await world.claim_attempt(RUN, step_id(0), ALICE) == Over()
        wrote(await world.append(OTHER, [created()], guard=NewRun(), claim=ALICE))
        taken = wrote(await world.append(OTHER, [hook_created()], guard=Owner(1, 1)))
        assert taken.recorded[0].event == hook_created()

    async def test_the_end_says_how(self, world: World) -> None:
        """Output, error, kind and reason are in the row."""
        rows = []
        for number, (end, _) in enumerate(_ENDS):
            run_id = RunId(f"run_{number}")
            owner = await owned(world, run_id)
            wrote(await world.append(run_id, [end], guard=owner))
            run = await world.run(run_id)
            assert run is not None
            rows.append((run.output, run.error, run.failure_kind, run.cancel_reason))
        assert rows == [
            (b"done", None, None, None),
            (None, b"error", FailureKind.USER, None),
            (None, None, None, "enough"),
        ]

    async def test_an_upgrade_reopens_a_failed_run(self, world: World) -> None:
        """And only a failed one."""
        upgraded = RunUpgraded(
            from_version=VERSION, to_version=VersionId("fedc"), fingerprint="new"
        )
        for run_id, (end, status) in zip((RUN, OTHER), _ENDS[:2], strict=True):
            owner = await owned(world, run_id)
            wrote(await world.append(run_id, [end], guard=owner))
            answer = await world.append(run_id, [upgraded], guard=Unowned(3))
            assert isinstance(answer, Appended) == (status is RunStatus.FAILED)
        run = await world.run(OTHER)
        assert run is not None
        assert (run.status, run.version, run.fingerprint) == (RunStatus.SUSPENDED, "fedc", "new")
        assert (run.ended_at, run.error, run.failure_kind) == (None, None, None)
        assert [one.message for one in await world.take(ALICE, 10)] == [Resume(OTHER)]

    async def test_facts_from_outside_are_in_the_row(self, world: World) -> None:
        """Paused and cancel requested are read without the log."""
        await started(world)
        seen = []
        for event in (RunPaused(), RunUnpaused(), _CANCEL):
            wrote(await world.append(RUN, [event], guard=OpenRun()))
            run = await world.run(RUN)
            assert run is not None
            seen.append((run.paused, run.cancel_requested))
        assert seen == [(True, False), (False, False), (False, True)]

    async def test_a_restart_begins_a_chapter(self, world: World) -> None:
        """The row names the chapter and the code that it runs on."""
        owner = await owned(world)
        restarted = RunRestarted(
            chapter=2,
            arguments=b"",
            seed=bytes(32),
            version=VersionId("fedc"),
            fingerprint="new",
        )
        wrote(await world.append(RUN, [restarted], guard=owner))
        run = await world.run(RUN)
        assert run is not None
        assert (run.chapter, run.version, run.fingerprint) == (2, "fedc", "new")

    async def test_attributes_keep_value_and_type(self, world: World) -> None:
        """Later writes win, None removes, and 1, 1.0 and True stay apart."""
        await started(world, RUN, created(attributes={"a": "x", "b": 1}))
        changes = {"b": None, "c": 1, "d": 1.0, "e": True, "a": "ü\u2028"}
        wrote(await world.append(RUN, [AttributesSet(changes=changes)], guard=OpenRun()))
        kept = await world.attributes(RUN)
        assert kept == {"a": "ü\u2028", "c": 1, "d": 1.0, "e": True}
        assert [type(kept[key]) for key in "cde"] == [int, float, bool]

    # -- hooks and children

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
        event = _child_of(RUN)
        wrote(
            await world.append(
                RUN, [_PLAIN[-2]], guard=owner, create=[Child(run_id=OTHER, event=event)]
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
            RUN, [_PLAIN[-2]], guard=owner, create=[Child(run_id=OTHER, event=_child_of(RUN))]
        )
        assert answer == Refused(reason=Refusal.EXISTS, events=tuple(await log(world, OTHER)))
        assert len(await log(world)) == 2

    async def test_the_end_of_a_child_wakes_its_parent(self, world: World) -> None:
        """The parent's owner records it."""
        owner = await owned(world)
        child = Child(run_id=OTHER, event=_child_of(RUN))
        wrote(await world.append(RUN, [_PLAIN[-2]], guard=owner, create=[child], release=Release()))
        await emptied(world)
        child_owner = await claimed(world, OTHER)
        wrote(await world.append(OTHER, [RunCompleted(output=b"")], guard=child_owner))
        assert [one.message for one in await world.take(ALICE, 10)] == [Resume(RUN)]

    # -- many at once

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
            world.append(OTHER, [_CANCEL], guard=OpenRun()),
            world.append(OTHER, [created()], guard=NewRun()),
            world.append(OTHER, [_CANCEL], guard=Unowned(9)),
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


def _child_of(run_id: RunId) -> Event:
    event = created(workflow="shop:ship")
    parent = Parent(run_id=run_id, operation_id=_WAIT)
    return type(event)(
        workflow=event.workflow,
        version=event.version,
        fingerprint=event.fingerprint,
        arguments=event.arguments,
        seed=event.seed,
        parent=parent,
        root_id=run_id,
        depth=1,
    )


async def _statuses(world: World) -> list[RunStatus]:
    runs = [await world.run(run_id) for run_id in (RUN, OTHER)]
    return [run.status for run in runs if run is not None]
