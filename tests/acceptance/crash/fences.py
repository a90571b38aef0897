"""Rounds in which a worker is stopped past its lease, another takes over, and the first goes on.

What no fence can hold back is a body: a process that is stopped when it is about to run one runs it
when it goes on, though another worker has done the step by then. Its outcome is refused, and it was
counted as an attempt when the other one took over; both is asked here.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.crash.holds import (
    holds_acknowledged,
    holds_in_the_end,
    holds_kept,
    holds_of_log,
)
from tests.acceptance.crash.looks import Look, left, opened
from tests.acceptance.crash.matrix import Matrix
from tests.acceptance.crash.pairs import Pair, until
from tests.acceptance.crash.scenarios import SCENARIOS, Scenario
from tests.acceptance.crash.zygotes import RUN, Scene, Zygotes
from tests.postgres_server import Database
from wfc import codec
from wfc.errors import WorldLocked
from wfc.eventlog.event import RunCompleted, StepCompleted, StepStarted
from wfc.worlds import sqlite_turnstile
from wfc.worlds.chunks import Form
from wfc.worlds.protocol import Note

HELD: Final = ("held", "held_apart", "held_alone", "held_writing")
"""Flows whose second step is held until the test lets it go."""


@dataclass
class Fences:
    """Rounds in a folder, over one database of PostgreSQL or else one SQLite file each."""

    warm: Zygotes
    folder: Path
    database: Database | None = None
    counted: Counter[str] = field(default_factory=Counter)
    """How the rounds went, by words that a record may say."""
    _rounds: int = 0
    _passes: dict[str, list[str]] = field(default_factory=dict)

    async def _pair(self, work: Callable[[Pair], Awaitable[None]], keys: str = "") -> None:
        self._rounds += 1
        folder = self.folder / f"round-{self._rounds}"
        folder.mkdir()
        url = "" if self.database is None else await asyncio.to_thread(self.database.clean)
        pair = Pair(Scene(folder, self.warm.first, url, keys))
        try:
            await work(pair)
        except AssertionError as error:
            error.add_note(f"a said:\n{pair.said('a')}\nb said:\n{pair.said('b')}")
            raise
        finally:
            pair.close()
        shutil.rmtree(folder)

    # -- stopped in a body

    async def held(self, flow: str) -> None:
        """Stop a worker whose body is held; the other one repeats it; then the first one ends its
        body, must not write what came of it, joins anew, and works.
        """
        await self._pair(lambda pair: self._held(pair, flow))

    async def _held(self, pair: Pair, flow: str) -> None:
        pair.work("a", flow)
        await pair.until_noted("held", "a")
        if flow == "held_writing":
            await until(lambda: _has_chunks(pair, 1), "the first chunk is there")
        first = await pair.worker_of("a")
        await pair.stop("a")
        pair.work("b")
        await pair.until_noted("held", "b")
        second = await pair.worker_of("b")
        if flow == "held_writing":
            await until(lambda: _has_chunks(pair, 3), "the chunk of b is there")
        before = await pair.look()
        assert first not in before.workers
        pair.let_go("a")
        pair.go_on("a")
        again = await pair.worker_of("a", other_than=first)
        assert "WFC660" in pair.said("a")
        between = await pair.look()
        self._untouched(before, between)
        pair.let_go("b")
        after = await pair.until_ended(RUN)
        _is_of_b(before, after, {first, again}, second)
        pair.finish("b")
        await self._works(pair, before)
        self.counted["stopped in a body"] += 1

    def _untouched(self, before: Look, after: Look) -> None:
        assert after.logs == before.logs, "the fenced worker wrote events"
        assert after.streams == before.streams, "the fenced worker wrote chunks"
        assert after.deliveries == before.deliveries
        assert after.schedules == before.schedules

    async def _works(self, pair: Pair, before: Look) -> None:
        """The one that was fenced is alone now, and does what there is to do."""
        pair.begin("c", "sequence", "asked")
        assert pair.ended("c") == 0, pair.said("c")
        after = await pair.until_ended("r2")
        pair.finish("a")
        holds_kept(before, after)
        self._legal(pair, after)
        assert await left(pair.scene.world_url) == {}
        assert (await pair.look()).workers == []

    def _legal(self, pair: Pair, found: Look) -> None:
        journal = pair.scene.journal
        holds_acknowledged(journal, found)
        for name, log in found.logs.items():
            holds_of_log(log, name)
        begun = Counter(tuple(line[1:4]) for line in journal if line[0] == "begin")
        assert set(begun.values()) == {1}, begun

    # -- stopped in the midst of a commit

    async def locked(self, count: int, *, patient: bool = False) -> None:
        """Stop a worker in its transaction of this number, so that others have to wait for it.

        With `patient`, as long as it takes until the other worker says so.
        """
        work = self._locked if self.database is None else self._cut
        await self._pair(lambda pair: work(pair, count, patient=patient))

    async def _locked(self, pair: Pair, count: int, *, patient: bool) -> None:
        """On SQLite nobody else can write meanwhile, so nobody takes over: they are told so, reads
        go on, and all is well again when the process goes on or dies.
        """
        pair.work("b")
        await pair.worker_of("b")
        pair.work("a", "sequence", f"append.written:{count}:stop")
        assert await pair.stopped("a")
        assert await pair.is_locked()
        before = await pair.look()
        async with opened(pair.scene.world_url) as world:
            with pytest.MonkeyPatch.context() as quick:
                quick.setattr(sqlite_turnstile, "BUSY_MS", 100)
                with pytest.raises(WorldLocked):
                    await world.note(Note(action="runs.collected"))
        if patient:
            said = "nothing is taken until the world can be written again"
            await until(lambda: said in pair.said("b"), "b says that it waits")
        self._untouched(before, await pair.look())
        pair.go_on("a")
        after = await pair.until_ended(RUN)
        pair.finish("b")
        await self._works(pair, before)
        assert [each.event for each in after.logs[RUN] if isinstance(each.event, RunCompleted)]
        self.counted["stopped in a commit that all wait for"] += 1

    async def _cut(self, pair: Pair, count: int, *, patient: bool) -> None:
        """On PostgreSQL the server ends a transaction that is idle for a minute, and others go on;
        the one that goes on later learns that its commit came to nothing, and asks again.
        """
        pair.work("a", "sequence", f"append.written:{count}:stop")
        assert await pair.stopped("a")
        assert await pair.is_locked()
        pair.work("b")
        if patient:
            await until(lambda: _is_free(pair), "the server ends the transaction")
        else:
            await pair.cut()
        await pair.worker_of("b")
        before = await pair.look()
        if RUN in before.logs:
            before = await pair.until_ended(RUN)
        pair.go_on("a")
        await pair.until_ended(RUN)
        await pair.worker_of("a")
        pair.finish("b")
        await self._works(pair, before)
        self.counted["stopped in a commit that was cut"] += 1

    # -- stopped anywhere

    async def anywhere(self, scenario: Scenario, chance: random.Random) -> None:
        """Stop a process at some fault point of a scenario; another one plays all of it, and then
        nothing that the first one does changes anything.
        """
        if scenario.name not in self._passes:
            matrix = Matrix(self.warm, self.folder, self.database)
            self._passes[scenario.name] = await matrix.passes(scenario)
        point = chance.choice(self._passes[scenario.name])
        await self._pair(lambda pair: self._anywhere(pair, scenario, point), scenario.keys)

    async def _anywhere(self, pair: Pair, scenario: Scenario, point: str) -> None:
        if scenario.before:
            assert pair.scene.play(scenario.played, driver=scenario.before) == 0
            scene = pair.scene
            pair.scene = Scene(scene.folder, self.warm.second, scene.url, scene.keys)
        pair.begin("a", scenario.played, scenario.driver, f"{point}:stop")
        stopped = await pair.stopped("a")
        took_over = stopped and (self.database is not None or not await pair.is_locked())
        before = None
        if took_over:
            await self._freed(pair)
            pair.begin("b", scenario.played, scenario.driver)
            assert pair.ended("b") == 0, (point, pair.said("b"))
            before = await pair.look()
        if stopped:
            pair.go_on("a")
        assert pair.ended("a") == 0, (point, pair.said("a"))
        after = await pair.look()
        if before is not None:
            self._untouched(before, after)
        holds_acknowledged(pair.scene.journal, after)
        holds_in_the_end(scenario, after, pair.scene.journal)
        assert await left(pair.scene.world_url) == {}
        how = "taken over" if took_over else "in a commit" if stopped else "never came there"
        self.counted[f"stopped at a point: {how}"] += 1

    async def _freed(self, pair: Pair) -> None:
        if self.database is not None and await pair.is_locked():
            await pair.cut()

    def points(self, name: str, passes: list[str]) -> None:
        """Say at which passes of a scenario to stop, instead of at any of them."""
        self._passes[name] = passes

    def scenario(self, chance: random.Random) -> Scenario:
        """Draw a scenario."""
        return SCENARIOS[chance.choice(sorted(SCENARIOS))]


async def _has_chunks(pair: Pair, count: int) -> bool:
    page = (await pair.look()).streams.get((RUN, "default"))
    return page is not None and page.length >= count


async def _is_free(pair: Pair) -> bool:
    return not await pair.is_locked()


def _is_of_b(before: Look, after: Look, mine: set[str], second: str) -> None:
    """What came of the held step is what the second worker says, and only that was added."""
    length = len(before.logs[RUN])
    assert after.logs[RUN][:length] == before.logs[RUN]
    added = [each.event for each in after.logs[RUN][length:]]
    assert not [one for one in added if isinstance(one, StepStarted) and one.worker_id in mine]
    assert second in after.workers
    outputs = [codec.decode(one.output) for one in added if isinstance(one, StepCompleted)]
    assert outputs == ["b"]
    ends = [codec.decode(one.output) for one in added if isinstance(one, RunCompleted)]
    assert ends == [[4, "b"]]
    page = after.streams.get((RUN, "default"))
    if page is not None:
        said = [codec.decode(one.body) for one in page.chunks if one.form is Form.VALUE]
        assert said == ["first of a", "first of b", "last of b"]
