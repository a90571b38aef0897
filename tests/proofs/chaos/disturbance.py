"""What goes wrong: a server that is stopped and started, workers that are killed and replaced."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import wfc
from tests.postgres_server import Server
from tests.proofs.chaos.journal import read
from wfc.cli.failure import Exit

JOURNAL: Final = "journal"
AWAY_S: Final = 2.0
"""For how long the server stays away at most."""
Span = tuple[float, float]
"""The shortest and the longest pause between two disturbances, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """How much goes on and how much goes wrong meanwhile."""

    runs: int
    begun_over_s: float
    """The time over which runs are started, more or less evenly."""
    workers: int
    stops: Span
    kills: Span
    least: int
    """So many stops and so many kills come before the last runs are started, at least."""
    seed: int = 1


class Workers:
    """Real workers of the project, replaced as they die: what an orchestrator does."""

    def __init__(self, project: Path, url: str) -> None:
        """Work on `url` by the code of `project`."""
        self.said = project / "workers.log"
        self.refused = 0
        """How many were started while the server was away, and said so."""
        self._project = project
        self._url = url
        self._running: list[asyncio.subprocess.Process] = []
        self._keepers: list[asyncio.Task[int]] = []

    async def begin(self, count: int) -> None:
        """Keep so many at work."""
        self._keepers = [asyncio.create_task(self._kept()) for _ in range(count)]

    def kill(self, chance: random.Random) -> bool:
        """SIGKILL one of them, in the midst of a body if it can be; tell whether there was any."""
        if not self._running:
            return False
        journal = self._project / JOURNAL
        lines = journal.read_text(encoding="ascii").splitlines() if journal.exists() else []
        busy = read(lines).busy
        at_work = [process for process in self._running if process.pid in busy]
        chance.choice(at_work or self._running).kill()
        return True

    async def drain(self) -> list[int]:
        """End all as a deployment does; give the exit codes of those that stood already."""
        drained = [process for process in self._running if self._stood(process)]
        for process in self._running:
            process.terminate()
        await asyncio.gather(*self._keepers)
        return [process.returncode or 0 for process in drained]

    async def remove(self) -> None:
        """Leave none behind, if a proof has failed."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def during(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something meanwhile; fail if a worker ends by itself, for no reason of this proof."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({task, *self._keepers}, return_when=asyncio.FIRST_COMPLETED)
            ended = [keeper.result() for keeper in self._keepers if keeper.done()]
            assert ended == [], self.said.read_text()
            await task
        finally:
            task.cancel()

    async def _kept(self) -> int:
        """Be a worker, and the next one after each death that was to be expected."""
        while True:
            process = await self._begun()
            try:
                code = await process.wait()
            except asyncio.CancelledError:
                process.kill()
                await process.wait()
                raise
            finally:
                self._running.remove(process)
            if code == Exit.UNREACHABLE and not self._stood(process):
                self.refused += 1
                await asyncio.sleep(AWAY_S / 4)
            elif code == -signal.SIGKILL:
                # Its bodies are over by now, and the next may only come after this line.
                with (self._project / JOURNAL).open("a", encoding="ascii") as journal:
                    journal.write(f"killed {process.pid}\n")
            else:
                return code

    def _stood(self, process: asyncio.subprocess.Process) -> bool:
        """Tell whether it had come so far as to open its world and to hear signals."""
        return f"worker {process.pid} works on" in self.said.read_text()

    async def _begun(self) -> asyncio.subprocess.Process:
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(wfc.__file__).parents[1]),
            "WFC_TEST_JOURNAL": str(self._project / JOURNAL),
            "WFC_WORLD": self._url,
        }
        with self.said.open("ab") as said:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "wfc", "worker"),
                cwd=self._project,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        self._running.append(process)
        return process


class Disturbance:
    """Both, each at its own random times, until it is stopped; then all is up again."""

    def __init__(self, dose: Dose, server: Server, workers: Workers) -> None:
        """Disturb these."""
        self._dose = dose
        self._server = server
        self._workers = workers
        self.stops = 0
        self.kills = 0
        self.away_s = 0.0
        self._enough = asyncio.Event()
        self._over = asyncio.Event()
        self._tasks = [asyncio.create_task(self._stops()), asyncio.create_task(self._kills())]

    async def enough(self) -> None:
        """Wait until the least of both has happened; raises what went wrong with them."""
        waiting = asyncio.create_task(self._enough.wait())
        await asyncio.wait({waiting, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for task in self._tasks:
            if task.done():
                task.result()

    async def end(self) -> None:
        """Disturb no more; each disturbance that is under way is finished."""
        self._over.set()
        await asyncio.gather(*self._tasks)

    async def _stops(self) -> None:
        chance = random.Random(self._dose.seed)  # noqa: S311 - a dose, no secret
        for mode in cycle(("immediate", "fast")):
            if await self._paused(chance.uniform(*self._dose.stops)):
                return
            away_s = chance.uniform(0, AWAY_S)
            await asyncio.to_thread(self._server.stop, mode)
            await asyncio.sleep(away_s)
            await asyncio.to_thread(self._server.start)
            self.stops += 1
            self.away_s += away_s
            self._counted()

    async def _kills(self) -> None:
        chance = random.Random(self._dose.seed + 1)  # noqa: S311 - likewise
        while not await self._paused(chance.uniform(*self._dose.kills)):
            if self._workers.kill(chance):
                self.kills += 1
                self._counted()

    def _counted(self) -> None:
        if min(self.stops, self.kills) >= self._dose.least:
            self._enough.set()

    async def _paused(self, seconds: float) -> bool:
        """Wait; tell whether it is over."""
        try:
            await asyncio.wait_for(self._over.wait(), seconds)
        except TimeoutError:
            return False
        return True
