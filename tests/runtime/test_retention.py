"""Ended runs go when they were kept long enough: by their start, their workflow or the settings."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.runtime.child_flows import FLOWS, PROGRAM
from tests.runtime.flows import Journal
from tests.runtime.house import House
from wfc.clock import VirtualClock
from wfc.config import retention_s
from wfc.errors import OptionInvalid, RunNotFound
from wfc.eventlog.event import KEPT_FOR_EVER, RunCreated
from wfc.ids import RunId
from wfc.policies import policy
from wfc.runtime.collecting import collect, kept_us
from wfc.runtime.retention import check_retention, retention_of
from wfc.runtime.run import Run
from wfc.runtime.sweeper import sweep
from wfc.settings_tables import Settings
from wfc.worlds.open import open_world

_DAY_S = 86_400.0


@pytest.fixture
async def house(house_url: str, journal: Journal) -> AsyncIterator[House]:
    """An installation of the workflows that start child runs."""
    assert journal is not None
    clock = VirtualClock()
    world = open_world(house_url, clock)
    await world.open()
    made = await House(world, clock, PROGRAM.version).open()
    yield made
    await made.close()


async def done(house: House, run: Run[Any]) -> Run[Any]:
    await house.worker().run_until_idle()
    await run.result("10s")
    return run


async def is_there(run: Run[Any]) -> bool:
    try:
        await run.status()
    except RunNotFound:
        return False
    return True


def test_what_is_said_at_the_start_wins() -> None:
    """Then the policy of the workflow; None leaves it to the settings."""

    @policy(retention="1h")
    async def kept() -> None: ...

    @policy(retention="never")
    async def never() -> None: ...

    async def plain() -> None: ...

    assert retention_of(kept, "2h") == 7200.0
    assert retention_of(kept, timedelta(days=1)) == _DAY_S
    assert retention_of(kept, "never") == KEPT_FOR_EVER
    assert retention_of(kept, None) == 3600.0
    assert retention_of(never, None) == KEPT_FOR_EVER
    assert retention_of(plain, None) is None
    assert not math.isinf(KEPT_FOR_EVER), "a log must be readable as JSON"


def test_a_retention_is_a_duration_or_never() -> None:
    """Both forms are told."""
    check_retention("retention", None)
    check_retention("retention", "never")
    check_retention("retention", "1h")
    with pytest.raises(OptionInvalid, match='Or "never", to keep it for ever'):
        check_retention("retention", "always")


def test_the_settings_are_read_in_microseconds() -> None:
    """Never is None, in both."""
    assert kept_us(retention_s(Settings())) == 30 * 86_400_000_000
    assert kept_us(retention_s(Settings(retention=None))) is None


async def test_a_start_records_how_long_its_run_is_kept(house: House) -> None:
    """It is a fact of the run, whatever the settings come to say."""
    run = await house.start(FLOWS.doubles, 1, retention="2 days")
    (opening,) = await house.events(run, RunCreated)
    assert opening.retention_s == 2 * _DAY_S
    own = await house.start(FLOWS.keeps, 1)
    (opening,) = await house.events(own, RunCreated)
    assert opening.retention_s == 2 * _DAY_S
    again = await (await done(house, run)).rerun()
    (opening,) = await house.events(again, RunCreated)
    assert opening.retention_s == 2 * _DAY_S, "what runs in its place is kept as long"


async def test_the_sweeper_lets_runs_go(house: House) -> None:
    """Those of the settings and those of their own, each in its time."""
    usual = await done(house, await house.start(FLOWS.doubles, 1))
    own = await done(house, await house.start(FLOWS.keeps, 1))
    ever = await done(house, await house.start(FLOWS.keeps, 1, retention="never"))
    waiting = await house.start(FLOWS.sleeps, 10_000)
    await house.worker().run_until_idle()
    house.advance(days=1)
    await sweep(house.world, _DAY_S - 1)
    assert [await is_there(each) for each in (usual, own, ever, waiting)] == [
        False, True, True, True,
    ]  # fmt: skip
    house.advance(days=1)
    await sweep(house.world)
    assert [await is_there(each) for each in (own, ever)] == [False, True]
    house.advance(days=5000)
    await sweep(house.world, 0.0)
    assert [await is_there(each) for each in (ever, waiting)] == [True, True]


async def test_children_are_kept_as_their_starts_say(house: House) -> None:
    """An id that is gone may be used again."""
    run = await done(house, await house.start(FLOWS.keeps_children, 1))
    names: list[RunId] = await run.result("1s")
    children: list[Run[Any]] = [Run(name, house._client) for name in names]
    said, own, usual = children
    house.advance(days=1)
    assert await collect(house.world, 0) == 2
    assert [await is_there(each) for each in (run, usual, said, own)] == [
        False, False, True, True,
    ]  # fmt: skip
    again = await house.start(FLOWS.doubles, 2, id=run.id)
    assert again.created


async def test_who_collects_hears_how_many_have_gone(house: House) -> None:
    """Batch by batch, until none is left."""
    for number in range(3):
        await house.start(FLOWS.doubles, number)
    await house.worker().run_until_idle()
    house.advance(seconds=1)
    told: list[int] = []
    assert await collect(house.world, 0, told.append) == 3
    assert told == [3]
    assert await collect(house.world, 0, told.append) == 0


async def test_a_worker_collects_by_itself(house: House) -> None:
    """As its settings say."""
    run = await done(house, await house.start(FLOWS.doubles, 1))
    house.advance(days=2)
    await house.worker(sweep_s=0.01, retention_s=_DAY_S).start()
    watch = house.world.watch(f"run:{run.id}")
    while await is_there(run):
        await watch.changed(1.0)
    watch.close()
