"""Everything that a manifest names has a place, also in a version that comes out of an archive."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.compiler.trees import APP, write
from wfc.compiler.build import build
from wfc.compiler.project import Project
from wfc.diagnostics import Place
from wfc.errors import BundleBroken
from wfc.manifests.manifest import Manifest
from wfc.manifests.store import (
    Version,
    from_archive,
    read_spans,
    spans_of_version,
    to_archive,
)

FLOWS = """from app.pricing import price
from wfc import sleep
from dataclasses import dataclass

@dataclass
class Order:
    cents: int = 1

async def charge(order: Order, cents: int = 3) -> str:
    "use step"
    return f"{order}:{cents}"

async def checkout(order: Order) -> str:
    "use workflow"
    if order.cents:
        LIMIT = 3
    await sleep("3 days")
    return await charge(order, price(order))
"""
PRICING = """
RATE, BASE = 1, 2
if RATE:
    TABLE = {}
TABLE["a"] = 1
async def price(order):
    return RATE + TABLE["a"]
"""


@pytest.fixture
def version(tmp_path: Path) -> Version:
    root = write(tmp_path, {**APP, "app/flows.py": FLOWS, "app/pricing.py": PRICING})
    version = build(Project.at(root), out=root / ".wfc").version
    assert version is not None
    return version


def test_what_a_manifest_names_has_a_place(version: Version) -> None:
    """Sites, definitions, what decides, classes."""
    spans = spans_of_version(from_archive(to_archive(version)))
    manifest = Manifest.parse(version.manifest)
    workflow = manifest.workflows["app.flows:checkout"]
    named = {*workflow.sites, *workflow.reaches, *manifest.steps, *manifest.classes}
    assert named - spans.keys() == set()
    assert spans["app.flows:checkout"].line == 13
    [charge] = [name for name in workflow.sites if name.startswith("charge~")]
    assert spans[charge] == Place("app/flows.py", 18, 17, 18, 44)
    assert spans["app.flows:charge.cents"] == Place("app/flows.py", 9, 31, 9, 41)
    assert spans["app.flows:Order.cents"].line == 7
    assert spans["app.pricing:TABLE"].line == 4
    assert spans["app.pricing:BASE"].line == 2
    assert spans["app.flows:checkout.LIMIT"].line == 16


def test_the_file_holds_the_same(version: Version, tmp_path: Path) -> None:
    """And is refused by name if it is damaged."""
    folder = tmp_path / ".wfc" / "versions" / version.id
    assert read_spans(folder) == spans_of_version(version)
    (folder / "spans.json").write_text(json.dumps({"a": ["app/x.py", 1, 2, 3, 4], "b": ["y"]}))
    assert read_spans(folder)["b"] == Place("y")
    (folder / "spans.json").write_text('{"a": 3}')
    with pytest.raises(BundleBroken, match=r"spans\.json"):
        read_spans(folder)
