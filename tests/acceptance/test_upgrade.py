"""A deploy with real processes: runs in every state move to new code and end there, or stay.

A table entry of `LATER` waits for a part that is not there yet.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests import warm
from wfc.clock import SystemClock
from wfc.eventlog.event import Recorded, RunUpgraded, StepRetrying
from wfc.eventlog.fold import fold
from wfc.ids import RunId
from wfc.worlds.sqlite import SqliteWorld

PROGRAMS: Final = Path(__file__).parent / "upgrade" / "cases"
ONE: Final = (PROGRAMS / "one.py").read_text()
TWO: Final = (
    ONE.replace('        raise FatalError("the card is refused")', '        order = "accepted"')
    .replace('        raise ValueError("nobody thought of that")', '        return ["a thought"]')
    .replace(
        "    return [paid, await ship(order)]",
        "    if order:\n        sent = await ship(order)\n        await notify(order)\n"
        "    return [paid, sent]",
    )
)
"""Mends a bug of the workflow and one of a step, and tells customers, in a new `if`."""
ASLEEP: Final = [f"asleep-{number}" for number in range(2)]
ASKED: Final = ["asked-0", "asked-2"]
"""Runs that wait for values from outside, one of them with two that nobody has read yet."""
RUNS: Final = [
    "attempt", "backoff", *ASLEEP, *ASKED, "parent", "gather", "bug", "refused", "done",
]  # fmt: skip
DELAYED: Final = ["pending", "cancelled"]
LATER: Final = {
    "at an approval": "approvals are hooks of agents",
    "failed by divergence": "no command makes one; tests/runtime/test_upgrade.py does it in memory",
    "on PostgreSQL": "that world is not there yet",
}
RESULTS: Final[dict[str, list[str]]] = {
    "attempt": ["attempt:4200", "shipped attempt"],
    "backoff": ["backoff:4200", "shipped backoff"],
    "gather": ["gather:4200", "shipped gather"],
    "bug": ["a thought"],
    "refused": ["accepted:4200", "shipped refused"],
    "done": ["done:4200"],
    "pending": ["pending:4200", "shipped pending"],
    "parent": ["parent:4200, packed parent", "shipped parent"],
    **{name: [f"{name}:4200", f"shipped {name}"] for name in ASLEEP},
    **{name: [f"{name}:4200, one, two", f"shipped {name}"] for name in ASKED},
}


@dataclass(frozen=True)
class Deploy:
    """A world, and a folder for each version of the shop."""

    place: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "WFC_WORLD": f"sqlite:///{self.place / 'runs.db'}",
            "WFC_TEST_PLACE": str(self.place),
            "WFC_NO_INPUT": "1",
        }

    def folder(self, name: str, text: str) -> Path:
        folder = self.place / name
        folder.mkdir(exist_ok=True)
        (folder / "wfc.toml").write_text('packages = ["shop"]\n')
        (folder / "shop.py").write_text(text)
        return folder

    def python(self, at: Path, *words: str, fault: str = "") -> subprocess.CompletedProcess[str]:
        more = {"WFC_FAULT": fault} if fault else {}
        return warm.python(at, *words, env={**self.environment, **more})

    def begin(self, at: Path, *names: str) -> None:
        said = self.python(at, str(PROGRAMS / "begin.py"), *names)
        assert said.returncode == 0, said.stderr

    def move(self, at: Path, to: str, fault: str = "") -> int:
        return self.python(at, str(PROGRAMS / "move.py"), to, fault=fault).returncode

    def wfc(self, at: Path, *words: str, code: int = 0) -> Any:
        said = self.python(at, "-m", "wfc", *words, "--json")
        assert said.returncode == code, (said.stdout, said.stderr)
        return json.loads(said.stdout)["data"]

    def log(self, name: str) -> list[Recorded]:
        async def read() -> list[Recorded]:
            world = SqliteWorld(self.place / "runs.db", clock=SystemClock())
            await world.open()
            try:
                return await world.history(RunId(name), 0, 1000)
            finally:
                await world.close()

        return asyncio.run(read())

    def names(self, name: str) -> list[str]:
        return [one.event.name for one in self.log(name)]

    def bodies(self) -> Counter[str]:
        return Counter((self.place / "journal").read_text().splitlines())

    def statuses(self, at: Path) -> dict[str, str]:
        return {one["id"]: one["status"] for one in self.wfc(at, "runs", "--all")}

    def until_so(self, at: Path, expected: dict[str, str]) -> None:
        """Wait until runs are in these states."""
        for _ in range(60):
            found = self.statuses(at)
            if expected.items() <= found.items():
                return
        raise AssertionError(found)

    def copy(self, place: Path) -> Deploy:
        shutil.copytree(self.place, place)
        return Deploy(place)


@pytest.fixture
def deploy(tmp_path: Path) -> Deploy:
    return Deploy(tmp_path)


@pytest.fixture
def worker(deploy: Deploy) -> Iterator[subprocess.Popen[bytes]]:
    """A live worker of the first version."""
    at = deploy.folder("one", ONE)
    deploy.begin(at, *RUNS, *DELAYED)
    process = subprocess.Popen(
        [sys.executable, "-m", "wfc", "worker"],
        cwd=at,
        env=deploy.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield process
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    finally:
        process.kill()


def test_a_deploy(deploy: Deploy, worker: subprocess.Popen[bytes]) -> None:
    """Check, dry run, upgrade, finish, compare; a worker of the old version is alive meanwhile."""
    one = deploy.place / "one"
    deploy.until_so(
        one,
        dict.fromkeys(("backoff", "gather", "parent", "child", *ASKED, *ASLEEP), "suspended")
        | {"bug": "failed", "refused": "failed", "done": "completed", "cancelled": "cancelled"},
    )
    for value in ("one", "two"):
        deploy.wfc(one, "resume", "asked-2", json.dumps(value))
    logs = {name: deploy.log(name) for name in (*RUNS, *DELAYED)}
    two = deploy.folder("two", TWO)
    checked = deploy.wfc(two, "check", "--status", "failed")
    movable = {"attempt", "backoff", "gather", "bug", "refused", "pending", "parent"}
    movable |= {*ASLEEP, *ASKED}
    may = {one["run_id"] for one in checked["verdicts"] if one["answer"] == "move"}
    assert may == {*movable, "child"}
    assert checked["runs"] == {"move": len(may), "there": 1, "stay": 0, "cannot": 0}
    version = deploy.wfc(two, "versions", "register", "--label", "two")["id"]
    free = sorted(movable - {"attempt"})
    dry = deploy.wfc(two, "upgrade", *free, "--dry-run")
    assert dry["runs"] == {"move": len(free), "there": 0, "stay": 0, "cannot": 0}
    assert {name: deploy.log(name) for name in free} == {name: logs[name] for name in free}
    moved = deploy.wfc(two, "upgrade", *free, "-y")
    assert [one["moved"] for one in moved["verdicts"]] == [True] * len(free)
    done = deploy.wfc(two, "upgrade", "done", "cancelled", "-y", code=1)
    assert done["runs"] == {"move": 0, "there": 0, "stay": 2, "cannot": 0}

    # The old worker ends the attempt that it began; then the run sleeps, and moves as the others.
    (deploy.place / "gate").touch()
    deploy.until_so(one, {"attempt": "suspended"})
    assert deploy.wfc(two, "upgrade", "attempt")["verdicts"][0]["moved"]
    worker.send_signal(signal.SIGTERM)
    worker.wait(30)

    (deploy.place / "road").touch()
    for value in ("one", "two"):
        deploy.wfc(two, "resume", "asked-0", json.dumps(value))
    deploy.wfc(two, "wake", "attempt", "backoff", "gather", "pending", "child", "-y")
    deploy.wfc(two, "wake", "asked-2", *ASLEEP, "-y")
    for _ in range(3):
        assert deploy.python(two, "-m", "wfc", "worker", "--until-idle").returncode == 0
        asleep = [name for name, status in deploy.statuses(two).items() if status == "suspended"]
        if not asleep:
            break
        deploy.wfc(two, "wake", *asleep, "-y")
    for name, expected in RESULTS.items():
        assert deploy.wfc(two, "result", name)["result"] == expected, name
    told = {name for name in RESULTS if deploy.bodies()[f"notify {name}"]}
    assert told == {"attempt", "backoff", "pending", "refused", "parent", *ASLEEP, *ASKED}
    for name, before in logs.items():
        log = deploy.log(name)
        assert log[: len(before)] == before, f"the log of {name} only grows"
        fold(log)
        moves = [each.event for each in log if isinstance(each.event, RunUpgraded)]
        assert [each.to_version for each in moves] == [version] * (name in movable)
    bodies = deploy.bodies()
    assert {name: bodies[f"charge {name}"] for name in RESULTS} == {
        name: 2 if name == "refused" else 1 for name in RESULTS
    }
    retried = [each.event for each in deploy.log("backoff") if isinstance(each.event, StepRetrying)]
    assert ([each.attempt for each in retried], bodies["ship backoff"]) == ([1], 2)


# --- killed in between ----------------------------------------------------------------------------

STILL: Final = ["backoff", *ASLEEP, "gather", "bug", "refused", "pending"]
"""Runs that nobody executes any more when the first worker is idle."""


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Deploy:
    """The first version has done what was due, the second is registered."""
    made = Deploy(tmp_path_factory.mktemp("still"))
    at = made.folder("one", ONE)
    made.begin(at, *STILL)
    assert made.python(at, "-m", "wfc", "worker", "--until-idle").returncode == 0
    made.wfc(made.folder("two", TWO), "versions", "register", "--label", "two")
    return made


def end_of(deploy: Deploy) -> dict[str, list[str]]:
    """Say what all logs hold, by names: times and draws differ."""
    return {name: deploy.names(name) for name in STILL}


@pytest.fixture(scope="module")
def calm(still: Deploy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What it comes to when nobody is killed."""
    deploy = still.copy(tmp_path_factory.mktemp("calm") / "place")
    assert deploy.move(deploy.place / "two", "two") == 0
    found = end_of(deploy)
    assert all(events[-1] == "run_upgraded" for events in found.values())
    return found


SOME: Final = [("appending", 1), ("appended", 1), ("appended", 4), ("appending", len(STILL))]
REST: Final = [
    (point, count)
    for point in ("appending", "appended")
    for count in range(1, len(STILL) + 1)
    if (point, count) not in SOME
]


@pytest.mark.parametrize(
    ("point", "count"),
    [*SOME, *(pytest.param(*each, marks=pytest.mark.soak) for each in REST)],
)
def test_a_kill_at_each_write(
    still: Deploy, calm: dict[str, list[str]], tmp_path: Path, point: str, count: int
) -> None:
    """Whoever repeats it comes to the same end, and no run has moved twice."""
    deploy = still.copy(tmp_path / "place")
    two = deploy.place / "two"
    assert deploy.move(two, "two", fault=f"upgrade.{point}:{count}:kill") == -signal.SIGKILL
    moved = sum(events[-1] == "run_upgraded" for events in end_of(deploy).values())
    assert moved == count - (point == "appending")
    assert deploy.move(two, "two") == 0
    assert end_of(deploy) == calm


def test_a_rollback(still: Deploy, tmp_path: Path) -> None:
    """The runs that are still open go back, and end on the first version as if nothing had been."""
    deploy = still.copy(tmp_path / "place")
    one, two = deploy.place / "one", deploy.place / "two"
    back = deploy.wfc(one, "versions", "--json")[-1]["id"]
    assert deploy.move(two, "two") == 0
    deploy.wfc(one, "versions", "activate", back)
    names = ["backoff", "gather", "pending", *ASLEEP]
    moved = deploy.wfc(one, "upgrade", *names, "-y")
    assert [one["to"] for one in moved["verdicts"]] == [back] * len(names)
    (deploy.place / "road").touch()
    for _ in range(3):
        found = deploy.statuses(one)
        open_runs = [name for name in names if found[name] != "completed"]
        if not open_runs:
            break
        deploy.wfc(one, "wake", *open_runs, "-y")
        assert deploy.python(one, "-m", "wfc", "worker", "--until-idle").returncode == 0
    for name in names:
        assert deploy.wfc(one, "result", name)["result"] == RESULTS[name]
    assert not [line for line in deploy.bodies() if line.startswith("notify")]
    assert {deploy.bodies()[f"charge {name}"] for name in names} == {1}


def test_what_is_left_has_a_reason() -> None:
    """So that nobody takes the table for complete."""
    assert all(reason.strip() for reason in LATER.values())
