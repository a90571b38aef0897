"""The hooks of pre-commit call commands that exist, with the options they need."""

from __future__ import annotations

import re
from pathlib import Path

from wfc.cli.main import TABLE

_HOOKS = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"


def test_the_linter_is_called_by_its_name() -> None:
    """It gets the names of files; runs share a cache, so one process at a time."""
    text = _HOOKS.read_text("utf-8")
    (hook,) = [one for one in re.split(r"^- ", text, flags=re.MULTILINE) if "id: wfc-lint" in one]
    assert "entry: wfc lint\n" in hook
    assert "types: [python]" in hook
    assert "require_serial: true" in hook
    assert "lint" in {entry.name for entry in TABLE}


def test_the_gate_looks_at_the_project_not_at_files() -> None:
    """`wfc check` compares whole builds."""
    text = _HOOKS.read_text("utf-8")
    (hook,) = [one for one in re.split(r"^- ", text, flags=re.MULTILINE) if "id: wfc-check" in one]
    assert "entry: wfc check\n" in hook
    assert "pass_filenames: false" in hook
