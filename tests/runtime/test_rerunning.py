"""Reruns: the same beginning once more."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.runtime.flows import FLOWS, PROGRAM, Journal
from tests.runtime.house import House
from tests.runtime.programs import Program
from wfc import codec
from wfc.errors import InputInvalid, NoSuchWorkflow, VersionUnknown
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import Origin, RunCreated, RunRestarted, Scalar
from wfc.ids import VersionId
from wfc.manifests.store import to_archive
from wfc.runtime.registry import Registry
from wfc.worlds.protocol import OpenRun, RunFilter

TEXT = """
    from dataclasses import dataclass
    from datetime import date


    @dataclass
    class Order:
        name: str
        cents: int = 0


    async def take(order: Order, due: date, *extras: str{more}) -> list:
        "use workflow"
        return [order.name, order.cents, due.isoformat(), list(extras)]
"""


def orders(more: str = "") -> Program:
    return Program("rerun_flows", TEXT.format(more=more))


async def created_of(house: House, run: Any) -> RunCreated:
    (created,) = await house.events(run, RunCreated)
    assert isinstance(created, RunCreated)
    return created


async def test_a_rerun_begins_as_the_run_began(house: House, journal: Journal) -> None:
    """With its arguments, its first attributes and its place, and a seed of its own."""
    attributes: dict[str, Scalar] = {"tier": "free"}
    run = await house.start(
        FLOWS.labelled, "x", attributes=attributes, priority=3, timeout="1h", delay="1m"
    )
    house.advance(minutes=1)
    await house.worker().run_until_idle()
    again = await run.rerun()
    assert (again.created, await again.status()) == (True, RunStatus.PENDING)
    assert await again.attributes() == {"tier": "free"}
    first, second = await created_of(house, run), await created_of(house, again)
    assert second.origin == Origin(kind="rerun", run_id=run.id)
    same = ("workflow", "version", "fingerprint", "arguments", "priority", "timeout_s")
    for name in same:
        assert getattr(first, name) == getattr(second, name)
    assert first.seed != second.seed
    assert second.not_before is None
    await house.worker().run_until_idle()
    assert await again.result() == "x"
    assert journal.calls == [("add", 1, 1)] * 2


async def test_other_arguments_can_be_given_by_name(house: House) -> None:
    """They stand in for all of the run's own, and are read as the workflow reads them."""
    program = orders()
    house.session.registry = Registry(program.version)
    house.version = program.version
    await house.open()
    run = await house.start(program.module.take, program.module.Order("a", 1), date(2030, 1, 2))
    again = await run.rerun(
        arguments={"order": {"name": "b"}, "due": "2031-02-03", "extras": ["x", "y"]}
    )
    created = await created_of(house, again)
    assert created.origin == Origin(kind="rerun", run_id=run.id, edited=True)
    await house.worker().run_until_idle()
    assert await run.result() == ["a", 1, "2030-01-02", []]
    assert await again.result() == ["b", 0, "2031-02-03", ["x", "y"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cuont": 1}, "did you mean count"),
        ({"count": 1, "zzz": 1}, "removed, or renamed"),
        ({}, "missing a required argument: 'count'"),
        ({"count": "many"}, "`count`"),
    ],
)
async def test_arguments_that_do_not_fit_begin_nothing(
    house: House, arguments: dict[str, Any], message: str
) -> None:
    """Who gave them hears it, and no run fails later."""
    run = await house.start(FLOWS.chain, 1)
    with pytest.raises(InputInvalid, match=message):
        await run.rerun(arguments=arguments)
    assert len((await house.world.list_runs(RunFilter())).runs) == 1


async def test_a_rerun_takes_the_version_that_is_asked_for(house: House) -> None:
    """If it has the workflow, and that takes the recorded arguments."""
    old, new = orders(), orders(more=", cents: int")
    for program in (old, new):
        await house.world.register_version(program.version.id, to_archive(program.version))
    house.session.registry = Registry(old.version)
    run = await house.start(old.module.take, old.module.Order("a"), date.max)
    with pytest.raises(InputInvalid, match="cents"):
        await run.rerun(version=new.version.id)
    with pytest.raises(NoSuchWorkflow, match="rerun_flows:take"):
        await run.rerun(version=PROGRAM.version.id)
    again = await run.rerun(version=old.version.id[:8])
    assert (await created_of(house, again)).version == old.version.id


async def test_without_code_the_active_version_is_taken(house: House) -> None:
    """A process that only looks at runs can begin one again all the same."""
    run = await house.start(FLOWS.chain, 1)
    house.session.registry = None
    again = await run.rerun(arguments={"count": 2})
    fork = await run.fork(2)
    await house.worker().run_until_idle()
    assert (await again.result(), await fork.result()) == (1, 0)


async def test_without_code_and_versions_nothing_can_be_begun(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing says which code it would be, or the code is gone."""
    run = await house.start(FLOWS.chain, 1)
    house.session.registry = None

    async def nothing(*_: Any) -> Any:
        return None

    async def none() -> Any:
        return []

    with monkeypatch.context() as patched:
        patched.setattr(house.world, "versions", none)
        with pytest.raises(VersionUnknown, match="no version is active"):
            await run.rerun()
        with pytest.raises(VersionUnknown, match="wfc versions"):
            await run.rerun(version="main")
    monkeypatch.setattr(house.world, "version_archive", nothing)
    with pytest.raises(VersionUnknown, match="Register its build again"):
        await run.rerun()


async def test_a_restarted_run_is_begun_again_from_its_first_chapter(house: House) -> None:
    """With the first chapter's arguments, not with those of the present one."""
    run = await house.start(FLOWS.chain, 3)
    restarted = RunRestarted(
        chapter=2,
        arguments=codec.encode({"count": 9}, path="a test"),
        seed=bytes(32),
        version=VersionId("v"),
        fingerprint="f",
    )
    await house.world.append(run.id, [restarted], guard=OpenRun())
    again = await run.rerun()
    await house.worker().run_until_idle()
    assert await again.result() == 3
