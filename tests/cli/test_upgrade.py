"""`wfc upgrade`: runs move by their own history; the exit code says whether all of them did."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from wfc.ids import RunId, WorkerId
from wfc.runtime.upgrade_many import Many
from wfc.worlds.protocol import World

from .conftest import Said
from .shops import (
    AT_ONCE,
    GONE,
    LONGER,
    MENDED,
    NO_CURRENCY,
    SPELLED,
    TELLS,
    exit_code,
    furnished,
    second,
    shop,
    work,
)
from .test_versions import in_world

__all__ = ["furnished", "second", "shop"]
Wfc = Callable[..., Said]
Second = Callable[..., str]


def version_of(wfc: Wfc, run: str) -> str:
    found: str = wfc("inspect", run, "--json").json["data"]["version"]
    return found


def upgrades_in(wfc: Wfc, run: str) -> list[dict[str, Any]]:
    events = wfc("inspect", run, "--events", "--json").json["data"]
    return [one for one in events if one["name"] == "run_upgraded"]


def test_a_run_moves_to_the_active_version(wfc: Wfc, second: Second) -> None:
    """It says so, the log has who moved it, and a worker ends it on the new code."""
    two = second(TELLS)
    said = wfc("upgrade", "paid-1")
    assert (said.code, said.out) == (
        0, f"paid-1 moved to {two}\n  replayed 4 of 4 events\n",
    )  # fmt: skip
    assert "no worker is awake" in said.err
    assert version_of(wfc, "paid-1") == two
    (event,) = upgrades_in(wfc, "paid-1")
    assert (event["to_version"], event["channel"]) == (two, "cli")
    assert event["actor"]
    wfc("wake", "paid-1")
    work()
    assert wfc("result", "paid-1", "--json").json["data"]["result"] == [
        "paid-1:4200:eur", "shipped paid-1",
    ]  # fmt: skip
    names = [one["name"] for one in wfc("inspect", "paid-1", "--steps", "--json").json["data"]]
    assert names == ["charge", "ship", "notify"]


def test_a_dry_run_writes_nothing(wfc: Wfc, second: Second) -> None:
    """And says what would be."""
    two = second(TELLS)
    said = wfc("upgrade", "paid-1", "--dry-run")
    assert (said.code, said.out.splitlines()[0]) == (0, f"paid-1 would move to {two}")
    assert version_of(wfc, "paid-1") != two
    assert upgrades_in(wfc, "paid-1") == []
    many = wfc("upgrade", "--status", "suspended,pending", "--dry-run")
    assert many.out.splitlines()[0].split() == ["would", "move", "3"]
    assert upgrades_in(wfc, "paid-1") == []


@pytest.mark.parametrize("form", ["id", "prefix", "label"])
def test_a_version_is_named_in_three_ways(wfc: Wfc, second: Second, form: str) -> None:
    """Also one that is not active."""
    two = second(TELLS, "--no-activate")
    wanted = {"id": two, "prefix": two[:8], "label": "two"}[form]
    assert wfc("upgrade", "new", "--to", wanted).code == 0
    assert version_of(wfc, "new") == two


def test_a_run_that_may_not_move_says_why(wfc: Wfc, second: Second) -> None:
    """With both lines, and what could be done instead."""
    two = second(NO_CURRENCY)
    said = wfc("upgrade", "paid-1")
    assert said.code == 1
    assert said.out == (
        f"paid-1 does not move to {two}: stay\n"
        "  WFC653 charge: currency: 'eur' -> absent (event 3, shop.py:21 -> :21)\n"
        "  WFC604 step charge lost the parameter `currency`: recorded input names it "
        "(shop.py:4 -> :4)\n"
        "  Let recorded calls stand, though the new code would call with other arguments. "
        f"wfc upgrade paid-1 --to {two} --accept inputs\n"
        "  Cancel it, and start anew with the same input on that version. "
        f"wfc upgrade paid-1 --to {two} --otherwise rerun\n"
    )
    assert upgrades_in(wfc, "paid-1") == []


def test_what_is_accepted_is_overlooked(wfc: Wfc, second: Second) -> None:
    """The recorded call stands; and what can be accepted is a fixed list."""
    two = second(NO_CURRENCY)
    assert wfc("upgrade", "paid-1", "--accept", "inputs").code == 0
    assert version_of(wfc, "paid-1") == two
    assert wfc("upgrade", "paid-2", "--accept", "everything").code == 2


def test_many_runs_move_with_consent(wfc: Wfc, second: Second) -> None:
    """The counts are shown first; without a terminal it needs -y."""
    two = second(NO_CURRENCY)
    refused = wfc("upgrade", "--status", "suspended,pending")
    assert (refused.code, "WFC957" in refused.err, refused.out) == (2, True, "")
    assert "about to move 1 run: new" in refused.err
    assert upgrades_in(wfc, "new") == []
    said = wfc("upgrade", "--status", "suspended,pending", "-y")
    assert said.code == 1
    assert said.out == (
        "  moved             1\n"
        "  stay pinned       2   2 WFC653 charge: currency: 'eur' -> absent: paid-2 paid-1\n"
        "  cannot            0\n"
    )
    assert [version_of(wfc, run) == two for run in ("new", "paid-1")] == [True, False]


def test_all_that_move_are_good(wfc: Wfc, second: Second) -> None:
    """Named ones, twice the same one counts once; what has moved needs no second move."""
    two = second(TELLS)
    said = wfc("upgrade", "paid-1", "paid-2", "paid-1", "-y")
    assert (said.code, said.out.split()[:2]) == (0, ["moved", "2"])
    again = wfc("upgrade", "paid-1")
    assert (again.code, again.out.splitlines()[0]) == (0, f"paid-1 is on {two}")
    assert "no worker is awake" not in again.err, "nothing was recorded"
    assert len(upgrades_in(wfc, "paid-1")) == 1


def test_runs_that_are_there_already_are_counted_apart(wfc: Wfc, second: Second) -> None:
    """Neither moved nor asked about; programs find them among those whose answer is to move."""
    second(TELLS)
    wfc("upgrade", "paid-1")
    shown = wfc("upgrade", "--status", "suspended,pending", "--dry-run")
    assert shown.out.splitlines()[:2] == ["  would move        2", "  already there     1"]
    refused = wfc("upgrade", "--status", "suspended,pending")
    assert "about to move 2 runs: new, paid-2" in refused.err
    said = wfc("upgrade", "--status", "suspended,pending", "-y")
    assert (said.code, said.out.splitlines()[:2]) == (
        0, ["  moved             2", "  already there     1"],
    )  # fmt: skip
    again = wfc("upgrade", "--status", "suspended,pending", "--json")
    assert (again.code, again.json["data"]["runs"]) == (
        0, {"move": 3, "there": 3, "stay": 0, "cannot": 0},
    ), "nothing is to be written, so nobody is asked"  # fmt: skip
    assert {one["is_there"] for one in again.json["data"]["verdicts"]} == {True}
    assert len(upgrades_in(wfc, "paid-1")) == 1


def test_a_run_that_has_moved_is_exported_with_its_code(wfc: Wfc, second: Second) -> None:
    """That is the code that it is on, not the one that it began with."""
    two = second(TELLS)
    wfc("upgrade", "paid-1")
    said = wfc("export", "paid-1", "-o", "moved")
    assert (said.code, "not held" in said.err) == (0, False)
    header = json.loads(Path("moved/paid-1.jsonl").read_text("utf-8").partition("\n")[0])
    assert list(header["versions"]) == [two]
    assert "fingerprints" in header["manifest"]
    assert wfc("replay", "moved/paid-1.jsonl").code == 0


def test_nothing_is_asked_where_none_would_move(wfc: Wfc, second: Second) -> None:
    """The answer is no, and is shown as such."""
    second(NO_CURRENCY)
    said = wfc("upgrade", "--status", "suspended")
    assert said.code == 1
    assert [line.split()[-1] for line in said.out.splitlines()] == ["0", "paid-1", "0"]
    anew = wfc("upgrade", "--status", "suspended", "--otherwise", "rerun")
    assert (anew.code, "about to begin anew or move 2 runs" in anew.err) == (2, True)
    assert wfc("upgrade", "--status", "suspended", "--otherwise", "rerun", "-y").code == 0


def test_notes_are_told_of_many_together(wfc: Wfc, second: Second) -> None:
    """What calls are made now, which deadlines are kept."""
    second(AT_ONCE)
    said = wfc("upgrade", "--workflow", "checkout", "--dry-run")
    assert said.out.splitlines()[0] == (
        "  would move        3   2 make a call behind their head now (WFC671)"
    )
    second(LONGER)
    said = wfc("upgrade", "--workflow", "checkout", "--dry-run")
    assert "2 keep a deadline that the new code would set otherwise (WFC672)" in said.out
    one = wfc("upgrade", "paid-1", "--dry-run")
    assert "  WFC672 sleep keeps the deadline that it has (shop.py:- -> :26)\n" in one.out


def test_the_same_bundle_needs_no_move(wfc: Wfc, second: Second) -> None:
    """A comment is no reason to write into a log."""
    two = second(SPELLED)
    said = wfc("upgrade", "paid-1")
    assert (said.code, said.out) == (
        0, f"paid-1 needs no move: {two} holds the same workflow\n  replayed 0 of 4 events\n",
    )  # fmt: skip
    assert upgrades_in(wfc, "paid-1") == []
    dry = wfc("upgrade", "paid-1", "--dry-run")
    assert dry.out.splitlines()[0] == f"paid-1 needs no move: {two} holds the same workflow"


def test_so_many_are_looked_at(wfc: Wfc, second: Second) -> None:
    """And no more."""
    second(TELLS)
    said = wfc("upgrade", "--status", "suspended,pending", "-y", "--limit", "2", "--batch", "1")
    assert said.out.split()[:2] == ["moved", "2"]
    assert len([run for run in ("new", "paid-1", "paid-2") if upgrades_in(wfc, run)]) == 2


def test_refused_runs_are_begun_anew(wfc: Wfc, second: Second) -> None:
    """With the same input, under a name that is the same when it is tried again."""
    two = second(NO_CURRENCY)
    words = ("upgrade", "--workflow", "checkout", "--otherwise", "rerun", "-y")
    said = wfc(*words)
    assert said.code == 0
    assert said.out.splitlines()[-1].split() == ["begun", "anew", "2"]
    assert version_of(wfc, "paid-1.2") == two
    again = wfc(*words)
    assert again.code == 0
    work()
    runs = {one["id"]: one["status"] for one in wfc("runs", "--all", "--json").json["data"]}
    assert runs == {
        "new": "suspended", "paid-1": "cancelled", "paid-2": "cancelled", "paid-1.2": "suspended",
        "paid-2.2": "suspended", "done": "completed", "lost": "failed",
    }  # fmt: skip
    assert wfc("upgrade", "new", "--otherwise", "fly").code == 2


def test_ended_runs_stay(wfc: Wfc, second: Second) -> None:
    """A completed one has nothing to follow and is never begun anew; a failed one revives."""
    two = second(MENDED)
    said = wfc("upgrade", "done", "--otherwise", "rerun")
    assert (said.code, "WFC680 the run is completed" in said.out) == (1, True)
    assert wfc("inspect", "done.2").code == 3
    revived = wfc("upgrade", "lost")
    assert revived.code == 0
    assert "WFC674 the run ends as soon as it has moved" in revived.out
    work()
    assert wfc("result", "lost", "--json").json["data"]["result"] == ["found"]
    assert version_of(wfc, "lost") == two


def test_a_failed_run_that_fails_again_says_so(wfc: Wfc, second: Second) -> None:
    """It moves, since nothing contradicts its history."""
    second(TELLS)
    said = wfc("upgrade", "lost", "--dry-run")
    assert (said.code, "WFC674 the run fails again at once" in said.out) == (0, True)


def test_programs_get_counts_groups_and_verdicts(wfc: Wfc, second: Second) -> None:
    """One object, whatever the answer."""
    two = second(NO_CURRENCY)
    said = wfc("upgrade", "--status", "suspended,pending", "-y", "--json")
    data = said.json["data"]
    assert (said.code, data["to"]) == (1, two)
    assert data["runs"] == {"move": 1, "there": 0, "stay": 2, "cannot": 0}
    (group,) = data["groups"]
    assert (group["answer"], group["code"], group["count"]) == ("stay", "WFC653", 2)
    assert re.fullmatch(r"charge~[0-9a-f]+", group["site"])
    verdicts = {one["run_id"]: one for one in data["verdicts"]}
    assert (verdicts["new"]["moved"], verdicts["paid-1"]["moved"]) == (True, False)
    divergence = verdicts["paid-1"]["divergence"]
    assert (divergence["position"], divergence["rule"]) == (3, "WFC653")
    assert divergence["recorded"]["arguments"] == "cents=4200, currency='eur', order_id='paid-1'"
    assert divergence["asked"][0]["at"] == {"path": "shop.py", "line": 21, "column": 18}


def test_a_workflow_that_is_gone(wfc: Wfc, second: Second) -> None:
    """Every run of it stays, and goes on where it is."""
    second(GONE)
    said = wfc("upgrade", "paid-1")
    assert (said.code, "WFC601" in said.out, ": stay\n" in said.out) == (1, True, True)


def forget(project: Path, version: str) -> None:
    """Lose a version as a disk would: no command does that while runs need it."""
    with sqlite3.connect(project / "runs.db") as database:
        database.execute("delete from bundles where version = ?", (version,))


def test_a_run_whose_bundle_is_lost_can_do_neither(wfc: Wfc, project: Path, second: Second) -> None:
    """It cannot move since nothing can be compared, and it cannot stay."""
    one = version_of(wfc, "paid-1")
    second(TELLS)
    forget(project, one)
    said = wfc("upgrade", "paid-1")
    assert said.code == 1
    assert said.out.splitlines()[0].endswith(": cannot")
    assert f"  WFC684 the bundle of {one} cannot be had here: " in said.out
    assert "WFC601" not in said.out
    many = wfc("upgrade", "--status", "suspended", "--dry-run")
    assert f"cannot            2   2 WFC684 the bundle of {one}" in many.out


def test_a_version_that_does_not_load_is_told_once(wfc: Wfc, second: Second) -> None:
    """It has nothing to do with single runs, so the command ends."""
    second("RATES = [1 / 0]\n" + TELLS.replace('"eur"', 'str(RATES) and "eur"'))
    for words in (["paid-1"], ["--status", "suspended", "-y"]):
        said = wfc("upgrade", *words)
        assert (said.code, said.err.count("top level")) == (2, 1)


def test_a_run_that_somebody_executes_is_told_of(
    wfc: Wfc, project: Path, second: Second, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After waiting for it."""

    async def hold(world: World) -> None:
        await world.join(WorkerId("worker_1"), lease_s=600)
        await world.claim(RunId("paid-1"), WorkerId("worker_1"))

    second(TELLS)
    in_world(project, hold)
    monkeypatch.setattr("wfc.runtime.upgrade_many._ROUNDS", 1)
    monkeypatch.setattr("wfc.cli.upgrade.Many", partial(Many, timeout_s=0.0))
    said = wfc("upgrade", "paid-1")
    assert (said.code, "WFC682" in said.err, "is being executed" in said.err) == (5, True, True)
    many = wfc("upgrade", "paid-1", "paid-2", "-y")
    assert (many.code, many.out.splitlines()[0].split()) == (1, ["moved", "1"])
    assert "not judged        1   paid-1: run paid-1 is being executed" in many.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["paid-1"], 0),
        (["done"], 1),
        (["--status", "suspended"], 2),
        (["nobody"], 3),
        (["paid-1", "--to", "nothing"], 3),
        (["paid-1", "--world", "sqlite:////nowhere/at/all.db"], 4),
    ],
)
def test_exit_codes_of_real_processes(second: Second, words: list[str], code: int) -> None:
    """Good, refused, consent, not found, no world."""
    second(TELLS)
    assert exit_code("upgrade", *words) == code


@pytest.mark.parametrize("words", [[], ["paid-1", "--status", "suspended"]])
def test_runs_are_named_or_chosen(wfc: Wfc, shop: Path, words: list[str]) -> None:
    """Not both, and not neither."""
    said = wfc("upgrade", *words)
    assert (said.code, "not both" in said.err) == (2, True)
