"""Edits elsewhere rename no site."""

from __future__ import annotations

import ast
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfc.compiler.compile import gather_module
from wfc.manifests.bundle import CallSite
from wfc.manifests.sites import calls_of, span_of

from .test_compile import source_of

TEXT = '''import asyncio
from app.steps import charge, refund
from wfc import sleep


async def main(order):
    """Check out."""
    total = order.total(1)
    await charge(total)
    for item in order.items:
        if item:
            await charge(item)
        else:
            await refund(item)
    try:
        await asyncio.gather(charge(1), charge(2))
    except ValueError:
        await refund(total)
    finally:
        await sleep("1s")
    while total:
        total = await charge(total)
    match total:
        case 1:
            await charge(7)
    return [await charge(x) for x in order.items]
'''


def sites_of(text: str) -> tuple[CallSite, ...]:
    return gather_module(source_of(text)).facts.sites


def places_of(text: str) -> list[str]:
    return [site.place for site in sites_of(text)]


def changed(old: str, new: str, count: int = -1) -> str:
    assert old in TEXT
    return TEXT.replace(old, new, count)


@pytest.mark.parametrize(
    "text",
    [
        "# A comment.\n\n\n" + TEXT,
        changed("    await charge(total)\n", "    await charge(\n        total,\n    )\n"),
        changed("total", "amount_due").replace(".amount_due(", ".total("),
        changed("item:", "thing:").replace("item)", "thing)").replace("for item", "for thing"),
        changed(
            "    await charge(total)\n",
            "    try:\n        await charge(total)\n    except KeyError:\n        pass\n",
        ),
        changed(
            "    await charge(total)\n", "    async with order:\n        await charge(total)\n"
        ),
        changed('    """Check out."""\n', ""),
        changed("import asyncio\n", "import asyncio as aio\n").replace("asyncio.g", "aio.g"),
        changed("import charge, refund", "import charge as pay, refund").replace("charge(", "pay("),
        changed("if item:", "if item and total:"),
        changed("while total:", "while total > 3:"),
        changed("charge(1)", "charge(1, now=True)"),
    ],
    ids=[
        "comment", "formatting", "local", "loop variable", "try", "with", "docstring",
        "module alias", "name alias", "test of an if", "test of a while", "arguments",
    ],
)  # fmt: skip
def test_an_edit_elsewhere_renames_no_place(text: str) -> None:
    assert places_of(text) == places_of(TEXT)


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        (changed("async def main", "async def other"), 10),
        (changed("    await charge(total)\n", "    await refund(total)\n"), 1),
        (changed("        if item:\n", "        while item:\n"), 1),
        (changed("except ValueError", "except KeyError"), 1),
    ],
)
def test_an_edit_of_the_place_renames_it(text: str, renamed: int) -> None:
    before, after = places_of(TEXT), places_of(text)
    assert len(set(before) - set(after)) >= renamed


def test_places_say_where_they_stand() -> None:
    sites = {(site.callee, site.blocks, site.ordinal) for site in sites_of(TEXT)}
    assert sites == {
        ("*.total", (), 1),
        ("app.steps.charge", (), 1),
        ("app.steps.charge", ("for", "if"), 1),
        ("app.steps.refund", ("for", "else"), 1),
        ("asyncio.gather", (), 1),
        ("app.steps.charge", (), 2),
        ("app.steps.charge", (), 3),
        ("app.steps.refund", ("except builtins.ValueError",), 1),
        ("wfc.sleep", ("finally",), 1),
        ("app.steps.charge", ("while",), 1),
        ("app.steps.charge", ("case",), 1),
        ("app.steps.charge", (), 4),
    }
    assert all(site.function == "main" for site in sites_of(TEXT))


def test_equal_places_are_numbered_in_the_order_of_the_source() -> None:
    places = [site.place for site in sites_of("def f():\n    g(g(1), g(2))\n    g(3)\n")]
    first = places[0]
    assert re.fullmatch("[0-9a-f]{8}", first)
    assert places == [first, f"{first}.2", f"{first}.3", f"{first}.4"]


@pytest.mark.parametrize(
    ("call", "callee"),
    [
        ("x.y.z(1)", "*.y.z"),
        ("x()(2)", "*()"),
        ("x[1](2)", "*[]"),
        ("(await x)(2)", "*"),
        ("'a'.join(x)", "str.join"),
        ("(lambda: 1)()", "*"),
        ("len(x)", "builtins.len"),
        ("helper(x)", "app.shop.case.helper"),
        ("Order.make(x)", "app.shop.case.Order.make"),
    ],
)
def test_callees_name_no_local(call: str, callee: str) -> None:
    text = f"class Order: pass\ndef helper(): pass\nasync def main(x):\n    {call}\n"
    assert sites_of(text)[0].callee == callee


def test_functions_and_lambdas_are_named() -> None:
    text = "class A:\n  def f(self):\n    def g(): x()\n    return lambda: x()\nx()\n"
    assert [site.function for site in sites_of(text)] == ["A.f.g", "A.f.<lambda>", ""]


def test_except_star_and_tuples_of_types() -> None:
    text = (
        "try: pass\nexcept* (ValueError, KeyError): a()\n"
        "try: pass\nexcept: b()\nelse: c()\n"
        "for x in d(): pass\nelse: e()\n"
    )
    assert [site.blocks for site in sites_of(text)] == [
        ("except builtins.ValueError|builtins.KeyError",),
        ("except",),
        (),
        (),
        ("else",),
    ]


def test_a_comment_pins_the_calls_of_its_line() -> None:
    text = (
        "async def main():\n"
        "    await charge(1)  # wfc: site[first]\n"
        "    await charge(2)\n"
        "    x = '# wfc: site[no]'; await charge(3)\n"
        "    await charge(charge(4))  # wfc: site[both]\n"
    )
    places = [site.place for site in sites_of(text)]
    assert places[0] == "first"
    assert re.fullmatch(r"[0-9a-f]{8}", places[1])
    assert places[2] == f"{places[1]}.2"
    assert places[3:] == ["both", "both.2"]


_EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "1", "f(1)", "await g()", "'a'"]),
    lambda inner: st.one_of(
        st.builds("f({}, k={})".format, inner, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("[{} for y in {} if {}]".format, inner, st.just("x"), inner),
        st.builds("{{{}: {}}}".format, inner, inner),
        st.builds("({}).m({})".format, inner, inner),
        st.builds("(lambda z: {})({})".format, st.just("f(z)"), inner),
    ),
    max_leaves=8,
)


@given(_EXPRESSIONS)
def test_sites_come_in_the_order_in_which_tables_read_calls(expression: str) -> None:
    """Both walk the tree in the same order, so table and text can be laid side by side."""
    text = f"async def main(x, f, g):\n    return {expression}\n"
    assert [site.span for site in sites_of(text)] == [
        span_of(call) for call in calls_of(ast.parse(text))
    ]
