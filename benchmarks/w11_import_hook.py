"""W11: the import hook against plain `.pyc`, the compiler against `compile()`, and the build."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from benchmarks.harness import Goal, Workload
from benchmarks.stage import scratch
from wfc.compiler.build import build
from wfc.compiler.cold import ColdCompiler
from wfc.compiler.project import Project

_INTERPRETERS = 9
_PLAIN, _MARKED = 180, 20
_TIMES = 5
_HOUR_S = 3600
_PROGRAM = """
import dataclasses, enum, importlib, pathlib, sys, time, wfc  # what programs have loaded anyway
kind, package, count = sys.argv[1:]
begun = time.perf_counter()
if kind == "hook":
    wfc.install([package], strict=False)
for number in range(int(count)):
    importlib.import_module(f"{package}.m{number}")
print(time.perf_counter() - begun)
"""
_HEAD = '''
from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Colour(Enum):
    """What modules of programs hold: an enumeration ..."""

    RED = "red"
    GREEN = "green"
    BLUE = "blue"


@dataclass(kw_only=True)
class Item:
    """... and a data class."""

    name: str
    count: int = 0
    colour: Colour = Colour.RED
    parts: list[str] = field(default_factory=list)
'''
_HELPER = '''
def helper_{each}(name: str, count: int = {each}) -> dict[str, object]:
    """Do what helpers do."""
    found: dict[str, object] = {{"name": name, "count": count}}
    for number in range(count):
        if number % 2:
            found[f"{{name}}_{{number}}"] = [number, str(number)]
    return found
'''
_STEP = '''
async def step_{each}(name: str, count: int) -> dict[str, object]:
    """Do what steps do."""
    "use step"
    return helper_{each}(name, count)
'''
_WORKFLOW = '''
async def workflow(names: list[str]) -> list[dict[str, object]]:
    """Call every step for every name."""
    "use workflow"
    results = []
    for name in names:
        results.append(await step_0(name, 1))
        results.append(await step_1(name, 2))
        results.append(await step_2(name, 3))
    return results
'''


def _text(*, marked: bool) -> str:
    parts = [_HEAD]
    parts += [_HELPER.format(each=each) for each in range(10)]
    if marked:
        parts += [_STEP.format(each=each) for each in range(3)]
        parts.append(_WORKFLOW)
    return "\n".join(parts)


def _write(root: Path, package: str, count: int, *, marked: bool, age_s: float = _HOUR_S) -> None:
    folder = root / package
    folder.mkdir(parents=True)
    text = _text(marked=marked)
    for name in ["__init__", *(f"m{number}" for number in range(count))]:
        path = folder / f"{name}.py"
        path.write_text("" if name == "__init__" else text, encoding="utf-8")
        # The index does not believe the time of a file that was written just now.
        os.utime(path, (time.time() - age_s,) * 2)


def _tree(name: str, plain: int, marked: int, *, age_s: float = _HOUR_S) -> Path:
    """Make a project with so many modules of both kinds."""
    root = scratch().parent / name
    if not root.exists():
        # A repository of its own: what ours ignores, the scratch folder above all, counts not.
        (root / ".git").mkdir(parents=True)
        _write(root, "plain", plain, marked=False, age_s=age_s)
        _write(root, "marked", marked, marked=True, age_s=age_s)
        (root / "pyproject.toml").write_text(
            '[tool.wfc]\npackages = ["plain", "marked"]\n', encoding="utf-8"
        )
    return root


# --- warm imports ------------------------------------------------------------------------------


def _imported(kind: str, package: str, count: int) -> float:
    """Give the least milliseconds of importing a package's modules in a fresh interpreter."""
    if kind == "hook by hash":
        # Files from the future: their time is never believed, so each is hashed every time.
        root = _tree("w11-unsure", _PLAIN, _MARKED, age_s=-_HOUR_S)
    else:
        root = _tree("w11", _PLAIN, _MARKED)
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    environment |= {"PYTHONPATH": os.pathsep.join([str(root), *sys.path[:1]])}

    def once(*options: str) -> float:
        command = [sys.executable, *options, "-c", _PROGRAM, kind.partition(" ")[0], package]
        done = subprocess.run(  # noqa: S603 - our own interpreter and program
            [*command, str(count)], cwd=root, env=environment, check=True, capture_output=True
        )
        return 1e3 * float(done.stdout)

    once()  # fills the caches
    index = root / ".wfc" / "index"
    times = []
    for _ in range(_INTERPRETERS):
        if kind == "hook without index":
            index.unlink(missing_ok=True)
        times.append(once("-B") if kind == "hook without index" else once())
    return min(times)


# --- cold --------------------------------------------------------------------------------------


def _compiled(*, ours: bool) -> float:
    """Give the milliseconds of compiling one directive module, with libcst loaded."""
    root = _tree("w11", _PLAIN, _MARKED)
    path = root / "marked" / "m0.py"
    data = path.read_bytes()
    times = []
    for _ in range(_TIMES + 1):
        cold = ColdCompiler(root, ("marked",), strict=False)
        begun = time.perf_counter()
        if ours:
            cold.compile("marked.m0", str(path), data)
        else:
            compile(data, str(path), "exec", dont_inherit=True)
        times.append(1e3 * (time.perf_counter() - begun))
    return statistics.median(times[1:])  # the first one loads libcst


def _built_per_s(count: int) -> float:
    """Give the directive modules that a first build compiles per second on one core."""
    root = _tree("w11-build", 0, count)
    shutil.rmtree(root / ".wfc", ignore_errors=True)
    begun = time.perf_counter()
    result = build(Project.at(root), out=root / ".wfc")
    assert len(result.changed) == count, (result.changed, result.diagnostics)
    return count / (time.perf_counter() - begun)


def _rebuilt_s(count: int) -> float:
    """Give the seconds of a build that has nothing to do."""
    root = _tree("w11-rebuild", count - _MARKED, _MARKED)
    build(Project.at(root), out=root / ".wfc")
    begun = time.perf_counter()
    result = build(Project.at(root), out=root / ".wfc")
    took_s = time.perf_counter() - begun
    assert result.version is not None, result.diagnostics
    assert len(result.version.step) == _MARKED
    assert not result.changed
    return took_s


def workloads(*, quick: bool) -> list[Workload]:
    """Give the warm imports, the cold compiler and the build."""
    modules = 200 if quick else 1_000
    return [
        Workload(
            id="W11.plain",
            title=f"warm import of {_PLAIN} modules without directive",
            unit="ms",
            sides={
                "plain": partial(_imported, "plain", "plain", _PLAIN),
                "hook": partial(_imported, "hook", "plain", _PLAIN),
                "hook by hash": partial(_imported, "hook by hash", "plain", _PLAIN),
                "hook without index": partial(_imported, "hook without index", "plain", _PLAIN),
            },
            goals=[
                Goal(left="hook", right="plain", bound=1.03, at_least=False),
                Goal(left="hook by hash", right="plain", bound=1.08, at_least=False),
                # Hashed and scanned: the worst of what a first import in a container does.
                Goal(left="hook without index", right="plain", bound=1.08, at_least=False),
            ],
        ),
        Workload(
            id="W11.directive",
            title=f"warm import of {_MARKED} modules with directives",
            unit="ms",
            sides={
                "plain": partial(_imported, "plain", "marked", _MARKED),
                "hook": partial(_imported, "hook", "marked", _MARKED),
            },
            goals=[Goal(left="hook", right="plain", bound=1.15, at_least=False)],
        ),
        Workload(
            id="W11.cold",
            title="cold compilation of one module with directives",
            unit="ms",
            sides={
                "compile()": partial(_compiled, ours=False),
                "wfc": partial(_compiled, ours=True),
            },
            goals=[Goal(left="wfc", right="compile()", bound=60, at_least=False)],
        ),
        Workload(
            id="W11.build",
            title="first build, on one core",
            unit="directive modules/s",
            sides={"wfc": partial(_built_per_s, _MARKED)},
            goals=[Goal(left="wfc", bound=10)],
        ),
        Workload(
            id="W11.rebuild",
            title=f"build of {modules} modules with nothing to do",
            unit="s",
            sides={"wfc": partial(_rebuilt_s, modules)},
            goals=[Goal(left="wfc", bound=1.0, at_least=False)],
        ),
    ]
