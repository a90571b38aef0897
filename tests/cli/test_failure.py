"""Errors become one exit code and one explanation; our own faults leave a report."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
import typer

from wfc import errors
from wfc.cli import failure
from wfc.cli.failure import Exit
from wfc.compiler.findings import compile_error
from wfc.diagnostics import Diagnostic, Place, Severity, diagnostic


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.CompileError("no"), Exit.NEGATIVE),
        (errors.RunFailed("r", "user", None), Exit.NEGATIVE),
        (errors.RunCancelled("r", None), Exit.NEGATIVE),
        (errors.ConfigError("no"), Exit.USAGE),
        (errors.InputInvalid("no"), Exit.USAGE),
        (errors.MissingExtra("no"), Exit.USAGE),
        (errors.Unserialisable("no"), Exit.USAGE),
        (typer.BadParameter("no"), Exit.USAGE),
        (errors.RunNotFound("no"), Exit.NOT_FOUND),
        (errors.NoSuchWorkflow("no"), Exit.NOT_FOUND),
        (errors.WorldLocked("no"), Exit.UNREACHABLE),
        (errors.WorldTooNew("no"), Exit.UNREACHABLE),
        (errors.RunIdConflict("no"), Exit.CONFLICT),
        (errors.RunEnded("no"), Exit.CONFLICT),
        (TimeoutError("no"), Exit.INCOMPLETE),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
        (BrokenPipeError(), Exit.CLOSED_PIPE),
        (ZeroDivisionError("no"), Exit.OURS),
        (errors.IllegalEvent("no"), Exit.OURS),
        (errors.CorruptEvent("r", 2, "no"), Exit.UNREACHABLE),
        (errors.LogTooNew("no"), Exit.UNREACHABLE),
        (errors.PayloadCorrupt("no"), Exit.UNREACHABLE),
        (errors.PayloadTooNew("no"), Exit.UNREACHABLE),
    ],
)
def test_each_error_has_one_exit_code(error: BaseException, code: Exit) -> None:
    """A script can tell what happened without reading prose."""
    assert failure.exit_code(error) is code


def test_an_explanation_has_what_where_why_and_what_to_do() -> None:
    """The sentences of an error become fields."""
    error = errors.ConfigError("a.toml:3: no such key.\nIt would be ignored.\nRemove it.")
    assert failure.explain(error) == failure.Explanation(
        code="WFC904",
        message="no such key.",
        where="a.toml:3",
        why="It would be ignored.",
        fix="Remove it.",
        docs="wfc explain WFC904",
    )


def test_a_run_that_failed_is_told_whole_and_where_to_look() -> None:
    """Lines of the user's own error are not taken for a reason and a remedy of ours."""
    found = failure.explain(errors.RunFailed("o-1", "user", ValueError("a.py:3: one\ntwo\nthree")))
    assert found.message == "run o-1 failed: ValueError: a.py:3: one\ntwo\nthree"
    assert (found.where, found.why, found.fix) == (None, None, "See where: wfc explain o-1")
    limit = failure.explain(errors.RunFailed("o-1", "limit", None))
    assert limit.message == "run o-1 failed (limit)"


def test_one_sentence_is_enough() -> None:
    """What is not said is null, never empty text."""
    explanation = failure.explain(errors.FatalError("rejected"))
    assert explanation == failure.Explanation(code=None, message="rejected")
    assert failure.explain(errors.WfcError()).message == "WfcError"


def test_a_compile_error_takes_the_code_of_its_first_finding() -> None:
    """The error itself has none; its findings do."""
    finding = Diagnostic(
        code="WFC201", severity=Severity.ERROR, sentence="x", place=Place("a.py", 1)
    )
    assert failure.explain(errors.CompileError("a.py:1: x", (finding,))).code == "WFC201"


def test_a_finding_is_told_with_its_code_and_place_once() -> None:
    """As `wfc build` prints it, but that the code stands in front; a warning is not the reason."""
    warning = diagnostic("WFC313", Place("a.py", 1), "is only probable")
    effect = diagnostic("WFC201", Place("a.py", 3, 4), "reaches the network", fix="use a step")
    told = failure.explain(compile_error([warning, effect], {})).for_people()
    assert told.splitlines() == [
        "error[WFC201]: a.py:3:5: reaches the network",
        "  Fix: use a step",
        "more: wfc explain WFC201",
    ]


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENAMETOOLONG, errno.EROFS, errno.ENOSPC])
def test_a_file_that_the_system_refuses_is_no_fault_of_ours(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, with what the system says of it."""
    assert failure.report(OSError(number, os.strerror(number), "out/run.jsonl"), []) == 2
    assert f"out/run.jsonl: {os.strerror(number)}" in capsys.readouterr().err


@pytest.mark.parametrize("error", [OSError(errno.EIO, "input"), OSError(errno.EACCES, "no file")])
def test_other_errors_of_the_system_are_ours(error: OSError) -> None:
    assert failure.exit_code(error) == 70


def test_people_read_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr: code, place, sentence, remedy, page."""
    error = errors.RunNotFound("no run o-1.\nSee `wfc runs`.")
    assert failure.report(error, ["result", "o-1"]) == 3
    assert capsys.readouterr().err.splitlines() == [
        "error[WFC952]: no run o-1.",
        "See `wfc runs`.",
        "more: wfc explain WFC952",
    ]


def test_programs_read_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """Under --json an error is one object on stderr."""
    failure.report(errors.RunNotFound("no run o-1."), ["result", "o-1", "--json"])
    printed: dict[str, Any] = json.loads(capsys.readouterr().err)
    assert printed["code"] == "WFC952"
    assert printed["docs"] == "wfc explain WFC952"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_ctrl_c_is_silent(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody who pressed Ctrl-C knows why it stopped."""
    assert failure.report(error, []) == 130
    assert capsys.readouterr().err == ""


def test_our_own_fault_leaves_a_report_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user reads a sentence; the file holds what we need, without passwords."""
    monkeypatch.chdir(tmp_path)
    words = ["runs", "--world", "postgresql://ana:s3cret@db/wfc"]
    assert failure.report(ZeroDivisionError("division by zero"), words) == 70
    printed = capsys.readouterr().err
    assert "WFC999" in printed
    assert "Traceback" not in printed
    (report,) = (tmp_path / ".wfc" / "crash").iterdir()
    text = report.read_text()
    assert "ZeroDivisionError" in text
    assert "ana:***@db" in text
    assert "s3cret" not in text


def test_a_report_holds_words_that_are_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bytes of the command line that are no UTF-8 come as lone surrogates."""
    monkeypatch.chdir(tmp_path)
    assert failure.report(ZeroDivisionError("x"), ["why", os.fsdecode(b"\xff")]) == 70
    assert "WFC999" in capsys.readouterr().err
    (report,) = (tmp_path / ".wfc" / "crash").iterdir()
    assert "wfc why \\udcff" in report.read_text()


def test_a_report_finds_another_place_if_the_project_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in the way of the folder must not hide the fault."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".wfc").write_text("in the way")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert failure.report(ZeroDivisionError("x"), []) == 70
    assert len(list(tmp_path.glob("wfc-*.txt"))) == 1
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize(("code", "expected"), [(None, 0), (3, 3), ("sorry", 1)])
def test_an_exit_keeps_its_code(
    code: object, expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script run by `wfc run` decides its own exit code."""
    assert failure.report(SystemExit(code), []) == expected
    assert capsys.readouterr().err == ("sorry\n" if code == "sorry" else "")
