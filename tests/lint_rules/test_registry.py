"""Rules, catalogue and pages say the same codes: none is missing, none is told twice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

import wfc
from wfc.diagnostics import CATALOGUE
from wfc.lint_rules.registry import ProjectRule, Rule, project_rules, rule, rules

_HOUSE: Final = Path(wfc.__file__).parent
_PAGES: Final = _HOUSE.parent / "docs" / "errors"
_OTHER_ISSUES: Final = ("6", "7")
NOT_BUILT: Final[frozenset[str]] = frozenset({"WFC901"})
"""Codes without a rule yet. Whoever builds a rule takes its code away; at the end none is left."""


def _is_linted(code: str) -> bool:
    """Tell whether a code is found by looking at sources, not raised by a run or a command."""
    return int(code[-2:]) < (50 if code[3] in "69" else 60)


def _codes_in(*rooms: str) -> set[str]:
    files = [file for room in rooms for file in sorted(_HOUSE.glob(room))]
    assert files
    return {code for file in files for code in re.findall(r"\"(WFC\d{3})", file.read_text("utf-8"))}


def _all() -> list[Rule | ProjectRule]:
    return [*rules(), *project_rules()]


def _by_rules() -> list[str]:
    return [code for one in _all() for code in one.codes]


def test_every_linted_code_has_one_origin() -> None:
    """Each code is found by the compiler, by a rule or by a front, or is known to be missing."""
    elsewhere = _codes_in("compiler/*.py", "determinism/*.py", "settings.py", "errors.py")
    elsewhere |= _codes_in("cli/*.py", "lint_rules/*.py")
    linted = {code for code in CATALOGUE if _is_linted(code) and code[3] not in _OTHER_ISSUES}
    assert linted - elsewhere - set(_by_rules()) == NOT_BUILT - elsewhere


def test_a_code_that_has_a_rule_is_linted() -> None:
    """What is raised at run time is no rule."""
    assert [code for code in _by_rules() if not _is_linted(code)] == []


def test_a_code_has_one_rule() -> None:
    """Two rules for one code would tell one fault by two sentences."""
    assert sorted(set(_by_rules())) == sorted(_by_rules())


def test_every_rule_says_in_its_docstring_what_it_finds() -> None:
    """The docstring is what a reader of the family reads first."""
    assert [one.check.__name__ for one in _all() if not one.check.__doc__] == []


def test_catalogue_and_pages_are_equal() -> None:
    """Each code has its page, and each page its code."""
    assert {page.stem for page in _PAGES.glob("WFC*.md")} == set(CATALOGUE)


def test_a_rule_for_no_code_is_refused() -> None:
    """A misspelt code would never be found."""
    with pytest.raises(AssertionError, match="WFC000 is no code"):
        rule("WFC000")
