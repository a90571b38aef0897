"""W3: many runs of five steps at once, against bare batches; and the slowest of them."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from benchmarks.bare import commits_per_s
from benchmarks.harness import Goal, Workload
from benchmarks.stage import flows, on_stage
from wfc.api import start
from wfc.config import Session


def _play(count: int) -> tuple[float, float]:
    """Give steps per second over all runs, and the 99th percentile of a run in seconds."""

    async def play(_: Session) -> tuple[float, float]:
        await (await start(flows().chain, 100)).result()  # a worker that has been at work
        begun = time.perf_counter()

        async def one(number: int) -> float:
            await (await start(flows().five, number)).result()
            return time.perf_counter() - begun

        times = sorted(await asyncio.gather(*[one(number) for number in range(count)]))
        return 5 * count / times[-1], times[int(0.99 * (count - 1))]

    return on_stage("w03", play)


def _steps_per_s(count: int) -> float:
    return _play(count)[0]


def _slowest_s(count: int) -> float:
    return _play(count)[1]


def workloads(*, quick: bool) -> list[Workload]:
    """Give 200 and 1,000 runs at once."""
    found = []
    for count in [200] if quick else [200, 1000]:
        found += [
            Workload(
                id=f"W3.{count}",
                title=f"{count} runs of 5 steps at once",
                unit="steps/s",
                sides={
                    "bare batch of 100": lambda: 100 * commits_per_s(200, rows=100),
                    "wfc": partial(_steps_per_s, count),
                },
                goals=[Goal(left="wfc", right="bare batch of 100", bound=0.35)],
            ),
            Workload(
                id=f"W3.{count}.p99",
                title=f"99th percentile of {count} runs of 5 steps",
                unit="s",
                sides={"wfc": partial(_slowest_s, count)},
                goals=[Goal(left="wfc", bound=1.0, at_least=False)],
            ),
        ]
    return found
