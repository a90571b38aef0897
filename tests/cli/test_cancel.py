"""`wfc cancel` and `wfc wake`: facts from outside, for one run or for many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wfc.cli import session
from wfc.errors import CorruptEvent
from wfc.ids import WorkerId
from wfc.worlds.open import open_world
from wfc.worlds.sqlite import SqliteWorld

from .conftest import Said, asleep, completed

Wfc = Callable[..., Said]
Put = Callable[..., None]


def events_of(wfc: Wfc, run_id: str) -> list[str]:
    return [event["name"] for event in wfc("inspect", run_id, "--events", "--json").json["data"]]


def test_a_cancellation_is_recorded_with_its_reason(wfc: Wfc, put: Put) -> None:
    """Who, how and why stand in the log; without a worker that is said."""
    put("o-1")
    said = wfc("cancel", "o-1", "--reason", "duplicate")
    assert said.code == 0
    assert "no worker is awake" in said.err
    event = wfc("inspect", "o-1", "--event", "2", "--json").json["data"]
    assert (event["name"], event["reason"]) == ("run_cancel_requested", "duplicate")
    assert event["channel"] == "cli"
    assert event["actor"]


def test_force_ends_a_run_at_once_and_needs_consent(wfc: Wfc, put: Put) -> None:
    """Cleanup is skipped, so somebody has to say yes."""
    put("o-1")
    refused = wfc("cancel", "o-1", "--force")
    assert refused.code == 2
    assert "WFC957" in refused.err
    assert events_of(wfc, "o-1") == ["run_created"]
    assert wfc("cancel", "o-1", "--force", "-y").code == 0
    assert events_of(wfc, "o-1")[-1] == "run_cancelled"


def test_an_ended_run_is_exit_5(wfc: Wfc, put: Put) -> None:
    """Nothing is written to it."""
    put("o-1", completed(1))
    said = wfc("cancel", "o-1")
    assert said.code == 5
    assert "ended already: o-1" in said.err


def test_many_at_once_need_consent_and_show_examples(wfc: Wfc, put: Put) -> None:
    """A filter that catches more than meant must not do harm."""
    for number in range(7):
        put(f"o-{number}")
    put("o-7", completed(1))
    shown = wfc("cancel", "--status", "pending", "--dry-run")
    assert shown.code == 0
    assert "would cancel 7 runs" in shown.err
    assert "and 2 more" in shown.err
    assert wfc("cancel", "--status", "pending").code == 2
    assert events_of(wfc, "o-3") == ["run_created"]
    done = wfc("cancel", "--status", "pending", "-y", "--json")
    assert done.code == 0
    assert {row["id"] for row in done.json["data"]} == {f"o-{number}" for number in range(7)}


def test_a_filter_that_finds_nothing_does_nothing(wfc: Wfc, put: Put) -> None:
    """And says so."""
    put("o-1")
    said = wfc("cancel", "--attribute", "tier=gold")
    assert said.code == 0
    assert "no run" in said.err


@pytest.mark.parametrize("words", [(), ("o-1", "--status", "pending")])
def test_runs_are_named_or_filtered(wfc: Wfc, put: Put, words: tuple[str, ...]) -> None:
    """No name and no filter never means all."""
    put("o-1")
    said = wfc("cancel", *words)
    assert said.code == 2
    assert "one of the two" in said.err


def test_a_sleeping_run_is_woken(wfc: Wfc, put: Put) -> None:
    """The wait is over, by somebody's decision."""
    put("o-1", asleep())
    said = wfc("wake", "o-1", "--json")
    assert (said.code, said.json["data"]) == (0, [{"id": "o-1", "woken": 1}])
    assert events_of(wfc, "o-1")[-1] == "wait_completed"


def test_nothing_asleep_is_exit_5(wfc: Wfc, put: Put) -> None:
    """So is a wait of another name."""
    put("o-1", asleep())
    assert wfc("wake", "o-1", "--wait", "other#0").code == 5
    assert wfc("wake", "o-1").code == 0
    assert wfc("wake", "o-1").code == 5


def test_a_log_that_cannot_be_read_is_no_sleepless_run(
    wfc: Wfc, put: Put, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told as by every other command, and not that nothing was asleep."""
    assert project
    put("o-1", asleep())

    async def damaged(*_: Any, **_options: Any) -> Any:
        raise CorruptEvent("o-1", 2, "why")

    monkeypatch.setattr(SqliteWorld, "history", damaged)
    for command in ("wake", "cancel", "pause"):
        said = wfc(command, "o-1", "--json")
        (row,) = said.json["data"]
        assert (said.code, list(row)) == (4, ["id", "error"]), command
        assert "asleep" not in said.err


def test_many_are_woken_only_with_consent(wfc: Wfc, put: Put) -> None:
    """As for every bulk command."""
    put("o-1", asleep())
    put("o-2", asleep())
    assert wfc("wake", "o-1", "o-2").code == 2
    assert wfc("wake", "o-1", "o-2", "--dry-run").code == 0
    assert wfc("wake", "o-1", "o-2", "-y").code == 0
    assert events_of(wfc, "o-2")[-1] == "wait_completed"


def test_a_worker_that_is_awake_is_given_time_to_react(
    wfc: Wfc, put: Put, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nobody needs to be told to start one."""
    put("o-1")
    monkeypatch.setattr(session, "_REACTION_S", 0.01)

    async def join() -> None:
        world = open_world(f"sqlite:///{project / 'runs.db'}")
        await world.open()
        await world.join(WorkerId("worker_1"), lease_s=60)
        await world.close()

    asyncio.run(join())
    assert "no worker" not in wfc("cancel", "o-1").err


def test_one_that_does_not_exist_stops_no_other(wfc: Wfc, put: Put) -> None:
    """Each is told, and the exit code is that of the worst."""
    put("o-1")
    put("o-3")
    said = wfc("cancel", "o-1", "o-2", "o-3", "-y", "--json")
    assert said.code == 3
    assert "o-2: no run has the id 'o-2'" in said.err
    rows = {row["id"]: row for row in said.json["data"]}
    assert rows["o-1"]["cancelled"]
    assert rows["o-3"]["cancelled"]
    assert rows["o-2"]["error"]["code"] == "WFC952"
    assert events_of(wfc, "o-3")[-1] == "run_cancel_requested"
    woken = wfc("wake", "o-1", "nobody", "-y")
    assert woken.code == 5
    assert "nobody: no run" in woken.err


def test_a_run_that_is_named_twice_is_one(wfc: Wfc, put: Put) -> None:
    """So it needs no consent either."""
    put("o-1")
    said = wfc("cancel", "o-1", "o-1", "--json")
    assert (said.code, said.json["data"]) == (0, [{"id": "o-1", "cancelled": True}])
