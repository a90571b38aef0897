"""A worker dies, the code is edited, another worker takes over: runs go on with the code they need.

DESIGN section 9: a run is pinned to its workflow bundle; step bodies follow the active version, and
where that cannot take the recorded call, the version of the run.
"""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests import warm

pytestmark = pytest.mark.timeout(120)

BEFORE = """
import asyncio, os, signal
from dataclasses import dataclass
from wfc import policy

@dataclass
class Item:
    name: str

async def first(x: int) -> int:
    "use step"
    return x + 1

@policy(attempts=3)
async def hold(x: int) -> Item:
    "use step"
    if os.environ.get("DIE"):
        os.kill(os.getpid(), signal.SIGKILL)
    return Item(f"old {x}")

async def flow(x: int) -> str:
    "use workflow"
    bonus = 10
    async def inner(y: int) -> int:
        "use step"
        return y + bonus
    item = await hold(await first(x))
    return f"{item.name} {await inner(1)}"
"""
EDITS = {
    "a step body": (BEFORE.replace('"old {x}"', '"new {x}"'), "new 2 11"),
    "the workflow too": (
        BEFORE.replace('"old {x}"', '"new {x}"').replace("inner(1)", "inner(5)"),
        "new 2 11",
    ),
    "a step deleted": (
        BEFORE.replace("hold", "keep").replace('"old {x}"', '"new {x}"'),
        "old 2 11",
    ),
    "a parameter renamed": (
        BEFORE.replace("hold(x: int)", "hold(z: int)").replace('"old {x}"', '"new {z}"'),
        "old 2 11",
    ),
    "a result that the run could not read": (
        BEFORE.replace("-> Item:", "-> Item | None:").replace('"old {x}"', '"new {x}"'),
        "old 2 11",
    ),
    "a nested body reads more": (
        BEFORE.replace("bonus = 10", "bonus = 10; other = 5").replace(
            "return y + bonus", "return y + bonus + other"
        ),
        "old 2 11",
    ),
    "nothing is left": ("X = 1\n", "old 2 11"),
}
MAIN = """
import asyncio, sys
from wfc import api
async def main():
    async with api.runtime():
        if sys.argv[1:] == ["start"]:
            from shop import flow
            run = await api.start.options(id="r")(flow, 1)
        else:
            run = api.get_run("r")
        print(await run.result(timeout=60))
asyncio.run(main())
"""


def _run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return warm.python(folder, "main.py", *arguments, env=os.environ | environment)


@pytest.mark.parametrize("edit", EDITS)
def test_a_run_finishes_on_the_code_it_needs(tmp_path: Path, edit: str) -> None:
    """Killed in mid-step, edited, restarted: the run completes with the right bodies."""
    (tmp_path / "pyproject.toml").write_text('[tool.wfc]\npackages = ["shop"]\n')
    (tmp_path / "main.py").write_text(MAIN)
    (tmp_path / "shop.py").write_text(textwrap.dedent(BEFORE))
    killed = _run(tmp_path, "start", DIE="1")
    assert killed.returncode == -9, killed.stderr
    after, expected = EDITS[edit]
    (tmp_path / "shop.py").write_text(after)
    ended = _run(tmp_path)
    assert ended.stdout.strip() == expected, ended.stderr


NAPS = """
from wfc import sleep

async def note(text: str) -> str:
    "use step"
    return f"{text} by BUILD"

async def nap(name: str) -> str:
    "use workflow"
    first = await note(name)
    await sleep("1h")
    return f"BUILD: {first}, then {await note(name)}"
"""


def _wfc(folder: Path, *words: str) -> str:
    done = warm.wfc(folder, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_worker_of_the_newest_build_finishes_the_runs_of_all(tmp_path: Path) -> None:
    """Three deploys, a sleeping run on each; then a rollback, and one that is pinned."""
    settings = tmp_path / "pyproject.toml"
    settings.write_text('[tool.wfc]\npackages = ["shop"]\n')
    for build in ("one", "two", "three"):
        (tmp_path / "shop.py").write_text(NAPS.replace("BUILD", build))
        for kind in ("run", "back", "pinned"):
            _wfc(tmp_path, "start", "nap", kind, "--id", f"{kind}-{build}")
        _wfc(tmp_path, "worker", "--until-idle")
    listed = json.loads(_wfc(tmp_path, "versions", "--json"))["data"]
    assert [(one["open_runs"], one["active"]) for one in listed] == [
        (3, True), (3, False), (3, False),
    ]  # fmt: skip
    assert _outcomes(tmp_path, "run") == [
        f"{build}: run by {build}, then run by three" for build in ("one", "two", "three")
    ]
    _wfc(tmp_path, "versions", "activate", listed[2]["id"][:8])
    assert _outcomes(tmp_path, "back") == [
        f"{build}: back by {build}, then back by one" for build in ("one", "two", "three")
    ]
    settings.write_text('[tool.wfc]\npackages = ["shop"]\npin_steps = true\n')
    assert _outcomes(tmp_path, "pinned") == [
        f"{build}: pinned by {build}, then pinned by {build}" for build in ("one", "two", "three")
    ]


def _outcomes(folder: Path, kind: str) -> list[str]:
    """Wake the sleeping runs of this kind, and let a worker of the newest build end them."""
    names = [f"{kind}-{build}" for build in ("one", "two", "three")]
    _wfc(folder, "wake", "-y", *names)
    _wfc(folder, "worker", "--until-idle")
    return [_wfc(folder, "result", name).strip() for name in names]
