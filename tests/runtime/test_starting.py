"""Beginning a run: what may be started, under which id, when, and what is said about the rest."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.flows import FLOWS, PROGRAM, Journal
from tests.runtime.house import House
from wfc.clock import VirtualClock
from wfc.errors import (
    LimitExceeded,
    NoSuchWorkflow,
    NotCompiled,
    RunIdConflict,
    Unserialisable,
    VersionUnknown,
    WfcError,
)
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import RunCreated
from wfc.runtime.starting import StartOptions, workflow_id
from wfc.worlds.open import open_world


async def test_the_same_call_under_the_same_id_is_the_same_run(
    house: House, journal: Journal
) -> None:
    """Also when fifty race, and after the run has ended."""
    await house.embedded()
    runs = await asyncio.gather(*[house.start(FLOWS.chain, 1, id="c-1") for _ in range(50)])
    assert {run.id for run in runs} == {"c-1"}
    assert [run.created for run in runs].count(True) == 1
    assert await runs[0].result("10s") == 0
    again = await house.start(FLOWS.chain, 1, id="c-1")
    assert not again.created
    assert await again.status() is RunStatus.COMPLETED
    assert len(journal.calls) == 1


async def test_another_call_under_the_same_id_is_refused(house: House) -> None:
    await house.start(FLOWS.chain, 1, id="c-1")
    with pytest.raises(RunIdConflict, match="other arguments"):
        await house.start(FLOWS.chain, 2, id="c-1")
    with pytest.raises(RunIdConflict, match="runtime_flows:chain"):
        await house.start(FLOWS.fan_out, 1, id="c-1")


async def test_arguments_are_bound_and_encoded_before_anything_is_written(house: House) -> None:
    with pytest.raises(TypeError, match=r"chain\(\): "):
        await house.start(FLOWS.chain, 1, 2)
    with pytest.raises(Unserialisable, match="argument `count`"):
        await house.start(FLOWS.chain, object())
    assert house.appends == 0


async def test_what_the_workflow_could_not_read_is_refused_before_it_is_written(
    house: House,
) -> None:
    with pytest.raises(Unserialisable, match=r"argument `count` is a http\.HTTPStatus, which"):
        await house.start(FLOWS.chain, HTTPStatus.OK)
    assert house.appends == 0


async def test_what_start_was_told_stands_in_the_first_event(house: House) -> None:
    run = await house.start(
        FLOWS.chain, 1, attributes={"tier": "free"}, priority=7, timeout="1h", delay="1 day"
    )
    (created,) = await house.events(run, RunCreated)
    assert created.attributes == {"tier": "free"}
    assert (created.priority, created.timeout_s) == (7, 3600.0)
    assert created.not_before == house.clock.now_us() + 86_400_000_000
    assert len(created.seed) == 32
    at = datetime(2031, 1, 1, tzinfo=UTC)
    (created,) = await house.events(await house.start(FLOWS.chain, 1, at=at), RunCreated)
    assert created.not_before == 1_924_992_000_000_000


async def test_a_version_is_started_if_it_is_known_and_has_the_workflow(house: House) -> None:
    run = await house.start(FLOWS.chain, 1, version=PROGRAM.version.id)
    assert run.created
    with pytest.raises(VersionUnknown):
        await house.start(FLOWS.chain, 1, version="f" * 16)


async def test_a_workflow_that_is_not_in_the_build_is_named(house: House) -> None:
    registry = house.session.registry
    assert registry is not None
    registry.current = dataclasses.replace(registry.current, fingerprints={})
    with pytest.raises(NoSuchWorkflow, match="wfc build"):
        await house.start(FLOWS.chain, 1)


async def test_a_session_without_code_starts_nothing(house: House) -> None:
    house.session.registry = None
    with pytest.raises(WfcError, match="without code"):
        await house.start(FLOWS.chain, 1)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"id": "a b"}, ValueError),
        ({"id": ".."}, ValueError),
        ({"delay": "1h", "at": datetime(2031, 1, 1, tzinfo=UTC)}, ValueError),
        ({"at": datetime(2031, 1, 1)}, ValueError),  # noqa: DTZ001 - the case
        ({"delay": "soon"}, ValueError),
        ({"timeout": -1}, ValueError),
        ({"priority": 101}, ValueError),
        ({"attributes": {"a": "x" * 300}}, LimitExceeded),
    ],
)
def test_options_that_cannot_be_are_refused(options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        StartOptions(**options)


def made_up(source: str, module: str) -> Any:
    """Make a function whose source nobody has."""
    space: dict[str, Any] = {"__name__": module}
    exec(source, space)  # noqa: S102 - code without a file is the case
    return space["flow"]


async def late_flow() -> None:
    "use workflow"


async def plain_flow() -> None:
    """Do nothing, durably or not."""


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (late_flow, "before the import hook"),
        (plain_flow, "does not begin with the line"),
        (made_up("async def flow(): 'use workflow'", "__main__"), "python -m wfc run"),
        (made_up("async def flow(): 'use workflow'", "cell"), "no source file"),
        (FLOWS.add, "is a step"),
        (7, "is none"),
    ],
)
def test_what_was_not_compiled_is_recognised(function: Any, words: str) -> None:
    with pytest.raises(NotCompiled, match=words):
        workflow_id(function)


async def test_fifty_starters_of_several_processes_begin_one_run(
    tmp_path: Path, journal: Journal
) -> None:
    """Each has the file open for itself, and all of them know it by the same id."""
    clock, path = VirtualClock(), tmp_path / "world.db"
    houses = []
    for _ in range(5):
        world = open_world(f"sqlite:///{path}", clock)
        await world.open()
        houses.append(await House(world, clock, PROGRAM.version).open())
    runs = await asyncio.gather(
        *[house.start(FLOWS.chain, 2, id="c-1") for house in houses for _ in range(10)]
    )
    assert [run.created for run in runs].count(True) == 1
    assert await houses[0].log(runs[0]) == ["run_created"]
    others = await asyncio.gather(
        *[house.start(FLOWS.chain, 3, id="c-1") for house in houses], return_exceptions=True
    )
    assert {type(each) for each in others} == {RunIdConflict}
    await asyncio.gather(*[house.worker().run_until_idle() for house in houses])
    assert len(journal.calls) == 2
    for house in houses:
        await house.close()
