"""What versions were registered on: a move to another Python or another wfc is proven by replay."""

from __future__ import annotations

import asyncio

from tests.runtime.house import House
from tests.runtime.programs import Program
from tests.upgrade.corpus import CASES, Pair
from tests.upgrade.moving import built
from wfc.clock import VirtualClock
from wfc.ids import DefinitionId
from wfc.manifests.levels import Level
from wfc.manifests.store import to_archive
from wfc.runtime.upgrade_code import Codebase
from wfc.runtime.versions import here
from wfc.worlds.memory import MemoryWorld
from wfc.worlds.protocol import Environment

FLOW = DefinitionId("app.flows:flow")
OLD = built('async def flow(order: str) -> str:\n    "use workflow"\n    return order\n')
NEW = built('async def flow(order: str) -> str:\n    "use workflow"\n    return order  # it\n')
OLDER = Environment(python="3.10", wfc="0.0.1", platform="linux-x86_64")


def told(old: tuple[Environment, ...], new: tuple[Environment, ...]) -> list[str]:
    """Register both where it is said, and list what a comparison finds."""

    async def compared() -> list[str]:
        world = MemoryWorld()
        await world.open()
        for version, environments in ((OLD, old), (NEW, new)):
            await world.register_version(version.id, to_archive(version))
            for one in environments:
                await world.register_version(version.id, to_archive(version), environment=one)
        edit = await Codebase(world).edit(OLD.id, NEW.id, FLOW)
        assert edit is not None
        assert (edit.compared.level is Level.REPLAY) == bool(edit.compared.findings)
        return [one.reason.sentence for one in edit.compared.findings]

    return asyncio.run(compared())


def test_another_python_and_another_wfc_are_told() -> None:
    """As they were registered."""
    other = Environment(python="3.11", wfc="0.0.2", platform="linux-x86_64")
    python, wfc = told((OLDER,), (other,))
    assert python.startswith("Python 3.10 -> 3.11:")
    assert wfc.startswith("wfc 0.0.1 -> 0.0.2:")


def test_a_version_that_nobody_registered_runs_here() -> None:
    """So this process is what an old version is held against."""
    assert told((here(),), ()) == []
    python, _ = told((OLDER,), ())
    assert python.startswith(f"Python 3.10 -> {here().python}:")


def test_an_old_version_that_says_nothing_is_not_compared() -> None:
    """Nobody knows what it ran on."""
    assert told((), (OLDER,)) == []


def test_another_machine_is_no_difference() -> None:
    """Its platform is shown, and means nothing for a run."""
    assert told((OLDER,), (Environment(python="3.10", wfc="0.0.1", platform="darwin-arm64"),)) == []


def test_where_several_ran_a_new_one_is_told() -> None:
    """The same ones make no difference, since runs change between them as it is."""
    other = Environment(python="3.11", wfc="0.0.1", platform="linux-x86_64")
    assert told((OLDER, other), (OLDER, other)) == []
    (python,) = told((OLDER,), (OLDER, other))
    assert python.startswith("Python 3.10 -> 3.10, 3.11:")


def test_a_run_of_the_same_code_is_replayed_and_nothing_is_written() -> None:
    """Its fingerprint is equal, so what the log says of its version goes on to be true."""
    story = Pair.at(CASES / "50_python").tale()
    for length in range(2, len(story.history)):
        found = story.judged(length)
        assert found.verdict
        assert (found.verdict.replayed, found.event) == (length, None)


async def test_a_run_of_a_world_is_replayed_where_the_environment_differs() -> None:
    """Through the public door: it may move, and its log stays as it was."""
    clock = VirtualClock()
    world = MemoryWorld(clock)
    text = 'from wfc import sleep\n\n\nasync def flow() -> None:\n    "use workflow"\n'
    texts = [text + f"    await sleep(60){comment}\n" for comment in ("", "  # a minute")]
    old, new = (built((("met.py", one),)) for one in texts)
    await world.open()
    await world.register_version(old.id, to_archive(old), environment=OLDER)
    program = Program("app.met", texts[0])
    house = await House(world, clock, old).open()
    run = await house.start(program.module.flow)
    await house.worker().run_until_idle()
    before = await house.log(run)
    await world.register_version(new.id, to_archive(new), environment=here())
    verdict = await run.upgrade(new.id)
    assert verdict
    assert (verdict.moved, verdict.replayed) == (False, len(before))
    assert verdict.level is Level.REPLAY
    assert await house.log(run) == before
    await house.close()
