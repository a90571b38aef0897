"""What proofs record, and the page made of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.proofs import record

ASKED = {"title": "Walks", "holds": "a foot is down", "dose": "3 steps", "command": "walk 3"}


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of records of its own."""
    monkeypatch.setattr(record, "RECORDS", tmp_path)
    monkeypatch.setenv("WFC_RECORD", "1")
    return tmp_path


def test_a_proof_that_held_is_recorded_with_its_figures(records: Path) -> None:
    """The record says what was asked, what was counted, and that it held."""
    with record.proof("walking", **ASKED) as figures:
        figures["steps"] = 3
    found = json.loads((records / "walking.json").read_text())
    assert found["held"]
    assert found["figures"] == {"steps": 3}
    assert {key: found[key] for key in ASKED} == ASKED


def test_a_proof_that_failed_is_recorded_as_failed(records: Path) -> None:
    """A fault passes on to the test, and the page will not hide it."""
    with pytest.raises(RuntimeError, match="fell"), record.proof("walking", **ASKED):
        _fall()
    assert not json.loads((records / "walking.json").read_text())["held"]


def _fall() -> None:
    message = "fell"
    raise RuntimeError(message)


def test_nothing_is_recorded_unless_asked_for(
    records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The small doses of the default suite leave the records alone."""
    monkeypatch.delenv("WFC_RECORD")
    with record.proof("walking", **ASKED):
        pass
    assert list(records.iterdir()) == []
