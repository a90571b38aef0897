"""SIGKILL at every pass of every fault point of every scenario, on both databases, twice over.

First each pass alone: that is the whole first dimension, always. Then pairs: of each of these
recoveries, each pass, in an order drawn from the seed, for `WFC_SOAK` minutes or all of them
(`WFC_SOAK=inf`). How many of how many pairs were tried stands in the record. With `WFC_CRASH=ends`
the first dimension is smaller: the first and the last pass of each point.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import wfc
from tests.acceptance.crash.matrix import Matrix, by_name
from tests.acceptance.crash.scenarios import SCENARIOS
from tests.acceptance.crash.zygotes import Zygotes, zygotes
from tests.postgres_server import Database
from tests.proofs.record import Figures, proof

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]

SEED: Final = 20
HOLDS: Final = (
    "nothing acknowledged is lost, no recorded step body runs again, bodies are no more than "
    "attempts, no attempt begins twice, one terminal event per run, streams obey the index "
    "contract, limits hold and their slots come back, each end is told, and every third time all "
    "queued messages are lost as well"
)
COMMAND: Final = "WFC_SOAK={} nox -s soak -- tests/proofs/test_crash_everywhere.py -k {}"
_ENDS: Final = os.environ.get("WFC_CRASH") == "ends"
ELSEWHERE: Final = {
    "runs.collected": "tests/acceptance/test_crash_matrix.py kills around it",
    "tables.migrating": "likewise: a cell of PostgreSQL finds its tables made",
    "tables.migrated": "likewise",
}
"""Points that no scenario passes, and who kills there."""
Pairs = list[tuple[str, str, str]]


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygotes]:
    with zygotes(tmp_path_factory.mktemp("zygotes")) as found:
        yield found


async def test_on_sqlite(warm: Zygotes, tmp_path: Path) -> None:
    """A file that nobody else uses, made by the process that is killed."""
    await _proven(Matrix(warm, tmp_path), "sqlite", "SQLite")


async def test_on_postgresql(warm: Zygotes, tmp_path: Path, postgres_database: Database) -> None:
    """A server that may still be at work for a process that is dead."""
    await _proven(Matrix(warm, tmp_path, postgres_database), "postgresql", "PostgreSQL")


async def _proven(matrix: Matrix, word: str, database: str) -> None:
    minutes = float(os.environ.get("WFC_SOAK", "10"))
    passes = "first and last pass of each point" if _ENDS else "every pass"
    with proof(
        f"crash-everywhere-{word}",
        title=f"A kill at every commit point, {database}",
        holds=HOLDS,
        dose=f"{passes} of {len(SCENARIOS)} scenarios, then {minutes:g} minutes of pairs",
        command=("WFC_CRASH=ends " if _ENDS else "") + COMMAND.format(f"{minutes:g}", word),
    ) as figures:
        figures |= {"scenarios": len(SCENARIOS), "seed of pairs": SEED}
        pairs = await _singles(matrix, figures)
        await _pairs(matrix, figures, pairs, minutes)


async def _singles(matrix: Matrix, figures: Figures) -> Pairs:
    """Kill once at every pass; give all pairs of it and a pass of the recovery from it."""
    pairs: Pairs = []
    found = tried = kills = 0
    points: set[str] = set()
    for name, scenario in SCENARIOS.items():
        passes = await matrix.passes(scenario)
        found += len(passes)
        for first in _ends_of(passes) if _ENDS else passes:
            crashed = await matrix.crash(scenario, first, lose_queue=tried % 3 == 0)
            tried, kills = tried + 1, kills + crashed.kills
            points |= {each.partition(":")[0] for each in (first, *crashed.recovery)}
            if crashed.kills:
                pairs += [(name, first, second) for second in crashed.recovery]
            figures |= {"passes": found, "passes tried alone": tried, "kills at them": kills}
    figures["points by name"] = len(points)
    assert _declared() - ELSEWHERE.keys() <= points, "a point that no scenario passes"
    return pairs


def _ends_of(passes: list[str]) -> list[str]:
    last: dict[str, str] = {each.partition(":")[0]: each for each in passes}
    return [each for each in passes if each in {*by_name(passes), *last.values()}]


def _declared() -> set[str]:
    """Read the names of all points from the sources."""
    texts = [path.read_text() for path in Path(wfc.__file__).parent.rglob("*.py")]
    return {name for text in texts for name in re.findall(r'fault\.point\("([a-z.]+)"\)', text)}


async def _pairs(matrix: Matrix, figures: Figures, pairs: Pairs, minutes: float) -> None:
    figures |= {"pairs that there are": len(pairs), "pairs tried": 0, "kills in pairs": 0}
    random.Random(SEED).shuffle(pairs)  # noqa: S311 - no secret
    until_s = time.monotonic() + 60 * minutes
    kills = 0
    for number, (name, first, second) in enumerate(pairs, 1):
        if time.monotonic() > until_s:
            break
        lose_queue = number % 3 == 0
        crashed = await matrix.crash(SCENARIOS[name], first, second, lose_queue=lose_queue)
        kills += crashed.kills
        figures |= {"pairs tried": number, "kills in pairs": kills}
