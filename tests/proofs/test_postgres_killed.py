"""PostgreSQL is killed by SIGKILL, whole or in part, while processes write: all goes on after."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest

from tests.postgres_server import Server
from tests.proofs.dose import SOAK_MINUTES, seeds_for
from tests.proofs.record import proof
from tests.worlds.test_sqlite_crash import acknowledged, appender, hold_promises
from wfc.worlds.postgres import PostgresWorld

RUNS = 6
APPENDS = 25


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server.temporary()
    made.make()
    yield made
    made.remove()


async def killed_while_written_to(server: Server, seed: int, *, whole: bool) -> None:
    """Kill it after so many acknowledgements, and see that nothing acknowledged is missing."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, and no secret
    prefix = f"run{seed}{'whole' if whole else 'part'}"
    process = await asyncio.create_subprocess_exec(
        *appender(server.url, prefix, RUNS, APPENDS), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    said = [
        await process.stdout.readline() for _ in range(chance.randrange(1, RUNS * APPENDS // 2))
    ]
    if whole:
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    else:
        await asyncio.to_thread(server.kill_one, chance.choice)
    said.append(await process.stdout.read())
    assert await process.wait() == 0, "the process waited for the server and went on"
    lengths = acknowledged(b"".join(said).decode())
    assert set(lengths.values()) == {2 * APPENDS + 1}
    world = PostgresWorld(server.url)
    await world.open()
    await hold_promises(world, lengths)
    await world.close()


@pytest.mark.timeout(200)
async def test_a_killed_server_has_what_was_acknowledged(server: Server) -> None:
    """First all of it at once, then one process, at which the server ends all others."""
    await killed_while_written_to(server, 0, whole=True)
    await killed_while_written_to(server, 0, whole=False)


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_a_server_that_is_killed_often(server: Server) -> None:
    """At so many moments as the dose allows."""
    with proof(
        "postgresql-killed",
        title="PostgreSQL killed by SIGKILL",
        holds="writers wait and go on, every acknowledged append is there once, all logs are whole",
        dose=f"{SOAK_MINUTES:g} minutes",
        command=f"WFC_SOAK={SOAK_MINUTES:g} python -m pytest -m soak "
        "tests/proofs/test_postgres_killed.py",
    ) as figures:
        kills = 0
        for seed in seeds_for():
            await killed_while_written_to(server, seed, whole=seed % 2 == 0)
            kills += 1
        figures["kills"] = kills
        figures["appends acknowledged"] = kills * RUNS * APPENDS
