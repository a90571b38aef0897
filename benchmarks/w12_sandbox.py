"""W12: what it costs to make a run's namespace and execution from a loaded template."""

from __future__ import annotations

import time

from benchmarks.harness import Goal, Workload
from benchmarks.stage import flows, on_stage
from wfc.api import start
from wfc.config import Session
from wfc.eventlog.event import RunCreated
from wfc.ids import RunId
from wfc.runtime.execution import Execution


def _play(count: int) -> list[float]:
    async def play(session: Session) -> list[float]:
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
            times.append(1e6 * (time.perf_counter() - begun))
            Execution(template, RunId(f"r{number}"), opening)
        return sorted(times)

    return on_stage("w12", play)


def workloads(*, quick: bool) -> list[Workload]:
    """Give the instantiation."""
    count = 1_000 if quick else 10_000
    figures: list[float] = []

    def median() -> float:
        figures[:] = _play(count)
        return figures[count // 2]

    return [
        Workload(
            id="W12",
            title="a run from the template",
            unit="us",
            sides={"p50": median, "p99": lambda: figures[int(count * 0.99)]},
            goals=[
                Goal(left="p50", bound=20, at_least=False),
                Goal(left="p99", bound=50, at_least=False),
            ],
        )
    ]
