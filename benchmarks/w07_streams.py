"""W7: one step writes chunks while a client reads them."""

from __future__ import annotations

import statistics
import time
from functools import partial

from benchmarks.bare import commits_per_s
from benchmarks.harness import Goal, Workload
from benchmarks.stage import flows, on_stage
from wfc.api import start
from wfc.config import Session


def chunks_per_s(count: int) -> float:
    """Write `count` chunks, read them live, and give those that arrived per second."""

    async def play(_: Session) -> float:
        await (await start(flows().poured, 100)).result()  # a worker that has been at work
        begun = time.perf_counter()
        run = await start(flows().poured, count)
        read = 0
        async for _value in run.stream(type=str):
            read += 1
        assert read == count
        return count / (time.perf_counter() - begun)

    return on_stage("w07", play)


def ms_to_reader(count: int) -> float:
    """Give the median time from a write to its reader, in ms, with no other chunk on its way."""

    async def play(_: Session) -> float:
        run = await start(flows().dripped, count)
        late = [time.perf_counter() - written async for written in run.stream(type=float)]
        return statistics.median(late) * 1000

    return on_stage("w07_drip", play)


def ms_of_a_commit(count: int) -> float:
    """Give the time of one bare durable commit, in ms."""
    return 1000 / commits_per_s(count)


def workloads(*, quick: bool) -> list[Workload]:
    """Give a stream that is poured and one that drips."""
    poured, dripped = (2000, 50) if quick else (10_000, 200)
    return [
        Workload(
            id=f"W7.{poured}",
            title=f"one step writes {poured} chunks, a client reads them",
            unit="chunks/s",
            sides={"wfc": partial(chunks_per_s, poured)},
            goals=[Goal(left="wfc", bound=10_000)],
        ),
        Workload(
            id="W7.latency",
            title="from a write to its reader, chunk by chunk",
            unit="ms",
            sides={"bare": partial(ms_of_a_commit, dripped), "wfc": partial(ms_to_reader, dripped)},
            goals=[Goal(left="wfc", right="bare", bound=2, at_least=False)],
        ),
    ]
