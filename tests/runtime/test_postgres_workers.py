"""Workers over one PostgreSQL share runs; one dies, or the server does, and every run ends."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.postgres_server import Server
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import StepCompleted
from wfc.eventlog.fold import fold
from wfc.ids import RunId
from wfc.worlds.open import open_world
from wfc.worlds.protocol import RunFilter, World

pytestmark = pytest.mark.timeout(180)
FLOWS = """
import asyncio
import os


async def note(number: int) -> int:
    "use step"
    with open(os.environ["WFC_TEST_JOURNAL"], "a") as journal:
        journal.write(f"{os.getpid()} {number}\\n")
    await asyncio.sleep(0.02)
    return number


async def chain(start: int) -> int:
    "use workflow"
    total = 0
    for number in range(5):
        total += await note(start + number)
    return total
"""
RUNS = 16


_BEGUN: list[asyncio.subprocess.Process] = []


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Path]:
    (tmp_path / "flows.py").write_text(FLOWS)
    yield tmp_path
    for process in _BEGUN:
        if process.returncode is None:  # the test failed
            process.kill()
            await process.communicate()
    _BEGUN.clear()


async def begun(project: Path, url: str, *words: str) -> asyncio.subprocess.Process:
    settings = project / "wfc.toml"
    settings.write_text('packages = ["flows"]\n[worker]\nlease = "2s"\n')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wfc", *words),
        cwd=project,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "WFC_TEST_JOURNAL": str(project / "journal"),
            "WFC_WORLD": url,
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _BEGUN.append(process)
    return process


async def done(process: asyncio.subprocess.Process) -> None:
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


async def started(project: Path, url: str) -> None:
    """Start all runs, by a script: a command for each would take too long."""
    script = project / "begin.py"
    script.write_text(
        "import asyncio\n"
        "import flows\n"
        "from wfc.api import start\n"
        "async def main():\n"
        f"    for number in range({RUNS}):\n"
        '        await start.options(id=f"run_{number}")(flows.chain, number * 10)\n'
        "asyncio.run(main())\n"
    )
    await done(await begun(project, url, "run", str(script)))


async def ended(world: World, count: int) -> None:
    """Wait until so many runs have completed."""
    watch = world.watch("runs")
    where = RunFilter(statuses=frozenset({RunStatus.COMPLETED.value}))
    async with asyncio.timeout(30):
        while len((await world.list_runs(where, limit=200)).runs) < count:
            await watch.changed(5)
    watch.close()


async def hold_promises(world: World, project: Path) -> None:
    """Every run has its result, and no body ran again after its outcome was recorded."""
    for number in range(RUNS):
        history = await world.history(RunId(f"run_{number}"))
        assert fold(history).status is RunStatus.COMPLETED
        outcomes = [one.event for one in history if isinstance(one.event, StepCompleted)]
        assert len(outcomes) == 5
    bodies = (project / "journal").read_text().splitlines()
    assert len({line.split()[1] for line in bodies}) == RUNS * 5


async def test_a_worker_dies_and_the_other_goes_on(project: Path, postgres_url: str) -> None:
    """SIGKILL in the middle of everything, between two workers of one database."""
    await started(project, postgres_url)
    world = open_world(postgres_url)
    await world.open()
    first = await begun(project, postgres_url, "worker")
    second = await begun(project, postgres_url, "worker")
    await ended(world, 2)
    first.kill()
    await first.communicate()
    await ended(world, RUNS)
    second.terminate()
    await second.communicate()
    await hold_promises(world, project)
    bodies = [line.split()[1] for line in (project / "journal").read_text().splitlines()]
    again = len(bodies) - len(set(bodies))
    assert again <= RUNS, "only what was under way in the dead worker may have run twice"
    await world.close()


@pytest.fixture
def own_server() -> Iterator[Server]:
    server = Server.temporary()
    server.make()
    yield server
    server.remove()


async def test_a_worker_outlives_a_restart_of_the_server(project: Path, own_server: Server) -> None:
    """It waits for the server and goes on with what it was at."""
    await started(project, own_server.url)
    world = open_world(own_server.url)
    await world.open()
    worker = await begun(project, own_server.url, "worker")
    await ended(world, 2)
    await asyncio.to_thread(own_server.stop)
    await asyncio.to_thread(own_server.start)
    await ended(world, RUNS)
    worker.terminate()
    await done(worker)
    await hold_promises(world, project)
    await world.close()
