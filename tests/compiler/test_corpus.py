"""Bundles of code nobody wrote for us: the standard library, as helpers of workflows."""

from __future__ import annotations

import random
import sys
import sysconfig
import warnings
from pathlib import Path

import pytest

from wfc.compiler.compile import gather_module
from wfc.compiler.verify import moved
from wfc.compiler.write_step_bundle import write_step_bundle
from wfc.compiler.write_workflow_bundle import write_workflow_bundle
from wfc.manifests.code import code_of
from wfc.manifests.sites import SiteTable

from .test_compile import source_of

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
FEW = "abc argparse ast asyncio/tasks dataclasses decimal enum functools json/decoder typing"
MARKED = "asyncio/tasks asyncio/streams bisect copy heapq posixpath shutil textwrap"
ALL = sorted(
    str(path.relative_to(LIBRARY).with_suffix(""))
    for path in LIBRARY.rglob("*.py")
    if not {"test", "tests", "site-packages", "lib2to3", "idlelib"} & set(path.parts)
)


def check(name: str, directive: str = "") -> None:
    """Write both bundles with a half of the module reached, and all of it; nothing may move.

    A `directive` marks all public functions that can be marked.
    """
    text = (LIBRARY / f"{name}.py").read_text("utf-8").replace("\f", "")
    if directive:
        text = f'"{directive}"\n{text}'
    source = source_of(text, name.replace("/", "."))
    gathered = gather_module(source)
    names = sorted(symbol.name for symbol in gathered.facts.symbols)
    half = random.Random(name).sample(names, len(names) // 2)  # noqa: S311 - a reproducible half
    bundles = [
        write_step_bundle(source, gathered.tree, gathered.facts),
        write_workflow_bundle(source, gathered.tree, gathered.facts, half),
        write_workflow_bundle(source, gathered.tree, gathered.facts, names),
    ]
    for bundle in filter(None, bundles):
        assert not list(moved(source, gathered.tree, gathered.facts, bundle))
        registrations = bundle.text.count("\n__wfc__.register(")
        registrations += bundle.text.count("globals() and __wfc__.register(")
        lines = text.count("\n") + (not text.endswith("\n"))
        assert bundle.text.count("\n") == lines + registrations
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library's own
            code_of(bundle, source.filename)
    if bundles[2] is not None:
        SiteTable(bundles[2])


@pytest.mark.parametrize("name", FEW.split())
def test_the_library_as_helpers(name: str) -> None:
    check(name)


@pytest.mark.parametrize("directive", ["use step", "use workflow"])
@pytest.mark.parametrize("name", MARKED.split())
def test_the_library_marked(name: str, directive: str) -> None:
    check(name, directive)


@pytest.mark.soak
@pytest.mark.parametrize("directive", ["use step", "use workflow"])
@pytest.mark.parametrize("name", ALL)
def test_the_whole_library_marked(name: str, directive: str) -> None:
    text = (LIBRARY / f"{name}.py").read_text("utf-8")
    if name.startswith("__phello__") or not text.strip() or "from __future__" in text:
        pytest.skip("empty, or a future import behind a docstring behind the directive")
    check(name, directive)


@pytest.mark.soak
@pytest.mark.parametrize("name", ALL)
def test_the_whole_library_as_helpers(name: str) -> None:
    if name.startswith("__phello__") or not (LIBRARY / f"{name}.py").read_text("utf-8").strip():
        pytest.skip("empty")
    check(name)


def test_the_library_is_there() -> None:
    assert len(ALL) > 300, sys.version
