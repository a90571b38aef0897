"""A module is compiled to two bundles, in which nothing has moved."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from wfc.compiler import compile as compile_module_parts
from wfc.compiler.compile import compile_module
from wfc.compiler.facts import Compiled, ModuleSource
from wfc.compiler.write_step_bundle import write_step_bundle
from wfc.diagnostics import Place, Severity, diagnostic
from wfc.ids import ModuleName
from wfc.manifests.bundle import Bundle
from wfc.manifests.code import code_of
from wfc.manifests.sites import SiteTable

CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.name.removesuffix("_before.py") for path in CASES.glob("*_before.py"))
NEEDS_3_12 = {"pep695"}


def source_of(text: str, name: str = "app.shop.case", *, is_package: bool = False) -> ModuleSource:
    return ModuleSource(
        name=ModuleName(name),
        path=f"{name.replace('.', '/')}.py",
        filename=f"/nowhere/{name.replace('.', '/')}.py",
        text=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        is_package=is_package,
    )


def compiled(text: str, **options: Any) -> Compiled:
    return compile_module(source_of(text), **options)


def workflow_of(text: str, **options: Any) -> Bundle:
    bundle = compiled(text, **options).workflow
    assert bundle is not None
    return bundle


def step_of(text: str) -> Bundle:
    bundle = compiled(text).step
    assert bundle is not None
    return bundle


def case(name: str) -> str:
    if name in NEEDS_3_12 and sys.version_info < (3, 12):
        pytest.skip("newer syntax")
    return read(name, "before")


def read(name: str, kind: str) -> str:
    return (CASES / f"{name}_{kind}.py").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_a_pair_of_programs(name: str) -> None:
    """What the bundles of each case are stands beside it, letter for letter."""
    result = compiled(case(name))
    assert not [d for d in result.diagnostics if d.severity is Severity.ERROR]
    assert result.step is not None
    assert result.step.text == read(name, "step")
    if (CASES / f"{name}_workflow.py").exists():
        assert result.workflow is not None
        assert result.workflow.text == read(name, "workflow")
    else:
        assert result.workflow is None


@pytest.mark.parametrize("name", NAMES)
def test_lines_stay(name: str) -> None:
    """Bundles have the lines of the source; only registrations come behind the last one."""
    text = case(name)
    lines = text.count("\n") + (not text.endswith("\n"))
    result = compiled(text)
    assert result.step is not None
    added = [line for line in result.step.text.split("\n")[lines:] if line]
    assert all("__wfc__.register(" in line for line in added)
    if result.workflow is not None:
        assert result.workflow.text.count("\n") == lines


@pytest.mark.parametrize("name", NAMES)
def test_bundles_become_code(name: str) -> None:
    result = compiled(case(name))
    for bundle in (result.step, result.workflow):
        if bundle is not None:
            assert code_of(bundle, "app/shop/case.py")


@pytest.mark.parametrize("name", NAMES)
def test_each_call_of_a_workflow_bundle_has_a_site(name: str) -> None:
    workflow = compiled(case(name)).workflow
    if workflow is not None:
        SiteTable(workflow)


def test_generated_code_uses_four_names_only() -> None:
    """A grep over all golden bundles: `__wfc__` has no other member."""
    used = {
        member
        for kind in ("workflow", "step")
        for path in CASES.glob(f"*_{kind}.py")
        for member in re.findall(r"__wfc__\b(\.?\w*)", path.read_text("utf-8"))
    }
    assert used == {".step", ".register", ".refuse"}


def test_there_are_ninety_pairs() -> None:
    assert len(NAMES) >= 90


# --- errors ---------------------------------------------


@pytest.mark.parametrize("text", ["def f(:\n", "\tx = 1\n", "x = '\n", "f(" * 300 + ")" * 300])
def test_a_syntax_error_is_a_finding(text: str) -> None:
    result = compiled(text)
    assert result.step is result.workflow is None
    (finding,) = result.diagnostics
    assert finding.code == "WFC910"
    assert finding.place.path == "app/shop/case.py"


def test_an_error_of_the_judge_leaves_the_bundles_unwritten() -> None:
    error = diagnostic("WFC201", Place("app/shop/case.py"), "reaches the network")
    result = compiled('async def main():\n    "use workflow"\n', judge=lambda _: (error,))
    assert result.step is result.workflow is None
    assert error in result.diagnostics


def test_a_warning_of_the_judge_is_kept_and_stops_nothing() -> None:
    warning = diagnostic("WFC125", Place("app/shop/case.py"), "wraps a step")
    result = compiled('async def main():\n    "use workflow"\n', judge=lambda _: (warning,))
    assert result.workflow is not None
    assert warning in result.diagnostics


def test_a_bundle_that_moved_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own fault is said as such, and nothing wrong is ever executed."""
    right = write_step_bundle

    def wrong(*arguments: Any) -> Bundle:
        bundle = right(*arguments)
        return dataclasses.replace(bundle, text=bundle.text.replace("return 1", "return  1"))

    monkeypatch.setattr(compile_module_parts, "write_step_bundle", wrong)
    result = compiled('async def charge():\n    "use step"\n    return 1\n')
    assert result.step is result.workflow is None
    assert [finding.code for finding in result.diagnostics] == ["WFC190"]


# --- what the workflow bundle holds ---------------------

HELPERS = """import json


class Order:
    name = "x"


def total(order):
    return json.dumps(order)


def other():
    return Order()
"""


def test_a_module_nobody_reaches_has_no_workflow_bundle() -> None:
    result = compiled(HELPERS)
    assert result.workflow is None
    assert result.step is not None
    assert result.step.text == HELPERS


def test_a_module_that_others_reach_holds_what_they_reach() -> None:
    bundle = workflow_of(HELPERS, reached={"total", "unknown"})
    kept = {node.name for node in ast.parse(bundle.text).body if isinstance(node, ast.FunctionDef)}
    assert kept == {"total"}
    assert bundle.imports == ("json",)


def test_imports_are_dotted_and_absolute() -> None:
    bundle = workflow_of(case("relative_imports"))
    assert bundle.imports == ("app.deep.thing", "app.shop", "app.shop.models", "app.tools")


def test_relative_imports_of_a_package_count_from_itself() -> None:
    text = 'from .models import x\n\n\nasync def main():\n    "use workflow"\n    return x\n'
    plain = compile_module(source_of(text, "app.shop"))
    package = compile_module(source_of(text, "app.shop", is_package=True))
    assert plain.workflow is not None
    assert package.workflow is not None
    assert plain.workflow.imports == ("app.models",)
    assert package.workflow.imports == ("app.shop.models",)


def test_imports_for_typing_are_no_imports() -> None:
    text = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import socket\n    X = 1\nelse:\n    import json\n    X = 2\n"
        'async def main():\n    "use workflow"\n    return X\n'
    )
    assert workflow_of(text).imports == ("json", "typing")


def test_entries_are_those_of_the_text() -> None:
    text = case("unreached_steps")
    assert [entry.qualname for entry in workflow_of(text).entries] == ["used", "main"]
    assert [entry.qualname for entry in step_of(text).entries] == ["used", "unused", "main"]


def test_futures_travel_with_the_bundle() -> None:
    assert workflow_of(case("classes")).futures == ("annotations",)


def test_a_warning_of_python_is_given_once_when_the_bundle_is_loaded() -> None:
    """Compiling reads the text several times; the user is told when code is made of it."""
    text = 'PATTERN = "\\d"\n\n\nasync def main():\n    "use workflow"\n    return PATTERN\n'
    bundle = workflow_of(text)  # warnings are errors in tests
    SiteTable(bundle)
    with pytest.warns(Warning, match="invalid escape") as given:
        code_of(bundle, "app/shop/case.py")
    assert len(given) == 1
