"""Rules that need the project: told at the exact place, with a twin that is silent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.compiler.project_rules import PROJECT_PAIRS
from tests.compiler.rules import PAIRS, SECTION_1, Pair
from tests.compiler.trees import write
from wfc.compiler.build import build
from wfc.compiler.project import Project
from wfc.diagnostics import CATALOGUE, Diagnostic, Severity

_MARK = re.compile(r"# (WFC\d{3}): (\d+)")


def files_of(text: str) -> dict[str, str]:
    """Split a pair's program into its files."""
    parts = re.split(r"^=== (.+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def findings(root: Path, text: str) -> tuple[Diagnostic, ...]:
    """Build the program; what is only noted does not count."""
    files = {"pyproject.toml": "[tool.wfc]\npure = ['acme']\n", **files_of(text)}
    if not any(name.startswith("src/") for name in files):
        files.setdefault("app/__init__.py", "")
    result = build(Project.at(write(root, files)), out=None)
    return tuple(one for one in result.diagnostics if one.severity is not Severity.INFO)


def marked(text: str) -> list[tuple[str, int, int, str]]:
    return sorted(
        (path, number, int(column), code)
        for path, content in files_of(text).items()
        for number, line in enumerate(content.split("\n"), 1)
        for code, column in _MARK.findall(line)
    )


def told(found: tuple[Diagnostic, ...]) -> list[tuple[str, int, int, str]]:
    places = [(one.chain[-1].place if one.chain else one.place, one.code) for one in found]
    return sorted((place.path, place.line, place.column + 1, code) for place, code in places)


@pytest.mark.parametrize("pair", PROJECT_PAIRS, ids=lambda pair: pair.name)
def test_a_fault_is_told_at_its_place(tmp_path: Path, pair: Pair) -> None:
    """Exactly the marked faults are found, as errors, and each begins at a workflow or itself."""
    found = findings(tmp_path, pair.bad)
    assert told(found) == marked(pair.bad)
    assert marked(pair.bad), "the project marks no fault"
    assert {one.severity for one in found} == {Severity.ERROR}
    assert all(CATALOGUE[one.code].severity is Severity.ERROR for one in found)


@pytest.mark.parametrize("pair", PROJECT_PAIRS, ids=lambda pair: pair.name)
def test_the_twin_is_silent(tmp_path: Path, pair: Pair) -> None:
    """The same project without the fault has no finding."""
    assert told(findings(tmp_path, pair.good)) == []


def test_every_rule_of_directives_is_shown_somewhere() -> None:
    """The table names only what exists, and each pair of rules stands in it."""
    here = Path(__file__).parent
    known = {f"pair {pair.name}" for pair in PAIRS}
    known |= {f"project {pair.name}" for pair in PROJECT_PAIRS}
    known |= {
        f"case {path.stem.removesuffix('_before')}" for path in (here / "cases").glob("*_before.py")
    }
    known |= {
        f"test {path.name}::{name}"
        for path in here.glob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    shown = {one for places in SECTION_1.values() for one in places}
    assert shown - known == set()
    assert {one for one in known if one.startswith(("pair ", "project "))} - shown == set()


def test_every_code_of_directives_stands_in_the_table() -> None:
    """Codes 102 to 129; what comes behind them is told by effects, the linter or at run time."""
    named = {code for rule in SECTION_1 for code in re.findall(r"WFC\d{3}", rule)}
    wanted = {code for code in CATALOGUE if "WFC102" <= code <= "WFC129"}
    assert wanted - named == set()
