"""An `Attempt` message: run the body of a step that any worker may run.

The attempt row of the step is the right to do so. Its start is committed before the body, its
outcome after; the owner of the run hears of it by the `Resume` that the world queues.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from wfc import codec, fault
from wfc.errors import LogError, WfcError, WorkerLost
from wfc.eventlog.event import Event, Recorded, StepRetrying, StepStarted
from wfc.ids import OperationId, RunId
from wfc.policies import Policy
from wfc.runtime.attempt import Bodies, Call, Ended, Processes, lost, run_attempt, stopped
from wfc.runtime.desk import Clerk
from wfc.runtime.ledger import Effort, Ledger
from wfc.runtime.limits import Limits
from wfc.runtime.operations import StepAsked
from wfc.runtime.scene import RunScene
from wfc.runtime.slots import Slots
from wfc.runtime.step_bodies import OUT_OF_REACH
from wfc.runtime.threads import Threads
from wfc.worlds.protocol import (
    Attempt,
    AttemptOf,
    ClaimedAttempt,
    Gate,
    Held,
    Queued,
    Refused,
    World,
)

if TYPE_CHECKING:
    from wfc.runtime.otel import Telemetry

_LOG: Final = logging.getLogger("wfc.worker")
_LEDGERS_MAX: Final = 256


class Bench(Clerk, Protocol):
    """What a worker lends to a queued attempt."""

    world: World
    bodies: Bodies
    threads: Threads
    processes: Processes | None
    slots: Slots
    ledgers: Ledgers
    limits: Limits
    telemetry: Telemetry | None

    def doubt(self) -> None:
        """Hear that this worker may hold what it does not know of."""
        ...

    async def certain(self) -> None:
        """Wait until it is known what this worker holds."""
        ...

    def gate(self, asked: StepAsked | Call, policy: Policy) -> Gate | None:
        """Say which gate an attempt of a step has to pass."""
        ...


class Ledgers:
    """Ledgers of runs whose attempts this worker takes; each log is read only once."""

    def __init__(self, world: World) -> None:
        """Know no run yet."""
        self._world = world
        self._known: OrderedDict[RunId, Ledger] = OrderedDict()

    async def of(self, run_id: RunId) -> Ledger:
        """Give the present state of a run."""
        ledger = self._known.pop(run_id, None) or Ledger()
        while page := await self._world.history(run_id, ledger.length):
            for recorded in page:
                # Two readers of one run may have read the same page.
                if recorded.position == ledger.length + 1:
                    ledger.note(recorded)
        self._known[run_id] = ledger
        if len(self._known) > _LEDGERS_MAX:
            self._known.popitem(last=False)
        return ledger

    def note(self, run_id: RunId, recorded: Sequence[Recorded]) -> None:
        """Take in what was just written."""
        ledger = self._known.get(run_id)
        for each in recorded:
            if ledger is not None and each.position == ledger.length + 1:
                ledger.note(each)


class QueuedAttempt:
    """One attempt row in the hands of this worker, from claim to outcome."""

    def __init__(self, message: Attempt, bench: Bench) -> None:
        """Prepare to run the step that `message` names."""
        self.run_id = message.run_id
        self.operation_id = message.operation_id
        self._bench = bench
        self._call: Call | None = None
        self._body: asyncio.Task[Ended] | None = None
        self._stopped: Ended | None = None
        self._priority = 0

    @property
    def key(self) -> tuple[RunId, OperationId]:
        """Name the attempt row."""
        return self.run_id, self.operation_id

    def give_up(self) -> None:
        """Stop the body: nobody wants its outcome any more."""
        if self._call is not None:
            self._call.given_up = True
        if self._body is not None:
            self._body.cancel()

    def stop(self) -> None:
        """Stop the body because the worker ends; the attempt does not count."""
        if self._call is not None:
            self._stopped = stopped(self._call, self._bench.now_us())
        self.give_up()

    async def run(self, claimed: ClaimedAttempt) -> None:
        """Run the body and record how it ended. The caller holds a body slot."""
        guard = AttemptOf(self.operation_id, claimed.fence)
        ledger = await self._bench.ledgers.of(self.run_id)
        if ledger.law.renames is not None:
            self.operation_id = ledger.law.renames.operation(self.operation_id)
        effort = ledger.efforts.get(self.operation_id)
        self._priority = 0 if ledger.created is None else ledger.created.priority
        if effort is None:
            return  # it ended while the message was under way
        if effort.running:
            call = self._made(ledger, effort, effort.attempt, guard)
            await self._record(call, self._lost(call), guard)
            return
        attempt = effort.attempt + 1
        missing = await self._missing_code(ledger, effort)
        if missing is not None:
            await self._block(ledger, effort, missing, guard)
            return
        start = self._start(attempt)
        fault.point("attempt.starting")
        answer = await self._bench.append(self.run_id, [start], guard=guard)
        fault.point("attempt.started")
        if isinstance(answer, Refused):
            _LOG.info("step %s of run %s: %s", self.operation_id, self.run_id, answer.reason)
            return
        self._bench.ledgers.note(self.run_id, answer.recorded)
        call = self._call = self._made(ledger, effort, attempt, guard)
        bench = self._bench
        work = run_attempt(call, bench.bodies, bench.threads, bench.now_us, bench.processes)
        telemetry = bench.telemetry
        self._body = asyncio.create_task(work if telemetry is None else telemetry.step(call, work))
        try:
            ended = await self._body
        except asyncio.CancelledError:
            if not self._body.cancelled() or self._stopped is None:
                self.give_up()
                if self._body.cancelled() and self._stopped is None:
                    return  # the step was withdrawn
                raise
            ended = self._stopped
        await self._record(call, ended, guard)

    async def _missing_code(self, ledger: Ledger, effort: Effort) -> WfcError | None:
        """Say why no code here can take the recorded call, if so."""
        version, bodies = ledger.version, self._bench.bodies
        assert version is not None
        try:
            await bodies.body(effort.created.step, version, effort.created.arguments)
        except OUT_OF_REACH as error:
            return error
        return None

    async def _block(
        self, ledger: Ledger, effort: Effort, error: WfcError, guard: AttemptOf
    ) -> None:
        """Leave the step for a worker that has its code: the run waits, the attempt counts not."""
        _LOG.error("run %s is blocked: %s", self.run_id, error)
        await self._bench.world.block(self.run_id, f"{type(error).__name__}: {error}")
        call = self._made(ledger, effort, effort.attempt + 1, guard)
        now = self._bench.now_us()
        ended = Ended(call, codec.encode_error(error), failed=True, retry_at=now, counted=False)
        await self._record(call, ended, guard, self._start(call.attempt))

    def _start(self, attempt: int) -> StepStarted:
        return StepStarted(
            operation_id=self.operation_id, attempt=attempt, worker_id=self._bench.worker_id
        )

    async def _record(self, call: Call, ended: Ended, guard: AttemptOf, *before: Event) -> None:
        bench = self._bench
        event = ended.event(self.operation_id, bench.bodies.version_id, None)
        messages: tuple[Queued, ...] = ()
        if isinstance(event, StepRetrying):
            again = Queued(
                message=Attempt(self.run_id, self.operation_id),
                not_before=event.retry_at,
                priority=self._priority,
                gate=bench.gate(call, call.policy),
                queue=call.policy.queue,
            )
            messages = (again,)
        fault.point("attempt.recording")
        chunks = () if ended.lines is None else (ended.lines,)
        answer = await bench.append(
            self.run_id, [*before, event], guard=guard, messages=messages, chunks=chunks
        )
        fault.point("attempt.recorded")
        if isinstance(answer, Refused):
            _LOG.info(
                "the outcome of step %s of run %s was refused: %s",
                self.operation_id,
                self.run_id,
                answer.reason,
            )
            return
        bench.ledgers.note(self.run_id, answer.recorded)
        bench.news_of(self.run_id)

    def _lost(self, call: Call) -> Ended:
        error = WorkerLost(
            f"the worker that ran attempt {call.attempt} of step {call.step} was lost before it "
            "recorded an outcome; whether the body ran is not known"
        )
        return lost(call, error, self._bench.now_us())

    def _made(self, ledger: Ledger, effort: Effort, attempt: int, guard: AttemptOf) -> Call:
        now = self._bench.now_us()
        assert ledger.created is not None
        scene = RunScene(self.run_id, self._bench, lambda: ledger, guard)
        return Call(
            run_id=self.run_id,
            workflow=ledger.created.workflow,
            version=ledger.version or ledger.created.version,
            chapter=ledger.chapter,
            operation_id=self.operation_id,
            step=effort.created.step,
            arguments=effort.created.arguments,
            digest=effort.created.digest,
            policy=effort.policy,
            attempt=attempt,
            spent=effort.spent,
            first_started_at=now if effort.first_started_at is None else effort.first_started_at,
            started_at=now,
            payload_max=self._bench.limits.payload,
            scene=scene,
            traceparent=ledger.created.traceparent,
            secretary=None if scene.log_level is None else scene,
        )


class QueuedAttempts:
    """Those that one worker has in its hands."""

    def __init__(self, bench: Bench) -> None:
        """Have none yet."""
        self._bench = bench
        self._running: dict[tuple[RunId, OperationId], QueuedAttempt] = {}
        self._asking: set[tuple[RunId, OperationId]] = set()

    def __len__(self) -> int:
        """Count them."""
        return len(self._running)

    async def take(self, message: Attempt) -> None:
        """Run the body that `message` offers, once there is a slot, if nobody else does."""
        bench = self._bench
        attempt = QueuedAttempt(message, bench)
        key = attempt.key  # an upgrade may call the step otherwise meanwhile
        await bench.slots.taken()
        try:
            await bench.certain()
            self._asking.add(key)
            try:
                claimed = await bench.world.claim_attempt(
                    message.run_id, message.operation_id, bench.worker_id
                )
            finally:
                self._asking.discard(key)
            fault.point("attempt.claimed")
            if isinstance(claimed, Held) and claimed.worker_id == bench.worker_id:
                if key not in self.held():
                    bench.doubt()  # an answer that never came gave it to this worker
            elif isinstance(claimed, ClaimedAttempt):
                self._running[key] = attempt
                await attempt.run(claimed)
        except LogError as error:
            # The log cannot be read, or an event may not follow it: no other try would fare better.
            _LOG.error("run %s is blocked: %s", message.run_id, error)
            await bench.world.block(message.run_id, f"{type(error).__name__}: {error}")
        finally:
            if self._running.get(key) is attempt:
                del self._running[key]
            bench.slots.give_back()

    def held(self) -> set[tuple[RunId, OperationId]]:
        """Name the attempt rows that these are, as their messages and as the log now call them."""
        running = {
            name
            for key, attempt in self._running.items()
            for name in (key, (attempt.run_id, attempt.operation_id))
        }
        return running | self._asking

    def give_up(self, keys: Iterable[tuple[RunId, OperationId]]) -> None:
        """Stop bodies whose outcome nobody wants."""
        for key in keys:
            attempt = self._running.get(key)
            if attempt is not None:
                attempt.give_up()

    def give_up_all(self) -> None:
        """Stop all bodies: others have their attempts now."""
        self.give_up(list(self._running))

    def stop(self) -> None:
        """Stop all bodies because the worker ends; their attempts do not count."""
        for attempt in list(self._running.values()):
            attempt.stop()
