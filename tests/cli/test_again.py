"""`wfc rerun`, `fork`, `export` and `replay`, on SQLite with real workers, in real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import (  # type: ignore[import-untyped]  # its stubs are a package of their own
    Draft202012Validator,
)

from tests.cli.conftest import Said
from tests.warm import wfc as process

Wfc = Callable[..., Said]
SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "history-1.json"
FLOWS = """\
from dataclasses import dataclass

from wfc import FatalError


@dataclass
class Receipt:
    number: str
    cents: int


async def charge(cents: int) -> Receipt:
    "use step"
    return Receipt("r-1", cents)


async def tell(text: str) -> str:
    "use step"
    if text == "fail":
        raise FatalError("told to fail")
    return text.upper()


async def checkout(cents: int, text: str = "paid") -> list:
    "use workflow"
    receipt = await charge(cents)
    return [receipt.number, receipt.cents, await tell(text)]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a completed run and a failed one, which a real worker has executed."""
    made = tmp_path_factory.mktemp("shop")
    (made / "wfc.toml").write_text('world = "sqlite:///runs.db"\n')
    (made / "flows.py").write_text(FLOWS)
    told(made, "start", "checkout", "42", "--id", "paid", "--attribute", "tier=free")
    told(made, "start", "checkout", "42", "fail", "--id", "failed")
    told(made, "worker", "--until-idle")
    return made


def told(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    done = process(folder, *words)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def wfc(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Wfc:
    """Run the command line in the project, in this process."""
    from wfc.cli.main import main  # noqa: PLC0415 - as the fixture of the other tests does

    monkeypatch.chdir(folder)

    def run(*words: str) -> Said:
        capsys.readouterr()
        code = main(list(words))
        printed = capsys.readouterr()
        return Said(code, printed.out, printed.err)

    return run


def step_of(wfc: Wfc, run: str, number: int) -> str:
    steps = wfc("inspect", run, "--steps", "--json").json["data"]
    return str(steps[number]["id"])


def result_of(folder: Path, run: str) -> Any:
    told(folder, "worker", "--until-idle")
    return json.loads(told(folder, "result", run).stdout)


# --- rerun and fork ----------------------------------------------------------------------------


def test_a_run_is_begun_again(wfc: Wfc, folder: Path) -> None:
    """Its id is printed; a worker gives it the same end, and it has the same attributes."""
    said = wfc("rerun", "paid", "--json")
    assert said.code == 0, said.err
    assert "no worker is awake" in said.err
    (row,) = said.json["data"]
    assert (said.json["kind"], row["of"]) == ("rerun", "paid")
    assert result_of(folder, row["id"]) == ["r-1", 42, "PAID"]
    assert wfc("inspect", row["id"], "--json").json["data"]["attributes"] == {"tier": "free"}


def test_other_arguments_are_given_as_json(wfc: Wfc, folder: Path) -> None:
    """By name, all of them."""
    said = wfc("rerun", "paid", "--input", '{"cents": 7, "text": "x"}', "--json")
    assert result_of(folder, said.json["data"][0]["id"]) == ["r-1", 7, "X"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["rerun", "nobody"], 3, "WFC952"),
        (["rerun"], 2, "name runs, or choose them"),
        (["rerun", "paid", "--version", "zzzz"], 3, "WFC681"),
        (["rerun", "paid", "--input", "{"], 2, "no JSON"),
        (["rerun", "paid", "--input", "[1]"], 2, "an object is wanted"),
        (["rerun", "paid", "--input", '{"cnets": 1}'], 2, "did you mean cents"),
        (["rerun", "paid", "--input", '{"cents": "many"}'], 2, "WFC954"),
        (["fork", "nobody", "--at", "2"], 3, "WFC952"),
        (["fork", "paid", "--at", "99"], 2, "behind them all"),
        (["fork", "paid", "--at", "tlel"], 2, "Did you mean tell?"),
        (["fork", "paid", "--at", "2", "--version", "zzzz"], 3, "WFC681"),
        (["fork", "paid", "--at", "2", "--output", "{"], 2, "needs its quotes"),
        (["fork", "paid", "--at", "2", "--id", "failed"], 5, "WFC958"),
        (["export", "nobody"], 3, "WFC952"),
        (["export", "paid", "--redact", "argments.cents"], 2, "has anything there"),
        (["replay", "nobody"], 3, "WFC952"),
        (["replay", "./nobody.jsonl"], 3, "wfc export RUN"),
        (["replay", "./"], 2, "cannot be read"),
        (["replay", "paid", "--version", "zzzz"], 3, "WFC681"),
    ],
)
def test_what_cannot_be_done_says_why(wfc: Wfc, words: list[str], code: int, message: str) -> None:
    """With the exit code of its kind, and nothing on stdout."""
    said = wfc(*words)
    assert (said.code, said.out) == (code, ""), said.err
    assert message in said.err


def test_runs_are_chosen_by_a_filter_ended_ones_too(wfc: Wfc, folder: Path) -> None:
    """More than one asks for consent; what cannot be begun again does not keep the others."""
    assert (
        "would rerun 1 run: failed"
        in wfc("rerun", "--status", "failed", "--until", "2100-01-01", "--dry-run").err
    )
    refused = wfc("rerun", "paid", "failed")
    assert (refused.code, "WFC957" in refused.err) == (2, True)
    said = wfc("rerun", "paid", "nobody", "failed", "-y", "--json")
    assert said.code == 3
    assert [row.get("of") for row in said.json["data"]] == ["paid", "failed", None]
    wrong = wfc("rerun", "paid", "failed", "--input", "{}", "-y", "--json")
    assert [row["error"]["code"] for row in wrong.json["data"]] == ["WFC954", "WFC954"]
    told(folder, "worker", "--until-idle")


def test_a_run_is_forked_at_a_step(wfc: Wfc, folder: Path) -> None:
    """With an output of its own: the failed step is given what it should have said. Its name is
    enough where the run has called it once.
    """
    tell = step_of(wfc, "failed", 1)
    said = wfc("fork", "failed", "--at", tell, "--output", '"OK"', "--id", "mended")
    assert (said.code, said.out) == (0, "mended\n")
    assert result_of(folder, "mended") == ["r-1", 42, "OK"]
    again = wfc("fork", "failed", "--at", "tell", "--output", '"OK"', "--id", "mended", "--json")
    assert again.json["data"] == {"id": "mended", "of": "failed", "created": False}
    assert "is the same fork" in again.err


def test_a_run_is_forked_onto_other_code(wfc: Wfc, folder: Path) -> None:
    """From a position; code that contradicts what is shared is refused with exit code 1."""
    before = wfc("inspect", "paid", "--json").json["data"]["version"]
    (folder / "flows.py").write_text(FLOWS.replace("charge(cents)", "charge(cents + 1)"))
    told(folder, "worker", "--until-idle")
    rerun = wfc("rerun", "paid", "--json").json["data"][0]["id"]
    other = wfc("inspect", rerun, "--json").json["data"]["version"]
    assert other != before
    said = wfc("fork", "paid", "--at", "4", "--version", other)
    assert (said.code, "WFC690" in said.err) == (1, True)
    assert "WFC653: charge: cents: 42 -> 43" in said.err
    fork = wfc("fork", "paid", "--at", "3", "--version", other).out.strip()
    assert result_of(folder, fork)[1] == 43
    replayed = wfc("replay", "paid", "--version", other, "--json")
    assert replayed.code == 1
    assert replayed.json["data"]["agrees"] is False
    (folder / "flows.py").write_text(FLOWS)
    told(folder, "worker", "--until-idle")
    assert wfc("versions", "activate", before).code == 0  # for the tests that come after


# --- export and replay -------------------------------------------------------------------------


def test_a_history_is_replayed_on_its_own_code(wfc: Wfc) -> None:
    """Nothing is written, and the same comes out."""
    before = wfc("inspect", "failed", "--events").out
    for run, outcome in (("paid", "completed"), ("failed", "failed")):
        said = wfc("replay", run)
        assert said.code == 0, said.err
        assert said.out.startswith("replayed ")
        assert said.out.endswith(f"{outcome}\n")
    assert wfc("inspect", "failed", "--events").out == before


def test_an_exported_run_is_read_where_its_world_is_not(
    wfc: Wfc, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file holds all: it is shown, and replayed, in an empty folder."""
    said = wfc("export", "paid", "failed", "-o", str(tmp_path / "out"), "--json")
    assert said.code == 0, said.err
    assert [row["id"] for row in said.json["data"]] == ["paid", "failed"]
    shown = wfc("inspect", "paid", "--json").json["data"]
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    file = "../out/paid.jsonl"
    assert wfc("inspect", file, "--json").json["data"] == shown
    assert json.loads(wfc("result", file).out) == ["r-1", 42, "PAID"]
    assert wfc("replay", file).code == 0
    assert wfc("replay", "../out/failed.jsonl", "--json").json["data"]["outcome"] == "failed"
    assert wfc("replay", file, "--version", shown["version"]).code == 0
    assert wfc("replay", file, "--version", "zzzz").code == 3
    again = wfc("export", "paid", "-o", "../out")
    assert (again.code, "exist already" in again.err) == (5, True)


def test_where_nothing_can_be_written_is_told(wfc: Wfc, folder: Path) -> None:
    """And a name that no file can have is the name of no run."""
    (folder / "file").write_text("in the way")
    for place in ("file", "file/below", "x" * 300):
        said = wfc("export", "paid", "-o", place)
        assert (said.code, "cannot be written" in said.err) == (2, True), said
    for name in ("x" * 300, os.fsdecode(b"\xff")):
        for command in ("export", "wake", "cancel", "pause"):
            assert wfc(command, name).code == 3, command


def test_a_run_becomes_a_test_of_the_code(wfc: Wfc, folder: Path) -> None:
    """It passes while the code agrees with the history, and shows the divergence if not."""
    said = wfc("export", "paid", "-o", str(folder / "kept"), "--as-test", "--json")
    assert said.code == 0, said.err
    [row] = said.json["data"]
    assert row["test"] == str(folder / "kept" / "test_paid.py")
    pytest_says = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", row["test"]]
    passed = subprocess.run(pytest_says, cwd=folder, capture_output=True, text=True, check=False)
    assert passed.returncode == 0, passed.stdout
    source = (folder / "flows.py").read_text()
    try:
        (folder / "flows.py").write_text(source.replace("await charge(", "await charge(1 + "))
        failed = subprocess.run(
            pytest_says, cwd=folder, capture_output=True, text=True, check=False
        )
    finally:
        (folder / "flows.py").write_text(source)
    assert failed.returncode == 1
    assert "WFC653: charge: cents: 42 -> 43" in failed.stdout
    again = wfc("export", "paid", "-o", str(folder / "kept"), "--as-test")
    assert again.code == 5


def test_the_lines_of_a_file_are_as_documented(wfc: Wfc, tmp_path: Path) -> None:
    """One header, then an event a line, by the published schema."""
    wfc("export", "failed", "-o", str(tmp_path))
    lines = [json.loads(line) for line in (tmp_path / "failed.jsonl").read_text().splitlines()]
    validator = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    for line in lines:
        validator.validate(line)
    assert lines[0]["events"] == len(lines) - 1
    assert [line["position"] for line in lines[1:]] == list(range(1, len(lines)))


def test_a_file_of_an_open_run_has_no_result(wfc: Wfc, tmp_path: Path) -> None:
    """Nothing will come of it, so nobody waits."""
    wfc("fork", "paid", "--at", "2", "--id", "open:1")
    assert wfc("export", "open:1", "-o", str(tmp_path)).code == 0
    assert wfc("result", str(tmp_path / "open%3A1.jsonl")).code == 6


def test_secrets_are_blacked_out(wfc: Wfc, tmp_path: Path) -> None:
    """Wherever they stand; what has nothing there is said when it has it nowhere."""
    said = wfc(
        "export", "paid", "-o", str(tmp_path),
        "--redact", "arguments.cents", "--redact", "step_completed.output.number",
        "--redact", "attributes.tier",
    )  # fmt: skip
    assert said.code == 0, said.err
    file = str(tmp_path / "paid.jsonl")
    events = wfc("inspect", file, "--events", "--json").json["data"]
    assert events[0]["arguments"]["cents"] == "[redacted]"
    assert events[0]["attributes"] == {"tier": "[redacted]"}
    (charged, _) = [each for each in events if each["name"] == "step_completed"]
    assert charged["output"] == {"number": "[redacted]", "cents": 42}
    assert charged["created"]["arguments"] == {"cents": "[redacted]"}
