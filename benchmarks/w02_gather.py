"""W2: one run gathers steps, against plain asyncio tasks that share one durable commit."""

from __future__ import annotations

import time
from functools import partial

from benchmarks.bare import gathered_tasks_per_s
from benchmarks.harness import Goal, Workload
from benchmarks.stage import flows, on_stage
from wfc.api import start
from wfc.config import Session


def steps_per_s(width: int) -> float:
    """Run one gather and give its steps per second."""

    async def play(_: Session) -> float:
        await (await start(flows().fan_out, width)).result()  # a worker that has been at work
        begun = time.perf_counter()
        await (await start(flows().fan_out, width)).result()
        return width / (time.perf_counter() - begun)

    return on_stage("w02", play)


def workloads(*, quick: bool) -> list[Workload]:
    """Give gathers of 100 and 1,000."""
    return [
        Workload(
            id=f"W2.{width}",
            title=f"one run gathers {width} steps",
            unit="steps/s",
            sides={
                "asyncio": partial(gathered_tasks_per_s, width),
                "wfc": partial(steps_per_s, width),
            },
            goals=[Goal(left="asyncio", right="wfc", bound=4, at_least=False)],
        )
        for width in ([100] if quick else [100, 1000])
    ]
