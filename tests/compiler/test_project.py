"""Dotted names map to files and back, and what is not the project's stays out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compiler.trees import write
from wfc.compiler.facts import ModuleSource
from wfc.compiler.project import Project, decoded
from wfc.diagnostics import Diagnostic
from wfc.ids import ModuleName


def names(project: Project) -> list[str]:
    return [name for name, _ in project.files()]


def test_packages_beside_the_settings_are_found_and_tests_are_not(tmp_path: Path) -> None:
    """No `packages` means all code at the root, but neither tests nor files of tools."""
    write(
        tmp_path,
        {
            "app/__init__.py": "",
            "app/inner/deep.py": "",
            "flows.py": "",
            "tests/__init__.py": "",
            "test_flows.py": "",
            "flows_test.py": "",
            "setup.py": "",
            "conftest.py": "",
            "scripts/tool.py": "",
            "build/__init__.py": "",
            ".hidden/__init__.py": "",
            "my-package/__init__.py": "",
            "notes.txt": "",
        },
    )
    project = Project.discover(tmp_path)
    assert project.packages == ("app", "flows")
    assert project.rules.packages == project.packages
    assert names(project) == ["app", "app.inner.deep", "flows"]


def test_src_layouts_and_namespace_packages(tmp_path: Path) -> None:
    """Under `src` a folder needs no `__init__.py`, and names begin below it."""
    write(tmp_path, {"src/shop/orders.py": "", "src/one.py": "", "docs/x.py": ""})
    project = Project.discover(tmp_path)
    assert project.packages == ("one", "shop")
    assert names(project) == ["one", "shop.orders"]
    path = project.path_of("shop.orders")
    assert path == tmp_path / "src/shop/orders.py"
    assert project.module_of(path) == "shop.orders"
    assert project.read("shop.orders").path == "src/shop/orders.py"  # type: ignore[union-attr]  # it is there


def test_what_git_ignores_is_left_out(tmp_path: Path) -> None:
    """The nearest `.gitignore` with an opinion wins, up to the repository's root."""
    write(
        tmp_path,
        {
            ".git/HEAD": "",
            ".gitignore": "generated_*.py\nlocal/\n",
            "sub/app/__init__.py": "",
            "sub/app/generated_a.py": "",
            "sub/app/.gitignore": "!generated_b.py\n",
            "sub/app/generated_b.py": "",
            "sub/app/local/x.py": "",
        },
    )
    assert names(Project.discover(tmp_path / "sub")) == ["app", "app.generated_b"]


def test_excluded_folders_are_left_out_by_name_and_by_path(tmp_path: Path) -> None:
    """`exclude` takes a name anywhere, or a path from the root."""
    write(
        tmp_path,
        {"app/__init__.py": "", "app/old/a.py": "", "app/x/old.py": "", "app/x/gone/b.py": ""},
    )
    project = Project.discover(tmp_path, exclude=["old", "app/x/gone"])
    assert names(project) == ["app", "app.x.old"]


def test_settings_are_read_by_the_hook_too(tmp_path: Path) -> None:
    """`Project.at` reads the keys that concern code, and takes the defaults for the rest."""
    write(
        tmp_path,
        {
            "pyproject.toml": '[tool.wfc]\npackages = ["app"]\npure = ["x.y"]\nworld = "memory:"\n',
            "app/__init__.py": "",
            "other/__init__.py": "",
        },
    )
    project = Project.at(tmp_path)
    assert (project.packages, project.rules.pure) == (("app",), ("x.y",))
    (tmp_path / "wfc.toml").write_text('packages = ["other"]\n')
    assert Project.at(tmp_path).packages == ("other",)
    (tmp_path / "wfc.toml").write_text("not toml")
    (tmp_path / "pyproject.toml").unlink()
    assert Project.at(tmp_path).packages == ("app", "other")


def test_a_file_under_two_names_is_an_error(tmp_path: Path) -> None:
    """`src` as a package and as a root gives workflows two ids (WFC122)."""
    write(tmp_path, {"src/__init__.py": "", "src/app/__init__.py": ""})
    [finding] = Project.discover(tmp_path).doubly_named()
    assert finding.code == "WFC122"
    assert finding.place.path == "src/app/__init__.py"
    assert "`app`" in finding.sentence
    assert "`src.app`" in finding.sentence
    assert Project.discover(tmp_path, packages=["app"]).doubly_named() == ()


def test_names_that_are_not_ours(tmp_path: Path) -> None:
    """Neither foreign modules nor files outside the roots have a place here."""
    write(tmp_path, {"app/__init__.py": "", "other/__init__.py": ""})
    project = Project.discover(tmp_path, packages=["app"])
    assert project.path_of("other") is None
    assert project.path_of("app.missing") is None
    assert project.read("app.missing") is None
    assert project.module_of(tmp_path / "other/__init__.py") is None
    assert project.module_of(tmp_path.parent / "x.py") is None
    assert project.shown(tmp_path.parent / "x.py") == "x.py"
    assert not project.is_first_party("apple")


def test_sources_are_decoded_as_python_does(tmp_path: Path) -> None:
    """Cookie, BOM and line ends are the file's matter; a broken one is a finding."""
    write(
        tmp_path,
        {
            "app/__init__.py": b"\xef\xbb\xbfx = 1\r\ny = 2\r",
            "app/latin.py": b"# -*- coding: latin-1 -*-\nx = '\xe4'\n",
            "app/bad.py": b"x = '\xe4'\n",
            "app/cookie.py": b"# -*- coding: nonsense -*-\n",
            "app/null.py": b"x = 1\0\n",
        },
    )
    project = Project.discover(tmp_path)
    source = project.read("app")
    assert source is not None
    assert (source.text, source.is_package) == ("x = 1\ny = 2\n", True)
    assert decoded(b"# coding: latin-1\n'\xe4'") == "# coding: latin-1\n'ä'"
    assert project.read("app.latin").text.endswith("'ä'\n")  # type: ignore[union-attr]  # it is there
    for name in ("app.bad", "app.cookie", "app.null"):
        path = project.path_of(name)
        assert path is not None
        found = project.read_file(path, ModuleName(name))
        assert isinstance(found, Diagnostic)
        assert found.code == "WFC910"
        assert project.read(name) is None


def test_a_file_that_is_gone_is_a_finding(tmp_path: Path) -> None:
    """What cannot be read is told, not raised."""
    project = Project.discover(write(tmp_path, {"app/__init__.py": ""}))
    found = project.read_file(tmp_path / "app/gone.py", ModuleName("app.gone"))
    assert isinstance(found, Diagnostic)
    assert not isinstance(found, ModuleSource)
    assert "cannot be read" in found.sentence


@pytest.mark.parametrize("source", [["nowhere"], ["nowhere", "."]])
def test_roots_that_do_not_exist_are_skipped(tmp_path: Path, source: list[str]) -> None:
    """A missing import root is not an error."""
    write(tmp_path, {"app/__init__.py": ""})
    project = Project.discover(tmp_path, source=source)
    assert project.packages == (("app",) if "." in source else ())
