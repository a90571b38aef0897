"""W6: many suspended runs: memory while they are live, memory once evicted, idle CPU."""

from __future__ import annotations

import asyncio
import gc
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.harness import Goal, Workload
from benchmarks.stage import flows, stage
from wfc.api import list_runs, start

_WAVE = 500
_IDLE_S = 2.0


def _resident() -> int:
    """Read the memory of this process that is in use now, in bytes."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def _apart(count: int, executions: int) -> tuple[float, float]:
    """Play in a fresh process: memory that an earlier round gave back would be used again."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_played, count, executions).result()


def _played(count: int, executions: int) -> tuple[float, float]:
    return asyncio.run(_play(count, executions))


async def _play(count: int, executions: int) -> tuple[float, float]:
    """Give bytes per run of the second half, when caches are full, and the idle CPU share."""
    async with stage("w06", executions=executions):
        middle = 0
        for begun in range(0, count, _WAVE):
            if begun == count // 2:
                middle = _resident()
            await asyncio.gather(*[start(flows().sleeper, each) for each in range(_WAVE)])
            await _until_suspended(begun + _WAVE)
        size = (_resident() - middle) / (count - count // 2)
        began = time.process_time()
        await asyncio.sleep(_IDLE_S)
        return size, (time.process_time() - began) / _IDLE_S


async def _until_suspended(count: int) -> None:
    while await _suspended() < count:  # noqa: ASYNC110 - the list of runs tells of no news
        await asyncio.sleep(0.05)


async def _suspended() -> int:
    found, cursor = 0, None
    while True:
        page = await list_runs(status="suspended", limit=200, cursor=cursor)
        found, cursor = found + len(page.items), page.next
        if cursor is None:
            return found


def workloads(*, quick: bool) -> list[Workload]:
    """Give 2,000 or 10,000 runs that sleep for a day."""
    count = 2_000 if quick else 10_000
    idle: list[float] = []

    def hot() -> float:
        size, share = _apart(count, executions=count)
        idle[:] = [share]
        return size

    return [
        Workload(
            id="W6",
            title=f"{count} suspended runs",
            unit="bytes per run; share of a core",
            sides={
                "hot": hot,
                "evicted": lambda: _apart(count, executions=1)[0],
                "idle": lambda: idle[0],
            },
            goals=[
                Goal(left="hot", bound=6 * 1024, at_least=False),
                # Memory is counted in pages, and the database's caches breathe.
                Goal(left="evicted", bound=64, at_least=False),
                Goal(left="idle", bound=0.005, at_least=False),
            ],
        )
    ]
