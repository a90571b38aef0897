"""Programs under test that mark their own faults, and what the engine says of them.

A case is `cases/wfcNNN.py`, or a folder `cases/wfcNNN/` whose files are the modules of one project.
A fault is marked on its line by ``# WFCNNN: column, "name"``: the column as printed, from 1; the
name stands in the sentence. Behind it ``probably`` says that the finding is inferred, so a warning.
A function whose name begins with `good` is a twin: it has no fault.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final, NamedTuple

from wfc.compiler.facts import ModuleSource
from wfc.compiler.project import Project
from wfc.compiler.scan import read_source
from wfc.diagnostics import CATALOGUE
from wfc.ids import ModuleName
from wfc.lint_rules.engine import Options, check
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.overview import Overview
from wfc.lint_rules.selection import EVERYTHING, Selection

CASES: Final = Path(__file__).parent / "cases"
_MARK: Final = re.compile(
    r'# (?P<code>WFC\d{3}): (?P<column>\d+), "(?P<name>[^"]*)"(?P<guess> probably)?'
)


class Mark(NamedTuple):
    """A fault as a program marks it."""

    line: int
    column: int
    code: str
    name: str
    is_guess: bool


def marks_of(text: str) -> list[Mark]:
    """Read the marks of a program."""
    return [
        Mark(number, int(one["column"]), one["code"], one["name"], one["guess"] is not None)
        for number, line in enumerate(text.split("\n"), 1)
        for one in _MARK.finditer(line)
    ]


def files_of(case: Path) -> list[Path]:
    """Give the programs of a case."""
    return sorted(case.glob("*.py")) if case.is_dir() else [case]


def good_ones(text: str) -> list[str]:
    """Give the names of the functions that a program says are good."""
    return [
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith("good")
    ]


def source_of(path: Path, text: str | None = None) -> ModuleSource:
    """Read a program as the module of its file name."""
    data = path.read_bytes() if text is None else text.encode()
    return read_source(ModuleName(path.stem), path.name, str(path), data)


def options_of(code: str) -> Options:
    """Ask for one code alone."""
    return Options(selection=Selection(select=(code,), ignore=(EVERYTHING,)))


def overview_of(folder: Path) -> Overview:
    """See all files of a folder as the modules of a project."""
    names = tuple(sorted(path.stem for path in folder.glob("*.py")))
    return Overview(Project.discover(folder, packages=names, source=(".",)))


def findings_in(path: Path, code: str, overview: Overview | None = None) -> list[Finding]:
    """Give what the engine finds of `code` in one file."""
    return check(source_of(path), overview, options_of(code))


def column_of(finding: Finding, text: str) -> int:
    """Give the column as it is printed: in characters, from 1."""
    line = text.split("\n")[finding.place.line - 1]
    return len(line.encode()[: finding.place.column].decode()) + 1


def is_off(code: str) -> bool:
    """Tell whether a rule must be selected by its code."""
    return CATALOGUE[code].off
