"""A shop whose first version left runs behind, for the commands that ask whether these may move."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import warm
from wfc.cli.main import main

from .conftest import Said

Wfc = Callable[..., Said]
ONE = """\
from wfc import sleep


async def charge(order_id: str, cents: int, currency: str) -> str:
    "use step"
    return f"{order_id}:{cents}:{currency}"


async def ship(order_id: str) -> str:
    "use step"
    return f"shipped {order_id}"


async def notify(order_id: str) -> str:
    "use step"
    return f"told {order_id}"


async def checkout(order_id: str) -> list:
    "use workflow"
    paid = await charge(order_id, 4200, "eur")
    if order_id.startswith("done"):
        return [paid]
    if order_id.startswith("lost"):
        raise ValueError("lost")
    await sleep("30 days")
    sent = await ship(order_id)
    return [paid, sent]
"""
NO_CURRENCY = (
    ONE.replace(", currency: str)", ")").replace(', "eur")', ")").replace(":{currency}", "")
)
"""Runs that have paid do not move."""
TELLS = ONE.replace(
    "    return [paid, sent]", "    await notify(order_id)\n    return [paid, sent]"
)
"""Every open run moves."""
AT_ONCE = ONE.replace('    await sleep("30 days")\n    sent = await', "    sent = await")
"""Every open run moves, and those that sleep ship at once."""
GONE = ONE[: ONE.index("async def checkout")] + 'async def x() -> None:\n    "use workflow"\n'
"""No run moves."""
LONGER = ONE.replace("30 days", "60 days")
"""Runs that sleep keep their deadline."""
SPELLED = ONE.replace("return [paid, sent]", "return [paid, sent]  # both")
"""The same, written otherwise."""
MENDED = ONE.replace('        raise ValueError("lost")\n', '        return ["found"]\n')
"""The run that was lost is not."""
OPEN = ("new", "paid-2", "paid-1")


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that have paid and sleep, one done, one lost, one that nobody has looked at."""
    folder = tmp_path_factory.mktemp("furnished")
    (folder / "wfc.toml").write_text('world = "sqlite:///runs.db"\n')
    (folder / "shop.py").write_text(ONE)
    with contextlib.chdir(folder):
        assert main(["versions", "register", "--label", "one"]) == 0
        for name in ("paid-1", "paid-2", "done", "lost"):
            assert main(["start", "checkout", name, "--id", name]) == 0
        work()
        assert main(["start", "checkout", "new", "--id", "new"]) == 0
    return folder


@pytest.fixture
def shop(furnished: Path, project: Path) -> Path:
    """The project with these runs; gives the file of its workflow."""
    shutil.copytree(furnished, project, dirs_exist_ok=True)
    return project / "shop.py"


@pytest.fixture
def second(wfc: Wfc, shop: Path) -> Callable[..., str]:
    """Write and register another version, which is active then, and give its id."""

    def register(text: str, *words: str) -> str:
        shop.write_text(text)
        said = wfc("versions", "register", "--label", "two", "--json", *words)
        assert said.code == 0, said.err
        version: str = said.json["data"]["id"]
        return version

    return register


def work(*words: str) -> None:
    """Let a worker do what is due, in a process of its own: it imports the shop."""
    done = warm.wfc(Path.cwd(), "worker", "--until-idle", *words)
    assert done.returncode == 0, done.stderr


def exit_code(*words: str) -> int:
    """Give the exit code of a real process."""
    return warm.wfc(Path.cwd(), *words).returncode
