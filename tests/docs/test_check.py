"""The documentation keeps up with the sources."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def check() -> ModuleType:
    """The script `docs/check.py` as a module."""
    spec = importlib.util.spec_from_file_location("docs_check", ROOT / "docs" / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_link_leads_somewhere(check: ModuleType) -> None:
    """A moved page takes its links along."""
    assert list(check.broken_links()) == []


def test_every_code_has_a_page(check: ModuleType) -> None:
    """A code without an explanation is only a number."""
    assert list(check.codes_without_page()) == []


def test_every_page_says_what_why_and_what_to_do() -> None:
    """A page answers the three questions of somebody who has just met the code."""
    for page in sorted((ROOT / "docs" / "errors").glob("WFC*.md")):
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.stem} "), page
        assert "**Why it matters.**" in text, page
        assert "**What to do.**" in text, page


def test_faults_are_found(check: ModuleType, tmp_path: Path) -> None:
    """The checks see a dead link and a code without a page."""
    (tmp_path / "README.md").write_text(
        "[a](gone.md) [b](https://x.example) [c](#here)\n```\n[d](code.md)\n```\n"
    )
    (tmp_path / "wfc").mkdir()
    (tmp_path / "wfc" / "x.py").write_text('code = "WFC999"\n')
    assert list(check.broken_links(tmp_path)) == ["README.md: the link to gone.md leads nowhere"]
    assert len(list(check.codes_without_page(tmp_path))) == 1
