"""No circle of imports anywhere, not even of those that only a type checker follows."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def imports_of(root: Path, package: str) -> dict[str, set[str]]:
    """Give, by module, the modules of the package that it imports anywhere in its text."""
    paths = {_name(path, root): path for path in (root / package).rglob("*.py")}
    graph: dict[str, set[str]] = {}
    for name, path in paths.items():
        found = set[str]()
        for node in ast.walk(ast.parse(path.read_text())):
            for candidates in _imported(node):
                found.update([one for one in candidates if one in paths][:1])
        graph[name] = found - {name}
    return graph


def _imported(node: ast.AST) -> list[tuple[str, ...]]:
    """Give, by imported name, the modules that it may mean: the most exact first."""
    match node:
        case ast.Import(names=names):
            return [(alias.name,) for alias in names]
        case ast.ImportFrom(module=str(module), names=names, level=0):
            return [(f"{module}.{alias.name}", module) for alias in names]
    return []


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sort(graph: dict[str, set[str]]) -> list[str]:
    """Sort modules so that imports point back. Raises `CycleError`, which holds the circle."""
    return list(TopologicalSorter(graph).static_order())


def test_wfc_has_no_circle() -> None:
    """`TYPE_CHECKING` blocks and imports in functions count like all others."""
    graph = imports_of(ROOT, "wfc")
    assert len(graph) > 150, "the graph holds the whole package"
    assert "wfc.runtime.loop" in graph["wfc.runtime.live"]
    sort(graph)


@pytest.mark.parametrize(
    "text",
    [
        "from made import two",
        "def later():\n    import made.two",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made.two import Two",
    ],
)
def test_a_circle_is_found(tmp_path: Path, text: str) -> None:
    """However the import that closes it is written."""
    package = tmp_path / "made"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text(text)
    (package / "two.py").write_text("import made.one\n\nclass Two: ...\n")
    with pytest.raises(CycleError) as error:
        sort(imports_of(tmp_path, "made"))
    assert set(error.value.args[1]) == {"made.one", "made.two"}
