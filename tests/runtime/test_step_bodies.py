"""Which version's body takes a recorded call: the story of one module in several versions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import pytest

from tests.runtime.house import until
from tests.runtime.programs import Program
from wfc import abi, codec
from wfc.errors import StepUnknown, VersionUnknown, WorldLocked
from wfc.ids import DefinitionId
from wfc.manifests.store import Version, to_archive
from wfc.runtime import step_bodies
from wfc.runtime.registry import Registry
from wfc.runtime.step_bodies import StepBodies
from wfc.worlds.memory import MemoryWorld

CHARGE: Final = DefinitionId("step_bodies_shop:charge")
SIGNATURES: Final = {
    "A": "charge(order: str) -> str",
    "B": "charge(order: str, tip: int = 1) -> str",  # takes the calls of A, too
    "C": "charge(order: str) -> str | None",  # returns what A cannot read
    "D": "charge(bill: str) -> str",  # takes no call of the others
    "E": "other(order: str) -> str",  # has no such step
}
Scene = Callable[..., Awaitable[StepBodies]]


def imported(name: str) -> Version:
    """Import the shop of this name, in the place of the one imported before."""
    abi.registered.pop(CHARGE, None)
    body = f'def {SIGNATURES[name]}:\n    "use step"\n    return "{name}"\n'
    text = f'{body}\n\nasync def flow() -> None:\n    "use workflow"\n'
    return Program("step_bodies_shop", text).version


VERSIONS: Final = {name: imported(name) for name in "ABCDE"}
IDS: Final = {name: version.id for name, version in VERSIONS.items()}


@pytest.fixture
async def world() -> AsyncIterator[MemoryWorld]:
    made = MemoryWorld()
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def scene(world: MemoryWorld) -> Scene:
    """Register versions, the oldest first, and work with the build `own`."""

    async def scene(versions: str, *, own: str, active: str = "", **more: Any) -> StepBodies:
        for name in versions:
            await world.register_version(IDS[name], to_archive(VERSIONS[name]))
        if active:
            await world.activate_version(IDS[active])
        bodies = StepBodies(Registry(imported(own), **more), world)
        await bodies.refresh()
        return bodies

    return scene


async def taker(bodies: StepBodies, version: str, **arguments: str) -> str:
    """Name the version whose body takes the call of a run of `version`."""
    payload, _ = codec.encode_arguments(arguments or {"order": "o-1"}, call="charge")
    body = await bodies.body(CHARGE, IDS[version], payload)
    found = body.version or bodies.version_id
    return next(name for name, version_id in IDS.items() if version_id == found)


async def test_the_own_build_takes_calls_of_older_runs(scene: Scene) -> None:
    """It is the active version, as it was registered last."""
    bodies = await scene("AB", own="B")
    assert [await taker(bodies, name) for name in "AB"] == ["B", "B"]


@pytest.mark.parametrize(
    ("versions", "own", "run", "expected"),
    [
        ("ABD", "D", "A", "B"),  # the newest does not bind the recorded name
        ("ABC", "C", "A", "B"),  # the newest returns what the run cannot read
        ("ABE", "E", "A", "B"),  # the newest has no such step
        ("AE", "E", "A", "A"),  # nobody else can: the run's own
        ("ABCDE", "E", "C", "C"),  # what is older than the run is not tried
    ],
)
async def test_versions_between_are_tried_from_the_newest_on(
    scene: Scene, versions: str, own: str, run: str, expected: str
) -> None:
    assert await taker(await scene(versions, own=own), run) == expected


async def test_the_active_version_comes_first_after_a_rollback(scene: Scene) -> None:
    """Also for runs that were begun on a newer one, if it takes their calls."""
    bodies = await scene("ABC", own="C", active="A")
    assert [await taker(bodies, name) for name in "ABC"] == ["A", "A", "A"]
    assert await taker(await scene("D", own="D", active="A"), "D", bill="b") == "D"


async def test_a_worker_of_an_old_build_keeps_to_it(scene: Scene) -> None:
    """Newer bodies may want newer files; only a run of a newer version has its own."""
    bodies = await scene("ABC", own="B")
    assert [await taker(bodies, name) for name in "AB"] == ["B", "B"]
    assert await taker(bodies, "C") == "C"


async def test_a_version_that_was_registered_a_moment_ago_is_seen(
    scene: Scene, world: MemoryWorld
) -> None:
    """A run that was moved to it, to be rid of a bug, gets its body from an old worker, too."""
    bodies = await scene("A", own="A")
    await world.register_version(IDS["B"], to_archive(VERSIONS["B"]))
    assert [await taker(bodies, name) for name in "AB"] == ["A", "B"]


async def test_a_pinned_run_keeps_its_own_bodies(scene: Scene) -> None:
    """`pin_steps`: whatever else would take the call."""
    bodies = await scene("ABC", own="B", pin_steps=True)
    assert [await taker(bodies, name) for name in "ABC"] == ["A", "B", "C"]


async def test_what_is_not_registered_leaves_the_own_build(scene: Scene) -> None:
    """A world that knows no version, or a run whose version is gone."""
    bodies = await scene("", own="B")
    assert [await taker(bodies, name) for name in "AB"] == ["B", "B"]
    with pytest.raises(VersionUnknown):
        await taker(bodies, "A", bill="b")
    with pytest.raises(StepUnknown):
        await taker(await scene("E", own="E"), "E")


async def test_the_own_build_helps_where_the_run_s_version_cannot_be_executed(
    world: MemoryWorld, scene: Scene
) -> None:
    """A newer version may import what is not there yet; another worker's run need not wait."""
    bodies = await scene("A", own="A")
    archive = to_archive(VERSIONS["B"]).replace(b"tip: int = 1", b"tip: int = 9")
    await world.register_version(IDS["B"], archive)  # damaged: it cannot be loaded
    await bodies.refresh()
    assert await taker(bodies, "B") == "A"


async def test_an_activation_is_heard(
    world: MemoryWorld,
    scene: Scene,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Within a moment, and although the world could not be read in between."""
    monkeypatch.setattr(step_bodies, "_PAUSE_S", 0)
    caplog.set_level(logging.DEBUG, "wfc.worker")
    bodies = await scene("AB", own="B")
    following = asyncio.create_task(bodies.follow())
    await asyncio.sleep(0)
    read = world.versions
    failures = [WorldLocked("busy")]

    async def versions() -> Any:
        if failures:
            raise failures.pop()
        return await read()

    world.versions = versions  # type: ignore[method-assign]  # it fails once
    await world.activate_version(IDS["A"])
    await until(lambda: not failures)
    await world.activate_version(IDS["A"])
    await until(lambda: "older, so its step bodies are preferred" in caplog.text)
    following.cancel()
    assert "cannot be read now" in caplog.text
    assert await taker(bodies, "B") == "A"


async def test_a_newer_active_version_is_told(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wfc.worker")
    await scene("AB", own="A")
    assert "newer, so this worker keeps to its own" in caplog.text
