"""W5: SIGKILL in mid-run, then the time from the start of a new process to its first new step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.harness import Goal, Workload
from benchmarks.stage import scratch

_PROGRAM = """
import asyncio, os, sys, time
from wfc import api
async def main():
    async with api.runtime():
        import bench_flows
        run = await api.start.options(id="w5")(bench_flows.marked, 100_000)
        await run.result()
asyncio.run(main())
"""


def _started(marks: Path, database: Path) -> tuple[subprocess.Popen[bytes], float]:
    begun = time.time()
    environment = os.environ | {
        "WFC_WORLD": f"sqlite:///{database}",
        "BENCH_MARKS": str(marks),
        "PYTHONPATH": str(scratch()),
    }
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", _PROGRAM], cwd=scratch(), env=environment
    )
    return process, begun


def _first_mark_after(marks: Path, instant: float) -> float:
    deadline = time.time() + 60
    while time.time() < deadline:
        if marks.exists():
            for line in marks.read_text().splitlines():
                if float(line) > instant:
                    return float(line)
        time.sleep(0.005)
    message = "no step ran within a minute"
    raise RuntimeError(message)


def seconds_to_first_new_step() -> float:
    """Kill a worker in mid-run and time its successor."""
    marks, database = scratch().parent / "marks", scratch().parent / "w05.db"
    for leftover in [marks, *database.parent.glob("w05.db*")]:
        leftover.unlink(missing_ok=True)
    first, begun = _started(marks, database)
    _first_mark_after(marks, begun)
    time.sleep(0.3)
    first.send_signal(signal.SIGKILL)
    first.wait()
    second, begun = _started(marks, database)
    try:
        return _first_mark_after(marks, begun) - begun
    finally:
        second.kill()
        second.wait()


def workloads(*, quick: bool) -> list[Workload]:  # noqa: ARG001 - one dose
    """Give the one restart."""
    return [
        Workload(
            id="W5",
            title="process start to first new step after SIGKILL",
            unit="s",
            sides={"wfc": seconds_to_first_new_step},
            goals=[Goal(left="wfc", bound=1.0, at_least=False)],
        )
    ]
