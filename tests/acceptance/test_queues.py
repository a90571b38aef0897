"""Limits over real processes that share a file, one of which is killed while it holds slots."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from wfc.eventlog.entity import RunStatus
from wfc.worlds.protocol import RunFilter
from wfc.worlds.sqlite import SqliteWorld

RUNS: Final = 12
STEPS: Final = 3
FLOWS: Final = """\
import asyncio
import os

from wfc import policy


def note(what: str, kind: str, name: str) -> None:
    line = f"{what} {kind} {os.getpid()} {name}\\n".encode()
    journal = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(journal, line)
    os.close(journal)


@policy(concurrency=2, attempts=5)
async def limited(name: str) -> str:
    "use step"
    note("enter", "step", name)
    await asyncio.sleep(0.01)
    while os.path.exists("hold"):
        await asyncio.sleep(0.01)
    note("leave", "step", name)
    return name


async def mark(what: str, name: str) -> None:
    "use step"
    note(what, "run", name)


async def work(name: str) -> int:
    "use workflow"
    await mark("enter", name)
    names = [f"{name}.{number}" for number in range(3)]
    found = await asyncio.gather(*(limited(each) for each in names))
    await mark("leave", name)
    return len(found)
"""
STARTER: Final = f"""\
import asyncio
from wfc.api import start
from wfc.config import open_session, use_session

async def main():
    session = await open_session()
    from limit_flows import work
    async with use_session(session):
        for number in range({RUNS}):
            await start.options(id=f"run-{{number}}", queue="three")(work, f"run-{{number}}")
    await session.close()

asyncio.run(main())
"""
LIMITS: Final = {"step": 2, "run": 3}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "wfc.toml").write_text(
        'world = "sqlite:///runs.db"\n[queues.three]\nconcurrency = 3\n[worker]\nsweep = "1s"\n'
    )
    (tmp_path / "limit_flows.py").write_text(FLOWS)
    return tmp_path


class Crew:
    """Workers that are real processes."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.journal = project / "journal"
        self.processes: list[subprocess.Popen[bytes]] = []

    def python(self, *words: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "JOURNAL": str(self.journal)}
        with (self.project / "said").open("ab") as said:
            return subprocess.Popen(
                [sys.executable, *words],
                cwd=self.project,
                env=environment,
                stdout=said,
                stderr=said,
            )

    def hire(self) -> subprocess.Popen[bytes]:
        self.processes.append(self.python("-m", "wfc", "worker"))
        return self.processes[-1]

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        worker.kill()
        worker.wait()
        with self.journal.open("ab") as file:
            file.write(f"dead all {worker.pid} -\n".encode())

    def lines(self) -> list[list[str]]:
        if not self.journal.exists():
            return []
        return [line.split() for line in self.journal.read_text().splitlines()]

    def close(self) -> None:
        for worker in self.processes:
            if worker.poll() is None:
                worker.terminate()
        for worker in self.processes:
            worker.wait()


@pytest.fixture
def crew(project: Path) -> Iterator[Crew]:
    made = Crew(project)
    yield made
    made.close()


def until(crew: Crew, is_so: object, deadline_s: float = 60.0) -> None:
    """Look at the journal until something is so."""
    until_s = time.monotonic() + deadline_s
    while not is_so():  # type: ignore[operator]  # a function of no arguments
        assert time.monotonic() < until_s, (crew.project / "said").read_text()
        time.sleep(0.01)


def inside(lines: list[list[str]]) -> Iterator[tuple[str, int]]:
    """Follow the journal: of each kind, how many are inside after each line.

    A run that was entered by a worker which died is still open: only its step was lost.
    """
    within: dict[str, dict[str, str]] = {kind: {} for kind in LIMITS}
    for what, kind, pid, name in lines:
        if what == "enter":
            within[kind][name] = pid
        elif what == "leave":
            within[kind].pop(name, None)
        else:
            within["step"] = {one: who for one, who in within["step"].items() if who != pid}
        for each in LIMITS:
            yield each, len(within[each])


async def _states(project: Path) -> list[RunStatus]:
    world = SqliteWorld(project / "runs.db")
    await world.open()
    try:
        page = await world.list_runs(RunFilter(), limit=200)
        if all(run.status.ended for run in page.runs):
            assert not any(state.held or state.waiting for state in await world.gates())
        return [run.status for run in page.runs]
    finally:
        await world.close()


def test_two_processes_keep_to_the_limits_though_one_is_killed(project: Path, crew: Crew) -> None:
    """Never more runs than the queue has slots, nor bodies than the policy allows; all end."""
    assert crew.python("-c", STARTER).wait() == 0, (project / "said").read_text()
    hold = project / "hold"
    hold.touch()
    first = crew.hire()
    until(crew, lambda: any(line[:2] == ["enter", "step"] for line in crew.lines()))
    crew.hire()
    crew.kill(first)
    hold.unlink()
    crew.hire()

    def all_have_left() -> bool:
        left = {name for what, kind, _, name in crew.lines() if (what, kind) == ("leave", "run")}
        return len(left) == RUNS

    until(crew, all_have_left)
    until(crew, lambda: all(state.ended for state in asyncio.run(_states(project))))
    assert asyncio.run(_states(project)) == [RunStatus.COMPLETED] * RUNS
    most = dict.fromkeys(LIMITS, 0)
    for kind, count in inside(crew.lines()):
        most[kind] = max(most[kind], count)
    assert all(most[kind] <= limit for kind, limit in LIMITS.items()), most
    assert most["run"] > 1
