"""The deep check: what calls probably mean, and that nobody pays for it while importing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from astroid.context import InferenceContext  # type: ignore[import-untyped]  # ships no types
from astroid.manager import AstroidManager  # type: ignore[import-untyped]  # likewise

from wfc.compiler.deep_check import BUDGET_S, Deep, deep_check
from wfc.compiler.facts import ModuleSource
from wfc.compiler.gather import gather_tree
from wfc.compiler.project import Project
from wfc.determinism import NO_RULES
from wfc.diagnostics import Severity
from wfc.ids import ModuleName
from wfc.lint_rules.overview import Overview

FEW_LOOKS = 10
"""How often the clock is looked at before the time is over."""
CALLS = 80

AROUND = """
import json
import subprocess
from pathlib import Path


class Tools:
    def __init__(self):
        self.by_name = {"run": subprocess.run}
        self.home = Path("x")

    def place(self):
        return Path("y")


class Better(Tools):
    pass


def pick():
    return subprocess.check_output


def pure():
    return json.dumps
"""


def deep(
    text: str, budget_s: float = BUDGET_S, clock: Callable[[], float] = time.monotonic
) -> Deep:
    body = "\n".join(f"    {line}" for line in dedent(text).strip().split("\n"))
    whole = f"{AROUND}\n\ndef helper(x):\n{body}\n\n\ndef free(x):\n    'use step'\n{body}\n"
    source = ModuleSource(
        name=ModuleName("app"), path="app.py", filename="app.py", text=whole, sha256=""
    )
    return deep_check(source, gather_tree(source), NO_RULES, budget_s, clock)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("Tools().by_name['run'](x)", "subprocess.run"),
        ("Better().place().exists()", "pathlib.Path.exists"),
        ("pick()(x)", "subprocess.check_output"),
        ("[open][0](x)", "builtins.open"),
        ("(lambda: subprocess.run)()(x)", "subprocess.run"),
    ],
)
def test_what_names_do_not_tell_is_inferred(text: str, target: str) -> None:
    """Containers, inheritance, returns; never for certain, and not in the body of a step."""
    (found,) = deep(text).references
    assert (found.target, found.exact, found.within, found.function) == (
        target, False, "helper", "helper",
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "pure()(x)",
        "x.exists()",
        "'a'.join(x)",
        "{}.get(x)",
        "(x or [open])[0](x)",
        "Better().missing()",
    ],
)
def test_what_is_pure_or_unknown_is_silent(text: str) -> None:
    """Several answers are no answer."""
    assert deep(text) == Deep()


def test_it_is_told_with_its_chain_unless_the_same_is_certain(tmp_path: Path) -> None:
    """A warning, of what the shallow analysis is silent about."""
    (tmp_path / "app.py").write_text(f"""{AROUND}
class Shelf:
    def place(self, name):
        return self.made(name)

    def made(self, name):
        return Path(name)


async def flow(x: str) -> bool:
    "use workflow"
    return Shelf().place(x).exists()


async def other(x: str) -> bool:
    "use workflow"
    pick()(x)
    return x
""")
    project = Project.discover(tmp_path)
    overview, deeper = Overview(project), Overview(project, deep=True)
    certain = [one.sentence for one in overview.effects.diagnostics]
    more = [one for one in deeper.effects.diagnostics if one.sentence not in certain]
    assert certain == [
        'workflow "other" reaches `subprocess.check_output` (process); a replay would repeat it'
    ]
    (found,) = more
    assert (found.code, found.severity) == ("WFC202", Severity.WARNING)
    assert found.sentence.startswith('workflow "flow" probably reaches `pathlib.Path.exists`')


def test_a_check_that_takes_too_long_says_so() -> None:
    """And what it has found until then stands."""
    (finding,) = deep("pick()(x)\npick()(x)", budget_s=-1).findings
    assert finding.code == "WFC183"
    assert "2 calls from here on are unchecked" in finding.sentence


def test_the_budget_holds_within_one_inference() -> None:
    """An inference that goes on and on is left, not waited for, and later ones are as ever."""
    looks = 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        return 0.0 if looks < FEW_LOOKS else 100.0

    chain = "Better()" + ".place().parent.resolve()" * (CALLS // 2)
    (finding,) = deep(chain, budget_s=10, clock=clock).findings
    assert finding.code == "WFC183"
    left = int(finding.sentence.split("; ")[1].split()[0])
    assert 2 * (CALLS - left) < FEW_LOOKS, "the clock is looked at once a call only"
    (found,) = deep("Better().place().exists()").references
    assert found.target == "pathlib.Path.exists"


def test_astroid_is_left_as_it_was() -> None:
    """Who asks astroid after us is held to no deadline of ours."""
    before = (InferenceContext.max_inferred, AstroidManager.brain["module_denylist"])
    deep("Better().place().exists()")
    deep("pick()(x)", budget_s=-1)
    assert (InferenceContext.max_inferred, AstroidManager.brain["module_denylist"]) == before


def test_a_warm_import_loads_no_astroid(tmp_path: Path) -> None:
    """Neither does a cold one, nor libcst: they are for build, check and lint."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").write_text("import wfc\nwfc.install()\n")
    (tmp_path / "shop/flows.py").write_text(
        'async def flow(x: int) -> int:\n    "use workflow"\n    return x\n'
    )
    program = (
        "import sys, shop.flows; from wfc import abi\n"
        "print(sorted({'astroid', 'libcst'} & set(sys.modules)))"
    )
    for _ in range(2):
        ran = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert ran.stdout.strip() == "[]"
