"""Classes by their dotted names, with their fields."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint_rules.marked import overview_of, source_of
from wfc.lint_rules.classes import class_named, fields_of, is_model
from wfc.lint_rules.module import Module

_MODELS = """
from dataclasses import dataclass, field
from typing import ClassVar

from elsewhere import Unknown
from pydantic import BaseModel, Field


class Base(BaseModel):
    id: str


class Order(Base):
    kind: ClassVar[str] = "order"
    cents: int = Field(gt=0)
    note: str = ""
    lines: list[str] = Field(default_factory=list)
    _cache: int = 0


@dataclass
class Line:
    sku: str
    tags: list[str] = field(default_factory=list)


class Foreign(Unknown):
    id: str


class Plain:
    id: str


def make() -> None:
    class Local(Base):
        pass
"""


@pytest.fixture
def module(tmp_path: Path) -> Module:
    """A module that imports models of another one."""
    (tmp_path / "models.py").write_text(_MODELS)
    (tmp_path / "shop.py").write_text("from models import Order\n")
    overview = overview_of(tmp_path)
    return Module(source_of(tmp_path / "shop.py"), overview)


def _fields(module: Module, name: str) -> dict[str, bool] | None:
    known = class_named(module, f"models.{name}")
    assert known is not None
    found = fields_of(module, known)
    return None if found is None else {key: one.required for key, one in found.items()}


def test_fields_are_those_of_the_model_and_its_bases(module: Module) -> None:
    """Class variables and private names are none; a default of any kind is one."""
    assert _fields(module, "Order") == {"id": True, "cents": True, "note": False, "lines": False}
    assert _fields(module, "Line") == {"sku": True, "tags": False}


def test_fields_of_an_unknown_base_are_not_known(module: Module) -> None:
    """Nobody can say that two such models look alike."""
    assert _fields(module, "Foreign") is None


@pytest.mark.parametrize(
    ("name", "expected"), [("Order", True), ("Line", True), ("Plain", False), ("Foreign", False)]
)
def test_a_model_travels_by_its_fields(module: Module, name: str, expected: bool) -> None:  # noqa: FBT001 - a table of cases
    """By its base, however far above, or by its decorator."""
    known = class_named(module, f"models.{name}")
    assert known is not None
    assert is_model(module, known) is expected


def test_a_class_of_a_function_is_local(module: Module, tmp_path: Path) -> None:
    """Its name does not say so, its place does."""
    overview = module.overview
    assert overview is not None
    inside = Module(source_of(tmp_path / "models.py"), overview)
    local, order = class_named(inside, "models.make.Local"), class_named(inside, "models.Order")
    assert local is not None
    assert order is not None
    assert (local.is_local, order.is_local) == (True, False)


def test_a_name_of_no_class_is_none(module: Module) -> None:
    """A function, a library, a misspelling."""
    for name in ("models.make", "pydantic.BaseModel", "models.Ordr"):
        assert class_named(module, name) is None
