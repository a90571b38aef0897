"""SIGSTOP a worker past its lease, let another one take over, SIGCONT: the first writes nothing.

`WFC_FENCES` is the number of rounds of the full dose, on each database.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.crash.fences import HELD, Fences
from tests.acceptance.crash.scenarios import SCENARIOS
from tests.acceptance.crash.zygotes import Zygotes, zygotes
from tests.postgres_server import Database
from tests.proofs.record import proof

pytestmark = pytest.mark.timeout(600)

LEASE: Final = "2s"
"""Long enough for the worker that takes over to keep it on a busy machine."""
SEED: Final = 7
HOLDS: Final = (
    "a worker that is stopped past its lease writes no event, chunk, attempt, delivery or firing "
    "when it goes on, the log is legal and says what the other worker did, no attempt begins "
    "twice, and the stopped worker joins anew and works"
)
COMMAND: Final = "WFC_FENCES={} nox -s soak -- tests/proofs/test_fencing.py -k {}"


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygotes]:
    with zygotes(tmp_path_factory.mktemp("zygotes"), LEASE) as found:
        yield found


@pytest.mark.parametrize("flow", ["held", "held_apart"])
async def test_a_worker_stopped_in_a_body_is_fenced(
    warm: Zygotes, tmp_path: Path, flow: str
) -> None:
    """The body of the second worker counts, also where bodies have a process of their own."""
    await Fences(warm, tmp_path).held(flow)


async def test_a_worker_stopped_in_a_commit_keeps_all_others_waiting(
    warm: Zygotes, tmp_path: Path
) -> None:
    """On SQLite: `WorldLocked` to who writes, reads go on, and its commit counts."""
    await Fences(warm, tmp_path).locked(6)


async def test_a_worker_stopped_in_a_stream_is_fenced(
    warm: Zygotes, tmp_path: Path, postgres_database: Database
) -> None:
    """Its second chunk is refused, in PostgreSQL."""
    await Fences(warm, tmp_path, postgres_database).held("held_writing")


async def test_a_worker_stopped_in_a_commit_learns_that_it_came_to_nothing(
    warm: Zygotes, tmp_path: Path, postgres_database: Database
) -> None:
    """In PostgreSQL the server cuts it off, and the other one goes on."""
    await Fences(warm, tmp_path, postgres_database).locked(6)


async def test_a_worker_stopped_while_it_tells_an_end_settles_nothing(
    warm: Zygotes, tmp_path: Path, postgres_database: Database
) -> None:
    """And neither does it fire a schedule: a point of both."""
    fences = Fences(warm, tmp_path, postgres_database)
    fences.points("by_clock", ["end.settling:1"])
    await fences.anywhere(SCENARIOS["by_clock"], random.Random(SEED))  # noqa: S311 - no secret


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_on_sqlite(warm: Zygotes, tmp_path: Path) -> None:
    """All kinds of rounds in turn."""
    await _proven(Fences(warm, tmp_path), "sqlite", "SQLite")


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_on_postgresql(warm: Zygotes, tmp_path: Path, postgres_database: Database) -> None:
    """All kinds of rounds in turn."""
    await _proven(Fences(warm, tmp_path, postgres_database), "postgresql", "PostgreSQL")


async def _proven(fences: Fences, word: str, database: str) -> None:
    rounds = int(os.environ.get("WFC_FENCES", "200"))
    with proof(
        f"fencing-{word}",
        title=f"Workers stopped past their lease, {database}",
        holds=HOLDS,
        dose=f"{rounds} rounds",
        command=COMMAND.format(rounds, f"test_on_{word}"),
    ) as figures:
        figures |= {"seed": SEED, "rounds": 0}
        chance = random.Random(SEED)  # noqa: S311 - no secret
        for number in range(rounds):
            await _round(fences, number, chance)
            figures |= {"rounds": number + 1, **dict(sorted(fences.counted.items()))}


async def _round(fences: Fences, number: int, chance: random.Random) -> None:
    """Of ten rounds four hold a body, one stops a commit, and five stop anywhere."""
    turn = number % 10
    if turn < len(HELD):
        await fences.held(HELD[turn])
    elif turn == len(HELD):
        await fences.locked(chance.randrange(4, 14), patient=number == turn)
    else:
        await fences.anywhere(fences.scenario(chance), chance)
