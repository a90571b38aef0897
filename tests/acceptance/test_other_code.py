"""A worker dies, the code is edited, another worker takes over: runs go on with the code they need.

DESIGN section 9: a run is pinned to its workflow bundle; step bodies follow the active version, and
where that cannot take the recorded call, the version of the run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

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
    return subprocess.run(
        [sys.executable, "main.py", *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


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
