"""W14: what `import wfc` costs beside the modules that it needs anyway, and the command line beside
the libraries that it is made of.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import Goal, Workload


def _seconds(*words: str, processes: int = 9) -> float:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_text("[tool.wfc]\n")
        times = []
        for _ in range(processes + 1):
            begun = time.perf_counter()
            subprocess.run(  # noqa: S603 - our own program
                [sys.executable, *words], check=True, cwd=folder, stdout=subprocess.DEVNULL
            )
            times.append(time.perf_counter() - begun)
    return statistics.median(times[1:])  # the first one makes the world


def _over_empty(program: str) -> float:
    return max(_seconds("-c", program) - _seconds("-c", "pass"), 1e-6)


def workloads(*, quick: bool) -> list[Workload]:  # noqa: ARG001 - one dose
    """Give the import, and two commands as whole processes."""
    return [
        Workload(
            id="W14",
            title="import, over an empty interpreter",
            unit="s",
            sides={
                "import wfc": lambda: _over_empty("import wfc"),
                "asyncio, sqlite3, msgpack": lambda: _over_empty(
                    "import asyncio, sqlite3, msgpack"
                ),
            },
            goals=[
                Goal(left="import wfc", right="asyncio, sqlite3, msgpack", bound=2, at_least=False)
            ],
        ),
        Workload(
            id="W14.cli",
            title="commands as whole processes",
            unit="s",
            sides={
                "typer and rich": lambda: _seconds("-c", "import typer, rich.console"),
                "wfc --help": lambda: _seconds("-m", "wfc", "--help"),
                "wfc runs, empty world": lambda: _seconds("-m", "wfc", "runs"),
            },
            goals=[
                Goal(left="wfc --help", right="typer and rich", bound=1.5, at_least=False),
                Goal(left="wfc runs, empty world", right="typer and rich", bound=2, at_least=False),
            ],
        ),
    ]
