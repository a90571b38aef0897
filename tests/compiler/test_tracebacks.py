"""Tracebacks through both bundles show the real file, line and columns; in a real process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = '''"""A shop."""

from wfc import sleep  # not reached by the failing workflow


async def charge(cents):
    """Charge."""
    "use step"
    rate = 0
    return cents + cents / rate


def price(order):
    return 1 + order["cents"]["net"]


async def checkout(order):
    "use workflow"
    try:
        return price(order)
    finally:
        await charge(1)
'''
RUNNER = """
import asyncio, hashlib, sys, traceback
from pathlib import Path
from wfc import abi
from wfc.compiler.compile import compile_module
from wfc.compiler.facts import ModuleSource
from wfc.manifests.code import code_of

path, kind = Path(sys.argv[1]), sys.argv[2]
text = path.read_text()
done = compile_module(ModuleSource(
    name="shop", path="shop.py", filename=str(path), text=text,
    sha256=hashlib.sha256(text.encode()).hexdigest(),
))
bundle = getattr(done, kind)
namespace = {"__name__": "shop"}
definitions = {}
for entry in bundle.entries:
    definitions[entry.qualname] = abi.Definition(
        id=entry.id, qualname=entry.qualname, is_async=True, signature=None, annotations={},
        docstring=None,
    )
namespace["__wfc__"] = abi.Bundle("shop", namespace, definitions)

async def answer(*_):
    return None
abi.slots.step = answer
sys.modules["wfc"].sleep = None
for code in code_of(bundle, str(path)):
    exec(code, namespace)
call = namespace["checkout"]({"cents": 1}) if kind == "workflow" else namespace["charge"](1)
try:
    asyncio.run(call)
except Exception:
    traceback.print_exc()
"""


@pytest.mark.parametrize(
    ("kind", "frames", "carets"),
    [
        ("workflow", [("checkout", "return price(order)"),
                      ("price", 'return 1 + order["cents"]["net"]')], "~~~~~~~~~~~~~~^^^^^^^"),
        ("step", [("charge", "return cents + cents / rate")], "~~~~~~^~~~~~"),
    ],
)  # fmt: skip
def test_a_traceback_shows_what_was_written(
    tmp_path: Path, kind: str, frames: list[tuple[str, str]], carets: str
) -> None:
    path = tmp_path / "shop.py"
    path.write_text(PROGRAM, "utf-8")
    lines = PROGRAM.splitlines()
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, str(path), kind], capture_output=True, text=True, check=True
    )
    printed = done.stderr
    for function, statement in frames:
        line = next(i for i, text in enumerate(lines, 1) if text.strip() == statement)
        assert f'File "{path}", line {line}, in {function}\n    {statement}\n' in printed
    assert carets in printed
