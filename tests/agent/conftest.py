"""A house for the runs of agents, and the script that their models follow."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from tests.agent.models import Script
from tests.runtime.house import House
from tests.runtime.programs import Program
from wfc.clock import VirtualClock
from wfc.config import Session
from wfc.runtime.execution import Execution
from wfc.runtime.operations import Completed, Outcome
from wfc.runtime.registry import Registry
from wfc.runtime.run import Run
from wfc.worlds.open import open_world


@pytest.fixture(autouse=True)
def script() -> Iterator[Script]:
    made = Script()
    sys.script = made  # type: ignore[attr-defined]  # steps and models find it there
    yield made
    del sys.script  # type: ignore[attr-defined]


class Agents(House):
    """A house that knows how to look at agents."""

    async def frames(self, run: Run[Any], turn: str = "1") -> list[dict[str, Any]]:
        """Give what readers of a turn see."""
        page = await self.world.read_chunks(run.id, f"ui~{turn}", 0, 1000)
        return [json.loads(chunk.body) for chunk in page.chunks]

    async def is_closed(self, run: Run[Any], turn: str = "1") -> bool:
        return (await self.world.read_chunks(run.id, f"ui~{turn}", 0, 1000)).closed

    async def replayed(self, run: Run[Any], program: Program) -> Outcome:
        """Deliver the whole log to fresh code, and see that it comes to the same."""
        history = await self.world.history(run.id, 0, 2000)
        worker = self.worker()
        created: Any = history[0].event
        template = await worker.registry.template(self.world, program.version.id, created.workflow)
        execution = Execution(template, run.id, history[0], heard_until=len(history))
        outcome = execution.deliver(history[:-1])
        if isinstance(outcome, Completed):
            last: Any = history[-1].event
            assert outcome.output == last.output
        stored = {
            namespace: (await self.world.read_chunks(run.id, namespace, 0, 1000)).chunks
            for namespace in {one.write.namespace for one in outcome.chunks}
        }
        for told in outcome.chunks:
            bodies = [chunk.body for chunk in stored[told.write.namespace]]
            assert all(chunk.body in bodies for chunk in told.write.chunks)
        execution.drop()
        return outcome


class _Reachable(Session):
    """A client of an application that has a name."""

    @property
    def public_url(self) -> str:
        return "https://here.example"


HouseOf = Callable[..., Any]


@pytest.fixture
async def house_of(tmp_path: Any) -> AsyncIterator[HouseOf]:
    houses: list[Agents] = []

    async def make(program: Program, *, sqlite: bool = False) -> Agents:
        clock = VirtualClock()
        url = f"sqlite:///{tmp_path}/world{len(houses)}.db" if sqlite else "memory:"
        world = open_world(url, clock)
        await world.open()
        made = Agents(world, clock, program.version)
        made.session = _Reachable(world, Registry(program.version))
        await made.open()
        houses.append(made)
        return made

    yield make
    for each in houses:
        await each.close()
