"""What a file is when nobody says: its name, its settings, and what stands beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from wfc.lint_rules.neighbours import module_name, rules_around


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository: a package with a package in it, a module beside it, and tests."""
    for name in ("app/__init__.py", "app/sub/__init__.py", "app/sub/flows.py", "tool.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "shop.py").write_text("")
    return tmp_path


def test_a_name_is_that_by_which_a_file_is_imported(root: Path) -> None:
    """The folders with an `__init__.py` above it belong to it."""
    assert module_name(root / "app" / "sub" / "flows.py") == "app.sub.flows"
    assert module_name(root / "app" / "sub" / "__init__.py") == "app.sub"
    assert module_name(root / "tool.py") == "tool"
    assert module_name(root / "__init__.py") == root.name


def test_what_stands_beside_a_file_is_first_party(root: Path) -> None:
    """At the root of its import, not in its own package."""
    assert set(rules_around(root / "app" / "sub" / "flows.py").packages) == {"app", "tool"}


@pytest.mark.parametrize("mark", ["pyproject.toml", "setup.py", ".git"])
def test_tests_know_the_packages_of_their_repository(root: Path, mark: str) -> None:
    """Without settings, the nearest folder that looks like a project counts."""
    assert set(rules_around(root / "tests" / "shop.py").packages) == {"shop"}
    other = root / "other"
    (root / "app").rename(other)
    (root / mark).write_text("")
    tests = root / "checks"
    (root / "tests").rename(tests)
    assert set(rules_around(tests / "shop.py").packages) >= {"other", "shop"}


def test_settings_hold_upward_from_a_file(root: Path) -> None:
    """The nearest `wfc.toml` or `[tool.wfc]`; a `pyproject.toml` without it is passed by."""
    (root / "pyproject.toml").write_text('[tool.wfc]\npure = ["shapely"]\n')
    (root / "tests" / "pyproject.toml").write_text("[tool.other]\n")
    assert rules_around(root / "tests" / "shop.py").pure == ("shapely",)
    (root / "tests" / "wfc.toml").write_text('pure = ["numpy"]\n')
    assert rules_around(root / "app" / "sub" / "flows.py").pure == ("shapely",)


def test_settings_may_be_named(root: Path) -> None:
    """Whatever stands around the file."""
    (root / "wfc.toml").write_text('pure = ["shapely"]\n')
    other = root / "other"
    other.mkdir()
    (other / "wfc.toml").write_text('pure = ["numpy"]\n')
    assert rules_around(root / "tool.py", other / "wfc.toml").pure == ("numpy",)
