"""A worker executes runs to their end, counts what it writes, and gives back what it took."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.runtime.flows import FLOWS, Journal
from tests.runtime.house import House, until
from wfc.errors import RetryableError, RunCancelled, RunFailed, StepTimeout, WorldLocked
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import RunCancelled as RunCancelledEvent
from wfc.eventlog.event import StepRetrying, StepStarted
from wfc.ids import RunId, WorkerId
from wfc.runtime.worker import Worker
from wfc.worlds.protocol import Claimed, Renewal


async def test_a_chain_costs_one_event_and_one_commit_per_step(
    house: House, journal: Journal
) -> None:
    """n sequential steps are n + 3 events and n + 2 commits when the starter has a worker."""
    await house.embedded()
    run = await house.start(FLOWS.chain, 5)
    assert await run.result("10s") == 10
    assert house.appends == 7
    assert await house.log(run) == [
        "run_created", "run_started", *["step_completed"] * 5, "run_completed",
    ]  # fmt: skip


async def test_a_run_waits_for_a_worker_and_is_then_executed(house: House) -> None:
    """Starting only writes; any worker that comes takes the run."""
    run = await house.start(FLOWS.chain, 2)
    assert await run.status() is RunStatus.PENDING
    await house.worker().run_until_idle()
    assert await run.status() is RunStatus.COMPLETED
    assert await house.log(run) == [
        "run_created", "run_started", "step_completed", "step_completed", "run_completed",
    ]  # fmt: skip


async def test_many_steps_at_once_share_commits(house: House, journal: Journal) -> None:
    """Outcomes that have come in together are written together."""
    await house.embedded()
    run = await house.start(FLOWS.fan_out, 100)
    assert await run.result("10s") == sum(range(100)) + 100
    assert len(journal.calls) == 100
    assert house.appends < 40


async def test_a_step_that_is_no_coroutine_runs_in_a_thread(house: House, journal: Journal) -> None:
    run = await house.start(FLOWS.threads, 21)
    await house.worker().run_until_idle()
    assert await run.result() == 42


async def test_a_sleep_releases_the_run_and_ends_on_time(house: House, journal: Journal) -> None:
    """Nothing happens before the time, and no worker holds the run meanwhile."""
    worker = house.worker()
    run = await house.start(FLOWS.waits, 3)
    due = await worker.run_until_idle()
    assert await run.status() is RunStatus.SUSPENDED
    assert due == house.clock.now_us() + 3 * 86_400_000_000
    house.advance(days=2.9)
    await worker.run_until_idle()
    assert journal.calls == []
    house.advance(days=0.2)
    await worker.run_until_idle()
    assert await run.result() == 4
    assert await house.log(run) == [
        "run_created", "run_started", "wait_created", "wait_completed", "step_completed",
        "run_completed",
    ]  # fmt: skip


async def test_a_fresh_worker_goes_on_from_the_log(house: House, journal: Journal) -> None:
    """A suspended run is rows: another worker, with nothing in memory, ends it."""
    run = await house.start(FLOWS.waits, 1)
    first = house.worker()
    await first.run_until_idle()
    await first.stop()
    house.advance(days=1)
    await house.worker().run_until_idle()
    assert await run.result() == 2
    assert journal.calls == [("add", 1, 1)]


async def test_a_short_retry_stays_with_its_owner(house: House, journal: Journal) -> None:
    """The attempt is counted on disk before the body runs again."""
    journal.failures = [ConnectionError("first"), ConnectionError("second")]
    worker = house.worker()
    run = await house.start(FLOWS.retried, 7)
    for _ in range(4):
        await worker.run_until_idle()
        house.advance(seconds=3)
    assert await run.result() == 7
    assert [each.attempt for each in journal.metadata] == [1, 2, 3]
    assert await house.log(run) == [
        "run_created", "run_started", "step_retrying", "step_started", "step_retrying",
        "step_started", "step_completed", "run_completed",
    ]  # fmt: skip


async def test_a_short_retry_is_not_forgotten_when_idle(house: House, journal: Journal) -> None:
    """A run that its owner keeps for a retry is no run of which nothing is due."""
    journal.failures = [RetryableError("soon", retry_after="1500ms")]
    worker = house.worker()
    run = await house.start(FLOWS.retried, 7)
    soon = house.clock.now_us() + 1_500_000
    assert await worker.run_until_idle() == soon
    await worker.stop()
    assert await house.world.next_due() == soon, "and the next worker finds it"
    house.advance(seconds=2)
    assert await house.worker().run_until_idle() is None
    assert await run.result() == 7


async def test_a_short_retry_is_waited_for(house: House, journal: Journal) -> None:
    """A worker with patience stays until what it keeps has gone on, and for nothing later."""
    journal.failures = [ConnectionError("first")]
    patient = house.worker()
    run = await house.start(FLOWS.retried, 7)
    late = await house.start(FLOWS.waits, 1)
    work = asyncio.create_task(patient.run_until_idle(patience_s=2))
    await house.logged(run, "step_retrying")
    await house.logged(late, "wait_created")
    house.advance(seconds=2)
    assert await work is not None
    assert await run.result() == 7
    assert await late.status() is RunStatus.SUSPENDED


async def test_the_last_error_comes_out_when_attempts_are_used_up(
    house: House, journal: Journal
) -> None:
    """The workflow sees the step's own exception, with a note of how often was tried."""
    journal.failures = [ConnectionError(f"try {each}") for each in (1, 2, 3)]
    worker = house.worker()
    run = await house.start(FLOWS.retried, 7)
    for _ in range(5):
        await worker.run_until_idle()
        house.advance(minutes=2)
    with pytest.raises(RunFailed) as caught:
        await run.result()
    cause = caught.value.cause
    assert isinstance(cause, ConnectionError)
    assert str(cause) == "try 3"
    assert any("step `flaky` failed, attempt 3 of 3" in note for note in cause.__notes__)
    assert len(journal.calls) == 3


async def test_a_late_retry_is_a_message_that_any_worker_takes(
    house: House, journal: Journal
) -> None:
    """A pause over two seconds releases the run; another worker makes the next attempt."""
    journal.failures = [RetryableError("later", retry_after="1h")]
    first = house.worker()
    run = await house.start(FLOWS.retried, 7)
    await first.run_until_idle()
    assert await run.status() is RunStatus.SUSPENDED
    await first.stop()
    house.advance(hours=1)
    second = house.worker()
    await second.run_until_idle()
    assert await run.result() == 7
    starts = await house.events(run, StepStarted)
    assert [(each.attempt, each.worker_id) for each in starts] == [(2, second.worker_id)]


async def test_a_step_that_may_run_once_is_on_record_before_it_runs(
    house: House, journal: Journal
) -> None:
    run = await house.start(FLOWS.at_most_once, 5)
    await house.worker().run_until_idle()
    assert await run.result() == "ran 5"
    assert await house.log(run) == [
        "run_created", "run_started", "step_created", "step_started", "step_completed",
        "run_completed",
    ]  # fmt: skip


async def test_a_timeout_is_retried_and_then_raised(house: House, journal: Journal) -> None:
    worker = house.worker()
    run = await house.start(FLOWS.timed, 1)
    for _ in range(3):
        await worker.run_until_idle()
        house.advance(seconds=3)
    assert await run.result() == StepTimeout.__name__
    assert len(journal.calls) == 2


async def test_a_thread_that_does_not_end_is_given_up_and_counted(
    house: House, journal: Journal
) -> None:
    worker = house.worker()
    run = await house.start(FLOWS.thread_timed, 1)
    await worker.run_until_idle()
    assert await run.result() == StepTimeout.__name__
    assert worker.threads.leaked == 1
    journal.thread_gate.set()
    await until(lambda: worker.threads.leaked == 0)


async def test_a_result_that_cannot_be_recorded_fails_the_step_for_good(
    house: House, journal: Journal
) -> None:
    run = await house.start(FLOWS.unstorable, 1)
    await house.worker().run_until_idle()
    with pytest.raises(RunFailed, match="flawed"):
        await run.result()
    assert journal.calls == [("flawed", 1)]


async def test_a_result_that_its_annotation_refuses_fails_the_step_for_good(
    house: House, journal: Journal
) -> None:
    """It is refused where it is made, and the workflow may catch it; nobody has to read it."""
    run = await house.start(FLOWS.misread, "12")
    await house.worker().run_until_idle()
    said = await run.result()
    assert said.startswith("PayloadMismatch: the result of step `miscounts` does not fit")
    assert journal.calls == [("miscounts", "12")]
    assert "step_failed" in await house.log(run)


async def test_a_cancelled_run_stops_its_bodies_and_may_clean_up(
    house: House, journal: Journal
) -> None:
    """Cleanup awaits steps and sleeps like any code; then the run is cancelled."""
    worker = await house.embedded()
    run = await house.start(FLOWS.careful, 1)
    await journal.entered.wait()
    assert await run.cancel("enough")
    assert await run.cancel("again")
    await until(
        lambda: (
            ("add", 1, 100) in journal.calls
            and all(live.quiet for live in worker.owned.active.values())
        )
    )
    assert journal.cancelled == 1
    house.advance(seconds=61)
    await worker.run_until_idle()
    assert ("add", 1, 200) in journal.calls
    with pytest.raises(RunCancelled, match="enough"):
        await run.result("10s")
    assert not await run.cancel("too late")
    log = await house.log(run)
    assert log.count("run_cancel_requested") == 1
    assert "step_cancelled" in log


async def test_a_forced_cancel_runs_no_code(house: House, journal: Journal) -> None:
    await house.embedded()
    run = await house.start(FLOWS.careful, 1)
    await journal.entered.wait()
    assert await run.cancel("now", force=True)
    with pytest.raises(RunCancelled, match="now"):
        await run.result("10s")
    assert [call[0] for call in journal.calls] == ["gated"]


async def test_a_paused_run_decides_nothing_until_it_goes_on(
    house: House, journal: Journal
) -> None:
    """The body under way ends and is recorded; the next one begins after `unpause`."""
    worker = await house.embedded()
    run = await house.start(FLOWS.held, 5)
    await journal.entered.wait()
    await run.pause("look first")
    await until(lambda: all(live.ledger.paused for live in worker.owned.active.values()))
    journal.gate.set()
    await until(lambda: not worker.owned.active)
    assert journal.calls == [("gated", 5)]
    assert (await house.log(run))[-2:] == ["run_paused", "step_completed"]
    await run.unpause()
    assert await run.result("10s") == 6


async def test_a_paused_run_goes_on_while_its_body_still_runs(
    house: House, journal: Journal
) -> None:
    """The body is neither stopped nor begun a second time."""
    worker = await house.embedded()
    run = await house.start(FLOWS.held, 5)
    await journal.entered.wait()
    await run.pause()
    await until(lambda: all(live.ledger.paused for live in worker.owned.active.values()))
    await run.unpause()
    journal.gate.set()
    assert await run.result("10s") == 6
    assert journal.calls == [("gated", 5), ("add", 5, 1)]


async def test_waking_ends_waits_now(house: House, journal: Journal) -> None:
    worker = house.worker()
    run = await house.start(FLOWS.waits, 3)
    await worker.run_until_idle()
    assert await run.wake_up(["another#0"]) == 0
    assert await run.wake_up() == 1
    await worker.run_until_idle()
    assert await run.result() == 4
    assert await run.wake_up() == 0


async def test_waking_reaches_a_run_that_is_being_executed(house: House, journal: Journal) -> None:
    """The timeout's timer is a wait too: woken, it is over."""
    await house.embedded()
    run = await house.start(FLOWS.race, 1)
    await journal.entered.wait()
    await house.logged(run, "wait_created")
    assert await run.wake_up() == 1
    assert await run.result("10s") == "late"


async def test_waking_ends_the_pause_before_a_retry(house: House, journal: Journal) -> None:
    journal.failures = [RetryableError("later", retry_after="1h")]
    worker = house.worker()
    run = await house.start(FLOWS.retried, 7)
    await worker.run_until_idle()
    assert await run.wake_up() == 1
    await worker.run_until_idle()
    assert await run.result() == 7


async def test_a_delayed_run_begins_in_time_or_when_woken(house: House, journal: Journal) -> None:
    worker = house.worker()
    late = await house.start(FLOWS.chain, 1, delay="1h")
    woken = await house.start(FLOWS.chain, 2, delay="2h")
    await worker.run_until_idle()
    assert journal.calls == []
    assert await woken.wake_up() == 1
    await worker.run_until_idle()
    assert await woken.status() is RunStatus.COMPLETED
    assert await late.status() is RunStatus.PENDING
    house.advance(hours=1)
    await worker.run_until_idle()
    assert await late.status() is RunStatus.COMPLETED


async def stand_still(worker: Worker) -> None:
    """Let a worker take nothing and renew nothing any more, as if it were cut off."""
    for task in worker._background:
        task.cancel()
    await asyncio.gather(*worker._background, return_exceptions=True)
    assert worker.membership.heartbeat is not None
    await worker.membership.heartbeat.stop()


async def test_a_lost_worker_counts_its_attempts(house: House, journal: Journal) -> None:
    """An owner that vanished may have run every body it was asked for: each counts as one try."""
    first = house.worker(lease_s=30)
    await first.start()
    run = await house.start(FLOWS.held_many, 2)
    await journal.entered.wait()
    await stand_still(first)
    house.advance(seconds=31)
    second_idle = asyncio.create_task(house.worker().run_until_idle())
    await until(lambda: len(journal.calls) >= 4)
    journal.gate.set()
    await second_idle
    assert await run.result() == 1
    lost = await house.events(run, StepRetrying)
    assert [each.attempt for each in lost] == [1, 1]
    assert [call[0] for call in journal.calls] == ["gated"] * 4


async def test_a_step_that_may_run_once_is_not_run_again_after_a_loss(
    house: House, journal: Journal
) -> None:
    journal.holds_once = True
    first = house.worker()
    await first.start()
    run = await house.start(FLOWS.at_most_once, 5)
    await journal.entered.wait()
    await stand_still(first)
    house.advance(seconds=31)
    await house.worker().run_until_idle()
    assert await run.result() == "lost WorkerLost"
    assert journal.calls == [("once", 5)]


async def test_five_losses_in_a_row_fail_the_run(house: House, journal: Journal) -> None:
    """A run that kills each worker before it can write anything is not tried for ever."""
    run = await house.start(FLOWS.chain, 1)
    for number in range(5):
        name = f"victim-{number}"
        await house.world.join(name, lease_s=30)  # type: ignore[arg-type]  # a made-up worker
        await house.world.claim(run.id, name)  # type: ignore[arg-type]  # likewise
        await house.world.leave(name)  # type: ignore[arg-type]  # likewise
    await house.worker().run_until_idle()
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert caught.value.kind == "poison"
    assert journal.calls == []


async def test_a_fenced_worker_writes_nothing(house: House, journal: Journal) -> None:
    """Its body may end, but its outcome is refused, and it joins anew under another name."""
    first = house.worker()
    await first.start()
    run = await house.start(FLOWS.held, 5)
    await journal.entered.wait()
    before = first.worker_id
    await stand_still(first)
    house.advance(seconds=31)
    second = house.worker()
    second_idle = asyncio.create_task(second.run_until_idle())
    await until(lambda: len(journal.calls) >= 2)
    first.learn(await asyncio.to_thread(first.membership.renew))
    await until(lambda: first.worker_id != before)
    journal.gate.set()
    await second_idle
    assert await run.result() == 6
    assert (await house.log(run)).count("step_completed") == 2


async def test_a_worker_joins_anew_once_however_often_it_hears_of_it(house: House) -> None:
    """The heartbeat, a claim and a message may all find out, one of them after the others."""
    worker = house.worker()
    await worker.start()
    before = worker.worker_id
    await house.world.leave(before)
    heard = await asyncio.to_thread(worker.membership.renew)
    assert heard.fenced
    worker.learn(heard)
    await until(lambda: worker.worker_id != before)
    again = worker.worker_id
    worker.learn(heard)
    await worker.membership.check(again)
    await until(lambda: not len(worker._chores))
    assert worker.worker_id == again
    assert [row.worker_id for row in await house.world.workers()] == [again]


async def test_a_worker_that_is_joining_is_not_fenced_by_its_own_heartbeat(house: House) -> None:
    """The world knows its new name only when it has joined; to be given up again would leave that
    name behind with a lease, and all that was claimed under it.
    """
    worker = house.worker()
    await worker.start()
    before, join = worker.worker_id, house.world.join
    renewals: list[Renewal] = []

    async def joined(worker_id: WorkerId, **how: Any) -> None:
        if not renewals:
            renewals.append(await asyncio.to_thread(worker.membership.renew))
            worker.learn(renewals[0])
        await join(worker_id, **how)

    house.world.join = joined  # type: ignore[method-assign]  # a heartbeat in the midst of it
    await house.world.leave(before)
    worker.learn(await asyncio.to_thread(worker.membership.renew))
    await until(lambda: bool(renewals) and not len(worker._chores))
    await worker.membership.check(worker.worker_id)
    assert not renewals[0].fenced
    assert [row.worker_id for row in await house.world.workers()] == [worker.worker_id]


async def test_a_worker_that_cannot_join_anew_tries_again(house: House) -> None:
    """A world that is locked just then does not leave it without a lease."""
    worker = house.worker(probe_s=0.0)
    await worker.start()
    before, join, tries = worker.worker_id, house.world.join, []

    async def joined(worker_id: WorkerId, **how: Any) -> None:
        tries.append(worker_id)
        if len(tries) <= 3:
            raise WorldLocked("somebody writes")
        await join(worker_id, **how)

    house.world.join = joined  # type: ignore[method-assign]  # out of reach for a while
    await house.world.leave(before)
    worker.learn(await asyncio.to_thread(worker.membership.renew))
    await until(lambda: bool(tries))
    await house.start(FLOWS.chain, 2)
    await until(lambda: len(tries) > 3)
    await worker.membership.check(worker.worker_id)
    assert [row.worker_id for row in await house.world.workers()] == [worker.worker_id]


async def test_shutting_down_records_what_was_stopped_without_counting_it(
    house: House, journal: Journal
) -> None:
    first = await house.embedded(drain_s=0.01)
    run = await house.start(FLOWS.held, 5)
    await journal.entered.wait()
    await first.stop()
    house.session.worker = None
    assert journal.cancelled == 1
    assert (await house.log(run))[-1] == "step_retrying"
    assert await run.status() is RunStatus.SUSPENDED
    journal.gate.set()
    await house.worker().run_until_idle()
    assert await run.result() == 6
    retrying = await house.events(run, StepRetrying)
    assert [each.counted for each in retrying] == [False]


async def test_a_body_that_ends_in_time_is_not_stopped_by_shutting_down(
    house: House, journal: Journal
) -> None:
    first = await house.embedded(drain_s=10)
    run = await house.start(FLOWS.held, 5)
    await journal.entered.wait()
    stopping = asyncio.create_task(first.stop())
    await until(lambda: all(live.tenure.stopping for live in first.owned.active.values()))
    journal.gate.set()
    await stopping
    house.session.worker = None
    assert (await house.log(run))[-1] == "step_completed"
    await house.worker().run_until_idle()
    assert await run.result() == 6


async def test_long_bodies_are_announced_and_the_rest_is_queued(
    house: House, journal: Journal
) -> None:
    """Sixteen bodies run with the owner; steps that wait for long go to other workers."""
    await house.embedded(announce_after_s=0.01)
    run = await house.start(FLOWS.held_many, 18)
    await until(lambda: len(journal.calls) >= 18)
    log = await house.log(run)
    assert log.count("step_created") == 18
    journal.gate.set()
    assert await run.result("10s") == sum(range(18))


async def test_a_workflow_sets_attributes(house: House, journal: Journal) -> None:
    run = await house.start(FLOWS.labelled, "x", attributes={"tier": "free"})
    await house.worker().run_until_idle()
    assert await run.attributes() == {"name": "x", "tier": "free"}


async def test_a_run_that_takes_too_long_is_cancelled_and_fails(
    house: House, journal: Journal
) -> None:
    worker = house.worker()
    run = await house.start(FLOWS.waits, 30, timeout="1 day")
    await worker.run_until_idle()
    house.advance(days=1)
    await worker.run_until_idle()
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert caught.value.kind == "timeout"


async def test_a_pause_does_not_stop_the_time_of_a_run(house: House, journal: Journal) -> None:
    """What is over by then acts when the run goes on, since its code is to clean up; until then it
    is told.
    """
    worker = house.worker()
    run = await house.start(FLOWS.waits, 30, timeout="1 day")
    await worker.run_until_idle()
    await run.pause()
    assert "timeout" not in (await run.why()).sentence
    house.advance(days=2)
    await worker.run_until_idle()
    assert not (await run.status()).ended
    assert (
        "Its timeout is over since 1 d: it is cancelled when it goes on."
        in (await run.why()).sentence
    )
    await run.unpause()
    await worker.run_until_idle()
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert caught.value.kind == "timeout"


async def test_cleanup_has_its_time_after_a_pause(house: House, journal: Journal) -> None:
    """A run that was cancelled meanwhile could not begin with it before."""
    worker = await house.embedded()
    run = await house.start(FLOWS.dawdles, 1)
    await journal.entered.wait()
    await run.pause()
    await run.cancel("enough")
    journal.gate.set()
    await worker.run_until_idle()
    house.advance(hours=2)
    await run.unpause()
    await worker.run_until_idle()
    assert not (await run.status()).ended
    await house.logged(run, "wait_created")
    house.advance(minutes=2)
    await worker.run_until_idle()
    with pytest.raises(RunCancelled, match="enough"):
        await run.result("10s")


async def test_lost_messages_are_found_by_the_sweeper(house: House, journal: Journal) -> None:
    """The queue is only a hint: without it the run still ends."""
    run = await house.start(FLOWS.chain, 1)
    await house.world.join("thief", lease_s=30)  # type: ignore[arg-type]  # a made-up worker
    taken = await house.world.take("thief", 10)  # type: ignore[arg-type]  # likewise
    await house.world.done([each.receipt for each in taken])
    await house.worker().run_until_idle()
    assert await run.status() is RunStatus.COMPLETED


async def test_a_turn_that_spins_is_ended(house: House, journal: Journal) -> None:
    await house.embedded(turn_s=0.05)
    run = await house.start(FLOWS.never_ends, 1)
    with pytest.raises(RunFailed) as caught:
        await run.result("30s")
    assert caught.value.kind == "limit"


async def test_cleanup_has_a_limit(house: House, journal: Journal) -> None:
    """A cancelled run that does not come to its end is ended."""
    worker = await house.embedded()
    run = await house.start(FLOWS.dawdles, 1)
    await journal.entered.wait()
    await run.cancel("enough")
    await house.logged(run, "wait_created")
    house.advance(minutes=2)
    await worker.run_until_idle()
    with pytest.raises(RunCancelled, match="enough"):
        await run.result("10s")
    (end,) = await house.events(run, RunCancelledEvent)
    assert end.forced


async def test_steps_may_be_methods_and_nested_functions(house: House, journal: Journal) -> None:
    run = await house.start(FLOWS.shapes, FLOWS.Order("o-1"), 2, 5)
    await house.worker().run_until_idle()
    assert await run.result() == ["o-1 to Bern", "blank to Rome", 5, [8, 17], True]


async def test_runs_that_may_kill_workers_are_tried_one_at_a_time(
    house: House, journal: Journal
) -> None:
    """Of three runs that were lost together twice, only the one that does it is lost again, and
    the end of it is its own: the others get on, and so does what nobody suspects.
    """
    runs = [await house.start(FLOWS.chain, each) for each in (1, 2, 3)]
    for number in range(2):
        name = WorkerId(f"victim-{number}")
        await house.world.join(name, lease_s=30)
        for run in runs:
            await house.world.claim(run.id, name)
        await house.world.leave(name)
    claims: list[RunId] = []
    together: list[RunId] = []
    claim = house.world.claim
    worker = house.worker()

    async def watched(run_id: RunId, *args: Any, **kwargs: Any) -> Any:
        answer = await claim(run_id, *args, **kwargs)
        if isinstance(answer, Claimed) and answer.losses:
            for each in runs:
                row = await house.world.run(each.id)
                if row is not None and row.losses and each.id in worker.owned.active:
                    together.append(each.id)
            claims.append(run_id)
        return answer

    house.world.claim = watched  # type: ignore[method-assign]  # looks on
    fresh = await house.start(FLOWS.chain, 4)
    await worker.run_until_idle()
    assert sorted(claims) == sorted(each.id for each in runs)
    assert together == []
    assert [await run.result() for run in [*runs, fresh]] == [0, 1, 3, 6]


async def test_a_workflow_that_raises_an_interrupt_fails_alone(
    house: House, journal: Journal
) -> None:
    """Only a signal is meant for the process; the worker and its other runs go on."""
    run = await house.start(FLOWS.interrupts, 1)
    other = await house.start(FLOWS.chain, 1)
    await house.worker().run_until_idle()
    with pytest.raises(RunFailed, match="by the workflow itself") as caught:
        await run.result()
    assert type(caught.value.cause) is KeyboardInterrupt
    assert (await house.log(run))[-2:] == ["step_completed", "run_failed"]
    assert await other.result() == 0
