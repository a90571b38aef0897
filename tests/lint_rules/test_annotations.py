"""Annotations: one reading for every spelling."""

from __future__ import annotations

import ast
import sys

import pytest

from wfc.compiler.scan import read_source
from wfc.ids import ModuleName
from wfc.lint_rules.annotations import Type, annotations_of, types_of_mark
from wfc.lint_rules.module import Module

_TOP = """
import typing as t
from collections.abc import Callable
from typing import IO, Annotated, Literal, Optional, TypeAlias, Union
from typing_extensions import Any

Handler = Callable[[str], None]
Either: TypeAlias = "int | str"
Alias = dict[str, int] | None


def step(value: {}) -> None:
    "use step"
"""


def _shown(types: tuple[Type, ...]) -> str:
    return " | ".join(
        one.name.rpartition(".")[2]
        + (f"[{', '.join(_shown(each) for each in one.arguments)}]" if one.arguments else "")
        for one in types
    )


def _read(annotation: str) -> tuple[Module, tuple[Type, ...]]:
    text = _TOP.format(annotation)
    module = Module(read_source(ModuleName("shop"), "shop.py", "/shop.py", text.encode()))
    (mark,) = module.marked
    first = next(annotations_of(mark))
    return module, types_of_mark(module, mark, first.node)


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        ("int", "int"),
        ("int | None", "int | None"),
        ("Optional[int]", "int | None"),
        ("t.Union[int, str, None]", "int | str | None"),
        ('"int | str"', "int | str"),
        ('list["IO[str]"]', "list[IO[str]]"),
        ("dict[str, Any]", "dict[str, Any]"),
        ("Annotated[int, 'cents']", "Annotated[int]"),
        ("Literal['a', 'b']", "Literal"),
        ("Alias", "dict[str, int] | None"),
        ("Handler", "Callable[, None]"),
        ("'not a type ['", ""),
    ],
)
def test_a_union_is_read_whatever_its_spelling(annotation: str, shown: str) -> None:
    """Optional, Union, bars, quotes, aliases."""
    assert _shown(_read(annotation)[1]) == shown


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the statement is of Python 3.12")
def test_an_alias_may_be_a_statement() -> None:
    """PEP 695."""
    text = (
        "type Row = dict[str, int] | None\n\ndef step(value: list[Row]) -> None:\n    'use step'\n"
    )
    module = Module(read_source(ModuleName("shop"), "shop.py", "/shop.py", text.encode()))
    (mark,) = module.marked
    types = types_of_mark(module, mark, next(annotations_of(mark)).node)
    assert _shown(types) == "list[dict[str, int] | None]"


def test_a_type_stands_where_it_is_written() -> None:
    """In the annotation itself; what is quoted stands where its string does."""
    module, (one,) = _read("list[IO[str]]")
    assert module.text(one.arguments[0][0].node) == "IO[str]"
    _, (quoted,) = _read('"list[IO[str]]"')
    assert isinstance(quoted.arguments[0][0].node, ast.Constant)


def test_a_name_bound_twice_is_not_certain() -> None:
    """Only what can mean one thing is an error."""
    _, (certain,) = _read("IO[str]")
    _, (unknown,) = _read("Nothing")
    assert (certain.name, certain.exact) == ("typing.IO", True)
    assert (unknown.name, unknown.exact) == ("", False)
