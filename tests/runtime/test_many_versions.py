"""Several versions of one app in one worker: each run goes on with its own workflow."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import pytest

from tests.runtime.house import House
from tests.runtime.programs import Program
from wfc.clock import VirtualClock
from wfc.eventlog.event import StepCompleted
from wfc.ids import ModuleName, RunId, VersionId
from wfc.manifests.store import Version, to_archive
from wfc.runtime.registry import Registry
from wfc.runtime.worker import Worker
from wfc.worlds.memory import MemoryWorld

TEXT: Final = """
from wfc import sleep


async def greet(name: str) -> str:
    "use step"
    return f"BODY {name}"


async def flow(name: str) -> str:
    "use workflow"
    first = await greet(name)
    await sleep("1h")
    return f"FLOW: {first}, {await greet(name)}"
"""


def build(number: int, text: str = TEXT) -> Program:
    """Import one build of the app, in the place of the one before."""
    text = text.replace("BODY", f"body{number}").replace("FLOW", f"flow{number}")
    return Program("many_versions", text)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def world(clock: VirtualClock) -> Any:
    made = MemoryWorld(clock)
    await made.open()
    yield made
    await made.close()


async def _asleep(world: MemoryWorld, clock: VirtualClock, number: int) -> tuple[House, Any]:
    """Deploy a build, begin a run on it, and let its worker bring it to its sleep."""
    program = build(number)
    house = await House(world, clock, program.version).open()
    run = await house.start(program.module.flow, f"r{number}", id=f"r{number}")
    await house.worker().run_until_idle()
    await house.workers[0].stop()
    return house, run


async def _outcomes(world: MemoryWorld, run: Any) -> tuple[str, list[VersionId]]:
    log = await world.history(RunId(run.id))
    versions = [each.event.version for each in log if isinstance(each.event, StepCompleted)]
    return await run.result(), versions


async def test_one_worker_finishes_the_runs_of_three_versions(
    world: MemoryWorld, clock: VirtualClock
) -> None:
    """Each with its own workflow; the step that is left has the body of the newest build."""
    scenes = [await _asleep(world, clock, number) for number in (1, 2, 3)]
    ids = [house.version.id for house, _ in scenes]
    scenes[0][0].advance(hours=1)
    await scenes[-1][0].worker(executions=0).run_until_idle()
    for number, (_, run) in enumerate(scenes, 1):
        result, versions = await _outcomes(world, run)
        assert result == f"flow{number}: body{number} r{number}, body3 r{number}"
        assert versions == [ids[number - 1], ids[2]]


async def test_a_rollback_brings_the_old_body_back(world: MemoryWorld, clock: VirtualClock) -> None:
    """Whatever build the worker has; the workflow of a run stays what it was."""
    old, _ = await _asleep(world, clock, 1)
    new, run = await _asleep(world, clock, 2)
    await world.activate_version(old.version.id)
    new.advance(hours=1)
    await new.worker().run_until_idle()
    result, versions = await _outcomes(world, run)
    assert result == "flow2: body2 r2, body1 r2"
    assert versions == [new.version.id, old.version.id]


async def test_pinned_steps_stay_with_their_run(world: MemoryWorld, clock: VirtualClock) -> None:
    """`pin_steps`: the body of the run's own version, though a newer one would do."""
    old, run = await _asleep(world, clock, 1)
    new, _ = await _asleep(world, clock, 2)
    new.advance(hours=1)
    pinned = Worker(world, Registry(new.version, pin_steps=True))
    await pinned.run_until_idle()
    await pinned.stop()
    result, versions = await _outcomes(world, run)
    assert result == "flow1: body1 r1, body1 r1"
    assert versions == [old.version.id] * 2


async def test_a_worker_of_the_old_build_keeps_its_bodies_during_a_deploy(
    world: MemoryWorld, clock: VirtualClock
) -> None:
    """The new version is active from its first registration on, and the old worker goes on."""
    old, run = await _asleep(world, clock, 1)
    await world.register_version(build(2).version.id, to_archive(build(2).version))
    build(1)
    old.advance(hours=1)
    await old.worker().run_until_idle()
    assert await _outcomes(world, run) == ("flow1: body1 r1, body1 r1", [old.version.id] * 2)


# -- what does not load here


def _with_bundle(version: Version, name: str, text: str) -> Version:
    """Give another version whose workflow bundle ends with this text, or lacks all (empty)."""
    module = ModuleName("many_versions")
    whole = version.workflow[module]
    bundle = dataclasses.replace(whole, text=whole.text + text if text else "x = 1\n")
    return dataclasses.replace(version, id=VersionId(name), workflow={module: bundle})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import gone_for_good\n", "BundleUnloadable"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("import socket\nsocket.gethostname\n", "EffectInWorkflow"),
        ("", "BundleBroken"),
    ],
)
async def test_a_bundle_that_does_not_load_here_leaves_its_runs_blocked(
    world: MemoryWorld, clock: VirtualClock, text: str, told: str
) -> None:
    """Never failed; the others go on, and where it loads the run does too."""
    program = build(1)
    house = await House(world, clock, program.version).open()
    broken = _with_bundle(program.version, "b" * 16, text)
    await world.register_version(broken.id, to_archive(broken))
    stuck = await house.start(program.module.flow, "x", id="stuck", version=broken.id)
    other = await house.start(program.module.flow, "x", id="other")
    await house.worker().run_until_idle()
    row = await world.run(RunId("stuck"))
    assert row is not None
    assert row.blocked is not None
    assert told in row.blocked
    assert not row.status.ended
    assert await house.log(stuck) == ["run_created"]
    assert "wait_created" in await house.log(other)
    house.advance(hours=1)
    mended = Registry(program.version)
    mended.add(dataclasses.replace(program.version, id=broken.id))
    await world.block(RunId("stuck"), None)
    async with Worker(world, mended) as worker:
        await house.logged(stuck, "wait_created")
        assert worker.registry is mended
    await house.close()


async def test_only_so_many_versions_are_kept_loaded(
    world: MemoryWorld, clock: VirtualClock
) -> None:
    """The others are read again when they are needed."""
    program = build(1)
    registry = Registry(program.version, bundles_max=2)
    for number in range(4):
        version = dataclasses.replace(program.version, id=VersionId(f"{number}" * 16))
        await world.register_version(version.id, to_archive(version))
    reads: list[str] = []
    archive = world.version_archive

    async def version_archive(version: VersionId) -> bytes | None:
        reads.append(version[0])
        return await archive(version)

    world.version_archive = version_archive  # type: ignore[method-assign]  # it counts
    for number in (0, 1, 0, 2, 0, 1):
        assert (await registry.version(world, VersionId(f"{number}" * 16))).id[0] == str(number)
    assert (await registry.version(world, program.version.id)) is program.version
    assert reads == ["0", "1", "2", "1"]
