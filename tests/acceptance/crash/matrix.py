"""One cell of the crash matrix: play a scenario, kill it once or twice, and see it to its end."""

from __future__ import annotations

import asyncio
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.crash.holds import (
    holds_acknowledged,
    holds_done,
    holds_in_the_end,
    holds_kept,
)
from tests.acceptance.crash.looks import Look, left, look, lose_messages
from tests.acceptance.crash.scenarios import Scenario
from tests.acceptance.crash.zygotes import Scene, Zygotes
from tests.postgres_server import Database


@dataclass(frozen=True, slots=True)
class Crashed:
    """What a cell came to: how often it was killed, and what its last process passed."""

    kills: int
    recovery: list[str]


@dataclass
class Matrix:
    """Cells in a folder, over one database of PostgreSQL or else one SQLite file each."""

    warm: Zygotes
    folder: Path
    database: Database | None = None
    _cells: int = 0

    async def passes(self, scenario: Scenario) -> list[str]:
        """Play undisturbed, and name every pass of a fault point."""
        crashed = await self.crash(scenario)
        assert len(set(crashed.recovery)) == len(crashed.recovery)
        assert len(crashed.recovery) > 10, "a run has more commits than that"
        return crashed.recovery

    async def crash(self, scenario: Scenario, *points: str, lose_queue: bool = False) -> Crashed:
        """Kill one process after the other at these points, and let the last one go on to the end.

        A process that never comes to its point, as in another interleaving, ends by itself. With
        `lose_queue` all messages are lost with each that is killed.
        """
        self._cells += 1
        folder = self.folder / f"{self._cells}"
        folder.mkdir()
        scene = await self._scene(scenario, folder)
        try:
            crashed = await self._crashed(scene, scenario, points, lose_queue=lose_queue)
        except AssertionError as error:
            error.add_note(f"{scenario.name}, killed at {points}, queue lost: {lose_queue}")
            raise
        shutil.rmtree(folder)
        return crashed

    async def _crashed(
        self, scene: Scene, scenario: Scenario, points: tuple[str, ...], *, lose_queue: bool
    ) -> Crashed:
        kept: list[tuple[Look, list[list[str]]]] = []
        for point in points:
            code = scene.play(scenario.played, driver=scenario.driver, fault=f"{point}:kill")
            if code == 0:
                continue
            assert code == -signal.SIGKILL, code
            journal = scene.journal
            found = await look(scene.world_url, scene.keys)
            holds_acknowledged(journal, found)
            kept.append((found, journal))
            if lose_queue:
                await lose_messages(scene.world_url)
        assert scene.play(scenario.played, driver=scenario.driver, log=True) == 0
        assert scene.answer() in scenario.answers
        after, journal = await look(scene.world_url, scene.keys), scene.journal
        for found, begun in kept:
            holds_kept(found, after)
            holds_done(found, begun, journal)
        holds_acknowledged(journal, after)
        holds_in_the_end(scenario, after, journal)
        assert await left(scene.world_url) == {}
        return Crashed(len(kept), scene.passes())

    async def _scene(self, scenario: Scenario, folder: Path) -> Scene:
        url = "" if self.database is None else await asyncio.to_thread(self.database.clean)
        scene = Scene(folder, self.warm.first, url, scenario.keys)
        if not scenario.before:
            return scene
        assert scene.play(scenario.played, driver=scenario.before) == 0
        return Scene(folder, self.warm.second, url, scenario.keys)


def by_name(passes: list[str]) -> list[str]:
    """Give the first pass of each point."""
    first: dict[str, str] = {}
    for each in passes:
        first.setdefault(each.partition(":")[0], each)
    return list(first.values())
