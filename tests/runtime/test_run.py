"""A handle on a run: what it answers, and what it refuses."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.runtime.flows import FLOWS, Journal
from tests.runtime.house import House
from wfc.errors import (
    CorruptEvent,
    FatalError,
    LogError,
    LogTooNew,
    RetryableError,
    RunBusy,
    RunEnded,
    RunFailed,
    RunNotFound,
)
from wfc.eventlog.entity import RunStatus, StepStatus
from wfc.eventlog.event import RunCreated
from wfc.ids import RunId, WorkerId
from wfc.runtime.answers import CancelAnswer
from wfc.runtime.bulk import list_page, run_filter
from wfc.runtime.controls import cancel_all
from wfc.runtime.run import Run
from wfc.worlds.protocol import Refusal, Refused, RunFilter


async def test_an_unknown_id_is_told_at_the_first_await(house: House) -> None:
    run: Run[int] = Run(RunId("nobody"), house._client)
    assert repr(run) == "Run('nobody')"
    for call in (run.status, run.result, run.events, run.steps, run.attributes, run.cancel):
        with pytest.raises(RunNotFound, match="nobody"):
            await call()


async def test_a_failed_run_raises_with_the_users_own_error(house: House) -> None:
    run = await house.start(FLOWS.refuses, 3)
    await house.worker().run_until_idle()
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert caught.value.kind == "user"
    assert isinstance(caught.value.cause, FatalError)
    assert str(caught.value.cause) == "no 3"


async def test_waiting_for_a_result_ends_and_the_run_goes_on(
    house: House, journal: Journal
) -> None:
    run = await house.start(FLOWS.chain, 1)
    with pytest.raises(TimeoutError, match="has not ended"):
        await run.result(0.001)
    waiting = asyncio.create_task(run.result("10s"))
    await house.worker().run_until_idle()
    assert await waiting == 0
    assert await run.result(0) == 0, "it is looked at once, however short the time"


async def test_the_log_is_told_in_order_with_times(house: House) -> None:
    run = await house.start(FLOWS.waits, 1)
    worker = house.worker()
    await worker.run_until_idle()
    house.advance(days=1)
    await worker.run_until_idle()
    events = await run.events()
    assert [each.position for each in events] == [1, 2, 3, 4, 5, 6]
    assert isinstance(events[0].event, RunCreated)
    assert events[3].recorded_at - events[2].recorded_at == timedelta(days=1)
    assert events[0].recorded_at.utcoffset() == timedelta(0)


async def test_steps_are_told_with_their_values(house: House, journal: Journal) -> None:
    journal.failures = [ConnectionError("x"), FatalError("y")]
    worker = house.worker()
    run = await house.start(FLOWS.compensates, 3)
    for _ in range(3):
        await worker.run_until_idle()
        house.advance(seconds=3)
    done = await house.start(FLOWS.chain, 1)
    await worker.run_until_idle()
    (failed,) = await run.steps()
    assert (failed.name, failed.status, failed.attempt) == ("flaky", StepStatus.FAILED, 2)
    assert isinstance(failed.error, FatalError)
    assert failed.arguments == {"number": 3}
    assert failed.id.startswith(failed.site)
    (step,) = await done.steps()
    assert (step.name, step.output, step.error) == ("add", 0, None)
    assert step.started_at is not None
    assert step.ended_at is not None


async def test_attributes_change_from_outside_until_the_end(house: House) -> None:
    worker = house.worker()
    run = await house.start(FLOWS.waits, 1, attributes={"a": 1})
    await worker.run_until_idle()
    await run.set_attributes({"a": None, "b": "x"})
    assert await run.attributes() == {"b": "x"}
    await run.cancel()
    await worker.run_until_idle()
    with pytest.raises(
        RunEnded, match=r"(?s)is cancelled, so its attributes stay as they are.*wfc rerun"
    ):
        await run.set_attributes({"c": 1})


async def test_pausing_twice_is_once(house: House) -> None:
    run = await house.start(FLOWS.chain, 1)
    await run.unpause()
    await run.pause("why")
    await run.pause()
    await house.worker().run_until_idle()
    assert await house.log(run) == ["run_created", "run_paused"]


async def test_racing_requests_are_written_once(house: House) -> None:
    """Each caller saw a run in which nobody had asked yet; a second request does nothing."""
    run = await house.start(FLOWS.waits, 1)
    await asyncio.gather(*(run.pause() for _ in range(20)))
    await asyncio.gather(*(run.unpause() for _ in range(20)))
    assert await asyncio.gather(*(run.cancel() for _ in range(20))) == [True] * 20
    assert await house.log(run) == [
        "run_created", "run_paused", "run_unpaused", "run_cancel_requested",
    ]  # fmt: skip


@pytest.mark.parametrize("held", [False, True], ids=["released", "executed"])
async def test_of_racing_wakers_one_counts_the_wait(house: House, *, held: bool) -> None:
    """The answers add up to what was woken, whether or not a worker holds the run."""
    run = await house.start(FLOWS.waits, 1)
    await house.worker().run_until_idle()
    if held:
        name = WorkerId("somebody")
        await house.world.join(name, lease_s=30)
        await house.world.claim(run.id, name)
    length = len(await house.log(run))
    woken = await asyncio.gather(*(run.wake_up() for _ in range(20)))
    assert sorted(woken) == [0] * 19 + [1]
    assert len(await house.log(run)) == length + 1


async def test_of_racing_wakers_one_counts_the_delayed_start(house: House) -> None:
    run = await house.start(FLOWS.chain, 1, delay="1h")
    woken = await asyncio.gather(*(run.wake_up() for _ in range(20)))
    assert sorted(woken) == [0] * 19 + [1]


async def test_a_pause_before_a_retry_is_woken_once(house: House, journal: Journal) -> None:
    journal.failures = [RetryableError("later", retry_after="1h")]
    run = await house.start(FLOWS.retried, 7)
    await house.worker().run_until_idle()
    woken = await asyncio.gather(*(run.wake_up() for _ in range(20)))
    assert sorted(woken) == [0] * 19 + [1]


async def test_a_run_that_ends_meanwhile_is_not_woken(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await house.start(FLOWS.waits, 1)
    await house.worker().run_until_idle()
    append = house.world.append

    async def late(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(house.world, "append", append)
        await run.cancel(force=True)
        return await append(*args, **kwargs)

    monkeypatch.setattr(house.world, "append", late)
    assert await run.wake_up() == 0


async def test_a_run_that_never_stands_still_is_busy(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await house.start(FLOWS.waits, 1)
    await house.worker().run_until_idle()

    async def behind(*_args: Any, **_kwargs: Any) -> Refused:
        return Refused(reason=Refusal.BEHIND)

    monkeypatch.setattr(house.world, "append", behind)
    with pytest.raises(RunBusy, match="try again"):
        await run.wake_up()


@pytest.mark.parametrize("damage", [CorruptEvent("r", 2, "why"), LogTooNew("format 9")], ids=repr)
async def test_nothing_is_written_behind_what_cannot_be_read(
    house: House, monkeypatch: pytest.MonkeyPatch, damage: LogError
) -> None:
    """A log that is damaged, or of a newer wfc, stays as it is."""
    run = await house.start(FLOWS.waits, 1)
    paused = await house.start(FLOWS.waits, 1)
    await paused.pause()
    rows = [await house.world.run(each.id) for each in (run, paused)]
    with monkeypatch.context() as patched:

        async def unreadable(*_: Any, **__: Any) -> Any:
            raise damage

        patched.setattr(house.world, "history", unreadable)
        for call in (
            run.cancel,
            lambda: run.cancel(force=True),
            run.pause,
            paused.unpause,
            run.wake_up,
            lambda: run.set_attributes({"a": 1}),
        ):
            with pytest.raises(type(damage)):
                await call()
        answers = await cancel_all(house.session, [run.id], reason=None, dry_run=False)
        assert answers == {run.id: CancelAnswer.UNREADABLE}
    assert [await house.world.run(each.id) for each in (run, paused)] == rows


async def test_runs_are_listed_by_filters(house: House) -> None:
    await house.start(FLOWS.chain, 1, attributes={"tier": "free"})
    other = await house.start(FLOWS.fan_out, 1)
    await other.cancel()
    await house.worker().run_until_idle()

    def found(**filters: object) -> RunFilter:
        empty = dict.fromkeys(
            ["workflow", "status", "version", "queue", "attributes", "parent", "since", "until"]
        )
        return run_filter(**{**empty, **filters})  # type: ignore[arg-type]  # values fit their names

    page = await list_page(house.world, found(), cursor=None, limit=1)
    assert page.next is not None
    rest = await list_page(house.world, found(), cursor=page.next, limit=1)
    assert rest.next is None
    assert {each.id for each in (*page.items, *rest.items)} >= {other.id}
    for filters in (
        {"status": "cancelled"},
        {"status": [RunStatus.CANCELLED, "failed"]},
        {"workflow": "runtime_flows:fan_out"},
    ):
        page = await list_page(house.world, found(**filters), cursor=None, limit=50)
        assert [each.id for each in page.items] == [other.id]
    page = await list_page(house.world, found(attributes={"tier": "free"}), cursor=None, limit=50)
    assert [each.status for each in page.items] == [RunStatus.COMPLETED]
    with pytest.raises(ValueError, match="Did you mean 'cancelled'"):
        found(status="canceled")
