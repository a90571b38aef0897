"""`wfc queues`, and `wfc start --queue`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wfc.cli import output

from .conftest import Said
from .shops import work

Wfc = Callable[..., Said]
SHOP = """\
from wfc import create_hook, policy


@policy(concurrency=1, by="user")
async def ship(user: str) -> str:
    "use workflow"
    async with create_hook(str) as hook:
        return await hook


async def pay(order: str) -> str:
    "use workflow"
    async with create_hook(str, token=order) as hook:
        return await hook
"""
SETTINGS = """\
[queues.free]
concurrency = 1
rate = "100/1m"
by = "attributes.user"

[queues.slow]
rate = "3/1d"
slots = "active"
"""


@pytest.fixture
def shop(project: Path) -> None:
    with (project / "wfc.toml").open("a") as file:
        file.write(SETTINGS)
    (project / "queue_shop.py").write_text(SHOP)


@pytest.mark.usefixtures("shop")
def test_queues_show_who_runs_and_who_waits(wfc: Wfc) -> None:
    """Also those of the settings that nobody has used, and limits of functions."""
    assert {one["name"] for one in wfc("queues", "--json").json["data"]} == {"free", "slow"}
    for number in (1, 2, 3):
        words = ("--id", f"o-{number}", "--queue", "free", "--attribute", "user=ann")
        assert wfc("start", "pay", f"o-{number}", *words, "--priority", f"{number}").code == 0
        assert wfc("start", "ship", "ann").code == 0
    work()
    data = {one["name"]: one for one in wfc("queues", "--json").json["data"]}
    free, ship = data["free"], data["queue_shop:ship"]
    assert (free["kind"], free["key"], free["running"], free["waiting"]) == (
        "queue", '"ann"', 1, 2,
    )  # fmt: skip
    assert (free["concurrency"], free["rate"], free["slots"]) == (1, "100/1m", "open")
    assert free["oldest"] is not None
    assert (ship["kind"], ship["running"], ship["waiting"]) == ("policy", 1, 2)
    assert (data["slow"]["rate"], data["slow"]["slots"]) == ("3/1d", "active")
    assert [one["name"] for one in wfc("queues", "--waiting", "--json").json["data"]] == [
        "free",
        "queue_shop:ship",
    ]
    said = wfc("queues")
    assert said.out.splitlines()[0].startswith("name\tkind\tkey\trunning\twaiting")
    assert wfc("resume", "o-1", '"paid"').code == 0
    work()
    runs = {run["id"]: run for run in wfc("runs", "--queue", "free", "--json").json["data"]}
    assert [runs[f"o-{number}"]["status"] for number in (1, 2, 3)] == [
        "completed", "pending", "suspended",
    ]  # fmt: skip


@pytest.mark.usefixtures("shop")
def test_an_unknown_queue_is_exit_3(wfc: Wfc) -> None:
    """With the nearest one that there is."""
    said = wfc("start", "pay", "o-1", "--queue", "fre")
    assert said.code == 3
    assert "WFC952" in said.err
    assert "did you mean 'free'?" in said.err


def test_no_queues_are_told_to_people(wfc: Wfc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "is_terminal", lambda _: True)
    assert "there are none" in wfc("queues").err
    assert "nobody waits" in wfc("queues", "--waiting").err
