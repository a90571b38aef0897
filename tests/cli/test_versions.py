"""`wfc versions`: what the world holds, which one is active, and which nobody needs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wfc.ids import VersionId
from wfc.worlds.open import open_world
from wfc.worlds.protocol import World

from .conftest import VERSION, Said, completed

Wfc = Callable[..., Said]
Put = Callable[..., None]
SHOP = 'async def pay() -> int:\n    "use workflow"\n    return {}\n'


@pytest.fixture
def shop(project: Path) -> Path:
    """A project with one workflow."""
    (project / "till.py").write_text(SHOP.format(1))
    return project


def in_world(project: Path, act: Callable[[World], Any]) -> Any:
    """Do something to the world of the project."""

    async def done() -> Any:
        world = open_world(f"sqlite:///{project / 'runs.db'}")
        await world.open()
        try:
            return await act(world)
        finally:
            await world.close()

    return asyncio.run(done())


def hold(project: Path, *names: str) -> None:
    """Register versions, the oldest first."""

    async def register(world: World) -> None:
        for name in names:
            await world.register_version(VersionId(name), b"archive")

    in_world(project, register)


def ids(wfc: Wfc) -> list[str]:
    return [one["id"] for one in wfc("versions", "--json").json["data"]]


def active(wfc: Wfc) -> list[str]:
    return [one["id"] for one in wfc("versions", "--json").json["data"] if one["active"]]


def test_a_build_is_registered_and_listed(wfc: Wfc, shop: Path) -> None:
    """New ones become active, and tell what changed."""
    first = wfc("versions", "register", "--label", "one")
    assert (first.code, "it is active" in first.out) == (0, True)
    (shop / "till.py").write_text(SHOP.format(2))
    data = wfc("versions", "register", "--label", "two", "--json").json["data"]
    assert (data["new"], data["active"], data["changed"]) == (True, True, ["till:pay"])
    again = wfc("versions", "register")
    assert "registered before; it is active" in again.out
    head, two, one = (line.split("\t") for line in wfc("versions").out.splitlines())
    assert head == [
        "id", "label", "active", "registered_at", "environments", "changed", "open_runs", "held",
    ]  # fmt: skip
    assert (two[1:3], two[5]) == (["two", "active"], "till:pay")
    assert (one[1:3], one[5], one[6]) == (["one", ""], "", "0")
    assert two[7].endswith("KiB")


def test_a_canary_leaves_the_active_version(wfc: Wfc, shop: Path) -> None:
    """And `activate` makes it the active one, and rolls back."""
    wfc("versions", "register", "--label", "one")
    (shop / "till.py").write_text(SHOP.format(2))
    canary = wfc("versions", "register", "--label", "two", "--no-activate")
    assert "it is not active" in canary.out
    two, one = ids(wfc)
    assert active(wfc) == [one]
    for name, expected in (("two", two), (one[:8], one)):
        assert wfc("versions", "activate", name).out == f"version {expected} is active\n"
        assert active(wfc) == [expected]


def test_one_version_is_shown_whole(wfc: Wfc, shop: Path) -> None:
    """With fingerprints and environments."""
    wfc("versions", "register", "--label", "one")
    data = wfc("versions", "show", "one", "--json").json["data"]
    assert list(data["workflows"]) == ["till:pay"]
    assert data["environments"][0].keys() == {"python", "wfc", "platform"}
    assert "workflows\t" in wfc("versions", "show", "one").out


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [("abcd", 2, "WFC953"), ("abcx1", 3, "Did you mean"), ("zzzz", 3, "WFC681")],
)
def test_a_name_that_fits_none_or_several(
    wfc: Wfc, project: Path, name: str, code: int, told: str
) -> None:
    """Nothing is activated."""
    hold(project, "abcd1", "abcde", "last")
    said = wfc("versions", "activate", name)
    assert (said.code, told in said.err) == (code, True)
    assert active(wfc) == ["last"]


def test_pruning_asks_for_consent(wfc: Wfc, project: Path) -> None:
    """It shows which; without a terminal it needs -y."""
    hold(project, *(f"v{number}" for number in range(8)))
    shown = wfc("versions", "prune", "--dry-run", "--json")
    assert [(one["id"], one["pruned"]) for one in shown.json["data"]] == [
        ("v2", False), ("v1", False), ("v0", False),
    ]  # fmt: skip
    assert "would prune 3 versions: v2, v1, v0" in shown.err
    refused = wfc("versions", "prune")
    assert (refused.code, "WFC957" in refused.err) == (2, True)
    assert len(ids(wfc)) == 8
    assert wfc("versions", "prune", "-y").code == 0
    assert len(ids(wfc)) == 5
    nothing = wfc("versions", "prune", "-y", "--json")
    assert (nothing.json["data"], "no version" in nothing.err) == ([], True)


def test_what_runs_need_is_not_pruned(wfc: Wfc, project: Path, put: Put) -> None:
    """An open run keeps its version; one that has ended well does not."""
    hold(project, VERSION, "last")
    put("open")
    assert wfc("versions", "prune", "--keep", "0", "--dry-run", "--json").json["data"] == []
    rows = wfc("versions", "--json").json["data"]
    assert [one["open_runs"] for one in rows] == [0, 1]
    wfc("cancel", "open", "--force", "-y")
    put("done", completed(1))
    # `done` was registered with the version before, and is over.
    wfc("versions", "prune", "--keep", "0", "-y")
    assert ids(wfc) == ["last"]


def test_how_long_failed_runs_need_their_version_is_a_duration(wfc: Wfc) -> None:
    said = wfc("versions", "prune", "--older-than", "soon")
    assert (said.code, "--older-than" in said.err) == (2, True)


def test_a_worker_tells_if_another_version_is_active(wfc: Wfc, shop: Path) -> None:
    """Or makes its own the active one."""
    wfc("versions", "register", "--label", "one")
    (shop / "till.py").write_text(SHOP.format(2))
    wfc("versions", "register", "--no-activate")
    two, one = ids(wfc)
    assert f"the active version is {one} (one), and this build is {two}" in worker(shop)
    assert active(wfc) == [one]
    assert "the active version" not in worker(shop, "--activate")
    assert active(wfc) == [two]
    assert "the active version" not in worker(shop, "--activate")


def worker(project: Path, *words: str) -> str:
    """Let a worker of the present build look whether there is anything to do."""
    command = [sys.executable, "-m", "wfc", "worker", "--until-idle", *words]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    return done.stderr
