"""One run in the hands of this worker: deliver what is new, append the news, launch what is asked.

Everything that waits to be written stands in a dictionary under the operation it is about. One
function (`LiveRun._batch`) looks at all of them and says what the next append holds; what was
written comes back as recorded events and only then leaves its dictionary. So an append that the
world refuses because the log went on costs nothing: the missed events are followed, and the next
batch is made from what is true then.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from wfc import codec, fault
from wfc.errors import LimitExceeded, StepUnknown, TurnTooLong, WorkerLost
from wfc.eventlog.event import (
    Event,
    FailureKind,
    Recorded,
    RunCancelRequested,
    RunCompleted,
    RunFailed,
    RunWoken,
    StepRetrying,
    StepStarted,
    WaitCause,
    WaitCreated,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.policies import Policy
from wfc.runtime.attempt import Bodies, Call, lost, run_attempt, stopped
from wfc.runtime.execution import Execution
from wfc.runtime.ledger import Effort, Ledger
from wfc.runtime.limits import Limits
from wfc.runtime.operations import (
    AttributesAsked,
    Cancelled,
    Completed,
    Failed,
    Operation,
    Outcome,
    Restarted,
    StepAsked,
    Suspended,
    WaitAsked,
)
from wfc.runtime.outbox import INLINE_RETRY_US, Outbox, starts_on_record
from wfc.runtime.sandbox import Template
from wfc.runtime.scene import RunScene
from wfc.runtime.threads import Threads
from wfc.worlds.protocol import (
    Appended,
    Claimed,
    Guard,
    Owner,
    Queued,
    Refusal,
    Refused,
    Release,
)

_LOG: Final = logging.getLogger("wfc.worker")
PAGE: Final = 2000
LOSSES_MAX: Final = 5


class Desk(Protocol):
    """What a worker lends to its live runs."""

    worker_id: WorkerId
    bodies: Bodies
    threads: Threads
    inline_steps: int
    announce_after_s: float
    always_replay: bool
    limits: Limits

    def now_us(self) -> int:
        """Give the world's clock."""
        ...

    async def append(
        self,
        run_id: RunId,
        events: Sequence[Event],
        *,
        guard: Guard,
        messages: Sequence[Queued] = (),
        release: Release | None = None,
    ) -> Appended | Refused:
        """Append, waiting out a full or unreachable world."""
        ...

    def news_of(self, run_id: RunId) -> None:
        """Hear that an outside fact was written to a run."""
        ...

    async def history(self, run_id: RunId, after: int) -> list[Recorded]:
        """Read up to `PAGE` events after a position."""
        ...

    async def template(self, version: VersionId, workflow: DefinitionId) -> Template:
        """Load what executions of a workflow are made from."""
        ...

    def policy(self, asked: StepAsked) -> Policy:
        """Resolve the policy of a step."""
        ...

    def cleanup_s(self, version: VersionId, workflow: DefinitionId) -> float | None:
        """Give the seconds that a cancelled run may take, if its workflow limits them."""
        ...

    def deliver(self, execution: Execution, recorded: Sequence[Recorded]) -> Outcome:
        """Deliver under the guard against turns that never end."""
        ...

    def take_slot(self, run: LiveRun) -> bool:
        """Take one of the worker's body slots, or be called by `fill` when there is one."""
        ...

    def free_slot(self) -> None:
        """Give a body slot back."""
        ...

    def alarm(self, at: int, run: LiveRun) -> None:
        """Poke the run at an instant."""
        ...

    def launch(self, run: LiveRun, call: Call) -> asyncio.Task[None]:
        """Start a body."""
        ...

    def settled(self) -> None:
        """Hear that a run has nothing to do for now."""
        ...


class Parked:
    """What is kept of a released run, so that its next turn need not read its log again."""

    __slots__ = ("execution", "heard", "ledger")

    def __init__(self, ledger: Ledger, execution: Execution | None, heard: int) -> None:
        """Keep `execution`, which has heard the log of `ledger`; None if it is made anew."""
        self.ledger = ledger
        self.execution = execution
        self.heard = heard

    def drop(self) -> None:
        """Free the execution, for good."""
        if self.execution is not None:
            self.execution.drop()


class LiveRun:
    """A run that this worker owns: from its claim to its release."""

    def __init__(self, run_id: RunId, desk: Desk, parked: Parked | None = None) -> None:
        """Go on from what was `parked`, if anything was; else `drive` reads the log."""
        self.run_id = run_id
        self.fence: int | None = None
        self._desk = desk
        self._scene = RunScene(run_id, desk, lambda: self.ledger)
        self._loop = asyncio.get_running_loop()
        self._execution = None if parked is None else parked.execution
        self._loss = False
        self._known_length = 0
        # The code has run through the log up to here, whoever ran it.
        self._heard = 0 if parked is None else parked.heard
        self._unsure = False  # a lost owner may have run it further
        self._bodies: dict[OperationId, tuple[Call, asyncio.Task[None]]] = {}
        self._backlog: dict[OperationId, tuple[StepAsked, float]] = {}
        self._due: list[tuple[int, OperationId]] = []
        self._outbox = Outbox(run_id, desk, Ledger() if parked is None else parked.ledger)
        self._stopping = False
        self._trouble: StepUnknown | None = None
        self._log_has_news = False
        self._poked = False
        self._waiter: asyncio.Future[None] | None = None
        self._announcer: asyncio.TimerHandle | None = None

    # -- what the worker sees

    @property
    def ledger(self) -> Ledger:
        """The open ends of the log, as far as it was read."""
        return self._outbox.ledger

    @property
    def quiet(self) -> bool:
        """Tell whether nothing can happen before an alarm or news from outside."""
        waiter = self._waiter
        return waiter is not None and not waiter.done() and not self._bodies

    @property
    def has_news(self) -> bool:
        """Tell whether somebody wrote to the log and nobody here has read it."""
        return self._log_has_news and not self.ledger.ended

    def park(self) -> Parked | None:
        """Give what the next turn can go on from, and let go of it; None if there is nothing."""
        has_place = self._execution is not None or self._desk.always_replay
        if not has_place or self.fence is not None or self.ledger.ended:
            return None
        execution, self._execution = self._execution, None
        return Parked(self.ledger, execution, self._heard)

    def poke(self) -> None:
        """Let the run look at itself again."""
        self._poked = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def hear(self) -> None:
        """Read the log: somebody else wrote to it."""
        self._log_has_news = True
        self.poke()

    def drain(self) -> None:
        """Begin nothing more, and release the run when its bodies have ended."""
        self._stopping = True
        for operation_id in list(self._outbox.starts):
            self._unstart(operation_id)
        self.poke()

    def stop_bodies(self) -> None:
        """Cancel the bodies that still run; their attempts do not count."""
        now = self._desk.now_us()
        for operation_id, (call, task) in list(self._bodies.items()):
            del self._bodies[operation_id]
            call.given_up = True
            task.cancel()
            self._outbox.outcomes[operation_id] = call, stopped(call, now)
        self.poke()

    def drop(self) -> None:
        """Forget the run without writing: somebody else owns it, or it has ended."""
        self.fence = None
        for call, task in self._bodies.values():
            call.given_up = True
            task.cancel()
        self._bodies.clear()
        for _ in self._outbox.starts:
            self._desk.free_slot()
        self._outbox.starts.clear()
        self._backlog.clear()
        self._drop_execution()
        if self._announcer is not None:
            self._announcer.cancel()
            self._announcer = None
        self.poke()

    async def release_unread(self) -> None:
        """Give the lease back without having understood the log."""
        fence, self.fence = self.fence, None
        length = max(self._known_length, self.ledger.length)
        if fence is not None:
            guard = Owner(fence, length)
            await self._desk.append(self.run_id, [], guard=guard, release=Release())
        self.drop()

    # -- from claim to release

    async def drive(self, claimed: Claimed, recorded: Sequence[Recorded] = ()) -> None:
        """Execute the run until it is released, over or lost. `recorded` is the log, if it was
        created by the claim itself.
        """
        self.fence, self._loss = claimed.fence, claimed.loss
        self._heard = max(self._heard, claimed.heard)
        self._unsure = claimed.loss
        self._known_length = 0 if recorded else claimed.length
        self._outbox.queued = set(claimed.attempts)
        if claimed.losses >= LOSSES_MAX:
            self.ledger.stand_at(claimed.length)
            self._fail(_poison(self.run_id, claimed.losses), FailureKind.POISON)
        elif recorded:
            await self._begin(recorded)
        else:
            await self._catch_up(claimed.length)
        while self.fence is not None:
            await self._cycle()

    async def _cycle(self) -> None:
        self._poked = False
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise trouble
        if self._log_has_news:
            self._log_has_news = False
            self._follow(await self._desk.history(self.run_id, self.ledger.length))
        if self._execution is None and self._outbox.end is None and not self._at_rest:
            await self._rebuild()
        self._ring()
        if self.fence is None or self.ledger.ended:
            self._leave()
            return
        batch = self._outbox.batch(
            may_release=self._may_release(), hurry=self._stopping and bool(self._backlog)
        )
        if batch is None:
            await self._news()
            return
        self.ledger.law.check_all(batch.events)
        fault.point("run.appending")
        answer = await self._desk.append(
            self.run_id,
            batch.events,
            guard=Owner(self.fence, self.ledger.length),
            messages=batch.messages,
            release=batch.release,
        )
        fault.point("run.appended")
        if isinstance(answer, Appended):
            self._outbox.sent(batch)
            if batch.release is not None:
                self.fence = None
            self._follow(answer.recorded)
        elif answer.reason is Refusal.BEHIND:
            self._follow(answer.events)
        else:
            _LOG.info("run %s was taken away (%s)", self.run_id, answer.reason)
            self.drop()
        if self.ledger.ended:
            self._leave()

    @property
    def _at_rest(self) -> bool:
        """Tell whether the log says that no code is to run."""
        return self.ledger.paused or self.ledger.ended

    def _leave(self) -> None:
        self.drop()

    async def _news(self) -> None:
        """Wait until there is something to do."""
        if self._poked:
            return
        if self._due:
            self._desk.alarm(self._due[0][0], self)
        self._waiter = self._loop.create_future()
        if not self._bodies:
            self._desk.settled()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # -- reading the log

    async def _begin(self, recorded: Sequence[Recorded]) -> None:
        """Start from a log that is known whole."""
        for each in recorded:
            self.ledger.note(each)
        execution = await self._fresh()
        self._take_in(self._deliver(execution, recorded))
        self._set_deadline()

    async def _catch_up(self, length: int) -> None:
        if self._execution is None or length < self.ledger.length:
            await self._rebuild()
            return
        self._execution.heard_until = self._heard  # another owner may have run it on meanwhile
        while self.ledger.length < length:
            self._follow(await self._desk.history(self.run_id, self.ledger.length))
        self._due.clear()
        self._set_deadline()
        self._review()

    async def _rebuild(self) -> None:
        """Deliver the whole history to a fresh execution."""
        self._drop_execution()
        self._forget_requests()
        self._known_length = max(self._known_length, self.ledger.length)
        self._outbox.ledger = Ledger()
        withdrawn: list[Operation] = []
        outcome: Outcome = Suspended()
        while page := await self._desk.history(self.run_id, self.ledger.length):
            for each in page:
                self.ledger.note(each)
            outcome = self._deliver(self._execution or await self._fresh(), page)
            withdrawn.extend(outcome.withdrawn)
            if len(page) < PAGE:
                break
        self._unsure = False
        self._set_deadline()
        for operation in withdrawn:
            self._give_up(operation)
        if not isinstance(outcome, Suspended):
            self._close(outcome)
        self._review()

    async def _fresh(self) -> Execution:
        opening, created = self.ledger.opening, self.ledger.created
        assert opening is not None
        assert created is not None
        template = await self._desk.template(created.version, created.workflow)
        self._execution = Execution(
            template,
            self.run_id,
            opening,
            limits=self._desk.limits,
            quiet_until=self._known_length if self._unsure else None,
            heard_until=self._heard,
        )
        return self._execution

    def _forget_requests(self) -> None:
        """Forget what a fresh execution asks for again; bodies under way go on."""
        for operation_id in list(self._outbox.starts):
            self._unstart(operation_id)
        self._backlog.clear()
        self._outbox.clear()
        self._due.clear()

    def _review(self) -> None:
        """Take up everything that is open, whether it was asked for now or long ago."""
        if self._execution is None:
            return
        for operation in list(self._execution.open.values()):
            self._take_up(operation)
        self._loss = False

    def _follow(self, recorded: Sequence[Recorded]) -> None:
        """Take in what the log holds now."""
        for each in recorded:
            self.ledger.note(each)
            self._outbox.settle(each.event)
            react = _REACTIONS.get(type(each.event))
            if react is not None:
                react(self, each.event)
        if self.ledger.ended or not recorded:
            return
        if self.ledger.paused:
            self._drop_execution()
            self._forget_requests()
            self._outbox.end = None  # a fresh execution comes to the same end
        elif self._execution is None or self._outbox.end is not None:
            return
        elif self._desk.always_replay and not self._runs_closure():
            self._drop_execution()
            self._forget_requests()  # the next cycle rebuilds it from the whole history
        else:
            self._take_in(self._deliver(self._execution, recorded))

    def _runs_closure(self) -> bool:
        """Tell whether a body under way is part of the execution itself."""
        return any(call.closure is not None for call, _ in self._bodies.values())

    def _deliver(self, execution: Execution, recorded: Sequence[Recorded]) -> Outcome:
        try:
            outcome: Outcome = self._desk.deliver(execution, recorded)
        except TurnTooLong as error:
            # It came when the code had just gone back to waiting; still the turn was too long.
            problem = LimitExceeded(f"a turn of run {self.run_id} took too long {error}")
            outcome = Failed(error=codec.encode_error(problem), kind=FailureKind.LIMIT)
        self._heard = max(self._heard, execution.position)
        return outcome

    def _take_in(self, outcome: Outcome) -> None:
        for operation in outcome.withdrawn:
            self._give_up(operation)
        for operation in outcome.asked:
            self._take_up(operation)
        if not isinstance(outcome, Suspended):
            self._close(outcome)

    def _drop_execution(self) -> None:
        if self._execution is not None:
            execution, self._execution = self._execution, None
            execution.drop()

    # -- what the code asks for

    def _take_up(self, operation: Operation) -> None:
        match operation:
            case StepAsked():
                self._take_up_step(operation)
            case WaitAsked():
                self._take_up_wait(operation)
            case AttributesAsked():
                self._outbox.attributes[operation.operation_id] = operation

    def _take_up_wait(self, asked: WaitAsked) -> None:
        wake_at = self.ledger.waits.get(asked.operation_id)
        if wake_at is None:
            self._outbox.waits[asked.operation_id] = asked
        elif asked.operation_id in self.ledger.woken:
            self._outbox.over[asked.operation_id] = WaitCause.WOKEN
        else:
            heapq.heappush(self._due, (wake_at, asked.operation_id))

    def _take_up_step(self, asked: StepAsked) -> None:
        name = asked.operation_id
        if name in self._bodies or name in self._outbox.outcomes:
            return
        effort = self.ledger.efforts.get(name)
        if name in self._outbox.queued:
            if effort is not None and effort.woken:
                self._outbox.to_queue[name] = asked, 0
        elif effort is None:
            policy = self._desk.policy(asked)
            if self._loss and not starts_on_record(policy):
                self._lose_attempt(self._call(asked, policy, 1), asked)
            else:
                self._want_body(asked)
        elif effort.running:
            self._lose_attempt(self._call(asked, effort.policy, effort.attempt), asked)
        else:
            self._plan(asked, effort)

    def _plan(self, asked: StepAsked, effort: Effort) -> None:
        """Decide who makes the next attempt of a step that is in the log, and when."""
        now = self._desk.now_us()
        at = effort.retry_at or now
        if at > now + INLINE_RETRY_US and asked.body is None:
            self._outbox.to_queue[asked.operation_id] = asked, at
        elif at > now:
            heapq.heappush(self._due, (at, asked.operation_id))
        else:
            self._want_body(asked)

    def _lose_attempt(self, call: Call, asked: StepAsked) -> None:
        error = WorkerLost(
            f"the worker that ran attempt {call.attempt} of step {asked.step} was lost before it "
            "recorded an outcome; whether the body ran is not known"
        )
        self._outbox.outcomes[asked.operation_id] = call, lost(call, error, self._desk.now_us())

    def _give_up(self, operation: Operation) -> None:
        """Stop what the code does not wait for any more."""
        name = operation.operation_id
        match operation:
            case StepAsked():
                began = self._stop_body(name) or self._outbox.outcomes.pop(name, None) is not None
                self._backlog.pop(name, None)
                self._outbox.to_queue.pop(name, None)
                self._outbox.announce.pop(name, None)
                if name in self._outbox.starts:
                    self._unstart(name)
                if began or name in self.ledger.efforts:
                    self._outbox.given_up[name] = operation
            case WaitAsked():
                self._outbox.waits.pop(name, None)
                self._outbox.over.pop(name, None)
                if name in self.ledger.waits:
                    self._outbox.given_up[name] = operation
            case AttributesAsked():
                pass

    def _stop_body(self, operation_id: OperationId) -> bool:
        flight = self._bodies.pop(operation_id, None)
        if flight is None:
            return False
        call, task = flight
        call.given_up = True
        task.cancel()
        return True

    def _close(self, outcome: Outcome) -> None:
        """Take the end of the code in."""
        match outcome:
            case Completed():
                self._outbox.end = RunCompleted(output=outcome.output)
            case Failed():
                self._outbox.end = RunFailed(error=outcome.error, kind=outcome.kind)
            case Cancelled():
                self._outbox.end = self._outbox.cancelled(outcome.reason)
            case Restarted():
                self._fail(LimitExceeded("this release cannot restart a run"), FailureKind.LIMIT)
        if isinstance(outcome, Failed) and outcome.kind is not FailureKind.USER:
            # One `run_failed` and no more decisions: what the code asked for last is in doubt.
            self._forget_requests()
            for operation_id in list(self._bodies):
                self._stop_body(operation_id)

    def _fail(self, error: Exception, kind: FailureKind) -> None:
        self._outbox.end = RunFailed(error=codec.encode_error(error), kind=kind)

    # -- bodies

    def _want_body(self, asked: StepAsked) -> None:
        name = asked.operation_id
        if name not in self._outbox.starts and name not in self._backlog:
            self._backlog[name] = asked, self._loop.time()
            self.fill()

    def fill(self) -> None:
        """Begin bodies of the backlog as far as run and worker have room."""
        room = self._desk.inline_steps - len(self._bodies) - len(self._outbox.starts)
        while self._backlog and room > 0 and self._may_begin():
            if not self._desk.take_slot(self):
                break
            room -= 1
            name = next(iter(self._backlog))
            asked, _ = self._backlog.pop(name)
            policy = self._desk.policy(asked)
            if name in self.ledger.efforts or starts_on_record(policy):
                # Its start is committed first; `_step_started` launches the body.
                self._outbox.starts[name] = asked
                self.poke()
            else:
                self._launch(self._call(asked, policy, 1))
        if self._backlog:
            self._watch_backlog()

    def _may_begin(self) -> bool:
        return (
            self.fence is not None
            and self._outbox.end is None
            and not self._stopping
            and not self.ledger.paused
        )

    def _unstart(self, operation_id: OperationId) -> None:
        self._desk.free_slot()
        asked = self._outbox.starts.pop(operation_id)
        if self._stopping:
            self._backlog[operation_id] = asked, self._loop.time()

    def _call(self, asked: StepAsked, policy: Policy, attempt: int) -> Call:
        now = self._desk.now_us()
        created = self.ledger.created
        assert created is not None
        effort = self.ledger.efforts.get(asked.operation_id)
        first = effort.first_started_at if effort is not None else None
        return Call(
            run_id=self.run_id,
            workflow=created.workflow,
            version=created.version,
            chapter=self.ledger.chapter,
            operation_id=asked.operation_id,
            step=asked.step,
            arguments=asked.arguments,
            digest=asked.digest,
            policy=policy,
            attempt=attempt,
            first_started_at=now if first is None else first,
            started_at=now,
            closure=asked.body,
            payload_max=self._desk.limits.payload,
            scene=self._scene,
        )

    def _launch(self, call: Call) -> None:
        """Start a body; the caller holds a slot for it."""
        call.begun_at = self._loop.time()
        self._bodies[call.operation_id] = call, self._desk.launch(self, call)
        self._watch_backlog()

    async def run_body(self, call: Call) -> None:
        """Run one body and keep its outcome for the next append; the worker's task."""
        desk = self._desk
        try:
            ended = await run_attempt(call, desk.bodies, desk.threads, desk.now_us)
        except StepUnknown as error:
            self._trouble = error  # the run is left as it is, for a worker that has the code
            self.poke()
            return
        finally:
            desk.free_slot()
        if self._bodies.pop(call.operation_id, None) is None:
            return  # given up in the meantime
        self._outbox.announce.pop(call.operation_id, None)
        self._outbox.outcomes[call.operation_id] = call, ended
        if self._backlog:
            self.fill()
        self.poke()

    def _watch_backlog(self) -> None:
        if self._announcer is None:
            self._announcer = self._loop.call_later(self._desk.announce_after_s, self._announce_old)

    def _announce_old(self) -> None:
        """Tell others of bodies that run for long, and offer them steps that wait for long."""
        self._announcer = None
        if self.fence is None:
            return
        limit = self._loop.time() - self._desk.announce_after_s
        for name, (call, _) in self._bodies.items():
            if call.begun_at <= limit and name not in self.ledger.efforts:
                self._outbox.announce[name] = call
        for name, (asked, since) in list(self._backlog.items()):
            if since <= limit and asked.body is None:
                del self._backlog[name]
                self._outbox.to_queue[name] = asked, 0
        if self._outbox.announce or self._outbox.to_queue:
            self.poke()
        if self._bodies or self._backlog:
            self._watch_backlog()

    # -- the next append

    def _ring(self) -> None:
        """See what has become due."""
        if not self._due:
            return
        now = self._desk.now_us()
        while self._due and self._due[0][0] <= now:
            _, name = heapq.heappop(self._due)
            if name in self.ledger.waits:
                self._outbox.over.setdefault(name, WaitCause.ELAPSED)
            elif (effort := self.ledger.efforts.get(name)) is not None and not effort.running:
                asked = self._open_step(name)
                if asked is not None and name not in self._outbox.queued:
                    self._want_body(asked)

    def _open_step(self, operation_id: OperationId) -> StepAsked | None:
        operation = None if self._execution is None else self._execution.operation(operation_id)
        return operation if isinstance(operation, StepAsked) else None

    def _set_deadline(self) -> None:
        expiry = self._outbox.expiry()
        if expiry is not None:
            # An instant without operation: ringing it does nothing but let the batch look.
            heapq.heappush(self._due, (expiry, OperationId("")))

    def _may_release(self) -> bool:
        """Tell whether nothing is left to be done here, but for what the next append says."""
        if self._bodies:
            return False
        return self._stopping or self.ledger.paused or not (self._backlog or self._retries_soon())

    def _retries_soon(self) -> bool:
        """Tell whether a step pauses for so short a time that the run stays here."""
        outbox = self._outbox
        return any(
            effort.retry_at is not None
            and name not in outbox.queued
            and name not in outbox.to_queue
            and (asked := self._open_step(name)) is not None
            and asked.body is None
            for name, effort in self.ledger.efforts.items()
        )

    # -- what was written

    def _step_started(self, event: StepStarted) -> None:
        asked = self._outbox.starts.pop(event.operation_id, None)
        if asked is None:
            return
        effort = self.ledger.efforts[event.operation_id]
        call = self._call(asked, effort.policy, event.attempt)
        if self._may_begin():
            self._launch(call)
        else:
            self._desk.free_slot()
            self._outbox.outcomes[event.operation_id] = call, stopped(call, call.started_at)

    def _step_retrying(self, event: StepRetrying) -> None:
        name = event.operation_id
        if name not in self._outbox.queued:
            heapq.heappush(self._due, (event.retry_at, name))

    def _wait_created(self, event: WaitCreated) -> None:
        heapq.heappush(self._due, (event.wake_at, event.operation_id))

    def _woken(self, event: RunWoken) -> None:
        now = self._desk.now_us()
        for name in event.operation_ids:
            if name in self.ledger.waits:
                self._outbox.over[name] = WaitCause.WOKEN
            elif name in self._outbox.queued:
                asked = self._open_step(name)
                if asked is not None:
                    self._outbox.to_queue[name] = asked, now
            elif name in self.ledger.efforts:
                heapq.heappush(self._due, (now, name))

    def _cancel_requested(self, event: RunCancelRequested) -> None:  # noqa: ARG002 - form of a settler
        self._set_deadline()


_REACTIONS: Final[dict[type[Event], Callable[[LiveRun, Any], None]]] = {
    StepStarted: LiveRun._step_started,  # noqa: SLF001 - the table belongs to the class
    StepRetrying: LiveRun._step_retrying,  # noqa: SLF001 - likewise
    WaitCreated: LiveRun._wait_created,  # noqa: SLF001 - likewise
    RunWoken: LiveRun._woken,  # noqa: SLF001 - likewise
    RunCancelRequested: LiveRun._cancel_requested,  # noqa: SLF001 - likewise
}
"""What a live run does about an event of its log, beside delivering it."""


def _poison(run_id: RunId, losses: int) -> Exception:
    return WorkerLost(
        f"run {run_id} was lost with its worker {losses} times in a row without a new event, so "
        "executing it probably kills the worker. It is not tried again; see what the workers "
        "logged last, or move the run to other code."
    )
