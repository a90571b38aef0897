"""Rules about settings: each fires at its line, and stays silent without its fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from wfc.compiler.project import Project
from wfc.lint_rules.engine import Options, check_project
from wfc.lint_rules.overview import Overview


def found(root: Path, settings: str) -> list[tuple[str, str, int]]:
    (root / "pyproject.toml").write_text(f"[tool.wfc]\n{settings}\n")
    (root / "app.py").write_text("")
    overview = Overview(Project.at(root))
    findings = check_project(overview, Options())
    return [(one.code, one.place.path, one.place.line) for one in findings]


@pytest.mark.parametrize(
    ("settings", "code", "line"),
    [
        ('pure = ["json", "no_such_package"]', "WFC223", 2),
        ('pure = [\n  "msgpack.*",\n]', "WFC906", 3),
        ('refused = ["msgpack"]\npure = ["msgpack"]', "WFC911", 2),
    ],
)
def test_a_setting_is_told_at_its_line(tmp_path: Path, settings: str, code: str, line: int) -> None:
    """The first line that holds the name."""
    assert found(tmp_path, settings) == [(code, "pyproject.toml", line)]


def test_settings_without_fault_are_silent(tmp_path: Path) -> None:
    """Installed modules, parts of them, and first-party ones."""
    assert found(tmp_path, 'pure = ["msgpack", "json.decoder", "app"]\nrefused = ["re"]') == []
