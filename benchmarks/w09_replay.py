"""W9: events per second delivered to a fresh execution, from memory and from SQLite."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks.harness import Goal, Workload
from benchmarks.stage import flows, on_stage
from wfc.api import start
from wfc.config import Session
from wfc.eventlog.event import Recorded, RunCreated
from wfc.ids import RunId
from wfc.runtime.execution import Execution
from wfc.runtime.operations import Completed

_TIMES = 5


async def _history(session: Session, run_id: RunId) -> list[Recorded]:
    events: list[Recorded] = []
    while more := await session.world.history(run_id, after=len(events)):
        events += more
    return events


def _cpu_s(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _play(length: int) -> dict[str, float]:
    """Give microseconds of CPU per event: of the delivery, and of reading the log before it."""

    async def play(session: Session) -> dict[str, float]:
        run = await start(flows().chain, length)
        await run.result()
        run_id = RunId(run.id)
        history = await _history(session, run_id)
        assert session.registry is not None
        opening = history[0]
        event = opening.event
        assert isinstance(event, RunCreated)
        template = await session.registry.template(session.world, event.version, event.workflow)

        def replay() -> None:
            outcome = Execution(template, run_id, opening).deliver(history[1:])
            assert isinstance(outcome, Completed), outcome

        replays = [_cpu_s(replay) for _ in range(_TIMES)]
        reads = []
        for _ in range(_TIMES):
            begun = time.process_time()
            await _history(session, run_id)
            reads.append(time.process_time() - begun)
        each = 1e6 / len(history)
        return {
            "replay": each * statistics.median(replays),
            "read": each * statistics.median(reads),
        }

    return on_stage("w09", play)


def workloads(*, quick: bool) -> list[Workload]:
    """Give the replay of a chain."""
    length = 2_000 if quick else 10_000
    costs: dict[str, float] = {}

    def memory() -> float:
        costs.update(_play(length))
        return 1e6 / costs["replay"]

    return [
        Workload(
            id="W9",
            title=f"replay of {length} steps, CPU time",
            unit="events/s; ms",
            sides={
                "memory": memory,
                "sqlite": lambda: 1e6 / (costs["replay"] + costs["read"]),
                "ms per 1,000 events": lambda: costs["replay"],
            },
            goals=[
                Goal(left="memory", bound=200_000),
                Goal(left="sqlite", bound=80_000),
                Goal(left="ms per 1,000 events", bound=30, at_least=False),
            ],
        )
    ]
