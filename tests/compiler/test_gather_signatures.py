"""Signatures, receivers and policies, read off the source without running it."""

from __future__ import annotations

from typing import Any

import pytest

from wfc.compiler.gather import gather
from wfc.compiler.scan import read_source
from wfc.ids import ModuleName
from wfc.manifests.bundle import Entry, Parameter, Receiver


def entries(text: str) -> dict[str, Entry]:
    source = read_source(ModuleName("app.shop"), "app/shop.py", "/app/shop.py", text.encode())
    return {d.entry.qualname: d.entry for d in gather(source).definitions}


def step(header: str, before: str = "") -> Entry:
    return entries(f'{before}\n{header}\n    """Doc."""\n    "use step"\n')["f"]


def test_every_kind_of_parameter_is_read() -> None:
    """Kinds are those of `inspect`; defaults that are no literals show as three dots."""
    entry = step(
        "def f(a, b: int = -1, /, c: 'str' = X, *d: X, e, f=[1, 'x'], **g: dict[str , X]):"
    )
    assert entry.signature.parameters == (
        Parameter(name="a", kind="POSITIONAL_ONLY"),
        Parameter(name="b", kind="POSITIONAL_ONLY", annotation="int", default="-1"),
        Parameter(name="c", kind="POSITIONAL_OR_KEYWORD", annotation="str", default="..."),
        Parameter(name="d", kind="VAR_POSITIONAL", annotation="X"),
        Parameter(name="e", kind="KEYWORD_ONLY"),
        Parameter(name="f", kind="KEYWORD_ONLY", default="[1, 'x']"),
        Parameter(name="g", kind="VAR_KEYWORD", annotation="dict[str, X]"),
    )
    assert entry.signature.returns is None


def test_an_annotation_is_one_line_without_quotes() -> None:
    """Layout and quotes of an annotation mean nothing."""
    assert step("def f() -> (\n    int\n    | None\n):").signature.returns == "int | None"
    assert step("def f() -> ' Order ':").signature.returns == "Order"


def test_an_entry_says_what_and_where_a_function_is() -> None:
    """Id, kind, docstring, and the span from `def` to the end."""
    found = entries(
        "@deco\nasync def charge(x):\n    'Charge.'\n    'use step'\n"
        "async def flow():\n    'use workflow'\n    'Docstring second.'\n"
        "    def size():\n        'use step'\n    await size()\n"
    )
    charge, flow, size = found["charge"], found["flow"], found["flow.size"]
    assert (charge.id, charge.kind, charge.is_async) == ("app.shop:charge", "step", True)
    assert (charge.docstring, charge.span.line, charge.span.end_line) == ("Charge.", 2, 4)
    assert (flow.kind, flow.docstring, flow.nested_in) == ("workflow", "Docstring second.", None)
    assert (size.id, size.nested_in, size.is_async) == ("app.shop:flow.size", "flow", False)


def test_a_method_says_what_it_takes_first() -> None:
    """Instance, class, or nothing."""
    found = entries(
        "import dataclasses\n@dataclasses.dataclass\nclass C:\n"
        "    async def a(self):\n        'use step'\n"
        "    @classmethod\n    async def b(cls):\n        'use step'\n"
        "    @staticmethod\n    async def c():\n        'use workflow'\n"
    )
    assert [found[f"C.{name}"].receiver for name in "abc"] == [
        Receiver.SELF,
        Receiver.CLASS,
        Receiver.NONE,
    ]


@pytest.mark.parametrize(
    ("decorator", "values"),
    [
        ("", {}),
        ("@other(attempts=1)", {}),
        ("@policy()", {}),
        ("@policy(attempts=5, timeout='30s')", {"attempts": 5, "timeout": "30s"}),
        ("@wfc.policy(total=None)", {"total": None}),
        ("@policy(backoff=Backoff(initial='1s'))", {"backoff": {"initial": "1s"}}),
        ("@policy(backoff=B('1s', 3))", {"backoff": {"initial": "1s", "factor": 3}}),
        ("@policy(attempts=2, retry_on=(ValueError,), give_up_on=bad)", {"attempts": 2}),
        ("@policy(attempts=N)", {}),
        ("@other\n@policy(attempts=5)", {"attempts": 5}),
    ],
)
def test_the_literals_of_a_policy_are_read(decorator: str, values: dict[str, Any]) -> None:
    """Whatever name it goes by; code stays with the function; what is not written out is told."""
    before = "import wfc\nfrom wfc import policy, Backoff, Backoff as B\nfrom x import other, bad\n"
    assert step("def f():", before + decorator).policy == values
