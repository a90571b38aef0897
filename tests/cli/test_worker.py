"""`wfc start` and `wfc worker` in real processes: signals, idling, and what they load."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLOWS = """\
import asyncio, fcntl, os, pathlib
from wfc import FatalError, policy, sleep


async def slow(name: str) -> str:
    "use step"
    pathlib.Path(name).touch()
    while not pathlib.Path("go").exists():
        await asyncio.sleep(0.01)
    return name.upper()


async def work(name: str) -> str:
    "use workflow"
    return await slow(name)


async def nap(seconds: float, *, note: str = "") -> str:
    "use workflow"
    await sleep(seconds)
    return note


async def refuse() -> None:
    "use workflow"
    raise FatalError("never")


@policy(isolation="process")
def spin() -> None:
    "use step"
    lock = open("lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    pathlib.Path("spins").touch()
    while True:
        pass


async def spins() -> None:
    "use workflow"
    await spin()
"""
PATIENCE_S = 60


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    """A project with a few workflows, built."""
    (tmp_path / "wfc.toml").write_text(
        '[worker]\nheartbeat = "0.2s"\nsweep = "0.2s"\nlease = "2s"\n'
    )
    (tmp_path / "flows.py").write_text(FLOWS)
    assert wfc(tmp_path, "build").returncode == 0
    return tmp_path


def wfc(folder: Path, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in `folder`, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "wfc", *words],
        cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE_S, **more,
    )  # fmt: skip


@contextmanager
def worker(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a worker beside the test, until it is ready; it never outlives the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wfc", "worker", *words],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert "Ctrl-C drains" in line_of(process)
        yield process
    finally:
        process.kill()
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    """Wait for the next line that the worker says."""
    assert process.stderr is not None
    assert select.select([process.stderr], [], [], PATIENCE_S)[0], "the worker says nothing"
    return process.stderr.readline()


def wait_for(path: Path) -> None:
    """Wait until a body has written its file."""
    watch = subprocess.run(
        ["sh", "-c", f"until [ -e '{path}' ]; do sleep 0.01; done"], timeout=PATIENCE_S, check=True
    )
    assert watch.returncode == 0


def test_a_run_is_started_executed_and_read(flows: Path) -> None:
    """Three processes that know each other only through the world."""
    started = wfc(flows, "start", "nap", "0", "note=done", "--attribute", "tier=1", "--json")
    assert started.returncode == 0, started.stderr
    data = json.loads(started.stdout)["data"]
    assert (data["workflow"], data["created"]) == ("flows:nap", True)
    idle = wfc(flows, "worker", "--until-idle", "--json")
    assert json.loads(idle.stdout) == {
        "format": 1, "kind": "idle", "data": {"next_due": None}, "next": None,
    }  # fmt: skip
    assert wfc(flows, "result", data["id"]).stdout == "done\n"


def test_until_idle_prints_the_next_due_time(flows: Path) -> None:
    """For cron and for hosts that scale to zero."""
    wfc(flows, "start", "nap", "3600", "--id", "o-1")
    assert "next due 2" in wfc(flows, "worker", "--until-idle").stdout
    assert "suspended" in wfc(flows, "runs").stdout
    assert wfc(flows, "wake", "o-1").returncode == 0
    assert "nothing is due" in wfc(flows, "worker", "--until-idle").stdout
    wfc(flows, "start", "nap", "0", "--delay", "1h", "--id", "o-2")
    assert "next due 2" in wfc(flows, "worker", "--until-idle").stdout


def test_starting_twice_under_one_id_is_one_run(flows: Path) -> None:
    """Equal arguments give the run there is, others are a conflict."""
    assert wfc(flows, "start", "nap", "0", "--id", "o-1").returncode == 0
    again = wfc(flows, "start", "nap", "0", "--id", "o-1", "--json")
    assert (again.returncode, json.loads(again.stdout)["data"]["created"]) == (0, False)
    other = wfc(flows, "start", "nap", "1", "--id", "o-1", "--json")
    assert (other.returncode, json.loads(other.stderr)["code"]) == (5, "WFC958")


def test_waiting_tells_how_a_run_ended(flows: Path) -> None:
    """--wait prints the result, or exits 1 if the run failed, 6 if it takes too long."""
    with worker(flows):
        good = wfc(flows, "start", "nap", "--input", '{"seconds": 0, "note": "hi"}', "--wait")
        assert (good.returncode, good.stdout) == (0, "hi\n")
        bad = wfc(flows, "start", "refuse", "--wait")
        assert (bad.returncode, "never" in bad.stderr) == (1, True)
        late = wfc(flows, "start", "nap", "3600", "--wait", "--timeout", "0.1")
        assert late.returncode == 6


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_drains(flows: Path, number: signal.Signals, code: int) -> None:
    """The body that runs may end, and its outcome is recorded."""
    wfc(flows, "start", "work", "begun", "--id", "o-1")
    with worker(flows) as process:
        wait_for(flows / "begun")
        process.send_signal(number)
        (flows / "go").touch()
        assert process.wait(PATIENCE_S) == code
    assert '"output": "BEGUN"' in wfc(flows, "inspect", "o-1", "--events").stdout


def test_a_body_that_outlives_the_drain_is_not_counted(flows: Path) -> None:
    """Shutting down is no failure of the step."""
    wfc(flows, "start", "work", "begun", "--id", "o-1")
    with worker(flows, "--drain", "0s", "--concurrency", "1") as process:
        wait_for(flows / "begun")
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    events = json.loads(wfc(flows, "inspect", "o-1", "--events", "--json").stdout)["data"]
    (retrying,) = [event for event in events if event["name"] == "step_retrying"]
    assert retrying["counted"] is False
    (flows / "go").touch()
    wfc(flows, "worker", "--until-idle")
    assert wfc(flows, "result", "o-1").stdout == "BEGUN\n"


def test_a_second_signal_exits_at_once(flows: Path) -> None:
    """Nothing is lost: the run goes on elsewhere."""
    wfc(flows, "start", "work", "begun", "--id", "o-1")
    with worker(flows) as process:
        wait_for(flows / "begun")
        process.terminate()
        assert "a second signal exits at once" in line_of(process)
        process.terminate()
        assert process.wait(PATIENCE_S) == 130
    assert "o-1" in wfc(flows, "runs").stdout


def test_a_project_that_does_not_compile_starts_nothing(flows: Path) -> None:
    """The finding with its place; exit 1; the world is not touched."""
    (flows / "flows.py").write_text(FLOWS.replace("async def refuse", "def refuse"))
    for words in (("worker", "--until-idle"), ("start", "nap", "0")):
        done = wfc(flows, *words)
        assert done.returncode == 1
        assert "WFC102" in done.stderr
        assert "Traceback" not in done.stderr
    assert wfc(flows, "runs").stdout == ""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import nonexistent_mod", "ModuleNotFoundError: No module named 'nonexistent_mod'"),
        ("RATE = 1 / len([])", "ZeroDivisionError: division by zero"),
        ("import json; json.loads('')", "JSONDecodeError"),
    ],
)
def test_a_module_that_cannot_be_imported_is_named(flows: Path, line: str, said: str) -> None:
    """The mistake is the user's: exit 2 with file and line, and no report of a crash."""
    (flows / "flows.py").write_text(f"{FLOWS}\n{line}\n")
    number = FLOWS.count("\n") + 2
    for words in (("worker", "--until-idle"), ("start", "nap", "0")):
        done = wfc(flows, *words)
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith(f"error: flows.py:{number}: the module `flows` cannot be ")
        assert said in done.stderr
    assert not (flows / ".wfc" / "crash").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--id", "../x"], "cannot name a run"),
        (["--delay=-5s"], "--delay '-5s'"),
        (["--delay", "9000000d"], "year 9999"),
        (["--wait", "--timeout=soon"], "--timeout 'soon'"),
        (["--attribute", "wfc.x=1"], "reserved for wfc"),
        (["--attribute", f"a={'x' * 300}"], "more than 256 bytes"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_what_no_start_takes_is_a_mistake_of_usage(
    flows: Path, words: list[str], said: str
) -> None:
    """WFC954, and nothing is started."""
    done = wfc(flows, "start", "nap", "0", *words, "--json")
    error = json.loads(done.stderr)
    assert (done.returncode, error["code"]) == (2, "WFC954")
    assert said in error["message"]
    assert wfc(flows, "runs").stdout == ""


def test_an_app_that_cannot_be_had_is_a_configuration_error(flows: Path) -> None:
    """`worker MODULE:APP` names it and says why."""
    done = wfc(flows, "worker", "gone:app", "--until-idle", "--json")
    assert (done.returncode, json.loads(done.stderr)["code"]) == (2, "WFC904")


@pytest.mark.parametrize(
    "words", [["runs"], ["start", "nap", "0"], ["worker", "--until-idle"]], ids=lambda w: w[0]
)
def test_on_a_fresh_build_nothing_heavy_is_loaded(flows: Path, words: list[str]) -> None:
    """A production process never loads the compiler's libraries."""
    program = (
        "import sys, json; from wfc.cli.main import main\n"
        f"code = main({words!r})\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=flows, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert loaded.isdisjoint({"libcst", "astroid", "pydantic_ai", "starlette", "asyncpg"})


def test_a_world_that_goes_read_only_ends_the_worker_with_exit_4(flows: Path) -> None:
    """It cannot record anything, so it must not run anything."""
    if os.geteuid() == 0:
        database = flows / ".wfc" / "wfc.db"
        wfc(flows, "runs")
        database.unlink()
        database.mkdir()
    else:
        (flows / ".wfc").chmod(0o500)
    done = wfc(flows, "worker", "--until-idle", "--json")
    assert (done.returncode, json.loads(done.stderr)["code"]) == (4, "WFC950")


def test_no_process_of_a_step_outlives_its_worker(flows: Path) -> None:
    """Not even if the worker was killed, and the body never awaits."""
    assert wfc(flows, "start", "spins").returncode == 0
    with worker(flows) as process:
        wait_for(flows / "spins")
        process.kill()
        with (flows / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # had by nobody any more
