"""`wfc runs` lists runs for people and programs, by filter and by page."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wfc.cli import runs_watch
from wfc.cli.runs import again
from wfc.errors import WorldUnreachable
from wfc.worlds.protocol import RunPage
from wfc.worlds.sqlite import SqliteWorld

from .conftest import Said, completed, failed

Wfc = Callable[..., Said]
Put = Callable[..., None]


def test_an_empty_world_has_no_runs(wfc: Wfc) -> None:
    """Nothing is printed, and that is good."""
    assert wfc("runs") == Said(0, "", "")
    assert wfc("runs", "--json").json == {"format": 1, "kind": "runs", "data": [], "next": None}


def test_runs_are_rows_and_objects(wfc: Wfc, put: Put) -> None:
    """The object holds all that is known without reading the log."""
    put("o-1", completed("paid"), tier="free")
    head, row = wfc("runs").out.splitlines()
    assert head.split("\t") == ["id", "workflow", "status", "created_at", "ended_at", "events"]
    assert row.split("\t")[:3] == ["o-1", "shop:checkout", "completed"]
    (data,) = wfc("runs", "--json").json["data"]
    assert set(data) == {
        "id", "workflow", "status", "version", "created_at", "started_at", "ended_at", "wake_at",
        "queue", "paused", "blocked", "events", "attributes", "late",
    }  # fmt: skip
    assert (data["attributes"], data["events"]) == ({"tier": "free"}, 2)
    assert data["created_at"].endswith("Z")


def test_filters_choose(wfc: Wfc, put: Put) -> None:
    """By state, attribute, workflow and time."""
    put("o-1", completed(1), tier="free")
    put("o-2", failed(ValueError("no")), tier="gold")
    put("o-3")

    def found(*words: str) -> set[str]:
        return {run["id"] for run in wfc("runs", "--json", *words).json["data"]}

    assert found("--status", "failed,pending") == {"o-2", "o-3"}
    assert found("--attribute", "tier=gold") == {"o-2"}
    assert found("--workflow", "shop:checkout", "--status", "failed") == {"o-2"}
    assert found("--since", "1h") == {"o-1", "o-2", "o-3"}
    assert found("--until", "2020-01-01") == set()
    assert found("--search", "O-2") == {"o-2"}
    assert found("--search", "FREE") == {"o-1"}
    assert found("--search", "checkout") == {"o-1", "o-2", "o-3"}
    assert found("--search", "100%") == set()


def test_a_page_ends_with_the_command_for_the_next(wfc: Wfc, put: Put) -> None:
    """Pages follow each other without a gap; --all reads them all."""
    for number in range(5):
        put(f"o-{number}")
    first = wfc("runs", "--limit", "2", "--json")
    assert "wfc" in first.err
    assert f"--after={first.json['next']}" in first.err
    second = wfc("runs", "--limit", "2", "--json", "--after", first.json["next"])
    ids = [run["id"] for page in (first, second) for run in page.json["data"]]
    assert ids == ["o-4", "o-3", "o-2", "o-1"]
    whole = wfc("runs", "--limit", "2", "--json", "--all").json
    assert [run["id"] for run in whole["data"]] == ["o-4", "o-3", "o-2", "o-1", "o-0"]
    assert (whole["format"], whole["kind"], whole["next"]) == (1, "runs", None)
    rows = wfc("runs", "--limit", "2", "--all").out.splitlines()
    assert [row.split("\t")[0] for row in rows] == ["id", "o-4", "o-3", "o-2", "o-1", "o-0"]
    lines = wfc("runs", "--limit", "2", "--jsonl", "--all").out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["o-4", "o-3", "o-2", "o-1", "o-0"]


@pytest.mark.parametrize(
    "words",
    [["runs", "--search", "a b"], ["runs", "--after", "old", "--search", "a b", "--after=x"]],
)
def test_the_command_for_the_next_page_can_be_pasted(words: list[str]) -> None:
    """Words keep their quotes, and the place before is replaced."""
    assert again(words, "new") == "wfc runs --search 'a b' --after=new"


def test_a_workflow_is_named_in_full_or_shortly(wfc: Wfc, put: Put, project: Path) -> None:
    """As for `start`; one that is unknown is told with the nearest, and never means no runs."""
    put("o-1")
    assert wfc("init").code == 5, "the project has settings already"
    (project / "shop.py").write_text('async def checkout():\n    "use workflow"\n')
    assert wfc("build").code == 0
    for name in ("shop:checkout", "checkout"):
        assert [run["id"] for run in wfc("runs", "--workflow", name, "--json").json["data"]] == [
            "o-1"
        ]
    said = wfc("runs", "--workflow", "checkuot")
    assert said.code == 3
    assert "Did you mean checkout" in said.err
    assert wfc("cancel", "--workflow", "checkout", "--dry-run").err == "would cancel 1 run: o-1\n"


def test_a_world_that_goes_away_is_waited_for(
    wfc: Wfc, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it was there; the watch goes on where it stopped, and says so once."""
    put("o-1")
    pages, asked = SqliteWorld.list_runs, list[int]()

    async def flaky(world: SqliteWorld, *words: Any, **options: Any) -> RunPage:
        asked.append(1)
        if len(asked) in {2, 3}:
            raise WorldUnreachable("the server has gone away.")
        if len(asked) == 5:
            raise KeyboardInterrupt
        return await pages(world, *words, **options)

    monkeypatch.setattr(SqliteWorld, "list_runs", flaky)
    for name in ("_REDRAW_S", "_LOOK_AGAIN_S", "_TRY_AGAIN_S"):
        monkeypatch.setattr(runs_watch, name, 0.0)
    said = wfc("runs", "--watch", "--jsonl")
    assert said.code == 130
    assert said.err.count("gone away") == 1
    assert [json.loads(line)["id"] for line in said.out.splitlines()] == ["o-1"]


def test_a_world_that_was_never_there_is_not_waited_for(wfc: Wfc) -> None:
    """A typo in its name would be waited for until doomsday."""
    assert wfc("runs", "--watch", "--world", "sqlite:////nowhere/runs.db").code == 4


def test_a_world_that_cannot_be_opened_is_exit_4(wfc: Wfc) -> None:
    """A file that is no database is said to be damaged, and nothing is repaired."""
    with open("runs.db", "wb") as file:  # noqa: PTH123 - the working directory is the project
        file.write(b"this is no database" * 100)
    said = wfc("runs", "--json")
    assert (said.code, said.out) == (4, "")
    assert json.loads(said.err)["code"] == "WFC950"


def test_a_state_that_does_not_exist_is_exit_2(wfc: Wfc) -> None:
    """With the nearest one."""
    said = wfc("runs", "--status", "faild")
    assert said.code == 2
    assert "Did you mean failed?" in said.err


def test_changes_are_shown_until_it_is_interrupted(project: Path, put: Put) -> None:
    """One object per change, and exit 130."""
    put("o-1")
    watching = subprocess.Popen(
        [sys.executable, "-m", "wfc", "runs", "--watch", "--jsonl"],
        cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert watching.stdout is not None
    try:
        first = json.loads(watching.stdout.readline())
        assert (first["kind"], first["id"], first["status"]) == ("runs", "o-1", "pending")
        put("o-2", completed(1))
        second = json.loads(watching.stdout.readline())
        assert (second["id"], second["status"]) == ("o-2", "completed")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=60) == 130
        assert watching.stdout.read() == "", "what has not changed is not shown again"
    finally:
        watching.kill()
        watching.communicate()
