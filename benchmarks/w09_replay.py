"""W9: events per second delivered to a fresh execution, from memory and from SQLite."""

from __future__ import annotations

import time

from benchmarks.harness import Goal, Workload
from benchmarks.stage import flows, on_stage
from wfc.api import start
from wfc.config import Session
from wfc.eventlog.event import Recorded, RunCreated
from wfc.ids import RunId
from wfc.runtime.execution import Execution
from wfc.runtime.operations import Completed


async def _history(session: Session, run_id: RunId) -> list[Recorded]:
    events: list[Recorded] = []
    while more := await session.world.history(run_id, after=len(events)):
        events += more
    return events


def _play(length: int) -> dict[str, float]:
    async def play(session: Session) -> dict[str, float]:
        run = await start(flows().chain, length)
        await run.result()
        run_id = RunId(run.id)
        begun = time.perf_counter()
        history = await _history(session, run_id)
        read_s = time.perf_counter() - begun
        assert session.registry is not None
        opening = history[0]
        event = opening.event
        assert isinstance(event, RunCreated)
        template = await session.registry.template(session.world, event.version, event.workflow)
        begun = time.perf_counter()
        outcome = Execution(template, run_id, opening).deliver(history[1:])
        replay_s = time.perf_counter() - begun
        assert isinstance(outcome, Completed), outcome
        return {
            "memory": len(history) / replay_s,
            "sqlite": len(history) / (replay_s + read_s),
            "ms per 1,000": 1e6 * replay_s / len(history),
        }

    return on_stage("w09", play)


def workloads(*, quick: bool) -> list[Workload]:
    """Give the replay of a chain."""
    length = 2_000 if quick else 10_000
    figures: dict[str, float] = {}

    def memory() -> float:
        figures.update(_play(length))
        return figures["memory"]

    return [
        Workload(
            id="W9",
            title=f"replay of {length} steps",
            unit="events/s; ms",
            sides={
                "memory": memory,
                "sqlite": lambda: figures["sqlite"],
                "ms per 1,000 events": lambda: figures["ms per 1,000"],
            },
            goals=[
                Goal(left="memory", bound=200_000),
                Goal(left="sqlite", bound=80_000),
                Goal(left="ms per 1,000 events", bound=30, at_least=False),
            ],
        )
    ]
