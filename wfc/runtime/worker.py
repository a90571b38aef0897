"""A worker: takes messages, owns runs, runs bodies, keeps its lease, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from wfc import fault
from wfc.clock import MICROSECONDS
from wfc.errors import (
    BuildTooNew,
    BundleBroken,
    CompileError,
    LeaseLost,
    LogError,
    StepUnknown,
    VersionUnknown,
    WorldCorrupt,
    WorldError,
    WorldReadOnly,
    WorldTooNew,
)
from wfc.eventlog.event import Event, Recorded
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.manifests.code import need_columns
from wfc.policies import Policy
from wfc.runtime.alarms import Alarms, Poked
from wfc.runtime.attempt import Bodies
from wfc.runtime.desk import PAGE
from wfc.runtime.execution import Execution
from wfc.runtime.heartbeat import Heartbeat, Pulse, Turns
from wfc.runtime.limits import Limits
from wfc.runtime.neighbours import give_up_gone, worker_id
from wfc.runtime.operations import Outcome, StepAsked
from wfc.runtime.parking import Parking
from wfc.runtime.queued_attempt import Ledgers, QueuedAttempt
from wfc.runtime.registry import Registry
from wfc.runtime.resume import LiveRun
from wfc.runtime.sandbox import Template
from wfc.runtime.slots import Slots
from wfc.runtime.sweeper import sweep, sweep_for_ever
from wfc.runtime.threads import Threads
from wfc.worlds.protocol import (
    Appended,
    Attempt,
    Claimed,
    ClaimedAttempt,
    Ended,
    Guard,
    Held,
    Message,
    Queued,
    Refused,
    Release,
    Renewal,
    Resume,
    Taken,
    Watch,
    World,
)

_LOG: Final = logging.getLogger("wfc.worker")
_TAKE_MAX: Final = 100
_LOOK_AGAIN_S: Final = 1.0
_NOT_MINE_YET_US: Final = 50_000
_UNREADABLE: Final = (
    LogError, BundleBroken, BuildTooNew, VersionUnknown, CompileError, StepUnknown,
)  # fmt: skip
"""What keeps one run from being executed, and no other."""
_HOPELESS: Final = (WorldCorrupt, WorldReadOnly, WorldTooNew)
"""What keeps a worker from working at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """How much a worker takes on, and its times in seconds.

    `always_replay` makes every run a test of replay: whenever there are new events, its execution
    is dropped and made anew from the whole history.
    """

    bodies: int = 100
    runs: int = 1000
    executions: int = 2000
    threads: int = 32
    inline_steps: int = 16
    announce_after_s: float = 1.0
    lease_s: float = 30.0
    sweep_s: float = 15.0
    drain_s: float = 25.0
    probe_s: float = 5.0
    turn_s: float = 30.0
    always_replay: bool = os.environ.get("WFC_ALWAYS_REPLAY") == "1"
    pulse: Pulse = field(default_factory=Pulse)
    chapter: Limits = field(default_factory=Limits)


class Worker:
    """Executes runs of one world with the code of one registry; belongs to one event loop."""

    def __init__(
        self,
        world: World,
        registry: Registry,
        *,
        limits: WorkerLimits | None = None,
        queues: Sequence[str] = (),
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Prepare; nothing is taken before `start`, `run` or `run_until_idle`."""
        self.world = world
        self.registry = registry
        self.bodies: Bodies = registry
        self.options = limits or WorkerLimits()
        self.limits = self.options.chapter
        self.inline_steps = self.options.inline_steps
        self.announce_after_s = self.options.announce_after_s
        self.always_replay = self.options.always_replay
        self.worker_id = WorkerId("")
        self.threads = Threads(self.options.threads)
        self.slots = Slots(self.options.bodies)
        self.ledgers = Ledgers(world)
        self.failure: WorldError | None = None
        self._queues = tuple(queues)
        self._entropy = entropy
        self._alarms = Alarms(world.now_us)
        self._turns = Turns(self.options.turn_s)
        self._heartbeat: Heartbeat | None = None
        self._active: dict[RunId, LiveRun] = {}
        self._parked = Parking(self.options.executions)
        self._watched: dict[RunId, list[asyncio.Future[None]]] = {}
        self._claiming: set[RunId] = set()
        self._attempts: dict[tuple[RunId, OperationId], QueuedAttempt] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._bodies: set[asyncio.Task[Any]] = set()
        self._receipts: list[int] = []
        self._activity = asyncio.Event()
        self._stop_asked = asyncio.Event()
        self._look = asyncio.Event()
        self._stopping = self._stopped = False
        self._world_full = False
        self._lease_until = 0
        self._background: list[asyncio.Task[None]] = []

    # -- from outside

    async def start(self) -> None:
        """Join the world and work in the background until `stop`."""
        if self._background:
            return
        await self._join()
        self._background = [
            asyncio.create_task(self._work(), name="wfc-worker"),
            asyncio.create_task(sweep_for_ever(self.world, self.options.sweep_s), name="wfc-sweep"),
        ]

    async def run(self) -> None:
        """Work until `stop` is called or the world is beyond help; raises then what it was."""
        await self.start()
        await self._stop_asked.wait()
        if self.failure is not None:
            await self.stop()
            raise self.failure

    async def run_until_idle(self) -> int | None:
        """Work until nothing is due, and give the instant at which something will be (or None)."""
        await self._join()
        watch = self.world.watch("queues")
        try:
            await self._until_idle(watch)
        finally:
            watch.close()
        if self.failure is not None:
            raise self.failure
        await self._flush_receipts()
        return await self.world.next_due()

    async def _until_idle(self, watch: Watch) -> None:
        while not self._stopping:
            await self._keep_lease()
            self._activity.clear()
            rang = self._alarms.ring()
            try:
                took = await self._take_once()
            except LeaseLost:
                await self._check_lease(self.worker_id)
                continue
            if took or rang:
                await asyncio.sleep(0)
                continue
            if self._is_busy():
                await self._either(watch.changed(_LOOK_AGAIN_S), self._activity.wait())
                continue
            await self._keep_lease()
            if (await sweep(self.world)).total() == 0 and not self._activity.is_set():
                break

    async def stop(self) -> None:
        """Let bodies end, then stop them, write what is known, release everything and leave."""
        if self._stopped:
            return
        self._stopped = self._stopping = True
        self._stop_asked.set()
        self._look.set()
        self._activity.set()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self.failure is None:
            await self._drain()
        await self._shut()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()

    @property
    def has_room(self) -> bool:
        """Tell whether a run may be claimed at once."""
        return (
            bool(self._background)
            and not self._stopping
            and not self._world_full
            and len(self._active) < self.options.runs
        )

    def adopt(self, run_id: RunId, appended: Appended) -> None:
        """Execute a run that was created and claimed by one append."""
        assert appended.fence is not None
        claimed = Claimed(fence=appended.fence, length=appended.length)
        self._execute(run_id, claimed, appended.recorded)

    def news_of(self, run_id: RunId) -> None:
        """Hear that an outside fact was written to a run."""
        live = self._active.get(run_id)
        if live is not None:
            live.hear()
        else:
            self._look.set()

    def until_left(self, run_id: RunId) -> asyncio.Future[None] | None:
        """Give a future that is done when this worker does not execute the run any more; None if
        it does not now.
        """
        if run_id not in self._active:
            return None
        left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watched.setdefault(run_id, []).append(left)
        return left

    # -- what runs borrow

    def now_us(self) -> int:
        """Give the world's clock."""
        return self.world.now_us()

    async def append(
        self,
        run_id: RunId,
        events: Sequence[Event],
        *,
        guard: Guard,
        messages: Sequence[Queued] = (),
        release: Release | None = None,
    ) -> Appended | Refused:
        """Append; a world that is full or out of reach is tried again every some seconds."""
        while True:
            try:
                answer = await self.world.append(
                    run_id, events, guard=guard, messages=messages, release=release
                )
            except _HOPELESS:
                raise
            except WorldError as error:
                await self._endure(error)
                continue
            self._world_full = False
            return answer

    async def history(self, run_id: RunId, after: int) -> list[Recorded]:
        """Read up to `PAGE` events after a position."""
        return await self.world.history(run_id, after, PAGE)

    async def template(self, version: VersionId, workflow: DefinitionId) -> Template:
        """Load what executions of a workflow are made from."""
        return await self.registry.template(self.world, version, workflow)

    async def need(self, version: VersionId) -> None:
        """Have a version at hand whose step bodies may be asked for. Raises `VersionUnknown`."""
        await self.registry.version(self.world, version)

    def policy(self, asked: StepAsked) -> Policy:
        """Resolve the policy of a step."""
        return self.registry.policy(asked)

    def cleanup_s(self, version: VersionId, workflow: DefinitionId) -> float | None:
        """Give the seconds that a cancelled run may take."""
        return self.registry.cleanup_s(version, workflow)

    def deliver(self, execution: Execution, recorded: Sequence[Recorded]) -> Outcome:
        """Deliver under the guard against turns that never end."""
        return self._turns.deliver(execution, recorded)

    def alarm(self, at: int, who: Poked) -> None:
        """Poke somebody at an instant."""
        self._alarms.set(at, who)

    def launch(self, body: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a body."""
        task = asyncio.create_task(body)
        self._bodies.add(task)
        task.add_done_callback(self._bodies.discard)
        return task

    def settled(self) -> None:
        """Hear that a run has nothing to do for now."""
        self._activity.set()

    # -- taking messages

    async def _work(self) -> None:
        watch = self.world.watch("queues")
        try:
            while not self._stopping:
                self._look.clear()
                try:
                    await self._keep_lease()
                    if await self._take_once():
                        continue
                    pause_s = await self._pause_s()
                    if pause_s > 0:
                        await self._either(watch.changed(pause_s), self._look.wait())
                except LeaseLost:
                    await self._check_lease(self.worker_id)
                except _HOPELESS as error:
                    self._give_up(error)
                except WorldError as error:
                    await self._endure(error)
        finally:
            watch.close()

    async def _pause_s(self) -> float:
        """Say how long there is nothing to take, unless news comes."""
        due = await self.world.next_due()
        if due is None:
            return _LOOK_AGAIN_S
        left_s = (due - self.now_us()) / MICROSECONDS
        # What is overdue and was not taken belongs to others, or there is no room for it.
        return _LOOK_AGAIN_S if left_s <= 0 else min(left_s, _LOOK_AGAIN_S)

    async def _take_once(self) -> bool:
        await self._flush_receipts()
        room = min(_TAKE_MAX, self.options.runs - len(self._active))
        if room <= 0 or self._world_full:
            return False
        taken = await self.world.take(self.worker_id, room)
        fault.point("messages.taken")
        for each in taken:
            self._spawn(self._handle(each))
        return bool(taken)

    async def _flush_receipts(self) -> None:
        if self._receipts:
            receipts, self._receipts = self._receipts, []
            fault.point("receipts.flushing")
            await self.world.done(receipts)
            fault.point("receipts.flushed")

    async def _handle(self, taken: Taken) -> None:
        me = self.worker_id
        while me == self.worker_id and not self._stopped:
            try:
                await self._deal_with(taken.message)
            except LeaseLost:
                await self._check_lease(me)
                continue
            self._receipts.append(taken.receipt)
            return

    async def _deal_with(self, message: Message) -> None:
        match message:
            case Resume(run_id):
                await self._resume(run_id)
            case Attempt():
                await self._attempt(message)
            case Ended():
                _LOG.debug("no end callback %s here", message.callback)

    async def _resume(self, run_id: RunId) -> None:
        live = self._active.get(run_id)
        if live is not None:
            live.hear()
            return
        if run_id in self._claiming:
            return
        self._claiming.add(run_id)
        try:
            answer = await self.world.claim(run_id, self.worker_id)
        finally:
            self._claiming.discard(run_id)
        fault.point("run.claimed")
        if isinstance(answer, Claimed):
            self._execute(run_id, answer)
        elif isinstance(answer, Held) and answer.worker_id == self.worker_id:
            # The append that claimed it has not come back yet.
            later = self.now_us() + _NOT_MINE_YET_US
            await self.world.enqueue(Queued(message=Resume(run_id), not_before=later))

    async def _attempt(self, message: Attempt) -> None:
        attempt = QueuedAttempt(message, self)
        await self.slots.taken()
        try:
            claimed = await self.world.claim_attempt(
                message.run_id, message.operation_id, self.worker_id
            )
            fault.point("attempt.claimed")
            if isinstance(claimed, ClaimedAttempt):
                self._attempts[attempt.key] = attempt
                await attempt.run(claimed)
        except LogError as error:
            # The log cannot be read, or an event may not follow it: no other try would fare better.
            _LOG.error("run %s is blocked: %s", message.run_id, error)
            await self.world.block(message.run_id, f"{type(error).__name__}: {error}")
        finally:
            self._attempts.pop(attempt.key, None)
            self.slots.give_back()

    # -- owning runs

    def _execute(self, run_id: RunId, claimed: Claimed, recorded: Sequence[Recorded] = ()) -> None:
        live = LiveRun(run_id, self, self._parked.take(run_id))
        self._active[run_id] = live
        self._spawn(self._drive(live, claimed, recorded))

    async def _drive(self, live: LiveRun, claimed: Claimed, recorded: Sequence[Recorded]) -> None:
        run_id = live.run_id
        try:
            await live.drive(claimed, recorded)
        except _UNREADABLE as error:
            await self._block(live, f"{type(error).__name__}: {error}")
        except WorldError:
            live.drop()
            raise
        except Exception as error:  # noqa: BLE001 - a fault of wfc must stop one run, not the worker
            _LOG.exception("wfc failed on run %s; the run is blocked", run_id)
            await self._block(live, f"internal error: {type(error).__name__}: {error}")
        finally:
            if self._active.get(run_id) is live:
                del self._active[run_id]
            for left in self._watched.pop(run_id, ()):
                if not left.done():
                    left.set_result(None)
            self._alarms.forget(live)
            self._park(live)
            self._activity.set()

    def _park(self, live: LiveRun) -> None:
        """Keep a released run, so that its next turn need not read its log again."""
        if live.has_news:
            self._spawn(self._resume(live.run_id))
        parked = None if self._stopping else live.park()
        live.drop()
        if parked is not None:
            self._parked.keep(live.run_id, parked)

    def _drop_all(self) -> None:
        """Forget all runs, writing nothing."""
        for live in self._active.values():
            live.drop()
        self._active.clear()
        self._parked.drop_all()

    async def _block(self, live: LiveRun, reason: str) -> None:
        """Keep a run that cannot be executed from being tried for ever; nothing else changes."""
        _LOG.error("run %s is blocked: %s", live.run_id, reason)
        await self.world.block(live.run_id, reason)
        await live.release_unread()

    # -- trouble

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._activity.set()
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, _HOPELESS):
            self._give_up(error)
        elif isinstance(error, WorldError):
            _LOG.warning("a message was not dealt with; the sweeper brings it back: %s", error)
        else:
            _LOG.error("wfc failed", exc_info=error)

    def _give_up(self, error: WorldError) -> None:
        _LOG.error("the worker stops: %s", error)
        self.failure = error
        self._stopping = True
        self._stop_asked.set()
        self._look.set()
        self._activity.set()

    async def _endure(self, error: WorldError) -> None:
        """Wait out a world that cannot write or be reached."""
        if not self._world_full:
            _LOG.warning(
                "nothing is taken until the world can be written again, which is tried every "
                "%g s: %s",
                self.options.probe_s,
                error,
            )
        self._world_full = True
        await asyncio.sleep(self.options.probe_s)
        self._world_full = False

    async def _fenced(self) -> None:
        """Forget everything, write nothing and join anew: others have given this worker up."""
        if self._stopping:
            return
        _LOG.error(
            "WFC660 worker %s lost its lease; it drops %d runs and joins anew",
            self.worker_id,
            len(self._active),
        )
        self._drop_all()
        for attempt in list(self._attempts.values()):
            attempt.give_up()
        self._receipts.clear()
        self.worker_id = WorkerId("")
        await self._join()

    # -- the lease

    async def _join(self) -> None:
        if self.worker_id:
            return
        # A fault of this process, not of any run: it would block each one that it takes.
        need_columns("the worker cannot start")
        self.worker_id = worker_id(self.now_us(), self._entropy(10))
        lease_s = self.options.lease_s
        await self.world.join(self.worker_id, lease_s=lease_s, queues=self._queues)
        fault.point("worker.joined")
        await give_up_gone(self.world)
        self._lease_until = self.now_us() + round(lease_s * MICROSECONDS)
        if self._heartbeat is None:
            self._heartbeat = Heartbeat(self._renew, self._learn, self._turns, self.options.pulse)
            self._heartbeat.start()

    def _renew(self) -> Renewal:
        lease_s = self.options.lease_s
        renewed = self.worker_id
        renewal = self.world.renew(renewed, lease_s=lease_s)
        if not renewal.fenced:
            self._lease_until = self.world.now_us() + round(lease_s * MICROSECONDS)
        elif renewed != self.worker_id:
            return Renewal(fenced=False)  # it joined anew while this was under way
        return renewal

    async def _keep_lease(self) -> None:
        """Renew at once if the clock has run ahead of the heartbeat: a virtual clock was moved, or
        the machine slept.
        """
        half = round(self.options.lease_s * MICROSECONDS / 2)
        if self.now_us() >= self._lease_until - half:
            await self._check_lease(self.worker_id)

    async def _check_lease(self, me: WorkerId) -> None:
        """Renew now; if others have given the worker `me` up, begin anew."""
        if me != self.worker_id:
            return  # it has begun anew already
        renewal = await asyncio.to_thread(self._renew)
        if renewal.fenced and me == self.worker_id:
            await self._fenced()
        elif renewal.cancelled:
            self._learn(renewal)

    def _learn(self, renewal: Renewal) -> None:
        """Act on what the heartbeat heard."""
        if renewal.fenced and not self._stopping:
            self._spawn(self._fenced())
        for key in renewal.cancelled:
            attempt = self._attempts.get(key)
            if attempt is not None:
                attempt.give_up()

    # -- idling and ending

    def _is_busy(self) -> bool:
        return bool(
            self._attempts
            or self._claiming
            or any(not live.quiet for live in self._active.values())
            or len(self._tasks) > len(self._active)
        )

    async def _either(self, *waits: Coroutine[Any, Any, object]) -> None:
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _drain(self) -> None:
        for live in list(self._active.values()):
            live.drain()
        await self._settle(self.options.drain_s)
        for live in list(self._active.values()):
            live.stop_bodies()
        for attempt in list(self._attempts.values()):
            attempt.stop()
        await self._settle(self.options.probe_s)

    async def _settle(self, timeout_s: float) -> None:
        """Wait until every run is released and every attempt recorded, but not for ever."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        while self._tasks and (left_s := until - loop.time()) > 0:
            await asyncio.wait(list(self._tasks), timeout=left_s)

    async def _shut(self) -> None:
        for task in [*self._tasks, *self._bodies]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._bodies, return_exceptions=True)
        self._drop_all()
        self._alarms.close()
        if self._heartbeat is not None:
            await self._heartbeat.stop()
            self._heartbeat = None
        if self.worker_id and self.failure is None:
            await self._flush_receipts()
            fault.point("worker.leaving")
            await self.world.leave(self.worker_id)
            fault.point("worker.left")
        self.threads.close()
