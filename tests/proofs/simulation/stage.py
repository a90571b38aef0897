"""Plays one scenario: workers that come and go, a client, and what the world holds in the end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any, Final, TypeVar, cast
from unittest import mock

from tests.proofs.simulation import model
from tests.proofs.simulation.flows import FLOWS, PROGRAM
from tests.proofs.simulation.loop import (
    OUTSIDE,
    PLACE,
    NothingLeftError,
    SimulatedLoop,
    TimeUpError,
    in_place,
)
from tests.proofs.simulation.scenario import CLIENT, TIMED, Asked, Deed, Fault, Scenario
from tests.proofs.simulation.world import FaultyWorld, SimulatedClock, WatchedWorld, numbers
from wfc.config import Session
from wfc.errors import HookClosed, HookNotFound, RunEnded, RunNotFound, WorldError
from wfc.eventlog.event import Recorded
from wfc.ids import RunId
from wfc.manifests.store import to_archive
from wfc.runtime.attempt import get_step_metadata
from wfc.runtime.heartbeat import Pulse, Turns
from wfc.runtime.hook_door import send
from wfc.runtime.queues import Queues, named_queue
from wfc.runtime.registry import Registry
from wfc.runtime.run import Run
from wfc.runtime.starting import StartOptions, start_run
from wfc.runtime.worker import Worker
from wfc.runtime.worker_limits import WorkerLimits
from wfc.worlds.limits import SlotState
from wfc.worlds.memory_tables import Tables
from wfc.worlds.protocol import Queued, Renewal, Resume, World

T = TypeVar("T")
LEASE_S: Final = 3.0
LIMIT_S: Final = 300.0
"""So much virtual time a scenario may take; none of 60,000 that ended took half of it."""
_AGAIN_S: Final = 0.4
_LIMITS: Final = WorkerLimits(
    lease_s=LEASE_S, sweep_s=2.5, probe_s=0.5, announce_after_s=1.0, pulse=Pulse(every_s=1.0)
)
_QUEUES: Final = Queues(
    {
        "one": named_queue("one", concurrency=1),
        "two": named_queue("two", concurrency=2, slots="active"),
    }
)
_ARCHIVE: Final = to_archive(PROGRAM.version)
_LOADED: Final = Registry(PROGRAM.version).versions


def _registry() -> Registry:
    """Give a process its code. Templates hold nothing of a run, so all may share what is loaded:
    it takes as long as the rest of a scenario.
    """
    made = Registry(PROGRAM.version, queues=_QUEUES)
    made.versions = _LOADED
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A body that began. `holds`: its worker had the run, or the attempt, in the world then."""

    number: int
    place: str
    run_id: RunId
    step_id: str
    attempt: int
    holds: bool


@dataclass(slots=True, kw_only=True)
class Played:
    """How a scenario went."""

    scenario: Scenario
    world: WatchedWorld
    bodies: list[Body] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    stuck: str | None = None
    cancelled: set[RunId] = field(default_factory=set)
    """Runs that somebody asked to cancel."""
    seconds: float = 0.0
    calls: int = 0

    @property
    def tables(self) -> Tables:
        """What the world holds."""
        return self.world._tables

    def logs(self) -> dict[RunId, list[Recorded]]:
        """Give the log of every run."""
        return {run_id: run.log for run_id, run in sorted(self.tables.runs.items())}

    def trace(self) -> list[tuple[str, str, str, int]]:
        """Give who wrote which event in which order, without names of this machine's processes."""
        return self.world.trace


class LoopHeart:
    """Keeps a lease by timers of the loop, where `Heartbeat` has a thread."""

    def __init__(
        self,
        renew: Callable[[], Renewal],
        tell: Callable[[Renewal], None],
        turns: Turns,  # noqa: ARG002 - no code of a simulation spins
        pulse: Pulse,
        stalled: Callable[[float], None] | None = None,  # noqa: ARG002 - nor stands still
    ) -> None:
        self._renew = renew
        self._tell = tell
        self._pulse = pulse
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._pulse.every_s, self._beat)

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        self.start()
        try:
            renewal = self._renew()
        except WorldError:
            return  # the next beat is in time
        if renewal.fenced or renewal.cancelled:
            self._tell(renewal)


class Stage:
    """One simulation. `world_of` makes its world, `worker_of` its workers: tests break them."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        world_of: Callable[..., WatchedWorld] = WatchedWorld,
        worker_of: Callable[..., Worker] = Worker,
    ) -> None:
        self.scenario = scenario
        self._worker_of = worker_of
        self._loop = SimulatedLoop(self._rng("turns"), LIMIT_S)
        self._clock = SimulatedClock(self._loop)
        self._sequence = numbers()
        self._world = world_of(self._clock, self._sequence)
        self._played = Played(scenario=scenario, world=self._world)
        self._ways: list[FaultyWorld] = []
        self._calls = {place: numbers() for place in range(CLIENT, scenario.workers)}
        self._workers: dict[str, Worker] = {}
        self._stopping: set[str] = set()
        self._incarnations = [0] * scenario.workers
        self._turns_of_faults = self._by_turn()
        self._turns = [0] * scenario.workers
        self._session: Session

    def _rng(self, what: str) -> Random:
        return Random(f"{self.scenario.seed} {what}")  # noqa: S311 - no secret

    def play(self) -> Played:
        """Play it to its end."""
        played = self._played
        with _alone(self, self._rng("entropy")):
            self._loop.before_turn = self._before_turn
            try:
                self._loop.run(self._main())
            except (TimeUpError, NothingLeftError) as error:
                played.stuck = type(error).__name__
            played.errors = list(self._loop.errors)
            played.seconds = self._loop.time()
            played.calls = sum(next(calls) - 1 for calls in self._calls.values())
            for way in self._ways:
                way.shut = True
            self._loop.bury()
            for worker in self._workers.values():
                worker.owned.drop_all()  # the dead had no time to
        return played

    # -- the whole

    async def _main(self) -> None:
        world = self._world
        await world.open()
        await world.register_version(PROGRAM.version.id, _ARCHIVE)
        self._session = Session(self._way(CLIENT), _registry())
        tasks = [self._spawn(self._supervise(number), OUTSIDE) for number in
                 range(self.scenario.workers)]  # fmt: skip
        tasks += [
            self._spawn(self._harm(fault), OUTSIDE)
            for fault in self.scenario.faults
            if fault.kind in (*TIMED, "jump")
        ]
        asks = [self._spawn(self._ask(asked), "client") for asked in self.scenario.runs]
        await asyncio.gather(*asks)
        while not self._is_over():
            await asyncio.sleep(0.25)
            for task in tasks:
                if task.done():
                    task.result()  # what harms the others must not fail itself

    def _is_over(self) -> bool:
        """Tell whether every run has ended, and nothing of any is left."""
        tables = self._played.tables
        ended = all(run.status.ended for run in tables.runs.values())
        waits = any(slot.state is not SlotState.ASLEEP for slot in tables.slots)
        return ended and not (tables.attempts or tables.messages or waits)

    def _way(self, place: int) -> World:
        counted: dict[int, list[Fault]] = {}
        for fault in self.scenario.faults:
            if fault.place == place and fault.kind not in (*TIMED, "jump", "hold", "crash_turn"):
                counted.setdefault(fault.at, []).append(fault)
        rng = self._rng(f"delays {place} {len(self._ways)}")
        made = FaultyWorld(self._world, self._loop, rng, self._calls[place], counted)
        self._ways.append(made)
        return cast("World", made)

    def _spawn(self, work: Any, place: str) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = self._loop.create_task(work, context=in_place(place))
        return task

    # -- workers

    async def _supervise(self, number: int) -> None:
        """Keep one worker alive: whenever it has died or stopped, begin another one."""
        rng = self._rng(f"supervisor {number}")
        while True:
            self._incarnations[number] += 1
            place = f"worker {number}.{self._incarnations[number]}"
            task = self._spawn(self._work(place, number), place)
            while place not in self._loop.dead and not task.done():  # noqa: ASYNC110 - time is virtual
                await asyncio.sleep(0.2)
            if task.done():
                task.result()
            await asyncio.sleep(rng.random() * 1.5)

    async def _work(self, place: str, number: int) -> None:
        worker = self._worker_of(
            self._way(number),
            _registry(),
            limits=replace(_LIMITS, always_replay=self.scenario.always_replay),
            entropy=self._rng(place).randbytes,
            heart=LoopHeart,
        )
        self._workers[place] = worker
        while True:
            try:
                await worker.start()
                break
            except WorldError:
                await asyncio.sleep(_AGAIN_S)
        while place not in self._stopping and worker.failure is None:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.1)
        with contextlib.suppress(WorldError):  # a stop that the world does not hear is a crash
            await worker.stop()

    # -- harm

    def _by_turn(self) -> dict[tuple[int, int], Fault]:
        return {
            (fault.place, fault.at): fault
            for fault in self.scenario.faults
            if fault.kind in ("crash_turn", "hold")
        }

    def _before_turn(self, place: str, _number: int) -> None:
        if not place.startswith("worker"):
            return
        number = int(place[7 : place.index(".")])
        self._turns[number] += 1
        fault = self._turns_of_faults.get((number, self._turns[number]))
        if fault is None:
            return
        if fault.kind == "hold":
            self._loop.hold(place, fault.by / 1000)
        else:
            self._loop.kill(place)

    async def _harm(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at / 1000)
        tables, rng = self._played.tables, self._rng(f"{fault}")
        rows = list(tables.messages.values())
        match fault.kind:
            case "jump":
                self._clock.jump(fault.by)
            case "lose_message" if rows:
                del tables.messages[rng.choice(rows).receipt]
            case "redeliver" if rows:
                rng.choice(rows).worker_id = None
                self._world._feed.publish(("queues",))
            case "hint" if tables.runs:
                run_id = rng.choice(sorted(tables.runs))
                await self._world.enqueue(Queued(message=Resume(run_id)))
            case "stop":
                self._stopping.add(f"worker {fault.place}.{self._incarnations[fault.place]}")

    # -- the client

    async def _ask(self, asked: Asked) -> None:
        """Start a run and do all that is to be done to it; what the world refuses is done again."""
        await asyncio.sleep(asked.at_ms / 1000)
        options = StartOptions(id=asked.name, queue=asked.queue)
        arguments: Any = ((asked.name, _listed(asked.node), asked.chapters), {})
        begin = partial(start_run, self._session, self._client, FLOWS.flow, options, arguments)
        run = await _patiently(begin)
        deeds = [self._do(run, deed) for deed in asked.deeds]
        sends = [
            self._send(token, value)
            for chapter in range(asked.chapters, -1, -1)
            for token, count in model.hooks(
                asked.node, f"{asked.name}-{chapter}" if chapter else asked.name
            )
            for value in range(count)
        ]
        await asyncio.gather(*deeds, *sends)

    async def _client(self) -> Session:
        return self._session

    async def _do(self, run: Run[Any], deed: Deed) -> None:
        await asyncio.sleep(deed.at_ms / 1000)
        if deed.kind == "pause":
            with contextlib.suppress(RunEnded):
                await _patiently(run.pause)
                await asyncio.sleep(deed.for_ms / 1000)
                await _patiently(run.unpause)
            return
        self._played.cancelled.add(run.id)
        await _patiently(partial(run.cancel, "enough", force=deed.kind == "force"))

    async def _send(self, token: str, value: int) -> None:
        """Send a value to a hook once there is one, while any run is left."""
        while True:
            try:
                await _patiently(
                    lambda: send(self._session, token, value, idempotency_id=f"{token} {value}")
                )
            except (HookNotFound, HookClosed):
                # A child may outlive its parent, and begin children of its own.
                if all(row.status.ended for row in self._played.tables.runs.values()):
                    return
                await asyncio.sleep(_AGAIN_S)
            else:
                return

    # -- what bodies ask

    async def enters(self, key: str, fails: int = 0) -> None:
        """Note that a body has begun; it fails if its attempt is one of the first `fails`."""
        metadata, place = get_step_metadata(), PLACE.get()
        run_id, step_id = metadata.run_id, metadata.step_id
        holder = self._workers[place].worker_id
        row, attempt = self._played.tables.runs[run_id], self._played.tables.attempts.get(
            (run_id, step_id)
        )  # fmt: skip
        holds = row.owner == holder if attempt is None else attempt.worker_id == holder
        self._played.bodies.append(
            Body(number=next(self._sequence), place=place, run_id=run_id, step_id=step_id,
                 attempt=metadata.attempt, holds=holds)
        )  # fmt: skip
        await asyncio.sleep(0)
        if metadata.attempt <= fails:
            raise ValueError(key)


def _listed(node: Any) -> Any:
    return [_listed(each) for each in node] if isinstance(node, tuple) else node


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await ask()
        except (WorldError, RunNotFound):
            await asyncio.sleep(_AGAIN_S)


@contextlib.contextmanager
def _alone(stage: Stage, rng: Random) -> Iterator[None]:
    """Let nothing of the machine in: its randomness, its collections, and its log handlers."""
    collects = gc.isenabled()
    gc.disable()
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    sys.stage = stage  # type: ignore[attr-defined]  # bodies look for it
    try:
        with mock.patch.object(os, "urandom", rng.randbytes):
            yield
    finally:
        del sys.stage  # type: ignore[attr-defined]
        logging.disable(before)
        if collects:
            gc.enable()


__all__ = ["Body", "LoopHeart", "Played", "Stage"]
