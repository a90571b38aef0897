"""Several workers under one command: the dead are replaced, and all drain together."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.cli.test_worker import line_of, wait_for, wfc
from tests.runtime.house import until
from wfc.cli.supervisor import SETTLED_S, Supervisor, one_worker

PATIENT = [sys.executable, "-S", "-c", "import signal; signal.pause()"]
BRIEF = [sys.executable, "-S", "-c", "raise SystemExit(3)"]
FLOW = """\
import os, pathlib, time
from wfc import policy


@policy(attempts=5)
def note(name: str) -> int:
    "use step"
    pathlib.Path(f"{name}.pid").write_text(str(os.getpid()))
    os.rename(f"{name}.pid", f"{name}.began")
    while not pathlib.Path("go").exists():
        time.sleep(0.01)
    return os.getpid()


async def work(name: str) -> int:
    "use workflow"
    return await note(name)
"""


@contextlib.asynccontextmanager
async def kept(supervisor: Supervisor) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(supervisor.run())
    try:
        yield task
    finally:
        supervisor.stop()
        await task


def all_live(supervisor: Supervisor) -> bool:
    return all(supervisor.pids)


async def test_a_killed_worker_is_replaced_and_the_others_stay() -> None:
    supervisor = Supervisor(PATIENT, 3, pause_s=0.001)
    async with kept(supervisor) as task:
        await until(lambda: all_live(supervisor))
        before = supervisor.pids
        assert before[1] is not None
        os.kill(before[1], signal.SIGKILL)
        await until(lambda: all_live(supervisor) and supervisor.pids != before)
        assert (supervisor.pids[0], supervisor.pids[2]) == (before[0], before[2])
        supervisor.stop()
        await task
        assert supervisor.pids == (None, None, None)


async def test_pauses_grow_until_a_worker_lives(caplog: pytest.LogCaptureFixture) -> None:
    """What dies at once is not begun again and again; who lived for a while begins anew."""
    at = 0.0

    def now() -> float:
        nonlocal at
        at += SETTLED_S if len(caplog.messages) == 4 else 0.0
        return at

    supervisor = Supervisor(BRIEF, 1, pause_s=0.001, pause_max_s=0.004, now=now)
    async with kept(supervisor):
        await until(lambda: len(caplog.messages) >= 5)
    told = [message.rpartition(" in ")[2] for message in caplog.messages[:5]]
    assert told == ["0.001 s", "0.002 s", "0.004 s", "0.004 s", "0.001 s"]
    assert "worker 1 of 1 died (exit status 3)" in caplog.messages[0]


async def test_stopping_ends_a_pause() -> None:
    supervisor = Supervisor(BRIEF, 1, pause_s=1000)
    async with kept(supervisor):
        await until(lambda: bool(supervisor.pids[0]))
        await until(lambda: not supervisor.pids[0])


def test_each_worker_gets_what_was_said_but_for_the_number() -> None:
    words = ["--json", "worker", "a:b", "--processes", "3", "--queues", "x"]
    kept_words = ("--json", "worker", "a:b", "--queues", "x")
    *command, last = one_worker(words)
    assert (tuple(command[3:]), last) == (kept_words, "--until-eof")
    plain = [word for word in words if word not in {"--processes", "3"}]
    assert one_worker(plain)[3:-1] == kept_words
    assert one_worker(["worker", "--processes=2"])[3:-1] == ("worker",)


def test_workers_are_supervised_from_the_command_line(tmp_path: Path) -> None:
    """A worker is killed in the midst of a body; its heir runs it again, and SIGTERM ends all."""
    _project(tmp_path)
    assert wfc(tmp_path, "worker", "--processes", "2", "--until-idle").returncode == 2
    assert wfc(tmp_path, "start", "work", "one", "--id", "o-1").returncode == 0
    with _supervised(tmp_path, "--json") as process:
        first = _pid_of_body(tmp_path)
        os.kill(first, signal.SIGKILL)
        second = _pid_of_body(tmp_path)
        (tmp_path / "go").touch()
        result = wfc(tmp_path, "result", "o-1", "--timeout", "60s")
        assert (result.returncode, int(result.stdout)) == (0, second)
        process.send_signal(signal.SIGTERM)
        said, noted = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "died (SIGKILL)" in noted
    told = [json.loads(line) for line in said.splitlines()]
    assert {each["kind"] for each in told} == {"worker"}
    hows = {each["pid"]: each["how"] for each in told if each["event"] == "ended"}
    assert hows[first] == "SIGKILL"
    assert hows[second] == "exit status 0"
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)


def test_workers_drain_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    """No worker is left behind that nobody would replace or stop."""
    _project(tmp_path)
    assert wfc(tmp_path, "start", "work", "one", "--id", "o-1").returncode == 0
    with _supervised(tmp_path) as process:
        _pid_of_body(tmp_path)
        process.kill()
        (tmp_path / "go").touch()
        # All of them hold its standard error: it comes to an end when the last one has.
        _, noted = process.communicate(timeout=60)
        assert noted.count("draining") >= 1
    assert wfc(tmp_path, "result", "o-1", "--timeout", "1s").returncode == 0


def test_ctrl_c_drains_all_and_is_told_by_the_exit_code(tmp_path: Path) -> None:
    _project(tmp_path)
    with _supervised(tmp_path) as process:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130


def test_what_no_other_worker_would_cure_ends_them_all(tmp_path: Path) -> None:
    """A mistake in the settings is told once, and by the exit code."""
    _project(tmp_path)
    (tmp_path / "wfc.toml").write_text("[worker]\nlease = 'soon'\n")
    with _supervised(tmp_path) as process:
        _, noted = process.communicate(timeout=60)
    assert process.returncode == 2, noted


def _project(folder: Path) -> None:
    (folder / "wfc.toml").write_text('[worker]\nheartbeat = "0.2s"\nsweep = "0.2s"\nlease = "2s"\n')
    (folder / "flows.py").write_text(FLOW)
    assert wfc(folder, "build").returncode == 0


@contextlib.contextmanager
def _supervised(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "wfc", "worker", "--processes", "2", *words],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert "2 workers begin" in line_of(process)
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def _pid_of_body(folder: Path) -> int:
    """Wait until a body runs, and say in which process it does."""
    wait_for(folder / "one.began")
    pid = int((folder / "one.began").read_text())
    (folder / "one.began").unlink()
    return pid
