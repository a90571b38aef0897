"""Workflows of a step bundle refuse, whether their text says so or not."""

from __future__ import annotations

import ast

import pytest

from wfc.ids import DefinitionId, ModuleName
from wfc.manifests.bundle import Bundle, Entry, Purpose, Signature, Span
from wfc.manifests.refusals import insert_refusals


def refusing(text: str, **kinds: str) -> str:
    """Insert refusals into `text`; `kinds` says of qualnames (`_` for a dot) what they are."""
    entries = tuple(
        Entry(
            id=DefinitionId(f"m:{name}"),
            qualname=name.replace("_", "."),
            kind=kind,
            is_async=True,
            docstring=None,
            signature=Signature(parameters=()),
            span=Span(1, 0, 1, 0),
        )
        for name, kind in kinds.items()
    )
    bundle = Bundle(
        module=ModuleName("m"), purpose=Purpose.STEP, text=text, path="m.py", source_sha256="",
        entries=entries,
    )  # fmt: skip
    return ast.unparse(insert_refusals(ast.parse(text), bundle))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("async def w():\n    f()", "async def w():\n    __wfc__.refuse('w')\n    f()"),
        (
            'async def w():\n    "Doc."\n    f()',
            'async def w():\n    """Doc."""\n    __wfc__.refuse(\'w\')\n    f()',
        ),
        ('async def w():\n    "Doc."', 'async def w():\n    """Doc."""\n    __wfc__.refuse(\'w\')'),
        (
            "async def w():\n    def g():\n        pass",
            "async def w():\n    __wfc__.refuse('w')\n\n    def g():\n        pass",
        ),
    ],
)
def test_a_refusal_comes_behind_the_docstring(text: str, written: str) -> None:
    assert refusing(text, w="workflow") == written


@pytest.mark.parametrize(
    "text",
    [
        "async def w():\n    __wfc__.refuse('w')\n    f()",
        'async def w():\n    """Doc."""\n    __wfc__.refuse(\'w\')',
    ],
)
def test_one_that_is_written_is_enough(text: str) -> None:
    assert refusing(text, w="workflow") == text


def test_steps_and_what_is_not_marked_stay() -> None:
    text = "async def s():\n    f()\n\nasync def h():\n    f()"
    assert refusing(text, s="step") == text


def test_workflows_in_branches_and_classes_are_found() -> None:
    """Only by their whole qualname."""
    text = (
        "try:\n    if x:\n        async def w(): f()\n"
        "except E:\n    class C:\n        @staticmethod\n        async def w(): f()\n"
        "match y:\n    case 1:\n        async def v(): f()\n"
    )
    assert refusing(text, w="workflow", C_w="workflow", v="workflow").count("__wfc__") == 3
    assert refusing(text, C_w="workflow").count("__wfc__") == 1


def test_a_refusal_stands_on_the_first_line_of_the_body() -> None:
    """At column 0, where no call of the user's is."""
    text = "async def w():\n\n    f()\n"
    bundle = Bundle(
        module=ModuleName("m"), purpose=Purpose.STEP, text=text, path="m.py", source_sha256="",
        entries=(
            Entry(
                id=DefinitionId("m:w"), qualname="w", kind="workflow", is_async=True,
                docstring=None, signature=Signature(parameters=()), span=Span(1, 0, 3, 7),
            ),
        ),
    )  # fmt: skip
    function = insert_refusals(ast.parse(text), bundle).body[0]
    assert isinstance(function, ast.AsyncFunctionDef)
    assert (function.body[0].lineno, function.body[0].end_col_offset) == (3, 0)
