"""Products with a fault of their own: a simulation that does not find them would find nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from tests.proofs.simulation.oracle import judge
from tests.proofs.simulation.scenario import Scenario, scenario_of
from tests.proofs.simulation.stage import Stage
from tests.proofs.simulation.world import WatchedWorld
from wfc.eventlog.event import StepCompleted
from wfc.ids import RunId
from wfc.runtime.worker import Worker
from wfc.worlds.protocol import (
    Appended,
    AttemptOf,
    Claimed,
    ClaimedAttempt,
    Owner,
    Refused,
    Swept,
)


class LosesAppends(WatchedWorld):
    """Acknowledges now and then the outcome of a step, and does not keep it."""

    count = 0

    async def append(self, run_id: RunId, *args: Any, **kwargs: Any) -> Appended | Refused:
        answer = await super().append(run_id, *args, **kwargs)
        last = answer.recorded[-1:] if isinstance(answer, Appended) else ()
        if any(isinstance(each.event, StepCompleted) for each in last):
            self.count += 1
            if self.count % 5 == 0:
                del self._tables.runs[run_id].log[-1]
        return answer


class IgnoresFences(WatchedWorld):
    """Takes the decisions of whoever was the owner once, if nobody has written since."""

    async def append(self, run_id: RunId, *args: Any, **kwargs: Any) -> Appended | Refused:
        run, guard = self._tables.runs.get(run_id), kwargs["guard"]
        if run is not None and isinstance(guard, Owner):
            run.owner = run.owner or "nobody"  # type: ignore[assignment]  # an owner is asked for
            kwargs["guard"] = Owner(run.fence, len(run.log))
        return await super().append(run_id, *args, **kwargs)


class KeepsTheFence(WatchedWorld):
    """Claims without adding to the fence, so that an earlier owner is not told from the present."""

    async def claim(self, run_id: RunId, *args: Any, **kwargs: Any) -> Any:
        answer = await super().claim(run_id, *args, **kwargs)
        if isinstance(answer, Claimed):
            self._tables.runs[run_id].fence = 1
            return replace(answer, fence=1)
        return answer


class IgnoresFencesOfAttempts(WatchedWorld):
    """Takes an outcome from a worker whose attempt was given to another one."""

    async def append(self, run_id: RunId, *args: Any, **kwargs: Any) -> Appended | Refused:
        guard = kwargs["guard"]
        if isinstance(guard, AttemptOf):
            row = self._tables.attempts.get((run_id, guard.operation_id))
            if row is not None:
                row.worker_id = row.worker_id or "nobody"  # type: ignore[assignment]  # as above
                kwargs["guard"] = AttemptOf(guard.operation_id, row.fence)
        return await super().append(run_id, *args, **kwargs)


class HidesLosses(WatchedWorld):
    """Does not tell who claims a run, or an attempt, that the last one to have it vanished."""

    async def claim(self, *args: Any, **kwargs: Any) -> Any:
        answer = await super().claim(*args, **kwargs)
        return replace(answer, loss=False) if isinstance(answer, Claimed) else answer

    async def claim_attempt(self, *args: Any, **kwargs: Any) -> Any:
        answer = await super().claim_attempt(*args, **kwargs)
        return replace(answer, lost=False) if isinstance(answer, ClaimedAttempt) else answer


class ExceedsLimits(WatchedWorld):
    """Lets one more hold a slot than the limit says."""

    async def define_limits(self, limits: Any) -> None:
        more = [
            each if each.concurrency is None else replace(each, concurrency=each.concurrency + 1)
            for each in limits
        ]
        await super().define_limits(more)


class NeverSweeps(WatchedWorld):
    """Repairs nothing."""

    async def sweep(self, limit: int = 1000) -> Swept:  # noqa: ARG002 - nothing is done
        return Swept()


class ForgetsResets(WatchedWorld):
    """Does not say in a stream what an earlier attempt has written in vain."""

    async def write_chunks(self, run_id: RunId, write: Any, **kwargs: Any) -> Any:
        if write.step is not None:
            write = replace(write, step=replace(write.step, begins=False))
        return await super().write_chunks(run_id, write, **kwargs)


class NeverDoubts(Worker):
    """Believes that a call without an answer has done nothing."""

    def doubt(self) -> None:
        """Do nothing."""


class RepeatsChunks(Worker):
    """Writes again what may have been written already."""

    async def _holds(self, *_: Any) -> bool:
        return False


MUTANTS: Final[dict[str, dict[str, Callable[..., Any]]]] = {
    **{
        world.__name__: {"world_of": world}
        for world in (
            LosesAppends, IgnoresFences, KeepsTheFence, IgnoresFencesOfAttempts, HidesLosses,
            ExceedsLimits, NeverSweeps, ForgetsResets,
        )
    },
    **{worker.__name__: {"worker_of": worker} for worker in (NeverDoubts, RepeatsChunks)},
}  # fmt: skip


def found_by(mutant: str, seeds: range) -> Scenario | None:
    """Give the first scenario that finds a mutant; None: none does."""
    for seed in seeds:
        scenario = scenario_of(seed)
        if wrong_with(mutant, scenario):
            return scenario
    return None


def wrong_with(mutant: str, scenario: Scenario) -> list[str]:
    """Play a scenario on a mutant, and give what is wrong; what wfc raises is wrong, too."""
    return judge(Stage(scenario, **MUTANTS[mutant]).play())
