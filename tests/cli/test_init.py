"""`wfc init` makes a project that runs at once, and never overwrites anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .conftest import Said

Wfc = Callable[..., Said]


def test_a_new_project_compiles(wfc: Wfc, project: Path) -> None:
    """Settings, a workflow, a test; the build has no finding."""
    said = wfc("init", "fresh")
    assert said.code == 0
    assert said.out.count("wrote fresh/") == 3
    assert "cd fresh" in said.err
    built = wfc("build", "--project", str(project / "fresh"), "--json")
    assert (built.code, built.json["data"]["findings"]) == (0, [])


def test_nothing_is_overwritten(wfc: Wfc, project: Path) -> None:
    """Exit 5, and not even the files that were free are written."""
    (project / "flows.py").write_text("mine = 1\n")
    said = wfc("init", "--json")
    assert said.code == 5
    assert "flows.py" in said.err
    assert (project / "flows.py").read_text() == "mine = 1\n"
    assert not (project / "test_flows.py").exists()


def test_settings_that_stand_in_pyproject_stay_the_only_ones(wfc: Wfc, project: Path) -> None:
    """A wfc.toml beside them would be refused by every later command."""
    (project / "there").mkdir()
    (project / "there" / "pyproject.toml").write_text('[tool.wfc]\nworld = "memory:"\n')
    said = wfc("init", "there")
    assert said.code == 0
    assert not (project / "there" / "wfc.toml").exists()
    assert wfc("build", "--project", str(project / "there")).code == 0
