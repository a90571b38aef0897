"""The test's side of the zygote: ask for one crash, one restart, and look at what is left."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wfc.clock import SystemClock
from wfc.eventlog.event import Recorded
from wfc.ids import RunId
from wfc.worlds.open import open_world
from wfc.worlds.protocol import ChunkPage, RunFilter

PROJECT = Path(__file__).parent / "project"
PROGRAM = Path(__file__).parent / "zygote.py"
RUN = RunId("r1")


@dataclass(frozen=True, slots=True)
class Scene:
    """One world in a folder of its own, and the files its processes leave behind."""

    folder: Path
    zygote: Zygote
    url: str = ""

    @property
    def world_url(self) -> str:
        """Name the world: a file of the scene's own, unless another one was given."""
        return self.url or f"sqlite:///{self.folder / 'wfc.db'}"

    def play(self, flow: str, *, fault: str | None = None, log: bool = False) -> int:
        """Run one process to its end; the exit code is negative if a signal ended it."""
        return self.zygote.ask(
            flow=flow,
            fault=fault,
            fault_log=str(self.folder / "passes") if log else None,
            answer=str(self.folder / "answer.json"),
            env={
                "WFC_WORLD": self.world_url,
                "WFC_TEST_JOURNAL": str(self.folder / "journal"),
            },
        )

    def passes(self) -> list[str]:
        """Name every pass of a fault point in the last logged process, in order."""
        return (self.folder / "passes").read_text().split()

    def answer(self) -> dict[str, Any]:
        """Read what the caller of `run.result()` got."""
        found: dict[str, Any] = json.loads((self.folder / "answer.json").read_text())
        return found

    def bodies(self) -> Counter[str]:
        """Count the bodies that began, by step id."""
        journal = self.folder / "journal"
        lines = journal.read_text().splitlines() if journal.exists() else []
        return Counter(line.split()[1] for line in lines if line.startswith("begin "))

    async def history(self) -> list[Recorded]:
        """Read the run's log (empty if there is none yet)."""
        world = open_world(self.world_url, SystemClock())
        await world.open()
        try:
            return await world.history(RUN)
        finally:
            await world.close()

    async def chunks(self) -> ChunkPage | None:
        """Read the run's stream."""
        world = open_world(self.world_url, SystemClock())
        await world.open()
        try:
            return await world.read_chunks(RUN, "default")
        finally:
            await world.close()

    async def children(self) -> list[list[Recorded]]:
        """Read the logs of all other runs."""
        world = open_world(self.world_url, SystemClock())
        await world.open()
        try:
            rows = (await world.list_runs(RunFilter(), limit=200)).runs
            return [await world.history(row.run_id) for row in rows if row.run_id != RUN]
        finally:
            await world.close()


class Zygote:
    """The warm process."""

    def __init__(self, project: Path, program: Path = PROGRAM, module: str = "crash_flows") -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(program), str(project), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **case: Any) -> int:
        """Fork one process, wait for its end and give its exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the zygote died with {self._process.wait()}"
        return int(json.loads(line)["code"])

    def close(self) -> None:
        """End the warm process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


@contextmanager
def zygote(
    folder: Path, source: Path = PROJECT, program: Path = PROGRAM, module: str = "crash_flows"
) -> Iterator[Zygote]:
    """Copy the project, so that its build lands outside the checkout, and start a warm process."""
    project = folder / "project"
    shutil.copytree(source, project)
    warm = Zygote(project, program, module)
    try:
        yield warm
    finally:
        warm.close()
