"""The world of a simulation: that in memory, watched; and the faulty way to it that each place has.

A place's calls are numbered. A fault makes its place die before or after a call, makes the call be
refused, be slow, or be carried out and then answered by an error. Beside that each call takes a
drawn time, and news come late.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

from tests.proofs.simulation.loop import PLACE, SimulatedLoop
from tests.proofs.simulation.scenario import Fault
from wfc.clock import Clock
from wfc.errors import WorldUnreachable
from wfc.ids import RunId
from wfc.worlds.limits import SlotState
from wfc.worlds.memory import MemoryWorld
from wfc.worlds.protocol import Appended, Refused, Renewal, Watch, World

FREE: Final = frozenset({"now_us", "watch", "url", "open", "close"})
"""What does not reach the world's data: no fault strikes there."""


class SimulatedClock:
    """Virtual time as a machine's clock shows it: it may be set forward and back."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop
        self._offset_us = 1_900_000_000_000_000

    def now_us(self) -> int:
        return self._offset_us + round(self._loop.time() * 1_000_000)

    def jump(self, by_ms: int) -> None:
        self._offset_us += by_ms * 1000


class WatchedWorld(MemoryWorld):
    """Remembers what was written in which order, and looks at the limits after each write."""

    def __init__(self, clock: Clock, sequence: Iterator[int]) -> None:
        super().__init__(clock)
        self._sequence = sequence
        self.written: dict[tuple[RunId, int], int] = {}
        """When each event was written, by run and position."""
        self._lengths: dict[RunId, int] = {}
        self.trace: list[tuple[str, str, str, int]] = []
        self.exceeded: list[str] = []

    async def append(self, run_id: RunId, *args: Any, **kwargs: Any) -> Appended | Refused:
        answer = await super().append(run_id, *args, **kwargs)
        self._note()
        self.look()
        return answer

    async def claim(self, *args: Any, **kwargs: Any) -> Any:
        answer = await super().claim(*args, **kwargs)
        self.look()
        return answer

    async def claim_attempt(self, *args: Any, **kwargs: Any) -> Any:
        answer = await super().claim_attempt(*args, **kwargs)
        self.look()
        return answer

    def _note(self) -> None:
        """Number what is new in any log: an append may write to other runs, too."""
        number = next(self._sequence)
        for run_id, run in self._tables.runs.items():
            for each in run.log[self._lengths.get(run_id, 0) :]:
                self.written[run_id, each.position] = number
                self.trace.append((PLACE.get(), run_id, each.event.name, each.recorded_at))
            self._lengths[run_id] = len(run.log)

    def look(self) -> None:
        """See that no limit is exceeded, by counting anew."""
        held: dict[Any, int] = {}
        for slot in self._tables.slots:
            if slot.state is SlotState.HELD:
                held[slot.gate] = held.get(slot.gate, 0) + 1
        for gate, count in held.items():
            limit = self._tables.limits.get(gate.limit)
            if limit is not None and limit.concurrency is not None and count > limit.concurrency:
                self.exceeded.append(f"{count} hold {gate}, at most {limit.concurrency} may")


class FaultyWorld:
    """A place's way to a world; it has every method of the `World` protocol."""

    def __init__(
        self,
        world: World,
        loop: SimulatedLoop,
        rng: Random,
        calls: Iterator[int],
        faults: dict[int, list[Fault]],
    ) -> None:
        """`faults` by the number of the call that they strike; `calls` numbers them."""
        self._world = world
        self._loop = loop
        self._rng = rng
        self._calls = calls
        self._faults = faults
        self.shut = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._world, name)
        if name in FREE:
            return found
        made = self._call(name, found) if inspect.iscoroutinefunction(found) else found
        setattr(self, name, made)
        return made

    def renew(self, *args: Any, **kwargs: Any) -> Renewal:
        """Prolong a lease: it blocks, so it can fail but not be slow."""
        struck = self._struck()
        if "refuse" in struck:
            raise _unreachable()
        answer = self._world.renew(*args, **kwargs)
        if "lose_reply" in struck:
            raise _unreachable()
        return answer

    def watch(self, *topics: str) -> Watch:
        """Watch topics; news may be late."""
        return _LateWatch(self._world.watch(*topics), self._rng)

    def _struck(self) -> dict[str, int]:
        if self.shut:
            raise _unreachable()
        return {fault.kind: fault.by for fault in self._faults.get(next(self._calls), ())}

    def _call(self, name: str, carry_out: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            struck = self._struck()
            if "crash_before" in struck:
                await self._die()
            await self._pause(struck.get("slow", 0))
            if "refuse" in struck:
                raise _unreachable()
            answer = await carry_out(*args, **kwargs)
            if "crash_after" in struck:
                await self._die()
            await self._pause(struck.get("late_reply", 0))
            if "lose_reply" in struck:
                raise _unreachable()
            return answer

        call.__name__ = name
        return call

    async def _die(self) -> None:
        self._loop.kill(PLACE.get())
        await self._loop.create_future()  # nobody ever comes back to it

    async def _pause(self, ms: int) -> None:
        drawn = self._rng.random()
        if ms or drawn < 0.1:
            await asyncio.sleep((ms + drawn * 200) / 1000)
        elif drawn < 0.5:
            await asyncio.sleep(0)
        if self.shut:
            raise _unreachable()


class _LateWatch:
    def __init__(self, watch: Watch, rng: Random) -> None:
        self._watch = watch
        self._rng = rng

    async def changed(self, timeout_s: float) -> bool:
        heard = await self._watch.changed(timeout_s)
        if heard and self._rng.random() < 0.15:
            await asyncio.sleep(self._rng.random())
        return heard

    def close(self) -> None:
        self._watch.close()


def _unreachable() -> WorldUnreachable:
    return WorldUnreachable("the simulated world did not answer")


def numbers() -> Iterator[int]:
    """Count from 1."""
    return itertools.count(1)
