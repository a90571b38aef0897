"""WFC407: classes that an earlier build let payloads name, looked up in the sources of today."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from wfc.compiler.build import build
from wfc.compiler.project import Project
from wfc.errors import ManifestBroken
from wfc.lint_rules.asked import job_of
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.run import files_in, lint
from wfc.manifests.manifest import Manifest, baseline_text
from wfc.settings import load_settings

MODELS: Final = """\
from dataclasses import dataclass


@dataclass
class Order:
    number: str
"""
SHOP: Final = """\
from models import Order


async def charge(order: Order) -> str:
    "use step"
    return order.number
"""
SETTINGS: Final = '[tool.wfc]\npackages = ["models", "shop"]\n'
FILES: Final = {"models.py": MODELS, "shop.py": SHOP, "pyproject.toml": SETTINGS}
ONLY: Final = ("WFC407",)


def lay(root: Path, files: Mapping[str, str]) -> None:
    for old in root.glob("*.py"):
        old.unlink()
    for name, text in files.items():
        (root / name).write_text(text)


def found(root: Path, out: Path | None = None) -> tuple[Finding, ...]:
    job = job_of(load_settings(root), select=ONLY)
    return lint(job, files_in(job.project, ()), out=out).findings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose last build names `models:Order`."""
    lay(tmp_path, FILES)
    assert build(Project.discover(tmp_path), out=tmp_path / ".wfc").version is not None
    assert found(tmp_path) == ()
    return tmp_path


def renamed(before: str = "", *, own: str = "") -> dict[str, str]:
    """Call the class Purchase, with a hint above it or on its line."""
    models = MODELS.replace("@dataclass", f"{before}@dataclass")
    models = models.replace("class Order:", f"class Purchase:{own}")
    return {**FILES, "models.py": models, "shop.py": SHOP.replace("Order", "Purchase")}


def test_a_renamed_class_is_told_in_its_module(root: Path) -> None:
    """An error, with the manifest that names it and the hint that is missing."""
    lay(root, renamed())
    (one,) = found(root)
    assert (one.code, one.place.path, one.told.severity.value) == ("WFC407", "models.py", "error")
    assert "`models:Order` is gone" in one.told.sentence
    assert "manifest.json names it" in one.told.sentence
    assert "`# wfc: was[models:Order]`" in (one.told.fix or "")


def test_a_moved_class_is_told_where_it_is_now(root: Path) -> None:
    """One class of that name elsewhere is most likely the same, so the hint belongs there."""
    goods = MODELS.replace("class Order", "@final\nclass Order")
    shop = SHOP.replace("models", "goods")
    settings = SETTINGS.replace("models", "goods")
    lay(root, {"goods.py": goods, "shop.py": shop, "pyproject.toml": settings})
    (one,) = found(root)
    assert (one.place.path, one.place.line) == ("goods.py", 6)
    assert "`goods:Order`" in (one.told.fix or "")


def test_a_class_that_is_only_imported_is_gone(root: Path) -> None:
    """Values are made by the module that defines their class, as the codec records it."""
    settings = SETTINGS.replace('"models"', '"models", "goods"')
    files = {**FILES, "goods.py": MODELS, "models.py": "from goods import Order as Order\n"}
    lay(root, {**files, "pyproject.toml": settings})
    assert [one.place.path for one in found(root)] == ["goods.py"]


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(FILES, id="unchanged"),
        pytest.param(renamed("# wfc: was[Order]\n"), id="hint-above"),
        pytest.param(renamed(own="  # wfc: was[models:Order]"), id="hint-beside"),
        pytest.param(
            {
                "goods.py": MODELS,
                "shop.py": SHOP.replace("models", "goods"),
                "pyproject.toml": SETTINGS.replace("models", "goods")
                + '[tool.wfc.renamed]\nmodels = "goods"\n',
            },
            id="module-renamed",
        ),
        pytest.param({**FILES, "models.py": MODELS + "(\n"}, id="not-to-be-parsed"),
        pytest.param(
            {**FILES, "models.py": MODELS.replace("class Order", "class _O") + "Order = _O\n"},
            id="assigned",
        ),
    ],
)
def test_what_stands_or_is_hinted_is_silent(root: Path, files: Mapping[str, str]) -> None:
    """Nothing is lost then."""
    lay(root, files)
    assert found(root) == ()


def test_without_a_build_nothing_is_known(tmp_path: Path) -> None:
    """And nothing is told."""
    lay(tmp_path, renamed())
    assert found(tmp_path) == ()


def test_a_broken_build_is_none_but_a_broken_baseline_is_told(root: Path) -> None:
    """The folder of builds is made anew at any time; a baseline is committed."""
    lay(root, renamed())
    for manifest in root.glob(".wfc/versions/*/manifest.json"):
        manifest.write_text("{")
    assert found(root) == ()
    (root / "wfc.baseline.json").write_text("{")
    with pytest.raises(ManifestBroken):
        found(root)
    (root / "wfc.baseline.json").write_text('{"schema": "wfc.manifest/1.0"}')
    with pytest.raises(ManifestBroken, match="classes"):
        found(root)


def test_the_baseline_speaks_before_the_last_build(root: Path) -> None:
    """Whoever builds after the edit has not yet told the runs that are deployed."""
    (manifest,) = root.glob(".wfc/versions/*/manifest.json")
    (root / "wfc.baseline.json").write_text(baseline_text(Manifest.read(manifest)))
    lay(root, renamed())
    assert build(Project.discover(root), out=root / ".wfc").version is not None
    (one,) = found(root)
    assert "wfc.baseline.json names it" in one.told.sentence


def test_what_is_remembered_hangs_on_the_manifest(root: Path) -> None:
    """A build makes the error go away, though no source has changed since it was found."""
    lay(root, renamed())
    out = root / ".wfc"
    assert len(found(root, out)) == 1
    assert len(found(root, out)) == 1
    assert build(Project.discover(root), out=out).version is not None
    assert found(root, out) == ()
