"""`@policy(goal=...)` marks runs as late, and does nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.runtime.child_flows import FLOWS, PROGRAM
from tests.runtime.flows import Journal
from tests.runtime.house import House
from wfc.api import list_runs
from wfc.clock import VirtualClock
from wfc.config import use_session
from wfc.errors import PolicyError
from wfc.eventlog.event import Channel, RunCreated
from wfc.ids import RunId
from wfc.policies import declared, policy
from wfc.runtime import schedules
from wfc.runtime.run import Run
from wfc.runtime.schedules import ScheduleOptions
from wfc.worlds.open import open_world


@pytest.fixture
async def house(house_url: str, journal: Journal) -> AsyncIterator[House]:
    """An installation of the workflows that start child runs; one of them has a goal."""
    assert journal is not None
    clock = VirtualClock()
    world = open_world(house_url, clock)
    await world.open()
    made = await House(world, clock, PROGRAM.version).open()
    yield made
    await made.close()


async def goal_of(house: House, run: Run[object]) -> float | None:
    (opening,) = await house.events(run, RunCreated)
    goal: float | None = opening.goal_s
    return goal


async def test_a_goal_is_recorded_however_a_run_begins(house: House) -> None:
    """By a start, a rerun, a parent, a schedule; a workflow without one has none."""
    run = await house.start(FLOWS.keeps, 1)
    assert await goal_of(house, run) == 3600.0
    assert await goal_of(house, await house.start(FLOWS.doubles, 1)) is None
    parent = await house.start(FLOWS.keeps_children, 1)
    await house.worker().run_until_idle()
    _, own, usual = await parent.result("10s")
    assert await goal_of(house, Run(RunId(own), house._client)) == 3600.0
    assert await goal_of(house, Run(RunId(usual), house._client)) is None
    assert await goal_of(house, await run.rerun()) == 3600.0
    options = ScheduleOptions(name="nightly", every="1h")
    call: tuple[tuple[int], dict[str, object]] = ((1,), {})
    made = await schedules.put(house.session, house._client, FLOWS.keeps, options, call)
    fired = await made.trigger()
    assert await goal_of(house, fired) == 3600.0
    (opening,) = await house.events(fired, RunCreated)
    assert (opening.retention_s, opening.channel) == (2 * 86_400.0, Channel.API)


async def test_late_runs_are_listed(house: House) -> None:
    """Those that go on beyond their goal, and those that ended so."""
    late = await house.start(FLOWS.keeps, 1)
    in_time = await house.start(FLOWS.doubles, 1)
    house.advance(hours=1, seconds=1)
    async with use_session(house.session):
        (found,) = (await list_runs(late=True)).items
        assert (found.id, found.late) == (late.id, True)
        assert [(run.id, run.late) for run in (await list_runs(late=False)).items] == [
            (in_time.id, False)
        ]
        assert await house.world.late_runs() == 1
        await house.worker().run_until_idle()
        assert await late.result("10s") == 1
        assert await house.world.late_runs() == 0
        assert [run.id for run in (await list_runs(late=True)).items] == [late.id]


def test_a_goal_is_for_a_workflow() -> None:
    """And a length of time."""

    @policy(goal="2h")
    async def nightly() -> None: ...

    found = declared(nightly)
    assert found is not None
    assert found.goal_s == 7200.0
    with pytest.raises(PolicyError, match="`goal` for a workflow"):
        policy(goal="2h", attempts=3)(nightly)
    with pytest.raises(PolicyError, match="goal"):
        policy(goal="soon")
