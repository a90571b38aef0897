"""The experiment: one writer thread gives group commit, and no acknowledged event is ever lost."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from tests.worlds.programs.appender import events_of
from wfc.ids import RunId
from wfc.worlds.open import open_world
from wfc.worlds.protocol import RunFilter, World
from wfc.worlds.sqlite import SqliteWorld

ROUNDS = 6
SOAK_ROUNDS = 40 * int(os.environ.get("WFC_SOAK", "5"))  # about forty rounds a minute
ENDLESS = 1_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "world.db"


@pytest.fixture
async def world(path: Path) -> AsyncIterator[SqliteWorld]:
    made = SqliteWorld(path)
    await made.open()
    yield made
    await made.close()


def appender(place: Path | str, prefix: str, runs: int, appends: int) -> list[str]:
    """Give the command of a process that appends to a file, or to the world of a URL."""
    url = place if isinstance(place, str) else f"sqlite:///{place}"
    program = "tests.worlds.programs.appender"
    return [sys.executable, "-m", program, url, prefix, str(runs), str(appends)]


def acknowledged(text: str) -> dict[str, int]:
    """Give the longest acknowledged length of each run; a torn last line counts for nothing."""
    lengths: dict[str, int] = {}
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            run_id, length = line.split()
            lengths[run_id] = max(lengths.get(run_id, 0), int(length))
    return lengths


async def hold_promises(world: World, acknowledged_lengths: Mapping[str, int]) -> None:
    """Everything acknowledged is there, every log is dense, nothing is half written."""
    await world.check()
    for run_id, length in acknowledged_lengths.items():
        run = await world.run(RunId(run_id))
        assert run is not None
        assert run.length >= length
    for run in (await world.list_runs(RunFilter(), limit=200)).runs:
        recorded = await world.history(run.run_id, 0, ENDLESS)
        assert [one.position for one in recorded] == list(range(1, run.length + 1))
        appends = (run.length - 1) // 2
        assert run.length == 1 + 2 * appends, "an append of two events is whole or not there"
        written = [one.event for one in recorded[1:]]
        expected = [
            event for number in range(1, appends + 1) for event in events_of(run.run_id, number)
        ]
        assert written == expected
        last_marked = appends - appends % 3
        assert run.attributes == ({"number": last_marked} if last_marked else {})


async def kill_and_check(place: Path | str, rounds: int) -> None:
    """Kill an appender again and again, and see each time that nothing is missing."""
    chance = random.Random(rounds)  # noqa: S311 - a dose, not a secret
    for _ in range(rounds):
        text = await _killed(place, acknowledgements=chance.randrange(1, 400))
        again = open_world(place if isinstance(place, str) else f"sqlite:///{place}")
        await again.open()
        await hold_promises(again, acknowledged(text))
        await again.close()


async def _killed(place: Path | str, acknowledgements: int) -> str:
    """Run the appender, kill it after so many acknowledgements, and give all that it said."""
    process = await asyncio.create_subprocess_exec(
        *appender(place, "run", 12, ENDLESS), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines = []
    for _ in range(acknowledgements):
        line = await process.stdout.readline()
        assert line, "the appender ended by itself"
        lines.append(line)
    process.kill()
    lines.append(await process.stdout.read())
    await process.wait()
    return b"".join(lines).decode()


@pytest.mark.timeout(120)
async def test_a_killed_process_loses_nothing_it_acknowledged(path: Path) -> None:
    """SIGKILL at a random moment between and within commits, several times on one file."""
    await kill_and_check(path, ROUNDS)


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_many_killed_processes_lose_nothing(path: Path) -> None:
    """The same, many times."""
    for number in range(0, SOAK_ROUNDS, 20):
        await kill_and_check(path.with_name(f"world{number}.db"), 20)


@pytest.mark.timeout(120)
async def test_two_processes_share_a_file(path: Path) -> None:
    """Both write all they have, at the same time, and each log is whole."""
    processes = [
        await asyncio.create_subprocess_exec(
            *appender(path, prefix, 4, 60), stdout=asyncio.subprocess.PIPE
        )
        for prefix in ("left", "right")
    ]
    said = [(await process.communicate())[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    world = SqliteWorld(path)
    await world.open()
    for text in said:
        lengths = acknowledged(text)
        assert (len(lengths), set(lengths.values())) == (4, {121})
        await hold_promises(world, lengths)
    await world.close()


async def test_news_of_another_process_are_heard(path: Path, world: SqliteWorld) -> None:
    """No hint crosses the border of a process; a look at the file does."""
    watch = world.watch("runs")
    process = await asyncio.create_subprocess_exec(
        *appender(path, "run", 1, 1), stdout=asyncio.subprocess.DEVNULL
    )
    assert await watch.changed(60)
    assert await process.wait() == 0
    watch.close()
    assert len((await world.list_runs(RunFilter())).runs) == 1


@pytest.mark.soak
def test_the_disk_has_it_before_anybody_is_told(path: Path, tmp_path: Path) -> None:
    """Between two acknowledgements of one chain the log is written and then synced (strace)."""
    if shutil.which("strace") is None:
        assert "CI" not in os.environ, "strace is missing: apt-get install strace"
        pytest.skip("strace is missing: apt-get install strace")
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-e", "trace=fdatasync,fsync,pwrite64,write", "-o", str(trace)]
    done = subprocess.run(
        [*command, *appender(path, "run", 1, 200)], capture_output=True, check=True, text=True
    )
    assert len(acknowledged(done.stdout)) == 1
    state, told = "nothing", 0
    for line in trace.read_text().splitlines():
        if re.search(r"pwrite64\(\d+<[^>]*-wal>", line):
            state = "written"
        elif re.search(r"f(data)?sync\(\d+<[^>]*-wal>", line) and state == "written":
            state = "synced" if line.endswith("= 0") else "syncing"
        elif re.search(r"<\.\.\. f(data)?sync resumed>.*= 0$", line) and state == "syncing":
            state = "synced"
        elif re.search(r'write\(1<[^>]*>, "run_0 ', line):
            assert state == "synced", line
            state, told = "nothing", told + 1
    assert told == 200
