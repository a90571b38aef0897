"""The manifest says which operations a workflow asks for, where, and which markers it knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compiler.trees import APP, write
from wfc.compiler.build import BuildResult, build
from wfc.compiler.project import Project
from wfc.manifests.manifest import Manifest, Workflow

STEPS = """
async def charge(order, cents=1):
    "use step"
    return helper(order)

def helper(x):
    return x
"""
PRICING = """
import uuid, wfc
from app.steps import charge
from app.rates import RATE

class Price:
    async def pay(self):
        return await charge(self.total())

    def total(self):
        return RATE

def unreached():
    return uuid.uuid4()

async def price(order):
    if wfc.changed("tax"):
        await charge(order)
    return Price()
"""
FLOWS = """
import wfc
from app.pricing import price
from app.steps import charge

async def other(x):
    "use workflow"
    await charge(x)

async def flow(order):
    "use workflow"
    async def inner():
        "use step"
        return str(order)
    await inner()
    found = await price(order)
    if wfc.changed("vat") or wfc.changed(change="again"):
        await other(order)
    await found.pay()

async def apart(x):
    "use workflow"
    return len(x)
"""


def built(root: Path, flows: str = FLOWS, pricing: str = PRICING) -> BuildResult:
    more = {"app/flows.py": flows, "app/pricing.py": pricing, "app/steps.py": STEPS}
    return build(Project.at(write(root, {**APP, **more})), out=None)


def workflow(result: BuildResult, name: str = "flow") -> Workflow:
    assert result.version is not None, result.diagnostics
    return Manifest.parse(result.version.manifest).workflows[f"app.flows:{name}"]


def test_sites_are_those_of_all_that_is_reached(tmp_path: Path) -> None:
    """Helpers of other modules, methods, inline workflows; no step bodies, nothing unreached."""
    sites = workflow(built(tmp_path)).sites
    words = sorted((name.partition("~")[0], one.function) for name, one in sites.items())
    assert words == [
        ("Price", "price"),
        ("changed", "flow"),
        ("changed", "flow"),
        ("changed", "price"),
        ("charge", "Price.pay"),
        ("charge", "other"),
        ("charge", "price"),
        ("inner", "flow"),
        ("other", "flow"),
        ("pay", "flow"),
        ("price", "flow"),
        ("total", "Price.pay"),
    ]
    assert all(one.args for name, one in sites.items() if one.function == "price"
               and name.startswith(("charge", "changed")))  # fmt: skip


def test_what_decides_is_listed_by_id(tmp_path: Path) -> None:
    """So that compare can say which one changed."""
    before = workflow(built(tmp_path)).reaches
    assert set(before) == {
        "app.flows:other",
        "app.pricing:Price",
        "app.pricing:price",
        "app.rates:RATE",
    }
    after = workflow(built(tmp_path, pricing=PRICING.replace("self.total()", "1"))).reaches
    changed = {name for name in before if before[name] != after.get(name)}
    assert changed == {"app.pricing:Price"}


def test_markers_are_listed(tmp_path: Path) -> None:
    """Those of helpers too, sorted."""
    result = built(tmp_path)
    assert workflow(result).changes == ("again", "tax", "vat")
    assert workflow(result, "apart").changes == ()


@pytest.mark.parametrize("call", ["changed(order)", 'changed(f"a")', "changed()", "changed(1)"])
def test_a_marker_is_a_literal(tmp_path: Path, call: str) -> None:
    """Nobody could list what a version knows."""
    text = PRICING.replace('changed("tax")', call)
    [finding] = built(tmp_path, pricing=text).diagnostics
    assert (finding.code, finding.place.path, finding.place.line) == (
        "WFC615",
        "app/pricing.py",
        17,
    )
