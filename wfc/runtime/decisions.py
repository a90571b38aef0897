"""What the code of a run asks for and gives up: who does it, and when."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from wfc import codec
from wfc.errors import WorkerLost
from wfc.eventlog.event import (
    FailureKind,
    RunCompleted,
    RunFailed,
    RunWoken,
    StepRetrying,
    WaitCause,
    WaitCreated,
)
from wfc.eventlog.standing import ACTIVE
from wfc.ids import OperationId
from wfc.runtime.attempt import Call, lost
from wfc.runtime.chapters import draft
from wfc.runtime.desk import Desk
from wfc.runtime.execution import Execution
from wfc.runtime.inline import InlineBodies
from wfc.runtime.ledger import Effort
from wfc.runtime.operations import (
    AttributesAsked,
    Cancelled,
    ChildAsked,
    Completed,
    Failed,
    HookAsked,
    HookLeft,
    Operation,
    Outcome,
    Restarted,
    StepAsked,
    Suspended,
    WaitAsked,
)
from wfc.runtime.outbox import INLINE_RETRY_US, Outbox, starts_on_record


class Decisions:
    """Puts each decision of one run where it is carried out: a body, the outbox, a due instant."""

    def __init__(self, desk: Desk, outbox: Outbox, bodies: InlineBodies) -> None:
        """Know of no decision yet."""
        self.loss = False
        """Whether the last owner was lost, so that bodies may have run which no event tells of."""
        self.due: list[tuple[int, OperationId]] = []
        """Instants at which waits are over and steps are tried again."""
        self._desk = desk
        self._outbox = outbox
        self._bodies = bodies

    def take_in(self, outcome: Outcome) -> None:
        """Act on what a delivery came to."""
        for operation in outcome.withdrawn:
            self.give_up(operation)
        self._take_up_all(outcome.asked)
        self._outbox.tell(outcome.chunks)
        if not isinstance(outcome, Suspended):
            self.close(outcome)

    def review(self, execution: Execution) -> None:
        """Take up everything that is open, whether it was asked for now or long ago."""
        self._take_up_all(list(execution.open.values()))
        self.loss = False

    def forget(self) -> None:
        """Forget what a fresh execution asks for again; bodies under way go on."""
        self._bodies.unstart_all()
        self._bodies.backlog.clear()
        self._outbox.clear()
        self.due.clear()

    # -- what the code asks for

    def _take_up_all(self, operations: Sequence[Operation]) -> None:
        # Steps last: a body may hand out the token of a hook, which must be in the log by then.
        for is_step in (False, True):
            for operation in operations:
                if isinstance(operation, StepAsked) is is_step:
                    self._take_up(operation)

    def _take_up(self, operation: Operation) -> None:
        match operation:
            case StepAsked():
                self._take_up_step(operation)
            case WaitAsked():
                self._take_up_wait(operation)
            case AttributesAsked():
                self._outbox.attributes[operation.operation_id] = operation
            case HookAsked():
                if not self._outbox.ledger.law.hook(operation.operation_id):
                    self._outbox.want_hook(operation)
            case ChildAsked():
                self._outbox.nursery.want(operation, self._outbox.ledger)

    def _take_up_wait(self, asked: WaitAsked) -> None:
        ledger = self._outbox.ledger
        if asked.disposes is not None:
            self._outbox.disposes[asked.operation_id] = asked.disposes
        wake_at = ledger.waits.get(asked.operation_id)
        if wake_at is None:
            self._outbox.waits[asked.operation_id] = asked
        elif asked.operation_id in ledger.woken:
            self._outbox.over[asked.operation_id] = WaitCause.WOKEN
        else:
            heapq.heappush(self.due, (wake_at, asked.operation_id))

    def _take_up_step(self, asked: StepAsked) -> None:
        name, outbox, bodies = asked.operation_id, self._outbox, self._bodies
        if name in bodies.running or name in outbox.outcomes:
            return
        effort = outbox.ledger.efforts.get(name)
        if name in outbox.queued:
            if effort is not None and effort.woken:
                outbox.to_queue[name] = asked, 0
        elif effort is None:
            if self.loss and not starts_on_record(policy := self._desk.policy(asked)):
                self._lose_attempt(bodies.call(asked, policy, outbox.ledger.first_attempt(name)))
            else:
                bodies.want(asked)
        elif effort.running:
            self._lose_attempt(bodies.call(asked, effort.policy, effort.attempt))
        else:
            self._plan(asked, effort)

    def _plan(self, asked: StepAsked, effort: Effort) -> None:
        """Decide who makes the next attempt of a step that is in the log, and when."""
        now = self._desk.now_us()
        at = effort.retry_at or now
        if at > now + INLINE_RETRY_US and asked.body is None:
            self._outbox.to_queue[asked.operation_id] = asked, at
        elif at > now:
            heapq.heappush(self.due, (at, asked.operation_id))
        else:
            self._bodies.want(asked)

    def _lose_attempt(self, call: Call) -> None:
        error = WorkerLost(
            f"the worker that ran attempt {call.attempt} of step {call.step} was lost before it "
            "recorded an outcome; whether the body ran is not known"
        )
        self._outbox.outcomes[call.operation_id] = call, lost(call, error, self._desk.now_us())

    # -- what it gives up, and its end

    def give_up(self, operation: Operation) -> None:
        """Stop what the code does not wait for any more."""
        name, outbox, bodies = operation.operation_id, self._outbox, self._bodies
        match operation:
            case StepAsked():
                began = bodies.stop(name) or outbox.outcomes.pop(name, None) is not None
                bodies.backlog.pop(name, None)
                outbox.to_queue.pop(name, None)
                outbox.announce.pop(name, None)
                if name in outbox.starts:
                    bodies.unstart(name)
                if began or name in outbox.ledger.efforts:
                    outbox.given_up[name] = operation
            case WaitAsked():
                outbox.waits.pop(name, None)
                outbox.over.pop(name, None)
                if name in outbox.ledger.waits:
                    outbox.given_up[name] = operation
            case HookAsked() | HookLeft():
                self._give_up_hook(operation)
            case ChildAsked():
                outbox.nursery.give_up(operation, outbox.ledger)
                bodies.fill()
            case AttributesAsked():
                pass

    def _give_up_hook(self, operation: HookAsked | HookLeft) -> None:
        name, outbox = operation.operation_id, self._outbox
        outbox.hooks.pop(name, None)
        if outbox.ledger.law.hook(name) == ACTIVE and not outbox.is_taken_over(name):
            outbox.given_up[name] = operation

    def close(self, outcome: Outcome) -> None:
        """Take the end of the code in."""
        match outcome:
            case Completed():
                self._outbox.end = RunCompleted(output=outcome.output)
            case Failed():
                self._outbox.end = RunFailed(error=outcome.error, kind=outcome.kind)
            case Cancelled():
                self._outbox.end = self._outbox.cancelled(outcome.reason)
            case Restarted():
                self._outbox.end = draft(outcome.arguments, self._outbox.ledger)
                self._outbox.handed_on = outcome.hooks
        if isinstance(outcome, Failed) and outcome.kind is not FailureKind.USER:
            # One `run_failed` and no more decisions: what the code asked for last is in doubt.
            self.forget()
            for operation_id in list(self._bodies.running):
                self._bodies.stop(operation_id)

    def fail(self, error: Exception, kind: FailureKind) -> None:
        """End the run."""
        self._outbox.end = RunFailed(error=codec.encode_error(error), kind=kind)

    # -- instants

    def ring(self, execution: Execution | None) -> None:
        """See what has become due."""
        if not self.due:
            return
        ledger, outbox = self._outbox.ledger, self._outbox
        now = self._desk.now_us()
        while self.due and self.due[0][0] <= now:
            _, name = heapq.heappop(self.due)
            if name in ledger.waits:
                if name not in outbox.given_up:  # else it ends by that, and only once
                    outbox.over.setdefault(name, WaitCause.ELAPSED)
            elif (effort := ledger.efforts.get(name)) is not None and not effort.running:
                asked = _open_step(execution, name)
                if asked is not None and name not in outbox.queued:
                    self._bodies.want(asked)

    def set_deadline(self) -> None:
        """Look again when the time of the run, or of its cleanup, is over."""
        expiry = self._outbox.expiry()
        if expiry is not None:
            # An instant without operation: ringing it does nothing but let the batch look.
            heapq.heappush(self.due, (expiry, OperationId("")))

    def retries_soon(self, execution: Execution | None) -> bool:
        """Tell whether a step pauses for so short a time that the run stays here."""
        outbox = self._outbox
        return any(
            effort.retry_at is not None
            and name not in outbox.queued
            and name not in outbox.to_queue
            and (asked := _open_step(execution, name)) is not None
            and asked.body is None
            for name, effort in outbox.ledger.efforts.items()
        )

    def pauses(self, event: StepRetrying) -> None:
        """Hear that a step is to be tried again."""
        name = event.operation_id
        if name not in self._outbox.queued:
            heapq.heappush(self.due, (event.retry_at, name))

    def waits(self, event: WaitCreated) -> None:
        """Hear that a wait is in the log."""
        heapq.heappush(self.due, (event.wake_at, event.operation_id))

    def woken(self, event: RunWoken, execution: Execution | None) -> None:
        """Hear that somebody cuts pauses short."""
        now, outbox = self._desk.now_us(), self._outbox
        for name in event.operation_ids:
            if name in outbox.ledger.waits:
                if name not in outbox.given_up:
                    outbox.over[name] = WaitCause.WOKEN
            elif name in outbox.queued:
                asked = _open_step(execution, name)
                if asked is not None:
                    outbox.to_queue[name] = asked, now
            elif name in outbox.ledger.efforts:
                heapq.heappush(self.due, (now, name))


def _open_step(execution: Execution | None, operation_id: OperationId) -> StepAsked | None:
    operation = None if execution is None else execution.operation(operation_id)
    return operation if isinstance(operation, StepAsked) else None
