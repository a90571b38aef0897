"""Fixes of what the compiler finds: a pair each, done once, and the result compiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from wfc.compiler.compile import compile_module
from wfc.compiler.project import Project
from wfc.compiler.scan import read_source
from wfc.diagnostics import Severity
from wfc.ids import ModuleName
from wfc.lint_rules import run

STEP = 'async def charge(cents: int) -> int:\n    "use step"\n    return cents\n\n\n'
FLOW = 'async def flow() -> None:\n    "use workflow"\n'
PAIRS = {
    "sync workflow": ('def flow() -> None:\n    "use workflow"\n', FLOW),
    "decorated": (
        'def same(f):\n    return f\n\n\n@same\ndef flow() -> None:\n    "use workflow"\n',
        'def same(f):\n    return f\n\n\n@same\nasync def flow() -> None:\n    "use workflow"\n',
    ),
    "near miss": (STEP.replace("use step", "Use_steps"), STEP),
    "after a docstring": (
        STEP.replace('"use step"', '"""Charge."""\n    "use  step"  # é'),
        STEP.replace('"use step"', '"""Charge."""\n    "use step"  # é'),
    ),
    "f-string": (STEP.replace('"use', 'f"use'), STEP),
    "bytes": (STEP.replace('"use', 'b"use'), STEP),
    "raw": (STEP.replace('"use', 'r"use'), STEP),
    "in parts": (STEP.replace("use step", 'use " "step'), STEP),
    "triple quotes": (STEP.replace('"use step"', '"""use step"""'), STEP),
    "statement": (STEP + FLOW + "    charge(1)\n", STEP + FLOW + "    await charge(1)\n"),
    "unread name": (
        STEP + FLOW + "    é = charge(1); paid = charge(2)\n",
        STEP + FLOW + "    é = await charge(1); paid = await charge(2)\n",
    ),
    "attribute of the result": (
        STEP + FLOW + "    é = 1; print(é, charge(1).real)\n",
        STEP + FLOW + "    é = 1; print(é, (await charge(1)).real)\n",
    ),
    "part of the result": (
        STEP + FLOW + "    print(charge(1)[0])\n",
        STEP + FLOW + "    print((await charge(1))[0])\n",
    ),
    "sum with the result": (
        STEP + FLOW + "    print(charge(1) + 1)\n",
        STEP + FLOW + "    print(await charge(1) + 1)\n",
    ),
}


def fixed(root: Path, text: str) -> str:
    path = root / "shop.py"
    path.write_text(text)
    job = run.Job(project=Project.discover(root))
    return run.fixed(job, path, path.read_bytes())[0].decode()


@pytest.mark.parametrize("name", PAIRS)
def test_a_fix_makes_the_one_of_the_other(name: str, tmp_path: Path) -> None:
    """And of the other nothing else."""
    before, after = PAIRS[name]
    assert fixed(tmp_path, before) == after
    assert fixed(tmp_path, after) == after


@pytest.mark.parametrize("name", PAIRS)
def test_what_was_fixed_compiles(name: str) -> None:
    """Without an error."""
    data = PAIRS[name][1].encode()
    source = read_source(ModuleName("shop"), "shop.py", "/shop.py", data)
    compiled = compile_module(source)
    assert [one for one in compiled.diagnostics if one.severity is Severity.ERROR] == []
    assert compiled.step is not None


@pytest.mark.parametrize(
    "text",
    [
        STEP + FLOW + "    def inner() -> None:\n        charge(1)\n\n    inner()\n",
        STEP + FLOW + "    print(any(charge(one) for one in (1, 2)))\n",
        STEP.replace('"use step"', '"""use\n    step"""'),
    ],
    ids=["await where none may be", "await in a generator", "several lines"],
)
def test_what_would_break_a_program_is_not_done(text: str, tmp_path: Path) -> None:
    """The finding stays, and the text too."""
    assert fixed(tmp_path, text) == text
