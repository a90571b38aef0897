"""W12: what it costs to make a run's namespace and execution from a loaded template."""

from __future__ import annotations

import time
import tracemalloc

from benchmarks.harness import Goal, Workload
from benchmarks.stage import flows, on_stage
from wfc.api import start
from wfc.config import Session
from wfc.eventlog.event import RunCreated
from wfc.ids import RunId
from wfc.runtime.execution import Execution

_KEPT = 1_000


def _play(count: int) -> tuple[list[float], float]:
    """Give the sorted microseconds of each making, and the bytes of one namespace."""

    async def play(session: Session) -> tuple[list[float], float]:
        run = await start(flows().five, 1)
        await run.result()
        opening = (await session.world.history(RunId(run.id), limit=1))[0]
        assert session.registry is not None
        event = opening.event
        assert isinstance(event, RunCreated)
        template = await session.registry.template(session.world, event.version, event.workflow)
        times = []
        for number in range(count):
            begun = time.perf_counter()
            template.instantiate()
            Execution(template, RunId(f"r{number}"), opening)
            times.append(1e6 * (time.perf_counter() - begun))
        tracemalloc.start()
        kept = [template.instantiate() for _ in range(_KEPT)]
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return sorted(times), size / len(kept)

    return on_stage("w12", play)


def workloads(*, quick: bool) -> list[Workload]:
    """Give the making of a run."""
    count = 1_000 if quick else 10_000
    times: list[float] = []
    sizes: list[float] = []

    def median() -> float:
        times[:], size = _play(count)
        sizes[:] = [size]
        return times[count // 2]

    return [
        Workload(
            id="W12",
            title="a run from the template",
            unit="us; bytes",
            sides={
                "p50": median,
                "p99": lambda: times[int(count * 0.99)],
                "namespace": lambda: sizes[0],
            },
            goals=[
                Goal(left="p50", bound=20, at_least=False),
                Goal(left="p99", bound=50, at_least=False),
                Goal(left="namespace", bound=4096, at_least=False),
            ],
        )
    ]
