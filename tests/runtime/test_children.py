"""Child runs: started in one commit with the decision, heard when they end, cancelled with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.child_flows import FLOWS, PROGRAM
from tests.runtime.flows import Journal
from tests.runtime.house import House
from wfc import start
from wfc.clock import VirtualClock
from wfc.errors import OutsideWorkflow, RunCancelled, RunFailed
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import ChildCreated, RunCancelRequested, RunCreated
from wfc.eventlog.fold import fold
from wfc.ids import RunId, child_id
from wfc.runtime.run import Run
from wfc.worlds.open import open_world
from wfc.worlds.protocol import RunFilter


@pytest.fixture(params=["memory", "sqlite", "memory, always replay"])
async def house(
    request: pytest.FixtureRequest, tmp_path: Path, journal: Journal
) -> AsyncIterator[House]:
    clock = VirtualClock()
    url = f"sqlite:///{tmp_path}/world.db" if request.param == "sqlite" else "memory:"
    world = open_world(url, clock)
    await world.open()
    made = await House(world, clock, PROGRAM.version).open()
    made.worker(always_replay="always" in request.param)
    yield made
    await made.close()


async def idle(house: House) -> None:
    """Work until nothing is due, and see that every log is legal."""
    await house.workers[0].run_until_idle()
    for row in (await house.world.list_runs(RunFilter(), limit=200)).runs:
        fold(await house.world.history(row.run_id, 0, 2000))
    assert (await house.world.sweep()).total() == 0


async def outcome(house: House, workflow: Any, *args: Any, days: int = 0, **options: Any) -> Any:
    """Run to the end; `days` pass once nothing moves."""
    run = await house.start(workflow, *args, **options)
    await idle(house)
    for _ in range(days):
        house.advance(days=1, seconds=1)
        await idle(house)
    return await run.result("1s")


def handle(house: House, run_id: str) -> Run[Any]:
    return Run(RunId(run_id), house._client)


@pytest.mark.parametrize(
    ("workflow", "args", "expected"),
    [
        ("one", (4,), 9),
        ("fans_out", (12,), [2 * each for each in range(12)]),
        ("gathers", (12,), [2 * each for each in range(12)]),
        ("fibonacci", (7,), 13),
        ("sees_failure", ("no",), [True, "user", "Refused", "no", 7]),
        ("cancels_child", (3,), [True, "enough"]),
        ("twice", (2, 2), [True, 4, 4]),
        ("twice", (2, 3), [4, True]),
        ("twice_at_once", (2, 2), [4, 4]),
        ("twice_at_once", (2, 3), [4, "RunIdConflict"]),
        ("converts", ("ann",), [True, "ANN", 5, True]),
        ("gives_up", (3,), "given up"),
        ("descends", (0,), 50),
        ("starts_a_step", (1,), "NotCompiled"),
        ("misfits", (1,), "doubles(): missing a required argument: 'number'"),
        ("both", (3,), [6, 4]),
    ],
)
async def test_children_and_what_their_parents_make_of_them(
    house: House, workflow: str, args: tuple[Any, ...], expected: Any
) -> None:
    assert await outcome(house, getattr(FLOWS, workflow), *args) == expected


async def test_a_child_is_born_with_the_decision(house: House) -> None:
    """Lineage, derived id and the parent's event are one commit."""
    run = await house.start(FLOWS.one, 4)
    await idle(house)
    assert await house.log(run) == [
        "run_created", "run_started", "child_created", "child_completed", "run_completed",
    ]  # fmt: skip
    (created,) = await house.events(run, ChildCreated)
    assert created.run_id == child_id(run.id, created.operation_id)
    log = await house.world.history(created.run_id)
    born = log[0].event
    assert isinstance(born, RunCreated)
    assert born.parent is not None
    assert (born.parent.run_id, born.parent.operation_id) == (run.id, created.operation_id)
    assert (born.root_id, born.depth, born.version) == (run.id, 1, PROGRAM.version.id)
    (row,) = (await house.world.list_runs(RunFilter(parent_id=run.id))).runs
    assert row.run_id == created.run_id


async def test_a_grandchild_knows_the_first_run(house: House) -> None:
    run = await house.start(FLOWS.waits_above, 1)
    await idle(house)
    (born, *_) = await house.events(handle(house, "child-1"), RunCreated)
    assert (born.root_id, born.depth) == (run.id, 2)


async def test_the_options_of_a_child_are_those_of_a_run(house: House) -> None:
    assert await outcome(house, FLOWS.timed_child, days=2) == ["timeout", "RunTimeout", 2]
    run = await house.start(FLOWS.converts, "ann")
    await idle(house)
    (row,) = (await house.world.list_runs(RunFilter(parent_id=run.id))).runs
    assert (row.attributes, row.priority) == ({"kind": "price"}, 3)


async def test_a_failed_child_fails_the_parent_that_lets_it(house: House) -> None:
    run = await house.start(FLOWS.fails_with_child, "no")
    await idle(house)
    with pytest.raises(RunFailed) as failure:
        await run.result("1s")
    assert isinstance(failure.value.cause, RunFailed)
    assert type(failure.value.cause.__cause__).__name__ == "Refused"


async def test_the_normal_end_of_a_parent_leaves_its_children(house: House) -> None:
    child = handle(house, await outcome(house, FLOWS.leaves, 2))
    assert await child.status() is RunStatus.SUSPENDED
    house.advance(days=2)
    await idle(house)
    assert await child.result("1s") == 2


async def test_a_child_is_cancelled_though_the_parent_ends_at_once(house: House) -> None:
    child = handle(house, await outcome(house, FLOWS.cancels_and_ends, 2))
    with pytest.raises(RunCancelled, match=r"its parent run_.* cancelled it"):
        await child.result("1s")


@pytest.mark.parametrize("force", [False, True])
async def test_a_cancelled_parent_cancels_its_children_and_theirs(
    house: House, *, force: bool
) -> None:
    run = await house.start(FLOWS.waits_above, 3)
    await idle(house)
    assert await run.cancel("stop", force=force)
    await idle(house)
    for run_id in (run.id, "middle", "child-3"):
        assert await handle(house, run_id).status() is RunStatus.CANCELLED, run_id
    (request,) = await house.events(handle(house, "child-3"), RunCancelRequested)
    assert (request.cause, request.actor) == ("parent", "middle")


async def test_a_detached_child_outlives_its_parent(house: House) -> None:
    run = await house.start(FLOWS.waits_detached, 3)
    await idle(house)
    await run.cancel()
    await idle(house)
    assert await run.status() is RunStatus.CANCELLED
    house.advance(days=3)
    await idle(house)
    assert await handle(house, "child-3").result("1s") == 3


async def test_a_child_of_the_cleanup_is_left_alone(house: House) -> None:
    """It was started after the request that is being carried out."""
    run = await house.start(FLOWS.begins_in_cleanup, 3)
    await idle(house)
    await run.cancel()
    await idle(house)
    assert await run.status() is RunStatus.CANCELLED
    assert await handle(house, "late").result("1s") == 6


async def test_a_run_that_others_began_can_be_joined(house: House) -> None:
    """Also after its end; with other arguments its id is refused."""
    await house.start(FLOWS.doubles, 4, id="theirs")
    assert await outcome(house, FLOWS.joins, "theirs", 4) == 8
    assert await outcome(house, FLOWS.joins, "theirs", 4) == 8
    told = await outcome(house, FLOWS.joins, "theirs", 5)
    assert told == (
        "the id 'theirs' belongs to a run of child_flows:doubles, with other arguments. "
        "Nothing was started; choose another id."
    )
    await house.start(FLOWS.one, 4, id="another")
    assert "run of child_flows:one, not of" in await outcome(house, FLOWS.joins, "another", 4)


async def test_a_joined_run_is_heard_when_it_ends(house: House) -> None:
    await house.start(FLOWS.doubles, 4, id="later", delay="1 day")
    assert await outcome(house, FLOWS.joins, "later", 4, days=1) == 8


async def test_a_run_is_no_child_of_itself(house: House) -> None:
    assert "is that of this run" in await outcome(house, FLOWS.itself, "me", id="me")


async def test_who_stops_waiting_may_wait_again(house: House) -> None:
    """The end is told to those who wait then."""
    assert await outcome(house, FLOWS.waits_at_most, 2, days=2) == ["late", 2]


async def test_an_open_child_is_no_deadlock_and_an_ended_one_is(house: House) -> None:
    run = await house.start(FLOWS.hangs, 1)
    await idle(house)
    assert await run.status() is RunStatus.SUSPENDED
    house.advance(days=1)
    await idle(house)
    with pytest.raises(RunFailed, match="nothing can bring about") as failure:
        await run.result("1s")
    assert failure.value.kind == "deadlock"


async def test_a_parent_that_is_paused_hears_of_it_later(house: House) -> None:
    run = await house.start(FLOWS.waits, 1)
    await idle(house)
    await run.pause()
    house.advance(days=1)
    await idle(house)
    assert "child_completed" not in await house.log(run)
    await run.unpause()
    await idle(house)
    assert await run.result("1s") == 1


async def test_children_are_started_in_workflows_only() -> None:
    with pytest.raises(OutsideWorkflow):
        await start(FLOWS.doubles, 1)
