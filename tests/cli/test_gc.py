"""`wfc gc`: runs that ended longer ago than they are kept are removed, with consent."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import Said, completed, failed

Wfc = Callable[..., Said]
Put = Callable[..., None]
_DAY_US = 86_400_000_000


def age(project: Path, days: int, *, retention_days: int | None = None) -> None:
    """Let all runs have ended some days ago."""
    kept = None if retention_days is None else retention_days * _DAY_US
    with closing(sqlite3.connect(project / "runs.db")) as connection, connection:
        connection.execute(
            "UPDATE runs SET ended_at = ended_at - ?, retention_us = ?", (days * _DAY_US, kept)
        )


def runs(wfc: Wfc) -> set[str]:
    return {run["id"] for run in wfc("runs", "--json").json["data"]}


def test_what_the_settings_keep_is_kept(wfc: Wfc, project: Path, put: Put) -> None:
    """Thirty days unless told; open runs are none of it."""
    put("old", completed(1))
    put("lost", failed(ValueError("no")))
    age(project, 29)
    put("open")
    said = wfc("gc", "-y")
    assert (said.code, said.out) == (0, "0 runs removed\n")
    age(project, 2)
    put("young", completed(1))
    assert wfc("gc", "-y").out == "2 runs removed\n"
    assert runs(wfc) == {"open", "young"}
    assert wfc("inspect", "old").code == 3


def test_nothing_goes_without_consent(wfc: Wfc, project: Path, put: Put) -> None:
    """How many they are is said first, with examples."""
    for number in range(7):
        put(f"o-{number}", completed(1))
    age(project, 31)
    looked = wfc("gc", "--dry-run", "--json")
    assert looked.code == 0
    assert "would remove 7 runs: o-" in looked.err
    assert "and 2 more" in looked.err
    data = looked.json["data"]
    assert (data["expired"], len(data["examples"]), data["removed"]) == (7, 5, 0)
    refused = wfc("gc")
    assert refused.code == 2
    assert "WFC957" in refused.err
    assert len(runs(wfc)) == 7
    assert wfc("gc", "-y", "--json").json["data"]["removed"] == 7
    assert runs(wfc) == set()


def test_another_age_may_be_asked_for(wfc: Wfc, project: Path, put: Put) -> None:
    """A run that has a retention of its own keeps to that."""
    put("kept", completed(1))
    age(project, 10, retention_days=11)
    put("two-days", completed(1))
    with closing(sqlite3.connect(project / "runs.db")) as connection, connection:
        connection.execute(
            "UPDATE runs SET ended_at = ended_at - ? WHERE run_id = 'two-days'", (2 * _DAY_US,)
        )
    assert wfc("gc", "-y", "--older-than", "3d").out == "0 runs removed\n"
    assert wfc("gc", "-y", "--older-than", "2d").out == "1 run removed\n"
    assert runs(wfc) == {"kept"}


def test_a_wrong_age_is_told(wfc: Wfc, project: Path) -> None:
    """Before anything is opened."""
    assert project.is_dir()
    said = wfc("gc", "--older-than", "long ago")
    assert said.code == 2
    assert "--older-than 'long ago'" in said.err


def test_never_is_never(wfc: Wfc, project: Path, put: Put) -> None:
    """The settings may keep everything."""
    (project / "wfc.toml").write_text('world = "sqlite:///runs.db"\nretention = "never"\n')
    put("old", completed(1))
    age(project, 10_000)
    assert wfc("gc", "-y").out == "0 runs removed\n"
    assert runs(wfc) == {"old"}


def test_progress_is_told_now_and_then(
    wfc: Wfc, project: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line as often as elsewhere, and nothing for who is to be quiet."""
    monkeypatch.setattr("wfc.cli.progress._LINE_EVERY_S", 0.0)
    put("old", completed(1))
    age(project, 31)
    assert "removing runs: 1 of 1" in wfc("gc", "-y").err
    put("older", completed(1))
    age(project, 31)
    assert wfc("gc", "-y", "-q").err == ""
