"""W4: one long run; the cost of its last steps against that of its first."""

from __future__ import annotations

from benchmarks.harness import Goal, Workload
from benchmarks.stage import flows, on_stage
from wfc.api import start
from wfc.config import Session
from wfc.eventlog.event import StepCompleted


def _costs(length: int) -> tuple[float, float]:
    """Give microseconds per step, early (100 to 200) and late (the last 100), from the log."""

    async def play(_: Session) -> tuple[float, float]:
        run = await start(flows().chain, length)
        await run.result()
        ends = [
            recorded.recorded_at.timestamp() * 1e6
            for recorded in await run.events()
            if isinstance(recorded.event, StepCompleted)
        ]
        return (ends[200] - ends[100]) / 100, (ends[-1] - ends[-101]) / 100

    return on_stage("w04", play)


def workloads(*, quick: bool) -> list[Workload]:
    """Give runs of 3,000 and 10,000 steps."""
    found = []
    for length in [3000] if quick else [3000, 10000]:
        taken: list[tuple[float, float]] = []

        def early(length: int = length, taken: list[tuple[float, float]] = taken) -> float:
            taken.append(_costs(length))
            return taken[-1][0]

        def late(taken: list[tuple[float, float]] = taken) -> float:
            return taken[-1][1]

        found.append(
            Workload(
                id=f"W4.{length}",
                title=f"one run of {length} steps",
                unit="us/step",
                sides={"steps 100 to 200": early, "last 100": late},
                goals=[Goal(left="last 100", right="steps 100 to 200", bound=1.1, at_least=False)],
            )
        )
    return found
