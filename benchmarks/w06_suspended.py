"""W6: many suspended runs: memory while they are live, memory once evicted, idle CPU."""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path

from benchmarks.harness import Goal, Workload
from benchmarks.stage import flows, scratch, settings
from wfc.api import list_runs, start
from wfc.config import open_session, use_session


def _resident() -> int:
    """Read the memory of this process that is in use now, in bytes."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


async def _play(count: int) -> dict[str, float]:
    database = scratch().parent / "w06.db"
    for leftover in database.parent.glob("w06.db*"):
        leftover.unlink()
    session = await open_session(settings(f"sqlite:///{database}", executions=count + 100))
    worker = session.make_worker()
    async with use_session(session), worker:
        await asyncio.gather(*[start(flows().sleeper, each) for each in range(100)])
        await _suspended(100)
        before = _resident()
        for begin in range(0, count, 500):
            await asyncio.gather(*[start(flows().sleeper, each) for each in range(500)])
            await _suspended(100 + begin + 500)
        hot = (_resident() - before) / count
        began = time.process_time()
        await asyncio.sleep(2)
        idle = (time.process_time() - began) / 2
    return {"hot bytes per run": hot, "idle CPU share": idle}


async def _suspended(count: int) -> None:
    while True:
        found, cursor = 0, None
        while True:
            page = await list_runs(status="suspended", limit=200, cursor=cursor)
            found, cursor = found + len(page.items), page.next
            if cursor is None:
                break
        if found >= count:
            return
        await asyncio.sleep(0.05)


def workloads(*, quick: bool) -> list[Workload]:
    """Give 1,000 or 10,000 runs that sleep for a day."""
    count = 1_000 if quick else 10_000
    figures: dict[str, float] = {}

    def hot() -> float:
        figures.update(asyncio.run(_play(count)))
        return figures["hot bytes per run"]

    return [
        Workload(
            id="W6",
            title=f"{count} suspended runs, live in memory",
            unit="bytes per run; share of a core",
            sides={"hot": hot, "idle": lambda: figures["idle CPU share"]},
            goals=[
                Goal(left="hot", bound=6 * 1024, at_least=False),
                Goal(left="idle", bound=0.005, at_least=False),
            ],
        )
    ]
