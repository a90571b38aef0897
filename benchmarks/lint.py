"""The linter: our plugin against flake8-bugbear's checker, `wfc lint` against flake8 with it.

One thousand files of the standard library's own code, of which one in twenty has steps and a
workflow besides; CPU time alone, since other work may share the machine. Bugbear's checker is
the yardstick because it does what ours does: one walk of the tree for each file, many rules.
"""

from __future__ import annotations

import ast
import os
import resource
import shutil
import subprocess
import sys
import sysconfig
import time
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bugbear import BugBearChecker  # type: ignore[import-untyped]  # it ships no types

from benchmarks.harness import Goal, Workload
from benchmarks.stage import scratch
from wfc.lint_rules.plugin import Plugin

_FILES, _QUICK_FILES = 1000, 200
_MARKED_EVERY = 20
_BYTES_MAX = 60_000
_FLOWS = '''

async def charge(order_id: str, cents: int) -> str:
    """Do what a step does."""
    "use step"
    return f"{order_id} {cents}"


def price(names: list[str]) -> int:
    """Do what a pure helper does."""
    return sum(len(name) for name in names)


async def checkout(order_id: str, names: list[str]) -> list[str]:
    """Call the step for every name."""
    "use workflow"
    return [await charge(order_id, price([name])) for name in names]
'''


def workloads(*, quick: bool = False) -> list[Workload]:
    """Give the rows of the linter."""
    count = _QUICK_FILES if quick else _FILES
    mixed = _tree(count, marked_every=_MARKED_EVERY)
    marked = _tree(count // 10, marked_every=1)
    return [
        Workload(
            id="L1",
            title=f"the plugin for flake8, {count} files, one in {_MARKED_EVERY} marked",
            unit="s CPU",
            sides={"bugbear": partial(_bugbear, mixed), "wfc": partial(_plugin, mixed)},
            goals=[Goal(left="wfc", right="bugbear", bound=0.25, at_least=False)],
        ),
        Workload(
            id="L2",
            title=f"the plugin for flake8, {count // 10} files, all marked",
            unit="s CPU",
            sides={"bugbear": partial(_bugbear, marked), "wfc": partial(_plugin, marked)},
            goals=[Goal(left="wfc", right="bugbear", bound=1.5, at_least=False)],
        ),
        Workload(
            id="L3",
            title=f"the command, one process, {count} files, one in {_MARKED_EVERY} marked",
            unit="s CPU",
            sides={
                "flake8": partial(_flake8, mixed),
                "wfc": partial(_lint, mixed, fresh=True),
                "wfc unchanged": partial(_lint, mixed, fresh=False),
            },
            goals=[
                Goal(left="wfc", right="flake8", bound=0.35, at_least=False),
                Goal(left="wfc unchanged", right="flake8", bound=0.2, at_least=False),
            ],
        ),
    ]


def _tree(count: int, *, marked_every: int) -> Path:
    """Write a project of `count` modules."""
    root = scratch().parent / f"lint-{count}-{marked_every}"
    package = root / "app"
    package.mkdir(parents=True)
    # A repository of its own: what ours ignores, the scratch folder above all, counts not.
    (root / ".git").mkdir()
    (package / "__init__.py").write_text("")
    plain = _plain_texts()
    for number in range(count):
        text = plain[number % len(plain)] + (_FLOWS if number % marked_every == 0 else "")
        (package / f"m{number}.py").write_text(text)
    (root / "pyproject.toml").write_text('[tool.wfc]\npackages = ["app"]\n')
    hour_ago = time.time() - 3600  # younger files are not believed by their time
    for path in root.rglob("*"):
        os.utime(path, (hour_ago, hour_ago))
    return root


def _plain_texts() -> list[str]:
    folder = Path(sysconfig.get_path("stdlib"))
    found = []
    for path in sorted(folder.glob("*.py")) + sorted(folder.glob("[a-s]*/*.py")):
        if path.stat().st_size < _BYTES_MAX and not path.is_relative_to(folder / "site-packages"):
            text = path.read_bytes().decode("utf-8", "replace")
            found.append(text)
    return found


def _read(root: Path) -> list[tuple[ast.Module, list[str], str]]:
    """Read and parse all files, as flake8 does before any checker."""
    texts = [(path, path.read_text()) for path in sorted(root.rglob("*.py"))]
    return [(ast.parse(text), text.splitlines(keepends=True), str(path)) for path, text in texts]


def _bugbear(root: Path) -> float:
    files = _read(root)
    options = Namespace(
        select=["B"], extend_select=[], ignore=[], extend_ignore=[], max_line_length=100,
        extend_default_ignore=[], extend_immutable_calls=[], classmethod_decorators=["classmethod"],
    )  # fmt: skip
    begun = time.process_time()
    for tree, lines, filename in files:
        checker = BugBearChecker(tree=tree, lines=lines, filename=filename, options=options)
        for _ in checker.run():
            pass
    return time.process_time() - begun


def _plugin(root: Path) -> float:
    files = _read(root)
    begun = time.process_time()
    for tree, lines, filename in files:
        for _ in Plugin(tree, lines, filename).run():
            pass
    return time.process_time() - begun


def _flake8(root: Path) -> float:
    return _cpu(root, ["-m", "flake8", "--isolated", "--select=B", "-j1", "app"])


def _lint(root: Path, *, fresh: bool) -> float:
    words = ["-m", "wfc", "lint", "--jobs=1", "--format=concise", "app"]
    if fresh:
        shutil.rmtree(root / ".wfc", ignore_errors=True)
    return _cpu(root, words)


def _cpu(root: Path, words: Sequence[str]) -> float:
    """Give the CPU seconds of a process that finds something or not, but does not fail."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(  # noqa: S603 - our own interpreter on our own files
        [sys.executable, *words], cwd=root, capture_output=True, check=False, text=True
    )
    assert ended.returncode in {0, 1}, ended.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
