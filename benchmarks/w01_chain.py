"""W1: one run of sequential trivial steps, against bare one-row durable commits."""

from __future__ import annotations

import time
from functools import partial

from benchmarks.bare import commits_per_s
from benchmarks.harness import Goal, Workload
from benchmarks.stage import flows, on_stage
from wfc.api import start
from wfc.config import Session

_WARM_UP = 200


def steps_per_s(length: int) -> float:
    """Run one chain and give its steps per second, start and end of the run included."""

    async def play(_: Session) -> float:
        # A worker that has been at work: the bundle is loaded, the log file has its size.
        await (await start(flows().chain, _WARM_UP)).result()
        begun = time.perf_counter()
        assert await (await start(flows().chain, length)).result() == length
        return length / (time.perf_counter() - begun)

    return on_stage("w01", play)


def workloads(*, quick: bool) -> list[Workload]:
    """Give chains of 100 and 1,000."""
    return [
        Workload(
            id=f"W1.{length}",
            title=f"one run of {length} sequential steps",
            unit="steps/s",
            sides={"bare": commits_per_s, "wfc": partial(steps_per_s, length)},
            goals=[Goal(left="wfc", right="bare", bound=0.6)],
        )
        for length in ([100] if quick else [100, 1000])
    ]
