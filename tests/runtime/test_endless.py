"""A run that restarts for ever costs as much after 10,000 turns as after 100.

Each turn hears one payload of a hook with a chosen token, writes a chunk of a stream and restarts.
Counted, and not timed: events, statements, objects, bytes, rows, and what a recovery reads.
"""

from __future__ import annotations

import gc
import itertools
import sqlite3
import tracemalloc
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import pytest

from tests.runtime.house import House
from tests.runtime.programs import Program
from wfc.clock import VirtualClock
from wfc.eventlog.event import RunRestarted
from wfc.runtime.hook_door import send
from wfc.runtime.run import Run
from wfc.worlds.sqlite import SqliteWorld

PROGRAM: Final = Program(
    "endless_flows",
    '''
    """Turns."""
    from wfc import Writable, create_hook, get_writable, restart


    async def say(out: Writable[int], number: int) -> int:
        "use step"
        await out.write(number)
        return number


    async def turns(left: int, last: int = -1) -> int:
        "use workflow"
        hook = create_hook(int, token="line")
        number = await hook
        if await say(get_writable(int), number) != last + 1:
            return -number
        if left:
            await restart(left - 1, number)
        return number
    ''',
)
FLOWS: Any = PROGRAM.module
EARLY: Final = 100
WINDOW: Final = 20
GROWS: Final = {"events", "chunks", "stream_writers"}
"""Tables that a run fills until it is collected: what is said, and by which step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What is there after a turn, and what the turns up to it took, one by one."""

    objects: int
    traced: int
    statements: tuple[int, ...]
    rows: dict[str, int]
    recovered: int


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    clock = VirtualClock()
    world = SqliteWorld(tmp_path / "world.db", clock=clock)
    await world.open()
    made = await House(world, clock, PROGRAM.version).open()
    made.worker()
    yield made
    await made.close()


def rows_of(path: Path) -> dict[str, int]:
    """Count the rows of each table that does not grow by design."""
    with sqlite3.connect(path) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        found = {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608 - names of tables
            for name in names
            if name not in GROWS and not name.startswith("sqlite_")
        }
    connection.close()
    return found


class Endless:
    """One run and the worker that executes it."""

    def __init__(self, house: House, run: Run[int], path: Path) -> None:
        self.house = house
        self.run = run
        self.path = path
        self.turn = 0
        self._heard: list[str] = []
        assert isinstance(house.world, SqliteWorld)
        writer = house.world._writer
        assert writer is not None
        assert writer._committer is not None
        writer._committer._connection.set_trace_callback(self._heard.append)

    async def go(self) -> int:
        """Let the run make one turn; give how many statements it took."""
        self._heard.clear()
        await send(self.house.session, "line", self.turn)
        await self.house.workers[-1].run_until_idle()
        self.turn += 1
        return len(self._heard)

    async def measured(self) -> Cost:
        """Make some turns and say what they cost, then let another worker recover the run."""
        statements = tuple([await self.go() for _ in range(WINDOW)])
        gc.collect()
        objects, traced = len(gc.get_objects()), tracemalloc.get_traced_memory()[0]
        recovered = await self._recovered()
        return Cost(
            objects=objects,
            traced=traced,
            statements=statements,
            rows=rows_of(self.path),
            recovered=recovered,
        )

    async def _recovered(self) -> int:
        await self.house.workers.pop().stop()
        self.house.worker()
        read = 0
        history = self.house.world.history

        async def counted(*args: Any) -> Any:
            nonlocal read
            page = await history(*args)
            read += len(page)
            return page

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.house.world, "history", counted)
            await self.go()
        return read


@pytest.mark.parametrize("turns", [250, pytest.param(10_000, marks=pytest.mark.soak)])
@pytest.mark.timeout(3600)
async def test_a_turn_costs_as_much_as_those_before_it(
    house: House, tmp_path: Path, turns: int, record_property: Callable[[str, object], None]
) -> None:
    run = await house.start(FLOWS.turns, turns - 1, id="endless")
    await house.workers[-1].run_until_idle()
    endless = Endless(house, run, tmp_path / "world.db")
    tracemalloc.start()
    try:
        while endless.turn < EARLY:
            await endless.go()
        early = await endless.measured()
        while endless.turn < turns - WINDOW - 2:
            await endless.go()
        late = await endless.measured()
    finally:
        tracemalloc.stop()
    record_property("early", repr(early))
    record_property("late", repr(late))
    while endless.turn < turns:
        await endless.go()

    assert await run.result("1s") == turns - 1
    assert await house.world.tail_index(run.id, "default") == turns - 1
    restarts = [
        each.position
        for first in range(0, 10 * turns, 2000)
        for each in await house.world.history(run.id, first, 2000)
        if isinstance(each.event, RunRestarted)
    ]
    lengths = {after - before for before, after in itertools.pairwise(restarts)}
    assert len(restarts) == turns - 1
    assert len(lengths) == 1, "events per chapter"
    # How many of them share a commit is chance, and what a commit itself takes.
    assert abs(median(late.statements) - median(early.statements)) <= 3
    assert late.rows == early.rows
    assert late.recovered == early.recovered
    assert late.objects < early.objects + 1000
    assert late.traced < early.traced + 300_000
