"""Family 9: settings. These rules look at a project as a whole, once."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Final

from wfc.diagnostics import Place, diagnostic
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.overview import Overview
from wfc.lint_rules.registry import project_rule

_FILES: Final = ("pyproject.toml", "wfc.toml")


@project_rule("WFC122")
def two_names(project: Overview) -> Iterator[Finding]:
    """Find a file with two first-party names: its workflows would have two ids."""
    for one in project.project.doubly_named():
        yield Finding(told=one)


@project_rule("WFC223")
def unknown_name(project: Overview) -> Iterator[Finding]:
    """Find a name in `pure` that no installed or first-party module has."""
    for name in project.project.rules.pure:
        if "*" in name or project.project.is_first_party(name):
            continue
        if not _exists(name):
            yield _finding(
                "WFC223",
                project,
                name,
                f"[tool.wfc] pure lists {name!r}, but there is no module of that name here",
            )


@project_rule("WFC906")
def pure_wildcard(project: Overview) -> Iterator[Finding]:
    """Find a wildcard in `pure`: prefixes count anyway, and a star says no more than they do."""
    for name in project.project.rules.pure:
        if "*" in name:
            yield _finding(
                "WFC906",
                project,
                name,
                f"[tool.wfc] pure lists {name!r}; a name stands for all below it, so nobody sees "
                "any more what workflows may call",
            )


@project_rule("WFC911")
def refused_and_pure(project: Overview) -> Iterator[Finding]:
    """Find a name that is listed as refused and as pure."""
    rules = project.project.rules
    for name in sorted(set(rules.pure) & set(rules.refused)):
        yield _finding(
            "WFC911",
            project,
            name,
            f"[tool.wfc] lists {name!r} as pure and as refused; it is refused",
        )


def _exists(name: str) -> bool:
    """Tell whether a module of this name, or of its beginning, can be found without importing."""
    try:
        return importlib.util.find_spec(name.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def _finding(code: str, project: Overview, name: str, sentence: str) -> Finding:
    """Make a finding at the line of the settings that holds the name."""
    root = project.project.root
    file = next((one for one in _FILES if (root / one).is_file()), _FILES[0])
    try:
        lines = (root / file).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        lines = []  # the settings came from elsewhere
    quoted = (f'"{name}"', f"'{name}'")
    for number, line in enumerate(lines, 1):
        found = max(line.find(one) for one in quoted)
        if found >= 0:
            column = len(line[:found].encode())
            place = Place(file, number, column, number, column + len(name.encode()) + 2)
            return Finding(told=diagnostic(code, place, sentence))
    return Finding(told=diagnostic(code, Place(file), sentence))
