"""`--wfc-lint`, in real runs of pytest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STEP = 'async def charge(order_id{annotation}):\n    "use step"\n    return order_id\n'
OTHERS = [
    word
    for name in ("cacheprovider", "faker", "randomly", "hypothesispytest", "anyio", "xdist")
    for word in ("-p", f"no:{name}")
]
"""Plugins that are at home here take most of a start of pytest, and have no part in this."""
TEST = "def test_nothing():\n    pass\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.wfc]\n[tool.pytest.ini_options]\n")
    (tmp_path / "shop.py").write_text(STEP.format(annotation=""))
    (tmp_path / "test_shop.py").write_text(TEST)
    return tmp_path


def run_pytest(root: Path, *words: str) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *OTHERS, *words],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout


def test_findings_fail_one_more_test(root: Path) -> None:
    """What is shown is what `wfc lint` would print, without a traceback."""
    code, out = run_pytest(root, "--wfc-lint")
    assert code == 1
    assert "1 failed, 1 passed" in out
    assert 'shop.py:1:1: WFC403 the step "charge"' in out
    assert "Traceback" not in out


def test_a_clean_project_passes(root: Path) -> None:
    """The settings of the project hold."""
    (root / "pyproject.toml").write_text('[tool.wfc.lint]\nignore = ["WFC403"]\n')
    code, out = run_pytest(root, "--wfc-lint")
    assert (code, "2 passed" in out) == (0, True)


def test_without_the_option_nothing_is_added(root: Path) -> None:
    """Neither a test nor an import of the linter."""
    (root / "test_shop.py").write_text(
        "import sys\n\n\ndef test_nothing():\n"
        "    assert 'wfc.lint_rules.engine' not in sys.modules\n"
        "    assert 'wfc.compiler.gather' not in sys.modules\n"
    )
    code, out = run_pytest(root)
    assert (code, "1 passed" in out) == (0, True)
