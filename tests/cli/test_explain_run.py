"""`wfc explain RUN`: why a run is where it is, beside the lines that asked for it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_worker import wfc as process

FLOWS = """\
from wfc import FatalError, sleep


async def charge(order: str, cents: int) -> str:
    "use step"
    if order == "poor":
        raise FatalError("no money")
    return f"{order}:{cents}"


async def checkout(order: str) -> str:
    "use workflow"
    paid = await charge(order, 4200)
    await sleep("2h")
    return paid
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that sleeps, one that failed, one that nobody took; then the workflow is edited."""
    made = tmp_path_factory.mktemp("shop")
    (made / "wfc.toml").write_text('world = "sqlite:///runs.db"\n')
    (made / "flows.py").write_text(FLOWS)
    told(made, "start", "checkout", "rich", "--id", "asleep")
    told(made, "start", "checkout", "poor", "--id", "failed")
    told(made, "worker", "--until-idle")
    told(made, "start", "checkout", "late", "--id", "waiting")
    return made


def told(folder: Path, *words: str) -> str:
    """Run a command that must succeed, and give what it printed."""
    said = process(folder, *words)
    assert said.returncode == 0, said.stderr
    return said.stdout


def explained(folder: Path, run: str) -> Any:
    return json.loads(told(folder, "explain", run, "--json"))["data"]


def test_a_sleeping_run_shows_its_line(folder: Path) -> None:
    """What it waits for and until when, and each event beside the line that asked for it."""
    text = told(folder, "explain", "asleep")
    first, second, third, *_ = text.split("\n")
    assert first.startswith("asleep is suspended. Sleeping until ")
    assert second == '  flows.py:14   await sleep("2h")'
    assert third.split() == ["step", "charge", "attempt", "1", "->", "'rich:4200'", "event", "3",
                             "flows.py:13"]  # fmt: skip
    data = explained(folder, "asleep")
    assert data["waiting"][0]["source"] == 'await sleep("2h")'
    assert [one["event"] for one in data["events"]][:3] == [
        "run_created", "run_started", "step_completed",
    ]  # fmt: skip
    assert data["newest"]["verdict"] is None


def test_a_failed_run_tells_its_error(folder: Path) -> None:
    """In the first line, which is all that many read."""
    text = told(folder, "explain", "failed")
    assert (
        text.split("\n")[0]
        == "failed is failed. `charge` gave up after 1 attempt: no money at flows.py:7."
    )


def test_a_run_that_nobody_took(folder: Path) -> None:
    """It says what is missing."""
    assert "No worker is awake; " in told(folder, "explain", "waiting")


def test_the_active_version_is_asked(folder: Path, tmp_path: Path) -> None:
    """Whether it would take the run, and how to move it; or why not."""
    folder = Path(shutil.copytree(folder, tmp_path / "shop"))
    before = (folder / "flows.py").read_text()
    (folder / "flows.py").write_text(before.replace("    return paid\n", "    return paid + '!'\n"))
    told(folder, "worker", "--until-idle")
    assert "accepts it: wfc upgrade asleep" in told(folder, "explain", "asleep")
    (folder / "flows.py").write_text(before.replace("4200", "4300"))
    told(folder, "worker", "--until-idle")
    assert "does not take it: WFC653 charge: cents: 4200 -> 4300" in told(
        folder, "explain", "asleep"
    )


def test_what_is_neither_code_nor_run(folder: Path) -> None:
    """It is an unknown code, and codes and runs are both named."""
    said = process(folder, "explain", "nothing")
    assert said.returncode == 2
    assert "WFC902" in said.stderr
