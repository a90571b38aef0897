"""What `append` promises to a log that is copied from another run, in one piece."""
# ruff: noqa: PLR2004 - expected values are literals in a test

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from wfc.clock import VirtualClock
from wfc.errors import IllegalEvent
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    AttributesSet,
    Event,
    FailureKind,
    HookConflicted,
    HookCreated,
    RunCompleted,
    RunFailed,
    RunPaused,
    RunStarted,
    RunUpgraded,
    RunWoken,
    StepRetrying,
    StepStarted,
    WaitCreated,
)
from wfc.ids import RunId, VersionId
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    OTHER,
    RECEIVED,
    RUN,
    VERSION,
    WAIT,
    claimed,
    created,
    hook_created,
    joined,
    log,
    queued_step,
    step_created,
    step_done,
    step_id,
    wrote,
)
from wfc.worlds.protocol import (
    Appended,
    Claimed,
    ClaimedAttempt,
    NewRun,
    OpenHook,
    OpenRun,
    Resume,
    World,
)

_LONG: Final = 5000
_HOOK: Final = hook_created()


class Copying:
    """Writing a run that has a past already."""

    async def test_copied_events_keep_their_instants(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Those named by the guard; what follows is of now, and what comes later never earlier."""
        events: list[Event] = [created(), RunStarted(worker_id=ALICE), step_done(0), step_done(1)]
        answer = wrote(await world.append(RUN, events, guard=NewRun(recorded_at=(5, 7, 7))))
        assert [one.recorded_at for one in answer.recorded] == [5, 7, 7, clock.now_us()]
        assert await log(world) == list(answer.recorded)
        run = await world.run(RUN)
        assert run is not None
        assert (run.created_at, run.started_at) == (clock.now_us(), 7)

    async def test_a_clock_that_is_behind_moves_nothing_back(
        self, world: World, clock: VirtualClock
    ) -> None:
        """The log was written where the clock is ahead of ours: what follows waits for it."""
        ahead = clock.now_us() + 1_000_000
        events = [created(), RunStarted(worker_id=ALICE)]
        answer = wrote(await world.append(RUN, events, guard=NewRun(recorded_at=(ahead,))))
        assert [one.recorded_at for one in answer.recorded] == [ahead, ahead]
        await joined(world)
        more = wrote(await world.append(RUN, [step_done()], guard=await claimed(world)))
        assert more.recorded[0].recorded_at == ahead

    @pytest.mark.parametrize("times", [(1, 2, 3), (2, 1)])
    async def test_instants_that_no_log_could_have_are_refused(
        self, world: World, times: tuple[int, ...]
    ) -> None:
        """More of them than events, or ones that go back; nothing is written."""
        with pytest.raises(IllegalEvent, match="instants"):
            await world.append(
                RUN, [created(), RunStarted(worker_id=ALICE)], guard=NewRun(recorded_at=times)
            )
        assert await world.run(RUN) is None

    async def test_a_copied_log_counts_as_heard(self, world: World) -> None:
        """Its lines were written where it was copied from; what was added to it is new."""
        await joined(world)
        events = [created(), RunStarted(worker_id=ALICE), step_done()]
        wrote(await world.append(RUN, events, guard=NewRun(recorded_at=(1, 2))))
        answer = await world.claim(RUN, ALICE)
        assert isinstance(answer, Claimed)
        assert (answer.heard, answer.length, answer.attempts) == (2, 3, frozenset())

    async def test_a_long_log_is_written_whole(self, world: World) -> None:
        """One append, and the views say what the last event of each kind did."""
        events: list[Event] = [created(attributes={"tier": "free"}), RunStarted(worker_id=ALICE)]
        events += [step_done(number) for number in range(_LONG)]
        events += [
            AttributesSet(changes={"tier": None, "done": 1}),
            step_created(_LONG),
            StepStarted(operation_id=step_id(_LONG), attempt=1, worker_id=BOB),
            StepRetrying(
                operation_id=step_id(_LONG), attempt=1, error=b"e", retry_at=9, counted=False
            ),
            WaitCreated(operation_id=WAIT, wake_at=9),
            RunPaused(reason="lunch"),
        ]
        await world.append(RUN, events, guard=NewRun(recorded_at=tuple(range(len(events)))))
        assert [one.event for one in await log(world)] == events
        run = await world.run(RUN)
        assert run is not None
        assert (run.length, run.status, run.paused) == (len(events), RunStatus.SUSPENDED, True)
        assert await world.attributes(RUN) == {"done": 1}

    async def test_a_copied_run_is_taken_up(self, world: World) -> None:
        """A `Resume` is queued, now if the delay of its start was cut short."""
        await joined(world)
        far = world.now_us() + 10**12
        events = [created(not_before=far), RunWoken(), RunStarted(worker_id=BOB)]
        wrote(await world.append(RUN, events, guard=NewRun(recorded_at=(1, 2, 3))))
        assert [one.message for one in await world.take(ALICE, 10)] == [Resume(RUN)]
        assert (await claimed(world)).length == 3

    async def test_the_lost_message_of_a_copied_run_is_made_again(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Its row says that it is due, also where the first event said much later."""
        await joined(world)
        events = [created(not_before=clock.now_us() + 10**12), RunWoken()]
        wrote(await world.append(RUN, events, guard=NewRun(recorded_at=(1, 2))))
        await world.done([one.receipt for one in await world.take(ALICE, 10)])
        assert (await world.sweep()).unqueued == 1

    async def test_a_spare_token_stands_in_for_one_that_is_taken(self, world: World) -> None:
        """The first run keeps its hook; the copy listens to the spare, and its URL says so."""
        hook = replace(_HOOK, url="https://shop/webhook/token")
        events: list[Event] = [created(), hook, RECEIVED]
        wrote(await world.append(RUN, events, guard=NewRun(recorded_at=(1,))))
        guard = NewRun(recorded_at=(1, 2, 3), spares={"token": "spare"})
        answer = wrote(await world.append(OTHER, events, guard=guard))
        moved = answer.recorded[1].event
        assert isinstance(moved, HookCreated)
        assert (moved.token, moved.url) == ("spare", "https://shop/webhook/spare")
        again = replace(RECEIVED, receipt_id="rcpt_2")
        assert isinstance(await world.append(OTHER, [again], guard=OpenHook("spare")), Appended)
        assert isinstance(await world.append(RUN, [again], guard=OpenHook("token")), Appended)

    async def test_a_free_token_stays(self, world: World) -> None:
        """A spare is not used where there is no need; without one a taken token is a conflict."""
        guard = NewRun(spares={"token": "spare"})
        answer = wrote(await world.append(RUN, [created(), _HOOK], guard=guard))
        assert answer.recorded[1].event == _HOOK
        conflict = wrote(await world.append(OTHER, [created(), _HOOK], guard=NewRun()))
        assert isinstance(conflict.recorded[1].event, HookConflicted)

    async def test_what_was_sent_to_the_first_run_may_be_sent_to_its_copy(
        self, world: World
    ) -> None:
        """Idempotency ids are copied with their events, and are kept per run."""
        paused = RunPaused(idempotency_id="key")
        events: list[Event] = [created(), RunStarted(worker_id=ALICE), paused]
        for run_id in (RUN, OTHER):
            wrote(await world.append(run_id, events, guard=NewRun(recorded_at=(1, 1, 1))))
        again = await world.append(OTHER, [paused], guard=OpenRun())
        assert not isinstance(again, Appended)

    async def test_a_log_that_was_reopened_is_copied_with_its_failure(self, world: World) -> None:
        """The run goes on, as the one that it is copied from did."""
        to = VersionId("fedc")
        events = [
            created(),
            RunStarted(worker_id=ALICE),
            RunFailed(error=b"e", kind=FailureKind.DIVERGENCE),
            RunUpgraded(from_version=VERSION, to_version=to, fingerprint="g"),
            step_done(),
        ]
        wrote(await world.append(RUN, events, guard=NewRun(recorded_at=(1, 2, 3, 4, 5))))
        run = await world.run(RUN)
        assert run is not None
        assert (run.status, run.version, run.ended_at) == (RunStatus.SUSPENDED, to, None)

    async def test_an_ended_log_is_copied_as_ended(self, world: World) -> None:
        """At the instant at which it ended, and nobody is asked to go on with it."""
        await joined(world)
        events = [created(), RunCompleted(output=b"done")]
        wrote(await world.append(RUN, events, guard=NewRun(recorded_at=(1, 2))))
        run = await world.run(RUN)
        assert run is not None
        assert (run.status, run.ended_at, run.output) == (RunStatus.COMPLETED, 2, b"done")
        assert await world.take(ALICE, 10) == []

    async def test_a_copy_leaves_the_first_run_alone(self, world: World) -> None:
        """Its attempt rows, its owner and its log stay."""
        owner = await queued_step(world)
        events = [one.event for one in await log(world)]
        copy = RunId("copy")
        wrote(await world.append(copy, events, guard=NewRun(recorded_at=(1, 2, 3))))
        answer = await world.claim_attempt(RUN, step_id(0), ALICE)
        assert isinstance(answer, ClaimedAttempt)
        assert isinstance(await world.append(RUN, [step_done(1)], guard=owner), Appended)
        other = await world.claim(copy, ALICE)
        assert isinstance(other, Claimed)
        assert other.attempts == frozenset()
