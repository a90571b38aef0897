"""W14: what `import wfc` costs beside the modules that it needs anyway."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.harness import Goal, Workload


def _seconds(program: str, processes: int = 9) -> float:
    times = []
    for _ in range(processes):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - our own program
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def _over_empty(program: str) -> float:
    return max(_seconds(program) - _seconds("pass"), 1e-6)


def workloads(*, quick: bool) -> list[Workload]:  # noqa: ARG001 - one dose
    """Give the import."""
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
        )
    ]
