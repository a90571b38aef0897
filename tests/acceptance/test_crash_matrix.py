"""Kill a real process at fault points of a run, restart it, and hold the promises against it.

DESIGN section 7, promises 1 to 5. Each case is real processes: one dies by SIGKILL at one pass of
one fault point, perhaps the next one dies while it recovers, and the last finds what is left and
carries all to its end. Every pass of every scenario, on both databases and with second crashes, is
tried by `tests/proofs/test_crash_everywhere.py`.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.crash.holds import holds_of_log
from tests.acceptance.crash.looks import REST, left, look, rows
from tests.acceptance.crash.matrix import Matrix, by_name
from tests.acceptance.crash.scenarios import SCENARIOS
from tests.acceptance.crash.zygotes import Scene, Zygotes, zygotes
from tests.postgres_server import Database

pytestmark = pytest.mark.timeout(600)

WHOLE: Final = ("chatty", "family", "limited")
"""Scenarios of which each point is tried here. Between them they pass nearly all that there are."""
SAMPLED: Final = sorted(SCENARIOS.keys() - set(WHOLE))

OF_RUNS: Final = ("events", "streams", "chunks", "hooks", "children", *REST)
"""Tables that hold nothing of a run that is gone."""


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygotes]:
    with zygotes(tmp_path_factory.mktemp("zygotes")) as found:
        yield found


@pytest.mark.parametrize("name", WHOLE)
async def test_a_run_survives_a_kill_at_every_point(
    warm: Zygotes, tmp_path: Path, name: str
) -> None:
    """Nothing acknowledged is lost, no recorded step runs again, the result is right.

    Each point at its first pass; with every third, all queued messages are lost as well.
    """
    matrix, scenario = Matrix(warm, tmp_path), SCENARIOS[name]
    points = by_name(await matrix.passes(scenario))
    kills = 0
    for number, point in enumerate(points):
        kills += (await matrix.crash(scenario, point, lose_queue=number % 3 == 0)).kills
    assert kills > len(points) // 2, "the rest went another way, and never came to its point"


@pytest.mark.parametrize("name", SAMPLED)
async def test_a_recovery_survives_a_kill(warm: Zygotes, tmp_path: Path, name: str) -> None:
    """A kill at some point, and another one while the next process recovers."""
    matrix, scenario = Matrix(warm, tmp_path), SCENARIOS[name]
    chance = random.Random(name)  # noqa: S311 - no secret
    passes = await matrix.passes(scenario)
    first = chance.choice(passes[: len(passes) // 2])
    once = await matrix.crash(scenario, first)
    second = chance.choice(once.recovery[: len(once.recovery) // 2])
    twice = await matrix.crash(scenario, first, second, lose_queue=True)
    assert once.kills or twice.kills


async def test_a_run_in_postgresql_survives_a_kill(
    warm: Zygotes, tmp_path: Path, postgres_database: Database
) -> None:
    """What the process had sent may still be under way in the server when it is dead."""
    matrix, scenario = Matrix(warm, tmp_path, postgres_database), SCENARIOS["sequence"]
    points = by_name(await matrix.passes(scenario))[::5]
    kills = [(await matrix.crash(scenario, point)).kills for point in points]
    assert sum(kills) > len(points) // 2


async def test_a_run_is_let_go_of_as_a_whole(warm: Zygotes, tmp_path: Path) -> None:
    """Whoever is killed while it collects leaves all of a run or nothing; the next one ends it."""
    calm = Scene(tmp_path / "calm", warm.first)
    calm.folder.mkdir()
    assert calm.play("chatty", driver="collected", log=True) == 0
    passes = calm.passes()
    at = passes.index("runs.collected:1")
    kills = 0
    for number, point in enumerate(passes[at - 3 : at + 1]):
        scene = Scene(tmp_path / str(number), warm.first)
        scene.folder.mkdir()
        code = scene.play("chatty", driver="collected", fault=f"{point}:kill")
        kills += code == -signal.SIGKILL
        found = await look(scene.world_url)
        for log in found.logs.values():
            holds_of_log(log, point)
            assert [page.length for page in found.streams.values()] == [6]
        if not found.logs:
            assert await left(scene.world_url, OF_RUNS) == {}
        assert scene.play("chatty", driver="collected") == 0
        assert await left(scene.world_url, ("runs", *OF_RUNS)) == {}
    assert kills > 1


async def test_tables_are_made_as_a_whole_in_postgresql(
    warm: Zygotes, tmp_path: Path, postgres_database: Database
) -> None:
    """Whoever is killed while it makes them leaves all or nothing; SQLite's are made in each cell
    above.
    """
    for point in ("tables.migrating", "tables.migrated"):
        url = await asyncio.to_thread(postgres_database.clean)
        await rows(url, "DROP SCHEMA IF EXISTS wfc CASCADE")
        scene = Scene(tmp_path / point, warm.first, url)
        scene.folder.mkdir()
        assert scene.play("sequence", fault=f"{point}:1:kill") == -signal.SIGKILL
        assert scene.play("sequence") == 0
        assert scene.answer() == {"output": 9}
