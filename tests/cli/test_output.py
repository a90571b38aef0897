"""Results for people, for programs and for pipes."""

from __future__ import annotations

import io
import json
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from wfc.cli import output
from wfc.cli.common import Color, Common

ROWS: list[dict[str, Any]] = [{"run": "o-1", "note": "a\tb\nc"}, {"run": "o-2", "note": None}]


class Terminal(io.StringIO):
    """A stream that people look at."""

    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_tabs_and_a_header(capsys: pytest.CaptureFixture[str]) -> None:
    """One row is one line, whatever a cell holds."""
    output.result(Common(), "runs", ROWS)
    assert capsys.readouterr().out == "run\tnote\no-1\ta b c\no-2\t\n"


def test_nothing_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """No rows, no header."""
    output.result(Common(), "runs", [])
    assert capsys.readouterr().out == ""


def test_json_is_one_envelope(capsys: pytest.CaptureFixture[str]) -> None:
    """The four fields are a promise."""
    output.result(Common(json=True), "runs", ROWS, following="abc")
    assert json.loads(capsys.readouterr().out) == {
        "format": 1,
        "kind": "runs",
        "data": ROWS,
        "next": "abc",
    }


def test_jsonl_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A list is taken apart, anything else is one line."""
    output.result(Common(jsonl=True), "runs", ROWS)
    output.result(Common(jsonl=True), "run", ROWS[0])
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [*ROWS, ROWS[0]]


def test_a_terminal_gets_a_table_with_whole_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids are never cut, or they could not be copied."""
    monkeypatch.setattr("sys.stdout", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    long = "run_" + "0" * 90
    output.table(Common(color=Color.NEVER), [{"run": long, "status": "[bold]"}])
    assert long in terminal.getvalue()
    assert "[bold]" in terminal.getvalue()


@pytest.mark.parametrize(
    ("color", "environment", "expected"),
    [
        (Color.AUTO, {}, True),
        (Color.AUTO, {"NO_COLOR": "1"}, False),
        (Color.AUTO, {"CI": "true"}, False),
        (Color.AUTO, {"TERM": "dumb"}, False),
        (Color.ALWAYS, {"NO_COLOR": "1"}, True),
        (Color.NEVER, {}, False),
    ],
)
def test_colour_obeys_flag_then_environment(
    color: Color, environment: dict[str, str], expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flag wins; NO_COLOR, CI and a dumb terminal mean none."""
    for name in ("NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert output.colored(Common(color=color), Terminal()) is expected


def test_notes_go_to_stderr_unless_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe never reads progress."""
    output.note(Common(), "working")
    output.note(Common(quiet=True), "working")
    assert capsys.readouterr() == ("", "working\n")


def test_instants_for_programs_are_utc() -> None:
    """RFC 3339 with Z, whatever zone they came in."""
    east = datetime(2030, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert output.rfc3339(east) == "2030-01-01T00:00:00.000000Z"
    assert output.rfc3339(1_000_000) == "1970-01-01T00:00:01.000000Z"
    assert output.rfc3339(None) is None


def test_people_read_the_clock_on_their_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """Local, and how far away; a pipe keeps what programs read."""
    monkeypatch.setattr("sys.stdout", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        rows = [{"id": "o-1", "created_at": output.rfc3339(0)}]
        output.table(Common(color=Color.NEVER), rows)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "1970-01-01 05:30:00 (" in terminal.getvalue()
    assert " d ago)" in terminal.getvalue()


@pytest.mark.parametrize(
    ("past", "text"),
    [
        (timedelta(seconds=1.5), "1 s ago"),
        (timedelta(minutes=61), "1 h ago"),
        (timedelta(days=-3), "in 3 d"),
        (timedelta(), "0 s ago"),
    ],
)
def test_a_distance_is_said_in_its_largest_unit(past: timedelta, text: str) -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    instant = output.rfc3339(at)
    assert isinstance(instant, output.Instant)
    assert instant.for_people(at + past).endswith(f"({text})")


def test_an_id_is_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken id cannot be copied."""
    monkeypatch.setattr("sys.stdout", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    long = "run_" + "0" * 60
    output.table(Common(color=Color.NEVER), [{"id": long, "status": "x", "note": "y" * 300}])
    assert long in terminal.getvalue()


@pytest.mark.parametrize("common", [Common(), Common(json=True), Common(jsonl=True)])
def test_what_the_encoding_cannot_hold_is_escaped(
    common: Common, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal without UTF-8 is no fault of ours, and JSON stays JSON."""
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    output.result(common, "runs", [{"id": "\u00e9"}])
    sys.stdout.flush()
    printed = raw.getvalue().decode("ascii")
    if common.json or common.jsonl:
        assert "\\u00e9" in printed
        json.loads(printed)
    else:
        assert printed == "id\n\\xe9\n"


def test_pages_make_one_result(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the format, and if there is none at all."""
    for common in (Common(json=True), Common(json=True, jsonl=True), Common()):
        pages = output.Pages(common, "runs")
        for row in ROWS:
            pages.add([row], [row])
        pages.end("abc")
        printed = capsys.readouterr().out
        if common.jsonl:
            assert [json.loads(line) for line in printed.splitlines()] == ROWS
        elif common.json:
            assert json.loads(printed) == {"format": 1, "kind": "runs", "data": ROWS, "next": "abc"}
        else:
            assert printed == "run\tnote\no-1\ta b c\no-2\t\n"
    output.Pages(Common(json=True), "runs").end()
    assert json.loads(capsys.readouterr().out)["data"] == []


def test_the_date_is_left_out_today() -> None:
    """Tables of runs are narrow enough for a terminal then."""
    noon = datetime(2030, 1, 1, 12).astimezone()
    instant = output.rfc3339(noon)
    assert isinstance(instant, output.Instant)
    assert instant.for_people(noon + timedelta(seconds=5)) == "12:00:00 (5 s ago)"
    assert instant.for_people(noon + timedelta(days=1)) == "2030-01-01 12:00:00 (1 d ago)"


@pytest.mark.parametrize(("number", "shown"), [(0, "0 files"), (1, "1 file"), (2, "2 files")])
def test_what_is_counted_is_said_in_english(number: int, shown: str) -> None:
    """One is one."""
    assert output.counted(number, "file") == shown
