"""W10: what durability adds to each step of an agent, over plain pydantic-ai."""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Awaitable, Callable

from benchmarks.harness import Goal, Workload
from benchmarks.stage import on_stage
from wfc.api import start
from wfc.config import Session
from wfc.eventlog.event import Recorded, RunCreated
from wfc.ids import RunId
from wfc.runtime.execution import Execution
from wfc.runtime.operations import Completed

_STEPS = 20
_AGENTS = "agents"


async def _each_ms(once: Callable[[], Awaitable[object]], times: int) -> tuple[float, float]:
    """Give the median milliseconds per step of the model, of CPU and by the clock, the first time
    left out.
    """
    await once()
    cpu, wall = [], []
    for _ in range(times):
        cpu_begun, begun = time.process_time(), time.perf_counter()
        await once()
        wall.append(1e3 * (time.perf_counter() - begun) / _STEPS)
        cpu.append(1e3 * (time.process_time() - cpu_begun) / _STEPS)
    return statistics.median(cpu), statistics.median(wall)


async def _history(session: Session, run_id: RunId) -> list[Recorded]:
    events: list[Recorded] = []
    while more := await session.world.history(run_id, after=len(events)):
        events += more
    return events


def _play(times: int) -> dict[str, tuple[float, float]]:
    """Give milliseconds per step: plain, durable, durable and seen, and of a replay."""

    async def play(session: Session) -> dict[str, tuple[float, float]]:
        agents = importlib.import_module("bench_agents")

        async def plain() -> None:
            assert (await agents.bot.agent.run("go")).output == "done"

        async def durable(workflow: Callable[[str], Awaitable[str]]) -> RunId:
            run = await start(workflow, "go")
            assert await run.result() == "done"
            return RunId(run.id)

        costs = {
            "plain": await _each_ms(plain, times),
            "durable": await _each_ms(lambda: durable(agents.quiet), times),
            "seen": await _each_ms(lambda: durable(agents.seen), times),
        }
        run_id = await durable(agents.quiet)
        history = await _history(session, run_id)
        opening = history[0].event
        assert isinstance(opening, RunCreated)
        assert session.registry is not None
        template = await session.registry.template(session.world, opening.version, opening.workflow)

        async def replay() -> None:
            outcome = Execution(template, run_id, history[0]).deliver(history[1:])
            assert isinstance(outcome, Completed), outcome

        return costs | {"replay": await _each_ms(replay, times)}

    return on_stage("w10", play, project=_AGENTS)


def workloads(*, quick: bool) -> list[Workload]:
    """Give an agent of 20 steps."""
    costs: dict[str, tuple[float, float]] = {}

    def plain() -> float:
        costs.update(_play(5 if quick else 20))
        return costs["plain"][0]

    return [
        Workload(
            id="W10",
            title=f"an agent of {_STEPS} steps with a tool each; one commit per step and call",
            unit="ms of CPU per step of the model",
            sides={
                "plain": plain,
                "durable": lambda: costs["durable"][0],
                "over plain": lambda: costs["durable"][0] - costs["plain"][0],
                "streamed, over plain": lambda: costs["seen"][0] - costs["plain"][0],
                "over plain, with its commits": lambda: costs["durable"][1] - costs["plain"][1],
                "replay": lambda: costs["replay"][0],
            },
            goals=[
                Goal(left="over plain", bound=2.0, at_least=False),
                Goal(left="replay", right="plain", bound=1.3, at_least=False),
            ],
        )
    ]
