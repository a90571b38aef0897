"""W13, second half: open runs of a SQLite file judged on a build that nobody has deployed.

This is what one process of `wfc check --against WORLD` does with each chunk of runs. CPU time of
all its threads counts, so the figure is that of one core.
"""

from __future__ import annotations

import asyncio
import gc
import time

from benchmarks.edits import EDITS, edited
from benchmarks.harness import Goal, Workload
from benchmarks.stage import asleep, on_stage
from wfc.cli.checking import judge_runs
from wfc.config import Session
from wfc.ids import RunId
from wfc.worlds.open import open_world

_EVENTS = 100


def _play(count: int) -> dict[str, float]:
    """Give events per second, by edit."""

    async def sleeping(session: Session) -> tuple[str, list[RunId]]:
        return session.world.url, await asleep(session, count, _EVENTS)

    return asyncio.run(_checked(*on_stage("w13_check", sleeping)))


async def _checked(url: str, names: list[RunId]) -> dict[str, float]:
    """Judge without the worker and its live executions, which `wfc check` has none of."""
    world = open_world(url)
    await world.open()
    speeds: dict[str, float] = {}
    try:
        for name in EDITS:
            version = edited(name)
            gc.collect()
            begun = time.process_time()
            part = await judge_runs(world, version, names)
            taken = time.process_time() - begun
            assert len(part.verdicts) == len(names)
            assert all(part.verdicts), part.verdicts[0].reasons
            speeds[name] = part.events / taken
    finally:
        await world.close()
    return speeds


def workloads(*, quick: bool) -> list[Workload]:
    """Give the check of many open runs, for each kind of edit."""
    count = 100 if quick else 500
    speeds: dict[str, float] = {}

    def equal() -> float:
        speeds.update(_play(count))
        return speeds["equal"]

    return [
        Workload(
            id="W13.check",
            title=f"{count} open runs of 100 events checked, CPU time",
            unit="events/s",
            sides={
                "equal": equal,
                "renamed": lambda: speeds["renamed"],
                "unequal": lambda: speeds["unequal"],
            },
            goals=[Goal(left=name, bound=60_000) for name in EDITS],
        )
    ]
