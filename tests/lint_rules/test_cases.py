"""Every rule against a program that marks its own faults: code, column, name, certainty."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.lint_rules.marked import (
    CASES,
    Mark,
    column_of,
    files_of,
    findings_in,
    good_ones,
    marks_of,
    overview_of,
)
from wfc.diagnostics import Severity
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.registry import project_rules, rules

CASE_PATHS = sorted(path for path in CASES.iterdir() if path.name.startswith("wfc"))
_FAULTS_MIN = 3
_NEEDS_PROJECT = {code for one in rules() if one.project for code in one.codes}


def _code(case: Path) -> str:
    return case.stem.upper()


@pytest.mark.parametrize("case", CASE_PATHS, ids=lambda path: path.stem)
def test_a_case_has_three_faults_and_three_twins(case: Path) -> None:
    """One program is no proof: a rule shows three faults, and three neighbours without one."""
    texts = [path.read_text() for path in files_of(case)]
    marks = [mark for text in texts for mark in marks_of(text) if mark.code == _code(case)]
    assert len(marks) >= _FAULTS_MIN
    assert len([name for text in texts for name in good_ones(text)]) >= _FAULTS_MIN


@pytest.mark.parametrize("case", CASE_PATHS, ids=lambda path: path.stem)
def test_with_a_project_exactly_the_marked_faults_are_found(case: Path, tmp_path: Path) -> None:
    """Code, line, column, name and certainty are as marked, and nothing else is found."""
    for path in files_of(case):
        shutil.copy(path, tmp_path / path.name)
    overview = overview_of(tmp_path)
    for path in files_of(case):
        _compare(path.read_text(), findings_in(tmp_path / path.name, _code(case), overview), case)


@pytest.mark.parametrize(
    "case",
    [one for one in CASE_PATHS if one.is_file() and _code(one) not in _NEEDS_PROJECT],
    ids=lambda path: path.stem,
)
def test_one_file_alone_is_judged_the_same(case: Path) -> None:
    """What needs one file is found by flake8 too, which sees no other."""
    _compare(case.read_text(), findings_in(case, _code(case)), case)


def test_every_rule_has_a_case() -> None:
    """No rule goes without its program."""
    cases = {_code(path) for path in CASE_PATHS}
    codes = {code for one in rules() for code in one.codes}
    assert codes - cases == set()
    assert {code for one in project_rules() for code in one.codes} & cases == set()


def _compare(text: str, findings: list[Finding], case: Path) -> None:
    marks = [mark for mark in marks_of(text) if mark.code == _code(case)]
    found = [(one.place.line, column_of(one, text), one.code) for one in findings]
    assert found == [(mark.line, mark.column, mark.code) for mark in sorted(marks)]
    for mark, finding in zip(sorted(marks), findings, strict=True):
        _compare_one(mark, finding)


def _compare_one(mark: Mark, finding: Finding) -> None:
    assert mark.name in finding.told.sentence, finding.told.sentence
    assert finding.told.fix, "a finding says what to do"
    if mark.is_guess:
        assert finding.severity is Severity.WARNING
        assert "probably" in finding.told.sentence
    else:
        assert "probably" not in finding.told.sentence
