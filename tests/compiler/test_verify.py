"""A bundle whose code stands elsewhere than its source is found out."""

from __future__ import annotations

import dataclasses

import pytest

from wfc.compiler.compile import gather_module
from wfc.compiler.verify import moved
from wfc.compiler.write_step_bundle import write_step_bundle
from wfc.compiler.write_workflow_bundle import write_workflow_bundle

from .test_compile import source_of

TEXT = """async def charge(x):
    "use step"
    return x + 1


def helper(x):
    return x


async def main():
    "use workflow"
    return helper(await charge(1))
"""


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("return helper(await charge(1))", "return  helper(await charge(1))", "other columns"),
        ("def helper", "\ndef helper", "another place"),
        ("def helper", "def helped", "another place"),
        ("return x", "return (", "no Python"),
        ("return x", "return f(x)", "of 3 calls 2 have a site"),
    ],
)
def test_a_workflow_bundle_that_moved(old: str, new: str, what: str) -> None:
    source = source_of(TEXT)
    gathered = gather_module(source)
    bundle = write_workflow_bundle(source, gathered.tree, gathered.facts)
    assert bundle is not None
    assert not list(moved(source, gathered.tree, gathered.facts, bundle))
    wrong = dataclasses.replace(bundle, text=bundle.text.replace(old, new, 1))
    found = list(moved(source, gathered.tree, gathered.facts, wrong))
    assert {finding.code for finding in found} == {"WFC190"}
    assert any(what in finding.sentence for finding in found)


def test_a_step_bundle_that_moved() -> None:
    source = source_of(TEXT)
    gathered = gather_module(source)
    bundle = write_step_bundle(source, gathered.tree, gathered.facts)
    assert not list(moved(source, gathered.tree, gathered.facts, bundle))
    wrong = dataclasses.replace(bundle, text=bundle.text.replace("x + 1", "x  + 1"))
    (finding,) = moved(source, gathered.tree, gathered.facts, wrong)
    assert finding.code == "WFC190"
    assert finding.place.line == 1
