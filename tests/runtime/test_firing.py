"""Schedules fire: each time once, by whatever worker is there, and as their policies say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runtime.flows import FLOWS
from tests.runtime.house import House, until
from tests.runtime.test_schedules import said
from wfc.clock import MICROSECONDS, to_us
from wfc.cron import Timing, instants, passed_over
from wfc.errors import BundleUnloadable, WorldUnreachable
from wfc.eventlog.event import Channel, Origin, RunCreated
from wfc.ids import DefinitionId, RunId
from wfc.runtime import firing, schedules
from wfc.runtime.firing import LATE_US, Firing, plan_of
from wfc.runtime.registry import Registry
from wfc.runtime.run import Run
from wfc.worlds.protocol import RunFilter, ScheduleRow
from wfc.worlds.schedules import CatchUp, Overlap
from wfc.worlds.sqlite import SqliteWorld
from wfc.worlds.vault import Vault

_HOUR = 3600 * MICROSECONDS


async def begun(house: House) -> list[str]:
    """Give the times of the runs that schedules have begun, the earliest first."""
    page = await house.world.list_runs(RunFilter(), limit=200)
    return sorted(run.run_id.rpartition("T")[2] for run in page.runs)


async def fire(house: House) -> int | None:
    return await Firing(house.world, Registry(house.version)).fire_due()


async def row_of(house: House, name: str = "nightly") -> ScheduleRow:
    row = await house.world.schedule(name)
    assert row is not None
    return row


async def end_all(house: House) -> None:
    for run in (await house.world.list_runs(RunFilter(), limit=200)).runs:
        if not run.status.ended:
            await Run(run.run_id, house._client).cancel(force=True)


async def test_a_firing_is_a_run_of_its_time(house: House) -> None:
    """Its id says which; its first event says by what."""
    await said(house, 3, every="1h", attributes={"tier": "free"})
    worker = house.worker()
    first = to_us(datetime(2030, 1, 1, 1, tzinfo=UTC))
    assert await worker.run_until_idle() == first
    assert await begun(house) == []
    house.advance(hours=1)
    assert await worker.run_until_idle() == first + _HOUR
    run: Run[int] = Run(RunId("schedule:nightly:2030-01-01T01:00:00Z"), house._client)
    assert await run.result("10s") == 3
    (opening,) = await house.events(run, RunCreated)
    assert opening.origin == Origin(kind="schedule", schedule="nightly", fire_at=first)
    assert opening.channel is Channel.SCHEDULE
    assert opening.attributes == {"tier": "free"}
    row = await row_of(house)
    assert (row.last_at, row.last_run, row.next_at) == (first, run.id, first + _HOUR)


async def test_a_worker_fires_in_time(house: House) -> None:
    """Not when it looks for what crashes have left, but when the schedule says so."""
    worker = await house.embedded(sweep_s=3600.0)
    await said(house, every="1s")
    house.advance(seconds=1)
    # The world's clock stands still, so somebody has to tell the worker that it has moved on.
    await said(house, 2, every="1s")
    run: Run[int] = Run(RunId("schedule:nightly:2030-01-01T00:00:01Z"), house._client)
    async with asyncio.timeout(20):
        while await house.world.run(run.id) is None:  # noqa: ASYNC110 - the run is not there yet
            await asyncio.sleep(0.001)
    assert await run.result("10s") in {1, 2}
    assert worker.failure is None


async def test_of_many_workers_each_firing_is_once(house: House) -> None:
    """All look at the same time, again and again."""
    await said(house, every="1m", overlap="allow", catch_up="all")
    house.advance(minutes=30)
    everybody = [Firing(house.world, Registry(house.version)) for _ in range(8)]
    await asyncio.gather(*(each.fire_due() for each in everybody))
    assert await begun(house) == [f"00:{minute:02}:00Z" for minute in range(1, 31)]
    assert (await row_of(house)).skipped == 0


@pytest.mark.parametrize(
    ("catch_up", "wanted"),
    [
        ("all", ["01:00:00Z", "02:00:00Z", "03:00:00Z"]),
        ("latest", ["03:00:00Z"]),
        ("none", []),
    ],
)
async def test_what_was_missed_is_made_up_for_as_the_schedule_says(
    house: House, catch_up: str, wanted: list[str]
) -> None:
    """After three and a half hours without a worker."""
    await said(house, every="1h", catch_up=catch_up, overlap="allow")
    house.advance(hours=3, minutes=30)
    assert await fire(house) == to_us(datetime(2030, 1, 1, 4, tzinfo=UTC))
    assert await begun(house) == wanted


async def test_a_little_late_is_in_time(house: House) -> None:
    """Though nothing that was missed is made up for."""
    await said(house, every="1h", catch_up="none")
    house.advance(hours=1, seconds=60)
    await fire(house)
    assert await begun(house) == ["01:00:00Z"]


async def test_more_than_can_be_fired_at_once_is_fired_by_and_by(house: House) -> None:
    """All of it, and each once."""
    await said(house, every="1m", catch_up="all", overlap="allow")
    house.advance(minutes=130)
    await fire(house)
    assert len(await begun(house)) == 130


async def test_a_firing_is_skipped_while_a_run_is_open(house: House) -> None:
    """It is counted; the next one after the end begins."""
    await said(house, every="1h")
    for _ in range(2):
        house.advance(hours=1)
        await fire(house)
    assert await begun(house) == ["01:00:00Z"]
    assert (await row_of(house)).skipped == 1
    await end_all(house)
    house.advance(hours=1)
    await fire(house)
    assert await begun(house) == ["01:00:00Z", "03:00:00Z"]


async def test_firings_wait_for_each_other(house: House) -> None:
    """In order, one at a time; the time of each is that at which it was due."""
    await said(house, every="1h", overlap="queue")
    for _ in range(3):
        house.advance(hours=1)
        await fire(house)
    assert await begun(house) == ["01:00:00Z"]
    (shown,) = await schedules.listed(house.session, house._client)
    assert shown.waiting == 2
    for count in (2, 3):
        await end_all(house)
        await fire(house)
        assert len(await begun(house)) == count
    assert (await row_of(house)).waiting == ()


async def test_a_worker_goes_on_with_what_waits(house: House) -> None:
    """As soon as the run before it has ended."""
    await said(house, 2, every="1h", overlap="queue", catch_up="all")
    house.advance(hours=3)
    await house.worker().run_until_idle()
    assert await begun(house) == ["01:00:00Z", "02:00:00Z", "03:00:00Z"]


async def test_too_many_that_wait_are_skipped(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that never ends must not fill the world."""
    monkeypatch.setattr(firing, "WAITING_MAX", 2)
    await said(house, every="1h", overlap="queue", catch_up="all")
    house.advance(hours=6)
    await fire(house)
    row = await row_of(house)
    assert (len(row.waiting), row.skipped) == (2, 3)


async def test_runs_may_overlap(house: House) -> None:
    """If the schedule allows it."""
    await said(house, every="1h", overlap="allow")
    for _ in range(2):
        house.advance(hours=1)
        await fire(house)
    assert await begun(house) == ["01:00:00Z", "02:00:00Z"]


async def test_a_paused_schedule_does_not_fire(house: House) -> None:
    """Neither what is due nor what waits."""
    made = await said(house, every="1h", overlap="queue", catch_up="all")
    house.advance(hours=2)
    await fire(house)
    await made.pause()
    await end_all(house)
    house.advance(hours=2)
    assert await fire(house) is None
    assert await begun(house) == ["01:00:00Z"]
    await made.resume()
    await fire(house)
    assert await begun(house) == ["01:00:00Z", "02:00:00Z"]


async def test_the_last_firing_is_the_last(house: House) -> None:
    """A schedule that has ended stays, to be looked at."""
    end = datetime(2030, 1, 1, 2, tzinfo=UTC)
    await said(house, every="1h", end=end, overlap="allow", catch_up="all")
    house.advance(hours=9)
    assert await fire(house) is None
    assert await begun(house) == ["01:00:00Z", "02:00:00Z"]
    assert (await row_of(house)).next_at is None


async def test_a_firing_that_was_started_by_hand_is_not_begun_again(house: House) -> None:
    """Its id is taken: whoever began it, it has happened."""
    await said(house, 3, every="1h")
    run = await house.start(FLOWS.chain, 3, id="schedule:nightly:2030-01-01T01:00:00Z")
    house.advance(hours=1)
    await fire(house)
    assert await begun(house) == ["01:00:00Z"]
    assert (await row_of(house)).last_run == run.id


async def test_a_workflow_that_is_gone_is_told(house: House) -> None:
    """On the schedule, and it is no trouble to the others; what can start again clears it."""
    await said(house, every="1h")
    row = await row_of(house)
    gone = replace(row, workflow=DefinitionId("runtime_flows:gone"))
    await house.world.put_schedule(gone)
    await said(house, name="other", every="1h")
    house.advance(hours=1)
    await fire(house)
    (shown, other) = await schedules.listed(house.session, house._client)
    assert shown.problem is not None
    assert shown.problem.startswith("NoSuchWorkflow: ")
    assert shown.skipped == 1
    assert other.last_run_id is not None
    await said(house, every="1h")
    house.advance(hours=1)
    await fire(house)
    assert (await row_of(house)).problem is None


async def test_code_that_cannot_be_loaded_here_is_left_to_others(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is skipped, and it is told once."""
    await said(house, every="1h")
    house.advance(hours=1)
    here = Firing(house.world, Registry(house.version))

    async def unloadable(*_: Any) -> Any:
        message = "needs another Python"
        raise BundleUnloadable(message)

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR, "wfc.worker"):
        patch.setattr(here._code, "template", unloadable)
        await here.fire_due()
        await here.fire_due()
    assert caplog.text.count("cannot be fired here") == 1
    assert await begun(house) == []
    await fire(house)
    assert await begun(house) == ["01:00:00Z"]


async def test_without_an_active_version_the_worker_takes_its_own(house: House) -> None:
    """A world may have been told of none."""
    await said(house, 2, every="1h")
    house.advance(hours=1)

    async def none() -> list[Any]:
        return []

    versions, house.world.versions = house.world.versions, none  # type: ignore[method-assign]  # as in a fresh world
    await fire(house)
    house.world.versions = versions  # type: ignore[method-assign]  # likewise
    assert await begun(house) == ["01:00:00Z"]


async def test_a_world_out_of_reach_is_looked_at_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker goes on firing when it is back."""
    monkeypatch.setattr(firing, "_WORLD_AGAIN_S", 0.001)
    here = Firing(house.world, Registry(house.version))
    looks = 0

    async def unreachable() -> int | None:
        nonlocal looks
        looks += 1
        message = "gone"
        raise WorldUnreachable(message)

    monkeypatch.setattr(here, "fire_due", unreachable)
    serving = asyncio.create_task(here.serve())
    await until(lambda: looks > 2)
    assert not serving.done()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_a_year_of_absence_is_counted_in_few_commits(house: House) -> None:
    """Whether what was missed is skipped or waits; no look takes more than some firings."""
    await said(house, name="skips", every="1s", overlap="skip", catch_up="all")
    await said(house, name="waits", every="1s", overlap="queue", catch_up="all")
    await said(house, name="minutes", cron="* * * * *", overlap="skip", catch_up="all")
    house.advance(days=365)
    missed, puts, put = 365 * 86_400, 0, house.world.put_schedule

    async def counted(*args: Any, **options: Any) -> Any:
        nonlocal puts
        puts += 1
        return await put(*args, **options)

    house.world.put_schedule = counted  # type: ignore[method-assign]  # to count
    here = Firing(house.world, Registry(house.version))
    assert await here.fire_due() == house.world.now_us(), "there is more"
    assert len(await begun(house)) == 3
    await here.fire_due()
    assert puts < 100
    skips, waits = await row_of(house, "skips"), await row_of(house, "waits")
    assert (skips.skipped, skips.last_at) == (
        missed - 1,
        to_us(datetime(2030, 1, 1, 0, 0, 1, tzinfo=UTC)),
    )
    assert skips.next_at == house.world.now_us() + MICROSECONDS
    assert (len(waits.waiting), waits.skipped) == (1000, missed - 1001)
    minutes = await row_of(house, "minutes")
    assert 11_000 < minutes.skipped < 24_000


async def test_a_year_of_absence_is_no_work_of_one_look(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs that all begin do so by and by; a worker that is to be idle goes on until they have."""
    monkeypatch.setattr(firing, "_ROUNDS_MAX", 2)
    monkeypatch.setattr(firing, "_AT_ONCE", 2)
    await said(house, 0, every="1h", overlap="allow", catch_up="all")
    house.advance(hours=10)
    await fire(house)
    assert len(await begun(house)) == 4
    await house.worker().run_until_idle()
    assert len(await begun(house)) == 10


@pytest.fixture
async def sealed(tmp_path: Path) -> AsyncIterator[SqliteWorld]:
    world = SqliteWorld(tmp_path / "sealed.db", vault=Vault({"k1": bytes(32)}))
    await world.open()
    yield world
    await world.close()


def bytes_in(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.iterdir()]


async def test_arguments_are_sealed_on_the_disk(sealed: SqliteWorld, tmp_path: Path) -> None:
    """And whoever has no key reads the rest."""
    secret = b"\x01\x00\xa6secret"
    row = ScheduleRow(
        name="nightly",
        workflow=DefinitionId("shop:pay"),
        arguments=secret,
        timing=Timing(every_us=_HOUR),
    )
    await sealed.put_schedule(row)
    found = await sealed.schedule("nightly")
    assert found == replace(row, revision=1)
    assert not any(b"secret" in held for held in await asyncio.to_thread(bytes_in, tmp_path))
    blind = SqliteWorld(tmp_path / "sealed.db")
    await blind.open()
    (seen,) = await blind.schedules()
    assert seen == replace(row, arguments=None, revision=1)
    await blind.put_schedule(replace(seen, paused=True))
    await blind.close()
    found = await sealed.schedule("nightly")
    assert found == replace(row, paused=True, revision=2)


# --- the decision ------------------------------------------------------------------------------


def row(timing: Timing, next_at: int | None, catch_up: CatchUp) -> ScheduleRow:
    return ScheduleRow(
        name="a",
        workflow=DefinitionId("m:w"),
        arguments=b"",
        timing=timing,
        overlap=Overlap.ALLOW,
        catch_up=catch_up,
        next_at=next_at,
    )


TIMINGS: st.SearchStrategy[Timing] = st.one_of(
    st.builds(
        lambda every, anchor: Timing(every_us=every * MICROSECONDS, anchor=anchor),
        st.integers(60, 100_000),
        st.integers(0, 10**15),
    ),
    st.sampled_from(["*/7 * * * *", "0 3 * * *", "15 2,14 * * MON"]).map(
        lambda text: Timing(cron=text, tz="Europe/Berlin")
    ),
)


@given(
    timing=TIMINGS,
    begin=st.integers(10**15, 2 * 10**15),
    absent_s=st.integers(0, 20_000),
    catch_up=st.sampled_from(CatchUp),
)
def test_a_plan_is_what_a_look_at_every_firing_says(
    timing: Timing, begin: int, absent_s: int, catch_up: CatchUp
) -> None:
    """However long nobody was there: all, the last, or none that is too late; the rest is ahead."""
    next_at = next(instants(timing, begin))
    now = next_at + absent_s * MICROSECONDS
    due = [next_at]
    for at in instants(timing, next_at):
        if at > now:
            break
        due.append(at)
    plan = plan_of(row(timing, next_at, catch_up), now)
    if catch_up is CatchUp.ALL:
        assert plan.fire == tuple(due[:100])
        assert plan.next_at == next(instants(timing, plan.fire[-1]))
        return
    late = catch_up is CatchUp.NONE and now - due[-1] > LATE_US
    assert plan.fire == (() if late else (due[-1],))
    assert plan.next_at == next(instants(timing, due[-1]))


@given(timing=TIMINGS, begin=st.integers(10**15, 2 * 10**15), absent_s=st.integers(0, 20_000))
def test_what_is_passed_over_is_counted(timing: Timing, begin: int, absent_s: int) -> None:
    """As a look at every firing does; the end of a schedule is heeded."""
    first = next(instants(timing, begin))
    until = first + absent_s * MICROSECONDS
    for bounded in (timing, replace(timing, end=until - absent_s * MICROSECONDS // 2)):
        due = []
        behind = None
        for at in instants(bounded, first - 1):
            if at > until:
                behind = at
                break
            due.append(at)
        assert passed_over(bounded, first, until, 10_000) == (len(due), behind)


@pytest.mark.parametrize("cron", ["* * * * *", "0 0 29 2 *"])
def test_years_of_absence_cost_little(cron: str) -> None:
    """The last firing is found from now backwards, not from then on."""
    begin = to_us(datetime(2000, 1, 1, tzinfo=UTC))
    now = to_us(datetime(2026, 7, 1, tzinfo=UTC))
    timing = Timing(cron=cron)
    first = next(instants(timing, begin))
    plan = plan_of(row(timing, first, CatchUp.LATEST), now)
    (last,) = plan.fire
    assert last <= now
    assert next(instants(timing, last)) > now
    assert plan.next_at == next(instants(timing, last))


def test_nothing_is_planned_before_its_time() -> None:
    """Or for a schedule that is paused or over."""
    timing = Timing(every_us=_HOUR)
    assert plan_of(row(timing, None, CatchUp.ALL), 5).fire == ()
    assert plan_of(row(timing, 6, CatchUp.ALL), 5).next_at == 6
