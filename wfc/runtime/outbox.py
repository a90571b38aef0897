"""What a live run wants to have written, and the next append made of it.

Everything stands under the operation it is about, until it comes back as a recorded event. So an
append that was refused costs nothing: the next one is made from what is wanted then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from wfc import codec
from wfc.clock import MICROSECONDS
from wfc.errors import RunTimeout
from wfc.eventlog.event import (
    AttributesSet,
    CancelCause,
    Channel,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
    FailureKind,
    HookConflicted,
    HookCreated,
    HookDisposed,
    RunCancelled,
    RunCancelRequested,
    RunFailed,
    RunRestarted,
    RunStarted,
    Scalar,
    StepCancelled,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepRetrying,
    StepStarted,
    WaitCause,
    WaitCompleted,
    WaitCreated,
)
from wfc.eventlog.standing import ACTIVE
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.policies import Policy
from wfc.runtime.attempt import Bodies, Call, Ended
from wfc.runtime.carried import CarriedHook
from wfc.runtime.ledger import Ledger
from wfc.runtime.nursery import Nursery
from wfc.runtime.operations import (
    AttributesAsked,
    HookAsked,
    HookLeft,
    StepAsked,
    Told,
    WaitAsked,
)
from wfc.runtime.queues import Queues, is_queued
from wfc.runtime.state import applied
from wfc.worlds.protocol import Attempt, Child, Gate, Queued, Release, StreamWrite

INLINE_RETRY_US: Final = 2 * MICROSECONDS
"""Retries that are due within this time stay with the owner; later ones are queued."""


class Office(Protocol):
    """What an outbox must know of its worker."""

    bodies: Bodies

    @property
    def worker_id(self) -> WorkerId:
        """Give the id under which the worker has joined its world."""
        ...

    def now_us(self) -> int:
        """Give the world's clock."""
        ...

    def policy(self, asked: StepAsked) -> Policy:
        """Resolve the policy of a step."""
        ...

    @property
    def queues(self) -> Queues:
        """The queues into which runs may be started."""
        ...

    def gate(self, asked: StepAsked | Call, policy: Policy) -> Gate | None:
        """Say which gate an attempt of a step has to pass."""
        ...

    def environment(self, version: VersionId) -> Mapping[str, str]:
        """Capture what workflow code of a version may read of the machine, as of now."""
        ...

    def cleanup_s(self, version: VersionId, workflow: DefinitionId) -> float | None:
        """Give the seconds that a cancelled run may take, if its workflow limits them."""
        ...


@dataclass(slots=True)
class Batch:
    """What one append holds. `answers`: delivering it may make the code ask for more, so the run
    cannot be released by it.
    """

    events: list[Event] = field(default_factory=list)
    messages: list[Queued] = field(default_factory=list)
    queued: list[OperationId] = field(default_factory=list)
    create: list[Child] = field(default_factory=list)
    said: tuple[StreamWrite, ...] = ()
    """Of `chunks`, those that were to be said by the run itself."""
    told: tuple[StreamWrite, ...] = ()
    """Of `chunks`, those that workflow code tells."""
    chunks: tuple[StreamWrite, ...] = ()
    answers: bool = False
    release: Release | None = None


class Outbox:
    """The wishes of one run, and the ledger that says which of them the log grants already."""

    def __init__(self, run_id: RunId, office: Office, ledger: Ledger) -> None:
        """Want nothing yet."""
        self.run_id = run_id
        self.ledger = ledger
        self.queued: set[OperationId] = set()
        """Steps that have an attempt row: any worker runs them."""
        self.outcomes: dict[OperationId, tuple[Call, Ended]] = {}
        self.starts: dict[OperationId, StepAsked] = {}
        """Steps whose start is committed before the body runs."""
        self.announce: dict[OperationId, Call] = {}
        """First attempts that have been running for long."""
        self.to_queue: dict[OperationId, tuple[StepAsked, int]] = {}
        self.waits: dict[OperationId, WaitAsked] = {}
        self.over: dict[OperationId, WaitCause] = {}
        self.disposes: dict[OperationId, OperationId] = {}
        """Which hook the end of a wait disposes of."""
        self.attributes: dict[OperationId, AttributesAsked] = {}
        self.hooks: dict[OperationId, HookAsked] = {}
        """Hooks that are not in the log yet; no body begins before they are."""
        self.given_up: dict[OperationId, StepAsked | WaitAsked | HookAsked | HookLeft] = {}
        self.nursery = Nursery(run_id)
        self.end: Event | None = None
        self.handed_on: tuple[CarriedHook, ...] = ()
        """Open hooks that the next chapter may take over, if the end is a restart."""
        self.said: tuple[StreamWrite, ...] = ()
        """Log lines that go along with the next append; they ask for none."""
        self.told: tuple[StreamWrite, ...] = ()
        """What the code adds to streams; unlike lines, readers wait for it."""
        self._office = office

    def tell(self, chunks: Iterable[Told]) -> None:
        """Keep what workflow code adds to streams, until it is written."""
        self.told = *self.told, *(each.write for each in chunks)

    def say(self, lines: StreamWrite | None) -> None:
        """Keep log lines, if there are any."""
        if lines is not None:
            self.said = *self.said, lines

    def clear(self) -> None:
        """Forget what a fresh execution asks for again; outcomes are facts and stay."""
        self.announce.clear()
        self.to_queue.clear()
        self.waits.clear()
        self.over.clear()
        self.disposes.clear()
        self.attributes.clear()
        self.hooks.clear()
        self.given_up.clear()
        self.nursery.clear()

    def batch(self, *, may_release: bool, hurry: bool, for_child: bool = False) -> Batch | None:
        """Say what the next append holds, or None if nothing has to be written.

        The run is released if the caller has nothing left to do with it; `hurry` asks for another
        worker at once, and `for_child` says that the code waits for the end of a child run.
        """
        batch = Batch()
        now = self._office.now_us()
        paused = self.ledger.paused
        for call, ended in self.outcomes.values():
            self._add_outcome(batch, call, ended, now)
        if not paused:
            self._add_decisions(batch, now)
        if may_release and self.end is None and not batch.answers and not self._stays(batch):
            wake_at = now if hurry else self._wake_at(batch, now)
            batch.release = Release(wake_at=wake_at, for_child=for_child)
        if not (batch.events or batch.messages or batch.release or self.told):
            return None
        batch.told = self.told
        if self.said:
            batch.said = self.said
            batch.chunks = *self.said, *batch.chunks
        batch.chunks = *batch.chunks, *self.told
        if not self.ledger.started and not paused:
            batch.events.insert(0, RunStarted(worker_id=self._office.worker_id))
        return batch

    def want_hook(self, asked: HookAsked) -> None:
        """Write a hook; what it takes over is not given up any more."""
        self.hooks[asked.operation_id] = asked
        if asked.takes_over is not None:
            self.given_up.pop(asked.takes_over, None)

    def is_taken_over(self, name: OperationId) -> bool:
        """Tell whether a hook that is to be written takes this one over."""
        return any(asked.takes_over == name for asked in self.hooks.values())

    def sent(self, batch: Batch) -> None:
        """Note that the messages of a batch are out."""
        if batch.said:
            self.said = self.said[len(batch.said) :]
        if batch.told:
            self.told = self.told[len(batch.told) :]
        for name in batch.queued:
            self.queued.add(name)
            self.to_queue.pop(name, None)

    def settle(self, event: Event) -> None:
        """Cross off what the log now holds."""
        cross_off = _CROSSED_OFF.get(type(event))
        if cross_off is not None:
            cross_off(self, event)

    # -- outcomes

    def _add_outcome(self, batch: Batch, call: Call, ended: Ended, now: int) -> None:
        name = call.operation_id
        created = None if name in self.ledger.efforts else _created(call, call.policy)
        batch.events.append(ended.event(name, self._office.bodies.version_id, created))
        if ended.lines is not None:
            batch.chunks = *batch.chunks, ended.lines
        if ended.retry_at is None:
            batch.answers = True
        elif ended.retry_at > now + INLINE_RETRY_US and call.closure is None:
            self._add_message(batch, call, call.policy, ended.retry_at)

    def _add_message(
        self, batch: Batch, asked: StepAsked | Call, policy: Policy, not_before: int
    ) -> None:
        created = self.ledger.created
        batch.queued.append(asked.operation_id)
        batch.messages.append(
            Queued(
                message=Attempt(self.run_id, asked.operation_id),
                not_before=not_before,
                priority=0 if created is None else created.priority,
                gate=self._office.gate(asked, policy),
                queue=policy.queue,
            )
        )

    # -- decisions

    def _add_decisions(self, batch: Batch, now: int) -> None:
        if self.given_up:
            batch.events.extend(self._cancellation(each) for each in self.given_up.values())
        self._add_waits(batch, now)
        if self.hooks:
            batch.answers = True  # a token may be taken, which the code is told then
            for asked in self.hooks.values():
                self._add_hook(batch, asked)
        for written in self.attributes.values():
            batch.events.append(
                AttributesSet(
                    operation_id=written.operation_id,
                    changes=written.changes,
                    channel=Channel.CODE,
                    actor=self.run_id,
                )
            )
        if self.end is not None:
            batch.events.append(self.end)
            return
        self._add_steps(batch)
        self._add_children(batch)
        self._add_expiry(batch, now)

    def _add_hook(self, batch: Batch, asked: HookAsked) -> None:
        former = asked.takes_over
        if former is not None and self.ledger.law.hook(former) == ACTIVE:
            batch.events.append(self._disposal(former))  # in one commit: nobody finds it closed
        batch.events.append(asked.created)

    def _disposal(self, name: OperationId) -> HookDisposed:
        return HookDisposed(operation_id=name, channel=Channel.CODE, actor=self.run_id)

    def _cancellation(self, operation: StepAsked | WaitAsked | HookAsked | HookLeft) -> Event:
        name = operation.operation_id
        if isinstance(operation, HookAsked | HookLeft):
            return self._disposal(name)
        if isinstance(operation, WaitAsked):
            return WaitCompleted(operation_id=name, cause=WaitCause.ABANDONED)
        effort = self.ledger.efforts.get(name)
        if effort is not None:
            return StepCancelled(operation_id=name, attempt=max(effort.spent + 1, effort.attempt))
        created = _created(operation, self._office.policy(operation))
        attempt = self.ledger.first_attempt(name)
        return StepCancelled(operation_id=name, attempt=attempt, created=created)

    def _add_waits(self, batch: Batch, now: int) -> None:
        for name, cause in self.over.items():
            batch.answers = True
            batch.events.append(WaitCompleted(operation_id=name, cause=cause))
            self._dispose_with(batch, name)
        for name, asked in self.waits.items():
            batch.events.append(WaitCreated(operation_id=name, wake_at=asked.wake_at))
            if asked.wake_at <= now:
                batch.answers = True
                batch.events.append(WaitCompleted(operation_id=name, cause=WaitCause.ELAPSED))
                self._dispose_with(batch, name)

    def _dispose_with(self, batch: Batch, wait: OperationId) -> None:
        """Dispose of the hook that waits no longer than this wait: whoever answers it later is told
        so, and who came first stands in the log.
        """
        hook = self.disposes.get(wait)
        if hook is not None and self.ledger.law.hook(hook) == ACTIVE:
            batch.events.append(replace(self._disposal(hook), channel=Channel.EXPIRY, actor=None))

    def _add_steps(self, batch: Batch) -> None:
        """Announce steps: those whose start comes first, that run for long, or that are queued."""
        efforts = self.ledger.efforts
        for asked in self.starts.values():
            self._add_start(batch, asked, self._office.policy(asked))
        for name, call in self.announce.items():
            if name not in efforts and name not in self.outcomes:
                self._add_start(batch, call, call.policy)
        for name, (asked, not_before) in self.to_queue.items():
            policy = self._office.policy(asked)
            if name not in efforts:
                batch.events.append(_created(asked, policy))
            self._add_message(batch, asked, policy, not_before)

    def _add_children(self, batch: Batch) -> None:
        told = list(self.nursery.events(self.ledger, self._office, batch.create))
        batch.events.extend(told)
        batch.answers = batch.answers or bool(told)

    def _add_start(self, batch: Batch, step: StepAsked | Call, policy: Policy) -> None:
        effort = self.ledger.efforts.get(step.operation_id)
        attempt = self.ledger.first_attempt(step.operation_id)
        if effort is None:
            batch.events.append(_created(step, policy))
        batch.answers = True
        batch.events.append(
            StepStarted(
                operation_id=step.operation_id,
                attempt=attempt if effort is None else effort.attempt + 1,
                worker_id=self._office.worker_id,
            )
        )

    # -- times

    def _add_expiry(self, batch: Batch, now: int) -> None:
        """End the run's time, or the time of its cleanup, if it is over."""
        expiry = self.expiry()
        if expiry is None or expiry > now:
            return
        if self.ledger.cancel is None:
            batch.answers = True
            batch.events.append(
                RunCancelRequested(
                    reason="the run's timeout is over",
                    cause=CancelCause.TIMEOUT,
                    channel=Channel.RUNTIME,
                )
            )
        else:
            self.end = self.cancelled(self.ledger.cancel.reason, forced=True)
            batch.events.append(self.end)

    def expiry(self) -> int | None:
        """Give the instant at which the run, or its cleanup, has taken too long."""
        created, opening = self.ledger.created, self.ledger.opening
        if created is None or opening is None:
            return None
        if self.ledger.cancel is not None:
            limit_s = self._office.cleanup_s(
                self.ledger.version or created.version, created.workflow
            )
            began = self.ledger.cancelled_at
        else:
            limit_s, began = created.timeout_s, max(opening.recorded_at, created.not_before or 0)
        return None if limit_s is None else began + round(limit_s * MICROSECONDS)

    def cancelled(self, reason: str | None, *, forced: bool = False) -> Event:
        """Give the end of a run whose cancellation has come through."""
        if self.ledger.timed_out:
            error = RunTimeout(f"run {self.run_id} took longer than its timeout")
            return RunFailed(error=codec.encode_error(error), kind=FailureKind.TIMEOUT)
        return RunCancelled(reason=reason, forced=forced)

    def attributes_then(self) -> Mapping[str, Scalar]:
        """Give the attributes of the run once what waits here is written."""
        attributes = self.ledger.attributes
        for written in self.attributes.values():
            attributes = applied(attributes, written.changes)
        return attributes

    def _stays(self, batch: Batch) -> bool:
        """Tell whether a step of this batch is tried again so soon that the run stays here."""
        return any(
            isinstance(event, StepRetrying)
            and event.counted
            and event.operation_id not in batch.queued
            for event in batch.events
        )

    def _wake_at(self, batch: Batch, now: int) -> int | None:
        """Say when the released run needs a worker again, whatever happens outside."""
        instants = [
            wake_at for name, wake_at in self.ledger.waits.items() if name not in self.given_up
        ]
        instants += [asked.wake_at for asked in self.waits.values()]
        instants += [
            effort.retry_at
            for name, effort in self.ledger.efforts.items()
            if effort.retry_at is not None and name not in self.queued and name not in self.to_queue
        ]
        instants += [
            ended.retry_at if ended.counted else now
            for name, (_, ended) in self.outcomes.items()
            if ended.retry_at is not None and name not in batch.queued
        ]
        expiry = self.expiry()
        if expiry is not None:
            instants.append(expiry)
        return min(instants, default=None)


def is_decided(event: Event) -> bool:
    """Tell whether only an owner of the run, which has delivered all before it, writes an event."""
    match event:
        case HookCreated() | WaitCreated() | ChildCreated():
            return True
        case (
            StepCompleted(created=StepCreated(closure=closure))
            | StepFailed(created=StepCreated(closure=closure))
        ):
            return closure
    return False


def starts_on_record(policy: Policy) -> bool:
    """Tell whether the start of every attempt is committed before its body runs."""
    return policy.attempts == 1 or is_queued(policy)


def _created(step: StepAsked | Call, policy: Policy) -> StepCreated:
    closure = step.closure if isinstance(step, Call) else step.body
    return StepCreated(
        operation_id=step.operation_id,
        step=step.step,
        arguments=step.arguments,
        digest=step.digest,
        policy=policy,
        closure=closure is not None,
    )


# --- crossing off ------------------------------------------------------------------------------


def _step_over(outbox: Outbox, event: StepCompleted | StepFailed | StepCancelled) -> None:
    name = event.operation_id
    outbox.outcomes.pop(name, None)
    outbox.given_up.pop(name, None)
    outbox.to_queue.pop(name, None)
    outbox.queued.discard(name)


def _step_retrying(outbox: Outbox, event: StepRetrying) -> None:
    outbox.outcomes.pop(event.operation_id, None)
    _step_queued(outbox, event)


def _step_created(outbox: Outbox, event: StepCreated) -> None:
    outbox.announce.pop(event.operation_id, None)
    _step_queued(outbox, event)


def _step_queued(outbox: Outbox, event: StepCreated | StepStarted | StepRetrying) -> None:
    """Learn by the log that the message of a step is out, if the world's answer was lost: one that
    was to be queued is created, or tried, by nothing else.
    """
    if outbox.to_queue.pop(event.operation_id, None) is not None:
        outbox.queued.add(event.operation_id)


def _wait_created(outbox: Outbox, event: WaitCreated) -> None:
    outbox.waits.pop(event.operation_id, None)


def _wait_completed(outbox: Outbox, event: WaitCompleted) -> None:
    outbox.over.pop(event.operation_id, None)
    outbox.given_up.pop(event.operation_id, None)


def _hook_created(outbox: Outbox, event: HookCreated | HookConflicted) -> None:
    outbox.hooks.pop(event.operation_id, None)


def _hook_disposed(outbox: Outbox, event: HookDisposed) -> None:
    outbox.given_up.pop(event.operation_id, None)


def _attributes_set(outbox: Outbox, event: AttributesSet) -> None:
    if event.operation_id is not None:
        outbox.attributes.pop(event.operation_id, None)


def _restarted(outbox: Outbox, _event: RunRestarted) -> None:
    outbox.end = None
    outbox.nursery.ends.clear()


_CROSSED_OFF: Final[dict[type[Event], Callable[[Outbox, Any], None]]] = {
    StepCompleted: _step_over,
    StepFailed: _step_over,
    StepCancelled: _step_over,
    StepRetrying: _step_retrying,
    StepCreated: _step_created,
    StepStarted: _step_queued,
    WaitCreated: _wait_created,
    WaitCompleted: _wait_completed,
    HookCreated: _hook_created,
    HookConflicted: _hook_created,
    HookDisposed: _hook_disposed,
    AttributesSet: _attributes_set,
    RunRestarted: _restarted,
    ChildCreated: lambda outbox, event: outbox.nursery.born(event),
    ChildCompleted: lambda outbox, event: outbox.nursery.over(event),
    ChildFailed: lambda outbox, event: outbox.nursery.over(event),
}
