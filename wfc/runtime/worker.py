"""A worker: takes messages, owns runs, runs bodies, keeps its lease, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from wfc.clock import MICROSECONDS
from wfc.errors import LeaseLost, WorldError
from wfc.eventlog.entity import Run
from wfc.eventlog.event import Event, Recorded
from wfc.ids import DefinitionId, RunId, VersionId, WorkerId
from wfc.policies import Policy
from wfc.runtime import log_capture, log_context
from wfc.runtime.alarms import Alarms, Poked
from wfc.runtime.attempt import Bodies, Call, Processes
from wfc.runtime.callbacks import REGISTERED, Callbacks, Herald
from wfc.runtime.chores import HOPELESS, Chores
from wfc.runtime.desk import PAGE
from wfc.runtime.execution import Execution
from wfc.runtime.firing import Firing
from wfc.runtime.following import Following
from wfc.runtime.heartbeat import Heartbeat, HeartOf, Turns
from wfc.runtime.inbox import LOOK_AGAIN_S, Inbox
from wfc.runtime.measuring import measure
from wfc.runtime.membership import Membership
from wfc.runtime.nursery import ENDED_MAX
from wfc.runtime.operations import Outcome, StepAsked
from wfc.runtime.owned import OwnedRuns
from wfc.runtime.processes import ProcessSetup, WarmProcesses
from wfc.runtime.queued_attempt import Ledgers, QueuedAttempts
from wfc.runtime.queues import Queues
from wfc.runtime.registry import Registry
from wfc.runtime.slots import Slots
from wfc.runtime.step_bodies import StepBodies
from wfc.runtime.sweeper import sweep, sweep_for_ever, tidy
from wfc.runtime.template import Template
from wfc.runtime.threads import Threads
from wfc.runtime.worker_limits import WorkerLimits
from wfc.worlds.protocol import (
    Appended,
    Attempt,
    AttemptOf,
    Child,
    ChunkRow,
    Claimed,
    EndedChild,
    Gate,
    Guard,
    Message,
    Owner,
    Queued,
    Refused,
    Release,
    Renewal,
    Resume,
    StreamRow,
    StreamWrite,
    Watch,
    World,
    Written,
)

if TYPE_CHECKING:
    from wfc.runtime.otel import Telemetry

_LOG: Final = logging.getLogger("wfc.worker")
_TAKE_MAX: Final = 100
_LOOK_BACK: Final = 200
"""So many events may have been written since an append whose answer was lost."""
_T = TypeVar("_T")


class Worker:
    """Executes runs of one world with the code of one registry; belongs to one event loop."""

    def __init__(
        self,
        world: World,
        registry: Registry,
        *,
        limits: WorkerLimits | None = None,
        queues: Sequence[str] = (),
        processes: ProcessSetup | None = None,
        telemetry: Telemetry | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
        callbacks: Callbacks = REGISTERED,
        heart: HeartOf = Heartbeat,
    ) -> None:
        """Prepare; nothing is taken before `start`, `run` or `run_until_idle`. Without `processes`
        a step that asks for a process of its own fails. `entropy` and `heart` are for simulations,
        which repeat what they do and so have no threads.
        """
        log_context.install()
        log_capture.install()
        self.telemetry = telemetry
        self.world = world
        self.registry = registry
        self._step_bodies = StepBodies(registry, world)
        self.bodies: Bodies = self._step_bodies
        self.options = limits or WorkerLimits()
        self.limits = self.options.chapter
        self.inline_steps = self.options.inline_steps
        self.announce_after_s = self.options.announce_after_s
        self.always_replay = self.options.always_replay
        self.threads = Threads(self.options.threads)
        self._warm = None if processes is None else self._warmed(processes)
        self.processes: Processes | None = self._warm
        self.slots = Slots(self.options.bodies)
        self.ledgers = Ledgers(world)
        self.failure: WorldError | None = None
        self.stopping = self._stopped = False
        self.owned = OwnedRuns(self, self.options.executions)
        self._alarms = Alarms(world.now_us)
        self._turns = Turns(self.options.turn_s)
        self.membership = Membership(self, self._turns, queues, entropy, heart)
        self._following: Following | None = None
        self._chores = Chores(self.settled, self._give_up, self.doubt)
        self.attempts = QueuedAttempts(self)
        self._firing = Firing(world, registry)
        self._herald = Herald(self, callbacks)
        self._inbox = Inbox(world, self.membership, self._deal_with, self.spawn)
        self._activity = asyncio.Event()
        self._stop_asked = asyncio.Event()
        self._look = asyncio.Event()
        self._world_full = False
        self._doubts: list[float] = []
        self._certain = asyncio.Event()
        self._certain.set()
        self._beginning: set[RunId] = set()
        self._background: list[asyncio.Task[None]] = []
        self._fires_at: int | None = None

    def _warmed(self, setup: ProcessSetup) -> WarmProcesses:
        archive, options = self.world.version_archive, self.options
        return WarmProcesses(setup, archive, limit=options.processes, grace_s=options.grace_s)

    async def follow(self, run_id: RunId) -> None:
        """Move a run to this worker's version, if that is what the version wants."""
        if self._following is None:
            self._following = Following(
                self.world, self.registry, self.membership.worker_id, self.telemetry
            )
        await self._following.follow(run_id)

    # -- from outside

    async def start(self) -> None:
        """Join the world and work in the background until `stop`."""
        if self._background:
            return
        await self.membership.join()
        await self.registry.announce(self.world)
        await self._herald.introduce()
        await self._step_bodies.refresh()
        self._background = [
            asyncio.create_task(self._work(), name="wfc-worker"),
            asyncio.create_task(self._step_bodies.follow(), name="wfc-versions"),
            asyncio.create_task(
                sweep_for_ever(self.world, self.options, self.telemetry), name="wfc-sweep"
            ),
            asyncio.create_task(self._firing.serve(), name="wfc-schedules"),
            asyncio.create_task(self._herald.serve(), name="wfc-ends"),
        ]

    async def run(self) -> None:
        """Work until `stop` is called or the world is beyond help; raises then what it was."""
        await self.start()
        await self._stop_asked.wait()
        if self.failure is not None:
            await self.stop()
            raise self.failure

    async def run_until_idle(self, *, patience_s: float = 0.0) -> int | None:
        """Work until nothing is due, and give the instant at which something will be (or None).

        Runs that this worker keeps, because they go on within `patience_s`, are waited for.
        """
        await self.membership.join()
        await self.registry.announce(self.world)
        await self._herald.introduce()
        await self._step_bodies.refresh()
        watch = self.world.watch("queues")
        try:
            await self._until_idle(watch, patience_s)
        finally:
            watch.close()
        if self.failure is not None:
            raise self.failure
        await self._inbox.flush()
        await tidy(self.world, self.options.audit_retention_s)
        # The world knows of no instant at which a run that is still owned goes on.
        instants = [
            await self.world.next_due(),
            self._alarms.next,
            self._fires_at,
            await self._herald.next_due(),
        ]
        return min((each for each in instants if each is not None), default=None)

    async def _until_idle(self, watch: Watch, patience_s: float) -> None:
        while not self.stopping:
            await self.membership.keep()
            self._activity.clear()
            rang = self._alarms.ring()
            try:
                took = await self._take_once()
            except LeaseLost:
                await self.membership.check(self.worker_id)
                continue
            if took or rang:
                await asyncio.sleep(0)
                continue
            if self._is_busy():
                await _either(watch.changed(LOOK_AGAIN_S), self._activity.wait())
                continue
            await self.membership.keep()
            try:
                if await self._found_more():
                    continue
            except LeaseLost:
                await self.membership.check(self.worker_id)
                continue
            left_s = self._alarm_in_s()
            if left_s is None or left_s > patience_s:
                break
            pause_s = min(max(left_s, 0.0), LOOK_AGAIN_S)
            await _either(watch.changed(pause_s), self._activity.wait())

    async def _found_more(self) -> bool:
        """Look for what no message tells of: repairs, ends to be told, schedules that are due."""
        swept = await sweep(self.world, self.options.retention_s)
        await measure(self.world, self.telemetry)
        told = await self._herald.take()
        self._fires_at = await self._firing.fire_due()
        more = self._fires_at is not None and self._fires_at <= self.now_us()
        found = swept.total() or told or more or self._activity.is_set()
        return bool(found) or await self._take_once()

    def _alarm_in_s(self) -> float | None:
        """Say when the first of the runs that stay here goes on."""
        at = self._alarms.next
        return None if at is None else (at - self.now_us()) / MICROSECONDS

    async def stop(self) -> None:
        """Let bodies end, then stop them, write what is known, release everything and leave."""
        if self._stopped:
            return
        self._stopped = self.stopping = self._inbox.closed = True
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
            and not self.stopping
            and not self._world_full
            and self._certain.is_set()
            and len(self.owned.active) < self.options.runs
        )

    @contextlib.contextmanager
    def begins(self, run_id: RunId) -> Iterator[None]:
        """Let a run be created and claimed by one append inside."""
        self._beginning.add(run_id)
        try:
            yield
        except BaseException:
            self.doubt()  # the run may be this worker's, and nobody else would execute it
            raise
        finally:
            self._beginning.discard(run_id)

    def adopt(self, run_id: RunId, appended: Appended) -> None:
        """Execute a run that was created and claimed by one append."""
        assert appended.fence is not None
        claimed = Claimed(fence=appended.fence, length=appended.length)
        self.owned.execute(run_id, claimed, appended.recorded)

    def news_of(self, run_id: RunId) -> None:
        """Hear that an outside fact was written to a run."""
        live = self.owned.active.get(run_id)
        if live is not None:
            live.hear()
        else:
            self._look.set()

    def until_left(self, run_id: RunId) -> asyncio.Future[None] | None:
        """Give a future that is done when this worker does not execute the run any more; None if
        it does not now.
        """
        return self.owned.until_left(run_id)

    # -- what runs borrow

    @property
    def worker_id(self) -> WorkerId:
        """Give the id under which the worker has joined its world."""
        return self.membership.worker_id

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
        create: Sequence[Child] = (),
        release: Release | None = None,
        chunks: Sequence[StreamWrite] = (),
    ) -> Appended | Refused:
        """Append; a world that is full or out of reach is tried again every some seconds."""
        began_s = 0.0 if self.telemetry is None else time.monotonic()
        while True:
            try:
                answer = await self.world.append(
                    run_id,
                    events,
                    guard=guard,
                    messages=messages,
                    create=create,
                    release=release,
                    chunks=chunks,
                )
            except HOPELESS:
                raise
            except WorldError as error:
                await self._endure(error)
                if isinstance(guard, AttemptOf):
                    landed = await self._landed(run_id, events)
                    if landed is not None:
                        return landed
                continue
            self._world_full = False
            if self.telemetry is not None and isinstance(answer, Appended):
                self.telemetry.appended(run_id, began_s, len(events))
            return answer

    async def _landed(self, run_id: RunId, events: Sequence[Event]) -> Appended | None:
        """Find the events of an attempt whose append had no answer: an owner is told what it has
        missed, but here the log would only say that they cannot follow.
        """
        row = await self.patiently(lambda: self.world.run(run_id))
        if row is None:
            return None
        after = max(0, row.length - _LOOK_BACK)
        log = await self.patiently(lambda: self.world.history(run_id, after))
        found = tuple(each for each in log if each.event in events)
        if len(found) < len(events):
            return None
        return Appended(recorded=found, length=found[-1].position)

    async def write_chunks(
        self,
        run_id: RunId,
        write: StreamWrite,
        *,
        guard: Owner | AttemptOf,
        writer: RunId,
        since: int | None = None,
    ) -> Written | Refused:
        """Write chunks; a world that is full or out of reach is tried again every some seconds.

        `since` is how long the stream was after the last write of this body: whatever the body has
        written from there on is this write, whose answer was lost.
        """
        while True:
            try:
                answer = await self.world.write_chunks(run_id, write, guard=guard, writer=writer)
            except HOPELESS:
                raise
            except WorldError as error:
                await self._endure(error)
                if since is not None and await self._holds(run_id, write, writer, since):
                    return Written(since)
                continue
            self._world_full = False
            return answer

    async def _holds(self, run_id: RunId, write: StreamWrite, writer: RunId, since: int) -> bool:
        """Tell whether a stream holds anything of a body from an index on."""
        step = write.step
        while step is not None:
            read = partial(self.world.read_chunks, run_id, write.namespace, since)
            page = await self.patiently(read)
            for row in page.chunks:
                body = row.writer or run_id, row.operation_id, row.attempt
                if body == (writer, step.operation_id, step.attempt):
                    return True
            since += len(page.chunks)
            if not page.chunks:
                break
        return False

    async def patiently(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Ask the world something, for as long as it is out of reach."""
        while True:
            try:
                return await ask()
            except HOPELESS:
                raise
            except WorldError as error:
                await self._endure(error)

    async def history(self, run_id: RunId, after: int, limit: int = PAGE) -> list[Recorded]:
        """Read up to `limit` events after a position."""
        return await self.world.history(run_id, after, limit)

    async def chunks_of(self, run_id: RunId, namespace: str, start: int) -> Sequence[ChunkRow]:
        """Read chunks of a stream from an index on; none if there are none yet."""
        return (await self.world.read_chunks(run_id, namespace, start)).chunks

    async def streams_of(self, run_id: RunId) -> Sequence[StreamRow]:
        """List the streams of a run."""
        return await self.world.streams(run_id)

    async def active_version(self) -> VersionId | None:
        """Give the version that new work prefers."""
        return next((row.version for row in await self.world.versions() if row.active), None)

    async def run_of(self, run_id: RunId) -> Run | None:
        """Read the view of one run."""
        return await self.world.run(run_id)

    async def ended_children(self, run_id: RunId) -> list[EndedChild]:
        """Read ended children of which a run has still to hear."""
        return await self.world.ended_children(run_id, ENDED_MAX)

    def environment(self, version: VersionId) -> Mapping[str, str]:
        """Capture what workflow code of a version may read of the machine, as of now."""
        return self.registry.environment(version)

    async def template(self, version: VersionId, workflow: DefinitionId) -> Template:
        """Load what executions of a workflow are made from."""
        return await self.registry.template(self.world, version, workflow)

    def policy(self, asked: StepAsked) -> Policy:
        """Resolve the policy of a step."""
        return self.registry.policy(asked)

    def gate(self, asked: StepAsked | Call, policy: Policy) -> Gate | None:
        """Say which gate an attempt of a step has to pass."""
        return self.registry.gate(asked, policy)

    @property
    def queues(self) -> Queues:
        """The queues into which runs may be started."""
        return self.registry.queues

    def cleanup_s(self, version: VersionId, workflow: DefinitionId) -> float | None:
        """Give the seconds that a cancelled run may take."""
        return self.registry.cleanup_s(version, workflow)

    def deliver(self, execution: Execution, recorded: Sequence[Recorded]) -> Outcome:
        """Deliver under the guard against turns that never end."""
        if self.telemetry is not None:
            return self.telemetry.deliver(self._turns.deliver, execution, recorded)
        return self._turns.deliver(execution, recorded)

    def alarm(self, at: int, who: Poked) -> None:
        """Poke somebody at an instant."""
        self._alarms.set(at, who)

    def forget_alarm(self, who: Poked) -> None:
        """Let nobody be poked who has left."""
        self._alarms.forget(who)

    def launch(self, body: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a body."""
        return self._chores.launch(body)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in the background."""
        self._chores.spawn(work)

    def settled(self) -> None:
        """Hear that a run has nothing to do for now."""
        self._activity.set()

    # -- taking messages

    async def _work(self) -> None:
        watch = self.world.watch("queues")
        try:
            while not self.stopping:
                self._look.clear()
                try:
                    try:
                        await self._look_once(watch)
                    except LeaseLost:
                        await self.membership.check(self.worker_id)
                except HOPELESS as error:
                    self._give_up(error)
                except WorldError as error:
                    self.doubt()
                    await self._endure(error)
        finally:
            watch.close()

    async def _look_once(self, watch: Watch) -> None:
        """Take what there is, or wait until there may be something."""
        await self.membership.keep()
        if await self._take_once():
            return
        pause_s = await self._inbox.pause_s()
        if pause_s > 0:
            await _either(watch.changed(pause_s), self._look.wait())

    async def _take_once(self) -> bool:
        await self._inbox.flush()
        if self._doubts and self._doubts[0] <= asyncio.get_running_loop().time():
            await self._resolve()
        room = min(_TAKE_MAX, self.options.runs - len(self.owned.active))
        if room <= 0 or self._world_full:
            return False
        return await self._inbox.take(room)

    async def _deal_with(self, message: Message) -> None:
        match message:
            case Resume(run_id):
                await self.owned.resume(run_id)
            case Attempt():
                await self.attempts.take(message)

    # -- trouble

    def doubt(self) -> None:
        """Hear that a call of the world had no answer, so that it may have given this worker what
        the worker does not know of: nobody else would ever be given that.
        """
        loop = asyncio.get_running_loop()
        # Twice: what was under way when nobody waited for it any more may land in the meantime.
        self._doubts = [loop.time(), loop.time() + self.options.probe_s]
        loop.call_later(self.options.probe_s, self._look.set)
        self._look.set()
        self._activity.set()

    async def certain(self) -> None:
        """Wait until it is known what this worker holds."""
        if not self._certain.is_set():
            await self._certain.wait()

    async def _resolve(self) -> None:
        """Give back what this worker holds and does not know of."""
        self._doubts.pop(0)
        self._certain.clear()  # what is claimed while the world is told would not be named
        try:
            freed = await self.world.disown(
                self.worker_id,
                runs={*self.owned.active, *self.owned.asking, *self._beginning},
                attempts=self.attempts.held(),
                receipts=self._inbox.in_hand,
            )
        finally:
            self._certain.set()
        if freed:
            _LOG.warning("%d things were given back that this worker did not know it held", freed)

    def _give_up(self, error: WorldError) -> None:
        _LOG.error("the worker stops: %s", error)
        self.failure = error
        self.stopping = True
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

    async def fenced(self) -> None:
        """Forget everything, write nothing and join anew: others have given this worker up."""
        if self.stopping:
            return
        _LOG.error(
            "WFC660 worker %s lost its lease; it drops %d runs and joins anew",
            self.worker_id,
            len(self.owned.active),
        )
        if self.telemetry is not None:
            self.telemetry.lease_lost()
        self.owned.drop_all()
        self.attempts.give_up_all()
        self._inbox.forget()
        await self.membership.join_anew()

    def learn(self, renewal: Renewal) -> None:
        """Act on what the heartbeat heard."""
        if renewal.fenced and not self.stopping:
            # Asked again: since that was heard, it may have joined anew.
            self.spawn(self.membership.check(self.worker_id))
        self.attempts.give_up(renewal.cancelled)

    # -- idling and ending

    def _is_busy(self) -> bool:
        owned = self.owned
        return bool(self.attempts) or owned.busy or len(self._chores) > len(owned.active)

    async def _drain(self) -> None:
        """See that every run is released and every attempt recorded."""
        self.owned.drain()
        await self._chores.settle(self.options.drain_s)
        self.owned.stop_bodies()
        self.attempts.stop()
        await self._chores.settle(self.options.probe_s)

    async def _shut(self) -> None:
        await self._chores.cancel()
        self.owned.drop_all()
        self._alarms.close()
        await self.membership.stop_beating()
        if self.worker_id and self.failure is None:
            await self._inbox.flush()
            await self.membership.leave()
        self.threads.close()
        if self.telemetry is not None:
            self.telemetry.measured(None)
        if self._warm is not None:
            await self._warm.close()


async def _either(*waits: Coroutine[Any, Any, object]) -> None:
    """Wait for the first of some."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
