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


def test_the_documentation_has_no_fault(check: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links lead somewhere, codes and pages are the catalogue's, the reference is up to date."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    assert list(check.faults()) == []


def test_every_page_says_what_why_and_what_to_do() -> None:
    """A page answers the three questions of somebody who has just met the code."""
    for page in sorted((ROOT / "docs" / "errors").glob("WFC*.md")):
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.stem} "), page
        assert "**Why it matters.**" in text, page
        assert "**What to do.**" in text, page


def test_faults_are_found(check: ModuleType, tmp_path: Path) -> None:
    """The checks see a dead link, a code without a page, a code that nobody knows."""
    (tmp_path / "README.md").write_text(
        "[a](gone.md) [b](https://x.example) [c](#here)\n```\n[d](code.md)\n```\n"
    )
    (tmp_path / "wfc").mkdir()
    (tmp_path / "wfc" / "x.py").write_text('code = "WFC999"\n')
    assert list(check.broken_links(tmp_path)) == ["README.md: the link to gone.md leads nowhere"]
    assert check.codes_in_use(tmp_path) == {"WFC999"}
    assert len(list(check.codes_without_page({"WFC999"}, tmp_path))) == 1
    assert len(list(check.codes_unknown({"WFC999"}, {"WFC201"}))) == 1
    assert len(list(check.pages_out_of_date({ROOT / "docs" / "none.md": "x"}))) == 1
