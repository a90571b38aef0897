"""The examples of the pages of errors: what is wrong there is found, what is right is silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import LINTED, SIDES, Example
from wfc.compiler.scan import read_source
from wfc.diagnostics import CATALOGUE
from wfc.errors import WfcError
from wfc.ids import ModuleName
from wfc.lint_rules import run
from wfc.lint_rules.asked import job_of
from wfc.lint_rules.engine import Options, check
from wfc.lint_rules.registry import project_rules, rules
from wfc.lint_rules.selection import EVERYTHING, Selection
from wfc.settings import load_settings

NEEDS_THE_PROJECT = {code for one in project_rules() for code in one.codes} | {
    code for one in rules() if one.project for code in one.codes
}
ALONE = {
    code: text
    for code, sides in LINTED.items()
    if (text := sides["Wrong"].alone) is not None
    and code not in NEEDS_THE_PROJECT | {"WFC133"}  # what exempts nothing here may exempt elsewhere
}
ALSO = {"WFC118": {"WFC333"}}
"""What a mistake brings with it: a cache hides a workflow, and all runs share it."""


def _in_a_file(code: str, text: str) -> list[str]:
    """Give what is found in a file of which nothing else is known."""
    source = read_source(ModuleName("shop"), "shop.py", "/shop.py", text.encode())
    options = Options(selection=Selection(select=(EVERYTHING, code)))
    return [one.code for one in check(source, None, options)]


def _in_a_project(code: str, example: Example, folder: Path) -> list[str]:
    """Give what `wfc lint` finds in a project of these files, or the code by which it refuses."""
    example.lay(folder)
    try:
        job = job_of(load_settings(folder), extend_select=(code,) if CATALOGUE[code].off else ())
    except WfcError as refused:
        return [str(refused.code)]
    return [one.code for one in run.lint(job, run.files_in(job.project, [])).findings]


@pytest.mark.parametrize("code", sorted(ALONE))
def test_what_is_wrong_is_found_in_a_file_alone(code: str) -> None:
    """A reader who pastes the example into an editor sees the code of the page, and no other."""
    found = set(_in_a_file(code, ALONE[code]))
    assert {code} <= found <= {code, *ALSO.get(code, ())}


@pytest.mark.parametrize("code", sorted(ALONE))
def test_what_is_right_is_silent_in_a_file_alone(code: str) -> None:
    """The cure brings no other finding."""
    text = LINTED[code]["Right"].alone
    assert text is None or _in_a_file(code, text) == []


@pytest.mark.parametrize("code", sorted(LINTED))
def test_what_is_wrong_is_found_in_a_project(code: str, tmp_path: Path) -> None:
    """By the file, by its neighbours or by the settings; nothing else is wrong with the example."""
    found = set(_in_a_project(code, LINTED[code]["Wrong"], tmp_path))
    assert {code} <= found <= {code, *ALSO.get(code, ())}


@pytest.mark.parametrize("code", sorted(LINTED))
def test_what_is_right_is_silent_in_a_project(code: str, tmp_path: Path) -> None:
    """The cure brings no other finding."""
    assert _in_a_project(code, LINTED[code]["Right"], tmp_path) == []


def test_most_examples_are_judged_both_ways() -> None:
    """A page whose example is read wrong would be judged by nobody."""
    assert len(ALONE) > 90
    assert len(LINTED) > 100
    assert all(one[side].files for one in LINTED.values() for side in SIDES)
