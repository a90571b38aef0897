"""Very many runs, events, children and readers: memory is bounded, a question costs the same.

Small crowds by default, a hundred times as many in the long proofs. Costs are plans and
instructions of SQLite's virtual machine, never time; what is printed beside them decides nothing.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

import pytest

from tests.proofs import crowd
from tests.proofs.record import proof
from tests.proofs.scale_flows import FLOWS, PROGRAM
from tests.runtime.flows import Journal
from tests.runtime.histories import drop_histories
from tests.runtime.house import House
from wfc.clock import SystemClock, VirtualClock
from wfc.ids import DefinitionId, RunId
from wfc.worlds.open import open_world
from wfc.worlds.protocol import RunFilter
from wfc.worlds.sql_reads import page_of

ROOT: Final = Path(__file__).resolve().parents[2]
MIB: Final = 1 << 20
CHAIN: Final = DefinitionId("scale_flows:chain")
FEW: Final = 500
SMALL: Final = 10_000
OPEN: Final = frozenset({"pending", "suspended", "running"})
LISTS: Final = {
    "all": RunFilter(),
    "completed": RunFilter(statuses=frozenset({"completed"})),
    "failed": RunFilter(statuses=frozenset({"failed"})),
    "suspended": RunFilter(statuses=frozenset({"suspended"})),
    "running": RunFilter(statuses=frozenset({"running"})),
    "open": RunFilter(statuses=OPEN),
    "one workflow": RunFilter(workflow=CHAIN),
    "a workflow without runs": RunFilter(workflow=DefinitionId("a:b")),
    "children of nobody": RunFilter(parent_id=RunId("nobody")),
}
"""What is listed without a look at what is not."""


@pytest.fixture(autouse=True)
def journal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    made = Journal()
    monkeypatch.setattr(sys, "journal", made, raising=False)
    yield made
    drop_histories()


@asynccontextmanager
async def house_at(url: str) -> AsyncIterator[House]:
    clock = VirtualClock()
    world = open_world(url, SystemClock() if url.startswith("postgresql") else clock)
    await world.open()
    made = await House(world, clock, PROGRAM.version).open()
    try:
        yield made
    finally:
        await made.close()


# --- many runs that have ended -------------------------------------------------------------------


async def ended(path: Path, count: int) -> None:
    """Make a file with so many runs that have ended, each with five events."""
    async with house_at(f"sqlite:///{path}") as house:
        await house.start(FLOWS.chain, 2, id="ended", attributes={"user": "ann"})
        await house.worker().run_until_idle()
    crowd.repeat(path, "ended", count - 1)


def costs(path: Path, count: int) -> dict[str, int]:
    """Count what a page of each list takes, its first one and one from the middle."""
    found = {}
    with closing(sqlite3.connect(path)) as file:
        (newest,) = file.execute("SELECT max(created_at) FROM runs").fetchone()
        middle = newest - count // 2 * crowd.APART_US, RunId("x")
        for name, where in LISTS.items():
            for place, cursor in (("first", None), ("middle", middle)):
                statement, values = page_of(where, cursor, 51, newest)
                with crowd.counted(file) as steps:
                    file.execute(statement, values).fetchall()
                found[f"{name}, {place} page"] = steps[0]
    return found


async def lists_are_flat(tmp_path: Path, count: int) -> dict[str, int]:
    """See that a page of a long list costs what one of a short list does."""
    await ended(tmp_path / "few.db", FEW)
    await ended(tmp_path / "many.db", count)
    few, many = costs(tmp_path / "few.db", FEW), costs(tmp_path / "many.db", count)
    for name, steps in many.items():
        assert steps <= few[name] * 1.1 + 100, (name, few[name], steps)
    async with house_at(f"sqlite:///{tmp_path}/many.db") as house:
        page = await house.world.list_runs(RunFilter(), limit=50)
        assert len(page.runs) == 50
        assert page.next is not None
        assert len((await house.world.list_runs(RunFilter(), cursor=page.next)).runs) == 50
        run = await house.start(FLOWS.chain, 3)
        await house.worker().run_until_idle()
        assert await run.result("60s") == 3
    return many


async def test_a_long_list_costs_no_more_than_a_short_one(tmp_path: Path) -> None:
    """By status, workflow, parent or none, at its beginning and in its middle."""
    await lists_are_flat(tmp_path, SMALL)


# --- many runs that are suspended ----------------------------------------------------------------


async def suspended(path: Path, count: int) -> dict[str, int]:
    """Make a file with so many suspended runs, and ask a process with a worker what it takes."""
    async with house_at(f"sqlite:///{path}") as house:
        await house.start(FLOWS.sleeps, id="sleeps")
        await house.worker().run_until_idle()
    drop_histories()
    if count > 1:
        crowd.repeat(path, "sleeps", count - 1)
    with closing(sqlite3.connect(path)) as file:
        listed = "SELECT count(*) FROM runs WHERE status = 'suspended'"
        assert file.execute(listed).fetchone() == (count,)
    done = subprocess.run(  # noqa: ASYNC221 - a test has nothing else to do meanwhile
        [sys.executable, "-m", "tests.proofs.scale_worker", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, int] = json.loads(done.stdout)
    return told


async def memory_is_bounded(tmp_path: Path, count: int) -> dict[str, int]:
    """See that a worker is no larger for runs that it need not look at."""
    one = await suspended(tmp_path / "one.db", 1)
    many = await suspended(tmp_path / "many.db", count)
    grown = (many["bytes quiet"] - many["bytes before"]) - (
        one["bytes quiet"] - one["bytes before"]
    )
    assert grown < 32 * MIB, (one, many)
    return {
        "MiB of a worker over one run": one["bytes quiet"] // MIB,
        "MiB of a worker over all": many["bytes quiet"] // MIB,
        "KiB more": grown // 1024,
        "ms of CPU to start over one run": one["CPU milliseconds"],
        "ms of CPU to start over all": many["CPU milliseconds"],
    }


async def test_suspended_runs_take_no_memory_of_a_worker(tmp_path: Path) -> None:
    """Which begins over them without reading them."""
    await memory_is_bounded(tmp_path, 1000)


# --- one long run --------------------------------------------------------------------------------


async def steps_of_chain(tmp_path: Path, events: int) -> float:
    """Count the instructions that the writer executes for each event of a run."""
    async with house_at(f"sqlite:///{tmp_path}/{events}.db") as house:
        await house.start(FLOWS.chain, 1)
        await house.worker().run_until_idle()
        connection = house.world._writer._committer._connection  # type: ignore[attr-defined]
        with crowd.counted(connection) as steps:
            run = await house.start(FLOWS.chain, events)
            await house.worker().run_until_idle()
        assert await run.result("60s") == events * (events - 1) // 2
        log, last = await house.world.history(run.id, events, 10), (await run.events())[-1]
        assert [one.position for one in log] == [events + 1, events + 2, events + 3]
        assert last.position == events + 3
        return steps[0] / events


async def long_is_no_dearer(tmp_path: Path, events: int) -> tuple[float, float]:
    """See that an event of a long run costs what one of a short run does."""
    short, long = [await steps_of_chain(tmp_path, count) for count in (events // 10, events)]
    assert long <= short * 1.2, (short, long)
    return short, long


async def test_an_event_of_a_long_run_costs_no_more(tmp_path: Path) -> None:
    """And what a run has recorded is read from its end without reading it all."""
    await long_is_no_dearer(tmp_path, 500)


# --- many children, many readers -----------------------------------------------------------------


async def has_children(url: str, count: int) -> None:
    """Let a run start so many children at once, and hear of all of them."""
    async with house_at(url) as house:
        run = await house.start(FLOWS.family, count)
        await house.worker().run_until_idle()
        assert await run.result("60s") == count * (count - 1) // 2
        found, cursor = 0, None
        while True:
            page = await house.world.list_runs(
                RunFilter(parent_id=run.id), cursor=cursor, limit=200
            )
            found, cursor = found + len(page.runs), page.next
            if cursor is None:
                break
        assert found == count


async def has_readers(url: str, journal: Journal, readers: int, chunks: int) -> None:
    """Let so many read one stream while it is written; each has all of it, in order."""
    async with house_at(url) as house:
        await house.embedded()
        run = await house.start(FLOWS.writes, chunks)

        async def read() -> list[Any]:
            return [value async for value in run.stream()]

        tasks = [asyncio.create_task(read()) for _ in range(readers // 2)]
        while await run.tail_index() < chunks // 2:  # noqa: ASYNC110 - half of it, and then it waits
            await asyncio.sleep(0.01)
        tasks += [asyncio.create_task(read()) for _ in range(readers - readers // 2)]
        journal.gate.set()
        expected = list(range(chunks))
        assert all([await task == expected for task in tasks])
        await run.result("60s")
        journal.gate.clear()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty world."""
    if request.param == "postgres":
        found: str = request.getfixturevalue("postgres_url")
        return found
    return f"sqlite:///{tmp_path}/world.db"


async def test_a_large_family_and_a_large_audience(url: str, journal: Journal) -> None:
    """A hundred children, ten readers."""
    await has_children(url, 100)
    await has_readers(url, journal, 10, 40)


# --- all of it, a hundred times as much ----------------------------------------------------------


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_a_million_runs_are_listed(tmp_path: Path) -> None:
    with _of_scale("ended", "1,000,000 ended runs", "a page costs what it costs of 500") as figures:
        many = await lists_are_flat(tmp_path, 1_000_000)
        size = (tmp_path / "many.db").stat().st_size
        figures["MiB of the file"] = size // MIB
        figures.update({f"VM steps, {name}": steps for name, steps in many.items()})


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_a_hundred_thousand_runs_are_suspended(tmp_path: Path) -> None:
    holds = "a worker takes less than 32 MiB more than over one"
    with _of_scale("suspended", "100,000 suspended runs", holds) as figures:
        figures.update(await memory_is_bounded(tmp_path, 100_000))


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_a_run_of_fifty_thousand_events(tmp_path: Path) -> None:
    holds = "an event costs at most 1.2 times one of a run of 5,000"
    with _of_scale("events", "One run of 50,000 events", holds) as figures:
        short, long = await long_is_no_dearer(tmp_path, 50_000)
        figures["VM steps an event, 5,000"] = round(short)
        figures["VM steps an event, 50,000"] = round(long)


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_ten_thousand_children_and_a_thousand_readers(url: str, journal: Journal) -> None:
    kind = url.partition(":")[0]
    title = f"10,000 children of one run, 1,000 readers of one stream ({kind})"
    holds = "the parent hears of each child, each reader has each chunk in order"
    with _of_scale(f"family-{kind}", title, holds) as figures:
        await has_children(url, 10_000)
        await has_readers(url, journal, 1000, 400)
        figures["children"] = 10_000
        figures["chunks read"] = 1000 * 400


def _of_scale(name: str, title: str, holds: str) -> Any:
    command = "python -m pytest -m soak tests/proofs/test_scale.py"
    return proof(f"scale-{name}", title=title, holds=holds, dose="full", command=command)
