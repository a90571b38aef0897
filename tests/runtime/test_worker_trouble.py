"""What a worker does when the world, a version or wfc itself is in trouble."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.runtime.flows import FLOWS, Journal
from tests.runtime.house import House, until
from wfc.errors import (
    CorruptEvent,
    NoColumns,
    RetryableError,
    RunFailed,
    WorldCorrupt,
    WorldError,
    WorldFull,
    WorldLocked,
    WorldUnreachable,
)
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import RunCreated, StepCompleted, StepStarted
from wfc.ids import OperationId, RunId, VersionId, WorkerId
from wfc.runtime import inline
from wfc.runtime.outbox import Batch, Outbox
from wfc.runtime.queued_attempt import QueuedAttempt
from wfc.runtime.worker import Worker
from wfc.worlds.protocol import AttemptOf, ClaimedAttempt, NewRun


def failing(
    house: House, method: str, error: BaseException, *, when: Callable[..., bool], times: int = 1
) -> list[int]:
    """Let a method of the world raise `times` times when asked for what `when` says."""
    real = getattr(house.world, method)
    left = [times]

    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        if left[0] > 0 and when(*args):
            left[0] -= 1
            raise error
        return await real(*args, **kwargs)

    setattr(house.world, method, wrapped)
    return left


def completes(_run_id: RunId, events: Any) -> bool:
    return any(isinstance(event, StepCompleted) for event in events)


def always(*_: Any) -> bool:
    return True


@pytest.mark.parametrize("error", [WorldFull("no space left"), WorldLocked("busy")])
async def test_an_outcome_is_kept_until_the_world_can_write_it(
    house: House, journal: Journal, error: WorldError, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is lost and no body runs again; meanwhile nothing new is taken."""
    left = failing(house, "append", error, when=completes, times=2)
    await house.embedded(probe_s=0.01)
    run = await house.start(FLOWS.chain, 2)
    assert await run.result("10s") == 1
    assert left == [0]
    assert len(journal.calls) == 2
    assert "nothing is taken until the world can be written again" in caplog.text


def answers_are_lost(house: House, method: str, *, when: Callable[..., bool]) -> list[int]:
    """Let a method of the world do once what `when` says, and raise all the same."""
    real = getattr(house.world, method)
    left = [1]

    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        answer = await real(*args, **kwargs)
        if left[0] > 0 and when(*args):
            left[0] -= 1
            raise WorldUnreachable("the answer was lost")
        return answer

    setattr(house.world, method, wrapped)
    return left


@pytest.mark.parametrize("method", ["take", "claim", "history", "done"])
async def test_a_run_goes_on_though_an_answer_of_the_world_is_lost(
    house: House, journal: Journal, method: str
) -> None:
    """What the worker was given by it is given back, and not kept as long as the worker lives."""
    left = answers_are_lost(house, method, when=always)
    run = await house.start(FLOWS.chain, 3)
    await house.worker(probe_s=0.01).start()
    assert await run.result("20s") == 3
    await until(lambda: left == [0])


@pytest.mark.parametrize("error", [WorldUnreachable("away"), WorldLocked("busy")])
async def test_a_run_goes_on_though_a_claim_was_refused(
    house: House, journal: Journal, error: WorldError
) -> None:
    """Its message comes back: no sweeper brings back what a living worker has taken."""
    left = failing(house, "claim", error, when=always)
    run = await house.start(FLOWS.chain, 1)
    await house.worker(probe_s=0.01).start()
    assert await run.result("20s") == 0
    assert left == [0]


async def test_a_run_is_executed_though_its_start_was_not_answered(
    house: House, journal: Journal
) -> None:
    """It was claimed by the append that created it, and by nobody who knows."""
    left = answers_are_lost(house, "append", when=always)
    await house.embedded(probe_s=0.01)
    with pytest.raises(WorldUnreachable):
        await house.start(FLOWS.chain, 1, id="lost")
    run = await house.start(FLOWS.chain, 1, id="lost")
    assert not run.created
    assert await run.result("20s") == 0
    assert left == [0]


async def test_taking_waits_out_a_full_world(house: House, journal: Journal) -> None:
    failing(house, "take", WorldFull("no space left"), when=always)
    run = await house.start(FLOWS.chain, 1)
    await house.worker(probe_s=0.01).start()
    assert await run.result("10s") == 0


async def test_a_damaged_world_stops_the_worker(house: House, journal: Journal) -> None:
    """It says so, and repairs nothing."""
    failing(house, "append", WorldCorrupt("page 7"), when=completes, times=99)
    worker = house.worker()
    run = await house.start(FLOWS.chain, 1)
    with pytest.raises(WorldCorrupt, match="page 7"):
        await worker.run()
    assert await house.log(run) == ["run_created"]


async def test_a_damaged_world_is_told_when_idle_is_waited_for(
    house: House, journal: Journal
) -> None:
    failing(house, "claim", WorldCorrupt("page 7"), when=always)
    await house.start(FLOWS.chain, 1)
    with pytest.raises(WorldCorrupt, match="page 7"):
        await house.worker().run_until_idle()


async def test_a_world_out_of_reach_costs_no_run(house: House, journal: Journal) -> None:
    """A message that was not dealt with comes back by the sweeper."""
    failing(house, "claim", WorldLocked("busy"), when=always)
    run = await house.start(FLOWS.chain, 1)
    first = house.worker()
    await first.run_until_idle()
    await first.stop()
    await house.worker().run_until_idle()
    assert await run.status() is RunStatus.COMPLETED


async def test_a_run_of_an_unknown_version_is_blocked_and_its_log_untouched(
    house: House, journal: Journal
) -> None:
    run = await house.start(FLOWS.chain, 1)
    (created,) = await house.events(run, RunCreated)
    stranger = dataclasses.replace(created, version=VersionId("f" * 16))
    await house.world.append(RunId("stranger"), [stranger], guard=NewRun())
    await house.worker().run_until_idle()
    blocked = await house.world.run(RunId("stranger"))
    assert blocked is not None
    assert blocked.blocked is not None
    assert "VersionUnknown" in blocked.blocked
    assert blocked.owner is None
    assert blocked.length == 1
    assert await run.status() is RunStatus.COMPLETED


async def test_a_log_that_cannot_be_read_blocks_its_run(house: House, journal: Journal) -> None:
    run = await house.start(FLOWS.chain, 1)
    failing(house, "history", CorruptEvent(run.id, 1, "bad crc"), when=always)
    await house.worker().run_until_idle()
    row = await house.world.run(run.id)
    assert row is not None
    assert "bad crc" in str(row.blocked)
    await house.world.block(run.id, None)
    await house.worker().run_until_idle()
    assert await run.status() is RunStatus.COMPLETED


async def test_a_fault_of_ours_stops_one_run_and_not_the_worker(
    house: House, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = await house.start(FLOWS.chain, 1), await house.start(FLOWS.chain, 2)
    worker = house.worker()
    deliver = worker.deliver

    def broken(execution: Any, recorded: Any) -> Any:
        if execution.run_id == bad.id:
            raise ZeroDivisionError
        return deliver(execution, recorded)

    monkeypatch.setattr(worker, "deliver", broken)
    await worker.run_until_idle()
    row = await house.world.run(bad.id)
    assert row is not None
    assert "internal error" in str(row.blocked)
    assert await good.status() is RunStatus.COMPLETED


@pytest.mark.parametrize("error", [ZeroDivisionError(), GeneratorExit()])
async def test_a_body_without_an_outcome_stops_one_run(
    house: House, journal: Journal, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """The run is blocked and says so, instead of waiting for a body that is over."""

    async def broken(*_: Any) -> Any:
        raise error

    run = await house.start(FLOWS.chain, 1)
    with monkeypatch.context() as patch:
        patch.setattr(inline, "run_attempt", broken)
        async with asyncio.timeout(10):
            await house.worker().run_until_idle()
    row = await house.world.run(run.id)
    assert row is not None
    assert "internal error" in str(row.blocked)


async def test_a_divergence_writes_one_failure_and_retries_nothing(
    house: House, journal: Journal
) -> None:
    """The log holds a step that the code never asks for."""
    run = await house.start(FLOWS.chain, 0)
    chained = await house.start(FLOWS.chain, 1)
    await house.worker().run_until_idle()
    (created,) = await house.events(run, RunCreated)
    (step,) = await house.events(chained, StepCompleted)
    assert step.created is not None
    name = OperationId("refund~0#0")
    made = dataclasses.replace(step.created, operation_id=name)
    strange = dataclasses.replace(step, operation_id=name, created=made)
    await house.world.append(RunId("strange"), [created, strange], guard=NewRun())
    await house.worker().run_until_idle()
    log = [each.event.name for each in await house.world.history(RunId("strange"))]
    assert log[-1] == "run_failed"
    assert log.count("run_failed") == 1
    row = await house.world.run(RunId("strange"))
    assert row is not None
    assert row.failure_kind == "divergence"


async def test_an_event_that_no_log_may_hold_is_never_written(
    house: House, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An owner that would write an outcome twice is faulty: the run is blocked as it is."""
    honest = Outbox._add_outcome

    def twice(outbox: Outbox, batch: Batch, *rest: Any) -> None:
        honest(outbox, batch, *rest)
        honest(outbox, batch, *rest)

    run = await house.start(FLOWS.chain, 1)
    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "_add_outcome", twice)
        await house.worker().run_until_idle()
    row = await house.world.run(run.id)
    assert row is not None
    assert row.blocked is not None
    assert "IllegalEvent" in row.blocked
    assert "has been created already" in row.blocked
    assert await house.events(run, StepCompleted) == []
    await house.world.block(run.id, None)
    await house.worker().run_until_idle()
    assert await run.status() is RunStatus.COMPLETED, "nothing was lost"


async def test_a_queued_attempt_that_no_log_may_hold_blocks_its_run(
    house: House, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The world refuses it; nobody tries again until somebody frees the run; nothing is lost."""
    journal.failures = [RetryableError("later", retry_after="1h")]
    worker = house.worker()
    run = await house.start(FLOWS.retried, 7)
    await worker.run_until_idle()
    house.advance(hours=1)
    honest = QueuedAttempt._start
    with monkeypatch.context() as patch:
        patch.setattr(QueuedAttempt, "_start", lambda one, attempt: honest(one, attempt + 1))
        await worker.run_until_idle()
    row = await house.world.run(run.id)
    assert row is not None
    assert row.blocked is not None
    assert "IllegalEvent: step_started of " in row.blocked
    assert "(WFC465)" in row.blocked
    assert "attempt 3 cannot follow attempt 1 of a step that is pending" in row.blocked
    assert await house.events(run, StepStarted) == []
    await house.world.block(run.id, None)
    await house.world.leave(worker.worker_id)  # its attempt goes back with it
    await house.worker().run_until_idle()
    assert await run.result() == 7
    assert [each.attempt for each in journal.metadata] == [1, 2]


async def test_executions_are_dropped_when_there_are_too_many(
    house: House, journal: Journal
) -> None:
    """A dropped run goes on from its log, as if nothing had happened."""
    worker = house.worker(executions=1)
    runs = [await house.start(FLOWS.waits, 1) for _ in range(3)]
    await worker.run_until_idle()
    assert len(worker.owned.parked) == 1
    house.advance(days=1)
    await worker.run_until_idle()
    assert [await run.result() for run in runs] == [2, 2, 2]


async def test_bodies_wait_for_a_slot_of_the_worker(house: House, journal: Journal) -> None:
    await house.embedded(bodies=1, announce_after_s=0.01)
    first = await house.start(FLOWS.held, 1)
    await journal.entered.wait()
    second = await house.start(FLOWS.held, 2)
    await house.logged(second, "step_created")
    assert journal.calls == [("gated", 1)]
    journal.gate.set()
    assert [await first.result("10s"), await second.result("10s")] == [2, 3]


async def test_a_queued_attempt_that_is_lost_counts(house: House, journal: Journal) -> None:
    """Its taker vanishes in mid-attempt; the next one counts it before it begins anew."""
    journal.failures = [RetryableError("later", retry_after="1h")]
    worker = house.worker()
    run = await house.start(FLOWS.retried, 7)
    await worker.run_until_idle()
    house.advance(hours=1)
    await lose_attempt(house, worker, run.id)
    await worker.run_until_idle()
    house.advance(seconds=3)
    await worker.run_until_idle()
    assert await run.result() == 7
    assert [each.attempt for each in journal.metadata] == [1, 3]


async def lose_attempt(house: House, worker: Worker, run_id: RunId) -> None:
    """Take the queued attempt under another name, start it, and vanish."""
    victim = WorkerId("victim")
    await house.world.join(victim, lease_s=30)
    (taken,) = await house.world.take(victim, 10)
    operation_id = taken.message.operation_id  # type: ignore[union-attr]  # it is an Attempt
    claimed = await house.world.claim_attempt(run_id, operation_id, victim)
    assert isinstance(claimed, ClaimedAttempt)
    start = StepStarted(operation_id=operation_id, attempt=2, worker_id=victim)
    await house.world.append(run_id, [start], guard=AttemptOf(operation_id, claimed.fence))
    await house.world.leave(victim)


async def test_a_queued_attempt_stops_when_the_run_is_cancelled(
    house: House, journal: Journal
) -> None:
    """The taker hears of it by heartbeat, and its outcome is nobody's."""
    worker = await house.embedded(bodies=1, announce_after_s=0.001)
    first = await house.start(FLOWS.held, 1)
    await journal.entered.wait()
    second = await house.start(FLOWS.held, 2)
    await house.logged(second, "step_created")
    await first.cancel(force=True)
    await until(lambda: ("gated", 2) in journal.calls)
    await second.cancel()
    await house.logged(second, "run_cancelled")
    worker.learn(await asyncio.to_thread(worker.membership.renew))
    await until(lambda: not worker.attempts)
    assert journal.cancelled == 2


async def test_shutting_down_stops_queued_attempts_without_counting_them(
    house: House, journal: Journal
) -> None:
    journal.failures = [RetryableError("later", retry_after="1h")]
    first = house.worker()
    run = await house.start(FLOWS.held_later, 7)
    await first.run_until_idle()
    await first.stop()
    house.advance(hours=1)
    second = house.worker(drain_s=0.01)
    await second.start()
    await journal.entered.wait()
    await second.stop()
    assert (await house.log(run))[-2:] == ["step_started", "step_retrying"]
    journal.gate.set()
    await house.worker().run_until_idle()
    assert await run.result() == 7
    assert [each.attempt for each in journal.metadata] == [1, 2, 2]


async def test_stopping_twice_is_once(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with house.worker() as worker:
        await worker.start()
    await worker.stop()
    assert not worker.has_room
    assert caplog.records == []


async def test_a_failed_run_keeps_what_its_steps_did(house: House, journal: Journal) -> None:
    journal.failures = [ValueError(str(number)) for number in range(3)]
    worker = house.worker()
    run = await house.start(FLOWS.compensates, 1)
    for _ in range(4):
        await worker.run_until_idle()
        house.advance(minutes=1)
    with pytest.raises(RunFailed, match="ValueError"):
        await run.result()
    assert (await house.log(run))[-2:] == ["step_failed", "run_failed"]


async def test_a_process_without_columns_takes_no_run(
    house: House, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could execute none; a run that it took would be blocked for everybody."""
    run = await house.start(FLOWS.chain, 1)
    with monkeypatch.context() as patch:
        patch.setattr("wfc.manifests.code.code_has_columns", lambda: False)
        with pytest.raises(NoColumns, match="the worker cannot start"):
            await house.worker().run_until_idle()
    await house.worker().run_until_idle()
    assert await run.status() is RunStatus.COMPLETED
