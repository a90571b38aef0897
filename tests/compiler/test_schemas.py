"""A manifest holds JSON Schema of what steps and workflows take and give, where it can be known."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from tests.compiler.trees import APP, python, write
from wfc.compiler.build import BuildResult, build
from wfc.compiler.project import Project
from wfc.config import load_preludes
from wfc.manifests.manifest import Manifest, Step, Workflow

HEAD = """
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from pydantic import BaseModel, Field
if TYPE_CHECKING:
    from decimal import Decimal

class Order(BaseModel):
    cents: Annotated[int, Field(ge=1)]
    parts: list["Order"] = []

@dataclass
class Shop:
    name: str
    async def total(self, order: Order) -> int:
        "use step"
    @classmethod
    async def blank(cls, name: str) -> "Shop":
        "use step"

class Odd: pass
class Bad:
    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        raise OSError
"""
FLOW = """
async def flow(order: Order):
    "use workflow"
    rate = 3
    async def inner(x: int):
        "use step"
        return rate + x
    await step(order), await inner(1), await Shop("a").total(order), await Shop.blank("a")
"""


def built(root: Path, text: str, **options: Any) -> BuildResult:
    write(root, {**APP, "app/flows.py": HEAD + dedent(text) + FLOW})
    return build(Project.at(root), out=None, load=load_preludes, **options)


def manifest(root: Path, text: str) -> Manifest:
    result = built(root, text)
    assert result.version is not None, result.diagnostics
    return Manifest.parse(result.version.manifest)


def step(root: Path, signature: str) -> Step:
    text = f'\nasync def step{signature}:\n    "use step"\n'
    return manifest(root, text).steps["app.flows:step"]


ORDER = {
    "type": "object",
    "title": "Order",
    "properties": {
        "cents": {"type": "integer", "minimum": 1, "title": "Cents"},
        "parts": {
            "type": "array",
            "items": {"$ref": "#/$defs/Order"},
            "default": [],
            "title": "Parts",
        },
    },
    "required": ["cents"],
}


def test_arguments_are_an_object_by_parameter(tmp_path: Path) -> None:
    """What has a default, and what is spread, may be left out."""
    found = step(tmp_path, "(order: Order, note: str = '', *rest: int, flag=1, **more: 'Order')")
    assert found.input_schema == {
        "type": "object",
        "properties": {
            "order": {"$ref": "#/$defs/Order"},
            "note": {"type": "string"},
            "rest": {"type": "array", "items": {"type": "integer"}},
            "flag": {},
            "more": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Order"}},
        },
        "required": ["order"],
        "additionalProperties": False,
        "$defs": {"Order": ORDER},
    }
    assert found.output_schema == {}
    assert found.unresolved == ()


def test_the_receiver_and_captures_are_recorded_too(tmp_path: Path) -> None:
    """An instance by its class, a class by its name, a capture by its value."""
    found = manifest(tmp_path, 'async def step(order):\n    "use step"\n')
    total, blank = (found.steps[f"app.flows:Shop.{name}"] for name in ("total", "blank"))
    assert total.input_schema is not None
    assert total.input_schema["properties"]["self"] == {"$ref": "#/$defs/Shop"}
    assert total.output_schema == {"type": "integer"}
    assert blank.input_schema is not None
    assert blank.input_schema["properties"]["cls"] == {"type": "string"}
    inner = found.steps["app.flows:flow.inner"].input_schema
    assert inner is not None
    assert inner["properties"] == {"x": {"type": "integer"}, "rate": {}}
    assert inner["required"] == ["x", "rate"]


def test_a_workflow_has_schemas_as_well(tmp_path: Path) -> None:
    found = manifest(tmp_path, 'async def step(order) -> str:\n    "use step"\n')
    flow: Workflow = found.workflows["app.flows:flow"]
    assert flow.input_schema is not None
    assert flow.input_schema["$defs"] == {"Order": ORDER}


@pytest.mark.parametrize(
    ("signature", "taken", "unresolved"),
    [
        ("(x: 'Decimal')", False, ["Decimal"]),
        ("(x: 'list[Decimal]') -> 'Decimal'", False, ["Decimal"]),
        ("(x: Odd)", False, ["x"]),
        ("(x: Bad)", False, ["x"]),
        ("(x: int) -> Odd", True, ["Odd"]),
        ("(x: 'int[')", False, ["int["]),
    ],
)
def test_what_does_not_resolve_is_listed(
    tmp_path: Path,
    signature: str,
    taken: bool,  # noqa: FBT001 - a row of the table
    unresolved: list[str],
) -> None:
    """And has no schema; the rest keeps its own."""
    found = step(tmp_path, signature)
    assert (found.input_schema is not None) is taken
    assert list(found.unresolved) == unresolved


def test_a_top_level_that_fails_costs_only_its_schemas(tmp_path: Path) -> None:
    """Whoever loads the workflow is told; the modules that loaded keep their schemas."""
    write(tmp_path, {"app/sound.py": 'async def g(x: int):\n    "use workflow"\n    return x\n'})
    found = manifest(tmp_path, 'BOOM = [][1]\nasync def step(x: Order, b=BOOM):\n    "use step"\n'
                     'async def more(x=None):\n    "use workflow"\n    return BOOM\n')  # fmt: skip
    assert found.steps["app.flows:step"].unresolved == ("Order",)
    assert found.workflows["app.sound:g"].input_schema is not None
    assert not [name for name in sys.modules if "@preludes" in name]


def test_modules_that_are_imported_stay_where_they_are(tmp_path: Path) -> None:
    """A script that builds its own project goes on to be the module of its name."""
    imported = sys.modules["app.flows"] = ModuleType("app.flows")
    try:
        manifest(tmp_path, 'async def more(x: int):\n    "use workflow"\n    return x\n')
        assert sys.modules["app.flows"] is imported
    finally:
        del sys.modules["app.flows"]


def test_without_a_loader_nothing_is_executed(tmp_path: Path) -> None:
    """A manifest without schemas, and another result than one with them."""
    write(tmp_path, {**APP, "app/flows.py": APP["app/flows.py"]})
    plain = build(Project.at(tmp_path), out=tmp_path / ".wfc")
    whole = build(Project.at(tmp_path), out=tmp_path / ".wfc", load=load_preludes)
    again = build(Project.at(tmp_path), out=tmp_path / ".wfc", load=load_preludes)
    assert plain.version is not None
    assert whole.version is not None
    assert again.version is not None
    steps = Manifest.parse(plain.version.manifest).steps["app.flows:charge"]
    assert steps.input_schema is None
    assert plain.version.id == whole.version.id
    assert Manifest.parse(whole.version.manifest).steps["app.flows:charge"].input_schema
    assert again.version.manifest == whole.version.manifest


def test_an_unchanged_tree_loads_no_pydantic(tmp_path: Path) -> None:
    """A build with nothing to do is a stat and a scan."""
    write(tmp_path, APP)
    build(Project.at(tmp_path), out=tmp_path / ".wfc", load=load_preludes)
    code = """
import sys
from pathlib import Path
from wfc.compiler.build import build
from wfc.compiler.project import Project
def load(version):
    raise AssertionError("nothing has changed")
assert build(Project.at(Path.cwd()), out=Path(".wfc"), load=load).version is not None
print([name for name in ("pydantic", "libcst", "astroid", "wfc.runtime") if name in sys.modules])
"""
    assert python(tmp_path, code).stdout.strip() == "[]"
