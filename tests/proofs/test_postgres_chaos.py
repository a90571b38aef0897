"""PostgreSQL is stopped again and again, and workers are killed, while everything goes on.

Each run has three steps, is sent two values through a hook and writes a stream; three runs of four
are in a queue with a limit, and one step has a limit of its own. Callers try nothing again: no
start, no answer and no read may fail because the server was away. The full dose is 5,000 runs::

    WFC_RECORD=1 WFC_SOAK=25 nox -s soak -- tests/proofs/test_postgres_chaos.py
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.postgres_server import Server
from tests.proofs.chaos.clients import Clients
from tests.proofs.chaos.disturbance import JOURNAL, Disturbance, Dose, Workers
from tests.proofs.chaos.journal import LIMITS, Read, read
from tests.proofs.record import proof
from wfc.config import open_session, use_session
from wfc.settings import load_settings

PROJECT: Final = Path(__file__).parent / "chaos" / "project"
MINUTES: Final = float(os.environ.get("WFC_SOAK", "1"))
SMALL: Final = Dose(runs=40, begun_over_s=6, workers=2, stops=(1, 3), kills=(2, 4), least=2)
LARGE: Final = Dose(
    runs=round(200 * MINUTES),
    begun_over_s=60 * MINUTES,
    workers=3,
    stops=(5, min(40, 20 * MINUTES)),
    kills=(5, min(40, 20 * MINUTES)),
    least=2,
    seed=7,
)
COMMAND: Final = f"WFC_SOAK={MINUTES:g} nox -s soak -- tests/proofs/test_postgres_chaos.py"
HOLDS: Final = (
    "no call of a client fails, every result is right, nothing is stuck, each step has one "
    "outcome, no value sent is lost or doubled, streams are whole, and at no time more runs or "
    "attempts are under way than a limit allows, by a journal that the steps keep"
)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server.temporary()
    made.make()
    yield made
    made.remove()


@pytest.mark.timeout(180)
async def test_a_few_runs_outlive_it_all(tmp_path: Path, server: Server) -> None:
    """The small dose."""
    await _proven(tmp_path, server, SMALL)


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_all_runs_outlive_it_all(tmp_path: Path, server: Server) -> None:
    """200 runs for each minute of `WFC_SOAK`; 25 are the full dose."""
    found = await _proven(tmp_path, server, LARGE)
    assert found.killed_inside, "whoever was killed had nothing to do"


async def _proven(folder: Path, server: Server, dose: Dose) -> Read:
    with proof(
        "postgres-chaos",
        title="PostgreSQL stopped and workers killed",
        holds=HOLDS,
        dose=f"{dose.runs:,} runs of 3 steps, 2 values sent and a stream each, 3 queues, "
        f"{dose.workers} workers; the server stopped for 0 to 2 s every {dose.stops[0]:g} to "
        f"{dose.stops[1]:g} s",
        command=COMMAND,
    ) as figures:
        workers, disturbance, clients = await _played(folder, server, dose)
        found = read((folder / "project" / JOURNAL).read_text().splitlines())
        figures |= {
            "runs completed": dose.runs,
            "values sent to hooks": clients.answered,
            "streams read": dose.runs,
            "of these while they were written": clients.followed,
            "stops of the server": disturbance.stops,
            "seconds without server": round(disturbance.away_s),
            "workers killed": disturbance.kills,
            "workers refused at their start, the server being away": workers.refused,
            "step bodies": found.bodies.total(),
            "step bodies killed": found.killed_inside,
        }
        figures |= {f"most at once in {gate}": most for gate, most in sorted(found.most.items())}
        _hold(found, dose)
        assert clients.answered == 2 * dose.runs
        assert min(disturbance.stops, disturbance.kills) >= dose.least
        assert set(await workers.drain()) <= {0}, workers.said.read_text()
        return found


async def _played(folder: Path, server: Server, dose: Dose) -> tuple[Workers, Disturbance, Clients]:
    project = folder / "project"
    shutil.copytree(PROJECT, project)
    session = await open_session(load_settings(project, world=server.url))
    workers = Workers(project, server.url)
    try:
        async with use_session(session):
            await workers.begin(dose.workers)
            order = importlib.import_module("chaos_flows").order
            clients = Clients(session.world, order, dose)
            disturbance = Disturbance(dose, server, workers)
            try:
                await workers.during(clients.play(disturbance))
            finally:
                await disturbance.end()
    except BaseException:
        await workers.remove()
        raise
    finally:
        await session.close()
    return workers, disturbance, clients


def _hold(found: Read, dose: Dose) -> None:
    """Every body is in the journal, and no gate let too many pass."""
    assert set(found.bodies) == {(run, part) for run in range(dose.runs) for part in range(3)}
    assert found.exceeded() == [], found.most
    assert {gate.partition(" ")[0] for gate in found.most} == LIMITS.keys()
