"""ruff's settings are found where ruff finds them; ruff itself then leaves our comments alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wfc.lint_rules.ruff_settings import unaware_settings

COMMENT = "import os  # noqa: F401, WFC201\n"


@pytest.mark.parametrize(
    ("name", "text", "unaware"),
    [
        ("ruff.toml", "", True),
        (".ruff.toml", '[lint]\nexternal = ["WFC"]\n', False),
        ("ruff.toml", '[lint]\nexternal = ["W"]\n', False),
        ("ruff.toml", 'external = ["WFC"]\n', False),
        ("ruff.toml", '[lint]\nexternal = ["V"]\n', True),
        ("pyproject.toml", "[tool.ruff]\nline-length = 100\n", True),
        ("pyproject.toml", '[tool.ruff.lint]\nexternal = ["WFC"]\n', False),
        ("pyproject.toml", "[tool.other]\n", False),
        ("pyproject.toml", "not toml", False),
    ],
)
def test_the_settings_that_hold_are_read(
    name: str,
    text: str,
    unaware: bool,  # noqa: FBT001 - a parameter of a test
    tmp_path: Path,
) -> None:
    """A project without ruff needs nothing."""
    (tmp_path / name).write_text(text)
    assert unaware_settings(tmp_path) == (tmp_path / name if unaware else None)


def test_the_first_file_wins(tmp_path: Path) -> None:
    """As for ruff, `.ruff.toml` before `ruff.toml` before `pyproject.toml`."""
    (tmp_path / "pyproject.toml").write_text('[tool.ruff.lint]\nexternal = ["WFC"]\n')
    (tmp_path / "ruff.toml").write_text("")
    assert unaware_settings(tmp_path) == tmp_path / "ruff.toml"


@pytest.mark.parametrize("aware", [True, False])
def test_ruff_itself_deletes_our_comments_unless_told(aware: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter of a test
    """The reason for all this, shown by the real ruff."""
    external = 'external = ["WFC"]' if aware else ""
    (tmp_path / "ruff.toml").write_text(
        f'[lint]\nselect = ["F", "RUF100", "RUF102"]\npreview = true\n{external}\n'
    )
    file = tmp_path / "a.py"
    file.write_text(COMMENT)
    subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--fix", "--quiet", "--no-cache", "a.py"],
        cwd=tmp_path,
        check=True,
    )
    assert (file.read_text() == COMMENT) is aware
