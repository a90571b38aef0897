"""Kill a real process at every fault point of schedules and end callbacks, and run two at once.

A schedule is three firings behind, its runs wait for one another, and each end is told. Whatever
dies: each firing is one run, each run ends once, and each end is told at least once.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import wfc
from tests.acceptance.crash.matrix import Matrix, by_name
from tests.acceptance.crash.scenarios import SCENARIOS
from tests.acceptance.crash.zygotes import PROJECT, Zygotes, zygotes
from wfc import codec
from wfc.clock import MICROSECONDS, SystemClock
from wfc.cron import Timing
from wfc.ids import DefinitionId
from wfc.worlds.protocol import Put, RunFilter, ScheduleRow, Telling
from wfc.worlds.schedules import CatchUp, Overlap
from wfc.worlds.sqlite import SqliteWorld

pytestmark = pytest.mark.timeout(600)
_HOUR: Final = 3600 * MICROSECONDS
_OURS: Final = ("schedule.", "end.", "ends.")


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygotes]:
    with zygotes(tmp_path_factory.mktemp("zygotes")) as found:
        yield found


async def test_firings_and_ends_survive_a_kill_at_their_points(
    warm: Zygotes, tmp_path: Path
) -> None:
    """The first time that each point of theirs is passed; more of them in the crash matrix."""
    matrix, scenario = Matrix(warm, tmp_path), SCENARIOS["by_clock"]
    passes = await matrix.passes(scenario)
    chosen = [each for each in by_name(passes) if each.startswith(_OURS)]
    assert {each.partition(":")[0] for each in chosen} == {
        "schedule.firing", "schedule.put", "schedule.fired",
        "ends.taken", "end.telling", "end.settling", "end.told",
    }  # fmt: skip
    for point in chosen:
        await matrix.crash(scenario, point)


APP: Final = """
from wfc.api import App
from crash_flows import told

app = App(on_run_end=told)
"""
_COUNT: Final = 40


async def test_two_processes_fire_and_tell_each_once(tmp_path: Path) -> None:
    """Two real workers at the same firings: no run is missing, none is double, each end is told."""
    project, database, journal = tmp_path / "project", tmp_path / "wfc.db", tmp_path / "journal"
    shutil.copytree(PROJECT, project)
    (project / "shop_app.py").write_text(APP)
    settings = project / "pyproject.toml"
    text = settings.read_text()
    settings.write_text(text.replace("[tool.wfc]\n", '[tool.wfc]\napp = "shop_app:app"\n'))
    await _hold(database)
    environment = {
        **os.environ,
        "WFC_WORLD": f"sqlite:///{database}",
        "WFC_TEST_JOURNAL": str(journal),
        "PYTHONPATH": str(Path(wfc.__file__).parent.parent),
    }
    command = [sys.executable, "-m", "wfc", "worker", "--until-idle", "--quiet"]
    await asyncio.gather(*(_worked(command, project, environment) for _ in range(2)))
    world = SqliteWorld(database, clock=SystemClock())
    await world.open()
    runs = (await world.list_runs(RunFilter(), limit=200)).runs
    deliveries = await world.deliveries()
    await world.close()
    assert len({run.run_id for run in runs}) == len(runs) == _COUNT
    assert {run.status for run in runs} == {"completed"}
    assert {row.run_id for row in deliveries} == {run.run_id for run in runs}
    assert {row.status for row in deliveries} == {Telling.DONE}
    told = Counter(line.split()[1] for line in journal.read_text().splitlines() if "told" in line)
    assert sorted(told.values()) == [1] * _COUNT


async def _worked(command: list[str], project: Path, environment: dict[str, str]) -> None:
    worker = await asyncio.create_subprocess_exec(
        *command, cwd=project, env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await worker.communicate()
    assert worker.returncode == 0, said.decode()


async def _hold(database: Path) -> None:
    """Leave a schedule that is many firings behind, and the callback that is to hear of them."""
    world = SqliteWorld(database, clock=SystemClock())
    await world.open()
    arguments, _ = codec.encode_arguments({"number": 3}, call="sequence")
    row = ScheduleRow(
        name="behind",
        workflow=DefinitionId("crash_flows:sequence"),
        arguments=arguments,
        timing=Timing(every_us=_HOUR, end=_COUNT * _HOUR),
        overlap=Overlap.ALLOW,
        catch_up=CatchUp.ALL,
        next_at=_HOUR,
    )
    assert await world.put_schedule(row) is Put.DONE
    await world.close()
