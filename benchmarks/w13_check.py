"""W13, second half: open runs of a SQLite file judged on a build that nobody has deployed.

This is what one process of `wfc check --against WORLD` does, over and over; CPU time of all its
threads, so the figure is that of one core.
"""

from __future__ import annotations

import gc
import time

from benchmarks.edits import EDITS, edited
from benchmarks.harness import Goal, Workload
from benchmarks.stage import asleep, on_stage
from wfc.cli.checking import judge_runs
from wfc.config import Session

_EVENTS = 100
_CHUNK = 50


def _play(count: int) -> dict[str, float]:
    """Give events per second, by edit."""

    async def play(session: Session) -> dict[str, float]:
        names = await asleep(session, count, _EVENTS)
        speeds: dict[str, float] = {}
        for name in EDITS:
            version = edited(name)
            gc.collect()
            begun, events = time.process_time(), 0
            for start in range(0, count, _CHUNK):
                part = await judge_runs(session.world, version, names[start : start + _CHUNK])
                assert all(part.verdicts), part.verdicts[0].reasons
                events += part.events
            speeds[name] = events / (time.process_time() - begun)
        return speeds

    return on_stage("w13_check", play)


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
