"""The captures of nested steps are the free names CPython gives their code."""

from __future__ import annotations

import types

import pytest

from wfc.compiler.gather import gather
from wfc.compiler.scan import read_source
from wfc.ids import ModuleName

BODIES = [
    "return rate",
    "return [rate * x for x in rows]",
    "return (lambda: rate)()",
    "def inner(y=rows):\n            return rate\n        return inner()",
    "return step",
    "rate = 1\n        return rate",
    "return [rate for rate in rows]",
    "import json\n        return json.dumps(order, default=len)",
    "return MODULE",
    "class C:\n            kept = rate\n            def m(self): return order\n        return C",
    "try:\n            return order\n        except ValueError as rate:\n            return rate",
    "match order:\n            case {'x': rate, **rows}:\n                return rate, rows",
    "return f'{rate} {order!r:>{rows}}'",
    "if (rate := order):\n            return rate",
    "async with rows as (rate, x):\n            return rate, x",
    "for rate in rows:\n            pass",
]


@pytest.mark.parametrize("body", BODIES)
def test_captures_are_the_free_names_of_the_code(body: str) -> None:
    """A capture too few breaks the attempt, a capture too many is recorded for nothing."""
    text = (
        "MODULE = 1\n"
        "async def flow(order, *rows):\n    'use workflow'\n    rate = 1\n"
        f"    async def step(a=rate):\n        'use step'\n        {body}\n"
        "    return await step()\n"
    )
    namespace: dict[str, types.FunctionType] = {}
    exec(compile(text, "app/shop.py", "exec"), namespace)  # noqa: S102 - CPython is the judge here
    code = next(
        constant
        for constant in namespace["flow"].__code__.co_consts
        if isinstance(constant, types.CodeType) and constant.co_name == "step"
    )
    source = read_source(ModuleName("app.shop"), "app/shop.py", "/app/shop.py", text.encode())
    _, found = gather(source).definitions
    assert found.entry.qualname == "flow.step"
    assert found.captures == code.co_freevars == found.entry.signature.captures


def test_a_step_at_module_level_captures_nothing() -> None:
    """Only a nested step has live surroundings."""
    text = "RATE = 1\nasync def step():\n    'use step'\n    return RATE\n"
    source = read_source(ModuleName("app.shop"), "app/shop.py", "/app/shop.py", text.encode())
    (found,) = gather(source).definitions
    assert found.captures == ()


def test_a_captured_step_brings_its_captures() -> None:
    """An attempt makes it anew as well; a step that captures itself, or in a circle, too."""
    text = (
        "async def flow(a, b, c):\n    'use workflow'\n"
        "    async def one():\n        'use step'\n        return a, await one()\n"
        "    async def two():\n        'use step'\n        return b, await three()\n"
        "    async def three():\n        'use step'\n        return await two(), await one()\n"
        "    async def four():\n        'use step'\n        return c\n"
        "    return await three(), await four()\n"
    )
    source = read_source(ModuleName("app.shop"), "app/shop.py", "/app/shop.py", text.encode())
    _, *steps = gather(source).definitions
    assert [found.captures for found in steps] == [
        ("a", "one"),
        ("a", "b", "one", "three", "two"),
        ("a", "b", "one", "three", "two"),
        ("c",),
    ]
