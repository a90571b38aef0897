"""`wfc pause` and `wfc unpause`: one run or many, each with an answer of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wfc.errors import CorruptEvent
from wfc.worlds.sqlite import SqliteWorld

from .conftest import Said, asleep, completed

Wfc = Callable[..., Said]
Put = Callable[..., None]


def events_of(wfc: Wfc, run_id: str) -> list[str]:
    return [event["name"] for event in wfc("inspect", run_id, "--events", "--json").json["data"]]


def test_a_pause_is_recorded_with_its_reason_and_ends(wfc: Wfc, put: Put) -> None:
    """Who, how and why stand in the log; twice is once."""
    put("o-1", asleep())
    said = wfc("pause", "o-1", "--reason", "look first", "--json")
    assert (said.code, said.json["data"]) == (0, [{"id": "o-1", "answer": "paused"}])
    assert wfc("pause", "o-1").code == 0
    event = wfc("inspect", "o-1", "--event", "3", "--json").json["data"]
    assert (event["name"], event["reason"]) == ("run_paused", "look first")
    assert event["channel"] == "cli"
    assert wfc("runs", "--json").json["data"][0]["paused"]
    said = wfc("unpause", "o-1", "--json")
    assert (said.code, said.json["data"]) == (0, [{"id": "o-1", "answer": "unpaused"}])
    assert events_of(wfc, "o-1")[-2:] == ["run_paused", "run_unpaused"]


def test_an_ended_run_is_exit_5(wfc: Wfc, put: Put) -> None:
    """Nothing is written to it, and the others are paused all the same."""
    put("o-1", completed(1))
    put("o-2", asleep())
    said = wfc("pause", "o-1", "o-2", "-y")
    assert said.code == 5
    assert "ended already: o-1" in said.err
    assert events_of(wfc, "o-2")[-1] == "run_paused"
    assert events_of(wfc, "o-1")[-1] == "run_completed"


def test_many_need_consent(wfc: Wfc, put: Put) -> None:
    """As for every command that acts on many; a dry run only shows them."""
    for number in range(3):
        put(f"o-{number}")
    assert wfc("pause", "--status", "pending").code == 2
    shown = wfc("pause", "--status", "pending", "--dry-run")
    assert "would pause 3 runs" in shown.err
    assert events_of(wfc, "o-1") == ["run_created"]
    assert wfc("pause", "--status", "pending", "-y").code == 0
    assert wfc("unpause", "--status", "pending", "-y", "--json").json["data"] == [
        {"id": f"o-{number}", "answer": "unpaused"} for number in (2, 1, 0)
    ]


def test_one_that_does_not_exist_stops_no_other(wfc: Wfc, put: Put) -> None:
    """Each is told, and the exit code is that of the worst."""
    put("o-1")
    said = wfc("pause", "o-1", "nobody", "-y", "--json")
    assert said.code == 3
    rows = {row["id"]: row for row in said.json["data"]}
    assert rows["o-1"]["answer"] == "paused"
    assert rows["nobody"]["error"]["code"] == "WFC952"


def test_a_log_that_cannot_be_read_is_named(
    wfc: Wfc, put: Put, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written to it."""
    assert project
    put("o-1", asleep())

    async def damaged(*_: Any) -> Any:
        raise CorruptEvent("o-1", 2, "why")

    with monkeypatch.context() as patched:
        patched.setattr(SqliteWorld, "history", damaged)
        said = wfc("pause", "o-1")
    assert said.code != 0
    assert "o-1: the log of run o-1 cannot be read here" in said.err
    assert events_of(wfc, "o-1")[-1] == "wait_created"
