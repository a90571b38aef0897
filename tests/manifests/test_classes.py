"""What a manifest says of classes is read off their source, and nothing is imported."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from tests.golden.fingerprints import library_of
from wfc.manifests.classes import class_details

HEAD = """
import enum, attrs, attr, pydantic, dataclasses, typing
from collections import namedtuple
from dataclasses import dataclass, field, make_dataclass
from enum import Enum, StrEnum
from pydantic import BaseModel, ConfigDict, Field
from typing import ClassVar, List, NamedTuple, Optional
from vector_base import Elsewhere
from wfc import FatalError
"""
BASE = "from pydantic import BaseModel\nclass Elsewhere(BaseModel):\n    far: int = 1\n"


def details(text: str, name: str = "C") -> dict[str, Any]:
    library = library_of(vector=HEAD + text, vector_base=BASE)
    unit = library.unit("vector")
    assert unit is not None
    found = unit.find(name)
    node = found if found is not None else unit.tree.body[-1]
    assert isinstance(node, (ast.ClassDef, ast.Assign))
    return class_details(library, unit, node)


KINDS = {
    "class C: pass": "class",
    "class C(BaseModel): pass": "pydantic",
    "class C(pydantic.BaseModel): pass": "pydantic",
    "class C(Elsewhere): pass": "pydantic",
    "class B(BaseModel): pass\nclass C(B): pass": "pydantic",
    "class C(BaseModel, typing.Generic[int]): pass": "pydantic",
    "@dataclass\nclass C: pass": "dataclass",
    "@dataclasses.dataclass(frozen=True)\nclass C: pass": "dataclass",
    "@attrs.define\nclass C: pass": "attrs",
    "@attr.s(auto_attribs=True)\nclass C: pass": "attrs",
    "class C(Enum): pass": "enum",
    "class C(str, enum.Enum): pass": "enum",
    "class C(NamedTuple): pass": "namedtuple",
    "class C(ValueError): pass": "exception",
    "class C(FatalError): pass": "exception",
    "class B(KeyError): pass\nclass C(B): pass": "exception",
    "class C(C): pass": "class",
    "class C(x()): pass": "class",
    "C = namedtuple('C', 'x y')": "namedtuple",
    "C = NamedTuple('C', [('x', int)])": "namedtuple",
    "C = Enum('C', 'A B')": "enum",
    "C = make_dataclass('C', ['x'])": "dataclass",
    "C = unknown('C', x)": "class",
    "C = Enum('C')": "enum",
}


@pytest.mark.parametrize("text", KINDS)
def test_the_kind(text: str) -> None:
    assert details(text)["kind"] == KINDS[text]


FIELDS = {
    "@dataclass\nclass C:\n    x: int\n    y: 'Optional[int]' = 3": {
        "x": ("int", False),
        "y": ("int | None", True),
    },
    "@dataclass\nclass C:\n    x: List[int] = field(default_factory=list)\n    y: int = field()": {
        "x": ("list[int]", True),
        "y": ("int", False),
    },
    "@dataclass\nclass C:\n    x: int = field(init=False)\n    _: dataclasses.KW_ONLY": {
        "x": ("int", True)
    },
    "class C(BaseModel):\n    a: ClassVar[int] = 1\n    __x__: int = 1\n    b: int = Field(gt=1)": {
        "b": ("int", False)
    },
    "class C(BaseModel):\n    a: int = ...\n    b: int = Field(...)\n    c: int = Field(1)": {
        "a": ("int", False),
        "b": ("int", False),
        "c": ("int", True),
    },
    "class C(Elsewhere):\n    near: int = other()": {"far": ("int", True), "near": ("int", True)},
    "class C(Elsewhere):\n    far: str": {"far": ("str", False)},
    "@attr.s\nclass C:\n    x = attr.ib(3)\n    y = attr.ib()\n    z = other()": {
        "x": (None, True),
        "y": (None, False),
    },
    "C = NamedTuple('C', [('x', int), ('y', 'str')])": {"x": ("int", False), "y": ("str", False)},
    "C = namedtuple('C', 'x, y')": {"x": (None, False), "y": (None, False)},
    "C = namedtuple('C', ('x', 1))": {"x": (None, False)},
}


@pytest.mark.parametrize("text", FIELDS)
def test_the_fields(text: str) -> None:
    """Each with its canonical type, those of bases first."""
    found = details(text)["fields"]
    assert {name: (one["type"], one["has_default"]) for name, one in found.items()} == FIELDS[text]


def test_the_members_of_an_enum() -> None:
    """By the digest of each value; helpers of the class are none."""
    text = "class C(StrEnum):\n    _ignore_ = []\n    A = 'a'\n    B = {!r}\n    def f(self): pass"
    one, two = details(text.format("b"))["members"], details(text.format("c"))["members"]
    assert list(one) == ["A", "B"]
    assert one["A"] == two["A"]
    assert one["B"] != two["B"]
    assert "fields" not in details(text.format("b"))


def test_members_of_a_call() -> None:
    """Numbers from one, unless values are given."""
    plain = details("C = Enum('C', ['A', 'B'])")["members"]
    assert plain == details("C = Enum('C', 'A B')")["members"]
    assert plain == details("C = Enum('C', {'A': 1, 'B': 2, x: 3})")["members"]
    assert plain != details("C = Enum('C', [('A', 2), ('B', 3)])")["members"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("pass", "ignore"),
        ("model_config = ConfigDict(extra='forbid')", "forbid"),
        ("model_config: ConfigDict = {'frozen': True, 'extra': 'allow'}", "allow"),
        ("model_config = {**OTHERS}", "ignore"),
        ("model_config = OTHERS", "ignore"),
        (
            "class Config:\n        extra = 'forbid'\n        other = 1\n        def f(self): pass",
            "forbid",
        ),
        ("class Config:\n        extra = pydantic.Extra.allow", "allow"),
    ],
)
def test_what_becomes_of_unknown_fields(body: str, expected: str) -> None:
    """As the model says; pydantic ignores them if nobody says."""
    assert details(f"class C(BaseModel):\n    {body}")["extra"] == expected
    assert details(f"class B(BaseModel):\n    {body}\nclass C(B): pass")["extra"] == expected


def test_a_keyword_of_the_class_counts() -> None:
    assert details("class C(BaseModel, extra='forbid'): pass")["extra"] == "forbid"


def test_bases_are_named_by_id() -> None:
    """Those of the project; others by their dotted names."""
    text = "class C(Elsewhere, Enum, ValueError, x()): pass"
    assert details(text)["bases"] == [
        "vector_base:Elsewhere",
        "enum.Enum",
        "builtins.ValueError",
        "builtins.x",
    ]
