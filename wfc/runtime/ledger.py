"""What a worker must know of a run's log to go on with it: open steps, open waits, who stopped it.

Unlike `wfc.eventlog.fold` it forgets what has ended, so that a live run costs the same at its
thousandth step as at its first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from wfc.eventlog.event import (
    TERMINAL,
    AttributesSet,
    CancelCause,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
    Recorded,
    RunCancelRequested,
    RunCreated,
    RunPaused,
    RunRestarted,
    RunStarted,
    RunUnpaused,
    RunUpgraded,
    RunWoken,
    Scalar,
    StepCancelled,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepRetrying,
    StepStarted,
    WaitCompleted,
    WaitCreated,
)
from wfc.eventlog.legality import Legality
from wfc.eventlog.standing import ACTIVE
from wfc.eventlog.standing import NONE as NO_HOOKS
from wfc.ids import OperationId, RunId, VersionId, WorkerId
from wfc.policies import Policy
from wfc.runtime.carried import attributes_at, hooks_at

_NONE: Final[dict[Any, Any]] = {}
"""Stands for tables that are nearly always empty: who writes makes one."""
_NOBODY: Final[frozenset[OperationId]] = frozenset()  # likewise: `frozenset()` makes a new one


class Effort:
    """A step of the log that has no outcome yet.

    `attempt` is the last one that counts; while `running` is true, it is under way somewhere.
    """

    __slots__ = (
        "attempt", "created", "first_started_at", "policy", "retry_at", "running", "spent",
        "woken", "worker_id",
    )  # fmt: skip

    def __init__(self, created: StepCreated, spent: int) -> None:
        """Begin before the first attempt, or behind those that an upgrade took back."""
        self.created = created
        self.policy: Policy = created.policy
        self.attempt = self.spent = spent
        self.running = False
        self.worker_id: WorkerId | None = None
        self.first_started_at: int | None = None
        self.retry_at: int | None = None
        self.woken = False  # its pause was cut short from outside


class Ledger:
    """The open ends of one chapter of a run's log, kept by `note` in log order."""

    def __init__(self) -> None:
        """Begin before the first event."""
        self.law = Legality()
        self.length = 0
        self.opening: Recorded | None = None
        self.created: RunCreated | None = None
        self.version: VersionId | None = None
        """The version that the run is on."""
        self.chapter = 1
        self.started = False
        self.ended = False
        self.paused = False
        self.cancel: RunCancelRequested | None = None
        self.cancelled_at = 0
        self.woken = _NOBODY
        self.attributes: Mapping[str, Scalar] = _NONE
        self.efforts: dict[OperationId, Effort] = _NONE
        self.waits: dict[OperationId, int] = _NONE
        self.children: dict[OperationId, RunId] = _NONE
        """Child runs whose end the log does not hold."""

    @classmethod
    def before(cls, begins: Recorded, created: RunCreated) -> Ledger:
        """Stand before the event that begins a later chapter, without having read what is earlier:
        all that matters of it is how the run was created.
        """
        event = begins.event
        assert isinstance(event, RunRestarted)
        ledger = cls()
        ledger.created, ledger.version, ledger.started = created, event.version, True
        ledger.chapter = ledger.law.chapter = event.chapter - 1
        ledger.length = ledger.law.length = begins.position - 1
        ledger.law.version, ledger.law.started = event.version, True
        return ledger

    @property
    def timed_out(self) -> bool:
        """Tell whether the run is being cancelled because its time is over."""
        return self.cancel is not None and self.cancel.cause is CancelCause.TIMEOUT

    def first_attempt(self, name: OperationId) -> int:
        """Give the number of a step's first attempt: what an upgrade took back keeps its own."""
        return self.law.spent_on(name) + 1

    def stand_at(self, length: int) -> None:
        """Stand at the end of a log without reading it: all that can be written is the end."""
        self.length, self.started = length, True
        self.law.length = length
        self.law.version, self.law.started = VersionId("unread"), True

    def note(self, recorded: Recorded) -> None:
        """Take the next event in. Raises `IllegalEvent` if no log may hold it there."""
        event = recorded.event
        counts = self.law.check(event)
        if self.law.renames is not None:
            event = self.law.renames.event(event)
        self.length = self.law.length = recorded.position
        if not counts:
            return
        self.law.note(event)
        change = _CHANGES.get(type(event))
        if change is not None:
            change(self, event, recorded)


def _run_created(ledger: Ledger, event: RunCreated, recorded: Recorded) -> None:
    ledger.created = event
    ledger.version = event.version
    ledger.attributes = event.attributes
    ledger.opening = recorded


def _run_restarted(ledger: Ledger, event: RunRestarted, recorded: Recorded) -> None:
    ledger.opening = recorded
    ledger.version = event.version
    ledger.chapter = event.chapter
    ledger.efforts = ledger.waits = ledger.children = _NONE
    ledger.woken = _NOBODY
    if event.carried is not None:
        ledger.attributes = attributes_at(event)
        ledger.law.hooks = dict.fromkeys((one.name for one in hooks_at(event)), ACTIVE) or NO_HOOKS


def _run_started(ledger: Ledger, _event: RunStarted, _recorded: Recorded) -> None:
    ledger.started = True


def _ended(ledger: Ledger, _event: Event, _recorded: Recorded) -> None:
    ledger.ended = True


def _upgraded(ledger: Ledger, event: RunUpgraded, _recorded: Recorded) -> None:
    ledger.ended = False
    for operation in (*event.withdrawn, *event.retracted):
        ledger.efforts.pop(operation, None)
        ledger.waits.pop(operation, None)
        ledger.children.pop(operation, None)
    ledger.version = event.to_version
    if ledger.law.renames is not None:
        present = ledger.law.renames.operation
        ledger.efforts = {present(name): one for name, one in ledger.efforts.items()} or _NONE
        ledger.waits = {present(name): at for name, at in ledger.waits.items()} or _NONE
        ledger.children = {present(name): one for name, one in ledger.children.items()} or _NONE
        ledger.woken = frozenset(map(present, ledger.woken))


def _cancel_requested(ledger: Ledger, event: RunCancelRequested, recorded: Recorded) -> None:
    if ledger.cancel is None:
        ledger.cancel = event
        ledger.cancelled_at = recorded.recorded_at


def _paused(ledger: Ledger, _event: RunPaused, _recorded: Recorded) -> None:
    ledger.paused = True


def _unpaused(ledger: Ledger, _event: RunUnpaused, recorded: Recorded) -> None:
    ledger.paused = False
    if ledger.cancel is not None:
        ledger.cancelled_at = recorded.recorded_at  # no cleanup could be done before


def _woken(ledger: Ledger, event: RunWoken, recorded: Recorded) -> None:
    created = ledger.created
    if created is not None and (created.not_before or 0) > recorded.recorded_at:
        # The delayed start is now, and the run's time counts from it.
        ledger.created = replace(created, not_before=recorded.recorded_at)
    for operation in event.operation_ids:
        effort = ledger.efforts.get(operation)
        if effort is not None and not effort.running:
            effort.retry_at = recorded.recorded_at
            effort.woken = True
        elif operation in ledger.waits:
            ledger.woken |= {operation}


def _attributes_set(ledger: Ledger, event: AttributesSet, _recorded: Recorded) -> None:
    merged = {**ledger.attributes, **event.changes}
    ledger.attributes = {key: value for key, value in merged.items() if value is not None}


def _step_created(ledger: Ledger, event: StepCreated, _recorded: Recorded) -> None:
    _begin_effort(ledger, event.operation_id, event)


def _begin_effort(ledger: Ledger, name: OperationId, created: StepCreated) -> Effort:
    if ledger.efforts is _NONE:
        ledger.efforts = {}
    effort = ledger.efforts[name] = Effort(created, ledger.law.spent_on(name))
    return effort


def _step_started(ledger: Ledger, event: StepStarted, recorded: Recorded) -> None:
    effort = ledger.efforts[event.operation_id]
    effort.attempt = event.attempt
    effort.running = True
    effort.worker_id = event.worker_id
    effort.retry_at = None
    effort.woken = False
    if effort.first_started_at is None:
        effort.first_started_at = recorded.recorded_at


def _step_retrying(ledger: Ledger, event: StepRetrying, recorded: Recorded) -> None:
    effort = ledger.efforts.get(event.operation_id)
    if effort is None:
        assert event.created is not None
        effort = _begin_effort(ledger, event.operation_id, event.created)
        effort.first_started_at = recorded.recorded_at
    effort.attempt = event.attempt if event.counted else event.attempt - 1
    effort.running = False
    effort.retry_at = event.retry_at


def _step_ended(
    ledger: Ledger, event: StepCompleted | StepFailed | StepCancelled, _recorded: Recorded
) -> None:
    if ledger.efforts.pop(event.operation_id, None) is not None and not ledger.efforts:
        ledger.efforts = _NONE


def _wait_created(ledger: Ledger, event: WaitCreated, _recorded: Recorded) -> None:
    if ledger.waits is _NONE:
        ledger.waits = {}
    ledger.waits[event.operation_id] = event.wake_at


def _wait_completed(ledger: Ledger, event: WaitCompleted, _recorded: Recorded) -> None:
    if ledger.waits.pop(event.operation_id, None) is not None and not ledger.waits:
        ledger.waits = _NONE
    if event.operation_id in ledger.woken:
        ledger.woken -= {event.operation_id}


def _child_created(ledger: Ledger, event: ChildCreated, _recorded: Recorded) -> None:
    if ledger.children is _NONE:
        ledger.children = {}
    ledger.children[event.operation_id] = event.run_id


def _child_ended(ledger: Ledger, event: ChildCompleted | ChildFailed, _recorded: Recorded) -> None:
    ledger.children.pop(event.operation_id, None)


_CHANGES: Final[dict[type[Event], Callable[[Ledger, Any, Recorded], None]]] = {
    RunCreated: _run_created,
    RunRestarted: _run_restarted,
    RunStarted: _run_started,
    RunUpgraded: _upgraded,
    RunCancelRequested: _cancel_requested,
    RunPaused: _paused,
    RunUnpaused: _unpaused,
    RunWoken: _woken,
    AttributesSet: _attributes_set,
    StepCreated: _step_created,
    StepStarted: _step_started,
    StepRetrying: _step_retrying,
    StepCompleted: _step_ended,
    StepFailed: _step_ended,
    StepCancelled: _step_ended,
    WaitCreated: _wait_created,
    WaitCompleted: _wait_completed,
    ChildCreated: _child_created,
    ChildCompleted: _child_ended,
    ChildFailed: _child_ended,
    **dict.fromkeys(TERMINAL, _ended),
}
