"""What a log adds up to, and which event may follow it.

`State` takes events one by one, in the order of the log, at about a microsecond each. Each kind of
event has one rule, which raises before anything changes and else gives the change: so `check` asks
the same question that `apply` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, NoReturn

from wfc.errors import IllegalEvent
from wfc.eventlog.entity import Hook, HookStatus, RunStatus, Step, StepStatus, Wait, WaitStatus
from wfc.eventlog.event import (
    AttributesSet,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
    FailureKind,
    HookConflicted,
    HookCreated,
    HookDisposed,
    HookReceived,
    Recorded,
    RunCancelled,
    RunCancelRequested,
    RunCompleted,
    RunCreated,
    RunFailed,
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
from wfc.ids import OperationId, VersionId, split_operation_id

StepEnd = StepCompleted | StepFailed | StepCancelled


class _Deed:
    """A step under way or ended. `attempt` is the last that was begun, `spent` the last that
    counts.
    """

    __slots__ = (
        "attempt", "created", "end", "ended_at", "first_started_at", "retry_at", "spent",
        "started_at", "status",
    )  # fmt: skip

    def __init__(self, created: StepCreated, spent: int) -> None:
        self.created = created
        self.status = StepStatus.PENDING
        self.attempt = self.spent = spent
        self.end: StepEnd | None = None
        self.first_started_at: int | None = None
        self.started_at: int | None = None
        self.ended_at: int | None = None
        self.retry_at: int | None = None

    def entity(self) -> Step:
        created, end = self.created, self.end
        return Step(
            operation_id=created.operation_id,
            step=created.step,
            status=self.status,
            attempt=self.attempt,
            arguments=created.arguments,
            digest=created.digest,
            policy=created.policy,
            closure=created.closure,
            output=end.output if isinstance(end, StepCompleted) else None,
            error=end.error if isinstance(end, StepFailed) else None,
            first_started_at=self.first_started_at,
            started_at=self.started_at,
            ended_at=self.ended_at,
            retry_at=self.retry_at,
        )


class State:
    """The run that a log tells of. Entities are of the present chapter."""

    __slots__ = (
        "attributes", "cancel_request", "chapter", "chapter_start", "children", "created", "deeds",
        "end", "ended_at", "fingerprint", "hooks", "last_recorded_at", "length", "open_steps",
        "open_waits", "opening", "paused", "spent", "started_at", "version", "waits",
    )  # fmt: skip

    def __init__(self) -> None:
        """Begin before the first event."""
        self.length = 0
        self.last_recorded_at = 0
        self.created: RunCreated | None = None
        self.opening: RunCreated | RunRestarted | None = None
        """What the present chapter began with."""
        self.chapter = 1
        self.chapter_start = 1
        """The position of `opening`."""
        self.version: VersionId | None = None
        self.fingerprint = ""
        self.started_at: int | None = None
        self.end: RunCompleted | RunFailed | RunCancelled | None = None
        self.ended_at: int | None = None
        self.cancel_request: RunCancelRequested | None = None
        self.paused = False
        self.attributes: dict[str, Scalar] = {}
        self.children: dict[OperationId, ChildCreated | ChildCompleted | ChildFailed] = {}
        self.deeds: dict[OperationId, _Deed] = {}
        """Steps as they change; `steps` gives them as entities."""
        self.spent: dict[OperationId, int] = {}
        """Attempts of steps that an upgrade set back to none: their numbers go on."""
        self.waits: dict[OperationId, Wait] = {}
        self.hooks: dict[OperationId, Hook] = {}
        self.open_steps = 0
        self.open_waits = 0

    @property
    def status(self) -> RunStatus:
        """Tell where the run stands; while it goes on, running and suspended look alike."""
        match self.end:
            case RunCompleted():
                return RunStatus.COMPLETED
            case RunFailed():
                return RunStatus.FAILED
            case RunCancelled():
                return RunStatus.CANCELLED
            case None:
                return RunStatus.PENDING if self.started_at is None else RunStatus.SUSPENDED

    @property
    def steps(self) -> Mapping[OperationId, Step]:
        """Give the steps of the chapter, in the order in which the log first names them."""
        return {name: deed.entity() for name, deed in self.deeds.items()}

    def step(self, operation_id: OperationId) -> Step | None:
        """Give one step, or None."""
        deed = self.deeds.get(operation_id)
        return None if deed is None else deed.entity()

    def apply(self, recorded: Recorded) -> None:
        """Take the next event in. Raises `IllegalEvent` and stays as it was."""
        if recorded.position != self.length + 1:
            _refuse(f"event {recorded.position} cannot follow event {self.length}")
        if recorded.recorded_at < self.last_recorded_at:
            _refuse(f"event {recorded.position} was recorded before its predecessor")
        change = _change(self, recorded.event)
        self.length = recorded.position
        self.last_recorded_at = recorded.recorded_at
        if change is not None:
            change(self, recorded.event, recorded.recorded_at)


def fold(log: Iterable[Recorded]) -> State:
    """Add a log up. Raises `IllegalEvent`."""
    state = State()
    for recorded in log:
        state.apply(recorded)
    return state


def check(state: State, event: Event) -> None:
    """See that `event` may follow, changing nothing. Raises `IllegalEvent`."""
    _change(state, event)


# A rule raises, or gives the change that its event makes (None: the event is passed over).
Change = Callable[[State, Any, int], None]
Rule = Callable[[State, Any], Change | None]


def _change(state: State, event: Event) -> Change | None:
    if state.created is None:
        if type(event) is not RunCreated:
            _refuse(f"a log begins with run_created, not with {event.name}")
    elif state.end is not None and not (type(event) is RunUpgraded and _may_reopen(state.end)):
        _refuse(f"nothing may follow {state.end.name}, and {event.name} would")
    return _RULES[type(event)](state, event)


def _may_reopen(end: Event) -> bool:
    return isinstance(end, RunFailed) and end.kind is not FailureKind.TIMEOUT


def _refuse(sentence: str) -> NoReturn:
    raise IllegalEvent(
        f"{sentence}. Nothing was written. This is a fault of wfc, please report it."
    )


def _always(change: Change) -> Rule:
    return lambda _state, _event: change


# --- the run -----------------------------------------------------------------------------------


def _run_created(state: State, _event: RunCreated) -> Change:
    if state.created is not None:
        _refuse("the run has been created already")
    return _create_run


def _create_run(state: State, event: RunCreated, _at: int) -> None:
    state.created = event
    _open(state, event)
    state.attributes = dict(event.attributes)


def _open(state: State, event: RunCreated | RunRestarted) -> None:
    state.opening = event
    state.chapter_start = state.length
    state.version = event.version
    state.fingerprint = event.fingerprint


def _run_started(state: State, _event: RunStarted) -> Change:
    if state.started_at is not None:
        _refuse("the run has been started already")
    return _start_run


def _start_run(state: State, _event: RunStarted, at: int) -> None:
    state.started_at = at


def _end_run(state: State, event: RunCompleted | RunFailed | RunCancelled, at: int) -> None:
    state.end = event
    state.ended_at = at
    for name, hook in state.hooks.items():
        if hook.status is HookStatus.ACTIVE:
            state.hooks[name] = replace(hook, status=HookStatus.DISPOSED)


def _run_cancelled(state: State, event: RunCancelled) -> Change:
    if state.cancel_request is None and not event.forced:
        _refuse("the run is cancelled, but nobody asked for it")
    return _end_run


def _request_cancel(state: State, event: RunCancelRequested, _at: int) -> None:
    if state.cancel_request is None:
        state.cancel_request = event


def _pause(state: State, _event: RunPaused, _at: int) -> None:
    state.paused = True


def _unpause(state: State, _event: RunUnpaused, _at: int) -> None:
    state.paused = False


def _run_upgraded(state: State, event: RunUpgraded) -> Change:
    if event.from_version != state.version:
        _refuse(f"the run is on version {state.version}, and not on {event.from_version}")
    for name in (*event.withdrawn, *event.retracted):
        if _succeeded(state, name):
            _refuse(f"{name} has succeeded, and a success is never taken back")
    return _upgrade


def _succeeded(state: State, name: OperationId) -> bool:
    deed = state.deeds.get(name)
    return isinstance(
        deed.end if deed is not None else state.children.get(name), StepCompleted | ChildCompleted
    )


def _upgrade(state: State, event: RunUpgraded, _at: int) -> None:
    state.version = event.to_version
    state.fingerprint = event.fingerprint
    state.end = state.ended_at = None
    for name in (*event.withdrawn, *event.retracted):
        deed = state.deeds.pop(name, None)
        if deed is not None:
            state.open_steps -= deed.end is None
            state.spent[name] = deed.attempt
        wait = state.waits.pop(name, None)
        state.open_waits -= wait is not None and wait.status is WaitStatus.WAITING
        state.hooks.pop(name, None)
        state.children.pop(name, None)


def _run_restarted(state: State, event: RunRestarted) -> Change:
    if event.chapter != state.chapter + 1:
        _refuse(f"chapter {event.chapter} cannot follow chapter {state.chapter}")
    return _restart


def _restart(state: State, event: RunRestarted, _at: int) -> None:
    state.chapter = event.chapter
    _open(state, event)
    for known in (state.deeds, state.spent, state.waits, state.hooks, state.children):
        known.clear()
    state.open_steps = state.open_waits = 0


def _set_attributes(state: State, event: AttributesSet, _at: int) -> None:
    for key, value in event.changes.items():
        if value is None:
            state.attributes.pop(key, None)
        else:
            state.attributes[key] = value


def _change_nothing(_state: State, _event: Event, _at: int) -> None:
    """Take note of a fact that only its reader minds."""


# --- steps -------------------------------------------------------------------------------------


def _step_created(state: State, event: StepCreated) -> Change:
    if event.operation_id in state.deeds:
        _refuse(f"the step {event.operation_id} has been created already")
    return _create_step


def _create_step(state: State, event: StepCreated, _at: int) -> None:
    _add_deed(state, event)


def _add_deed(state: State, created: StepCreated) -> _Deed:
    name = created.operation_id
    deed = state.deeds[name] = _Deed(created, state.spent.get(name, 0) if state.spent else 0)
    state.open_steps += 1
    return deed


def _step_started(state: State, event: StepStarted) -> Change | None:
    deed = state.deeds.get(event.operation_id)
    if deed is None:
        _check_earlier(state, event)
        return None
    if deed.status is not StepStatus.PENDING:
        _refuse(f"the step {event.operation_id} is {deed.status}, so no attempt can start")
    if event.attempt != deed.spent + 1:
        _refuse(
            f"attempt {event.attempt} of {event.operation_id} cannot follow attempt {deed.spent}"
        )
    return _start_step


def _start_step(state: State, event: StepStarted, at: int) -> None:
    deed = state.deeds[event.operation_id]
    deed.status = StepStatus.RUNNING
    deed.attempt = event.attempt
    deed.retry_at = None
    deed.started_at = at
    if deed.first_started_at is None:
        deed.first_started_at = at


def _step_answered(state: State, event: StepRetrying | StepEnd) -> Change | None:
    """Judge what ends an attempt, a step, or both; with `created` it is the step's first event."""
    deed = state.deeds.get(event.operation_id)
    created = event.created
    if deed is None:
        if created is None:
            _check_earlier(state, event)
            return None
        if created.operation_id != event.operation_id:
            _refuse(f"{event.operation_id} brings the creation of {created.operation_id}")
        spent = state.spent.get(event.operation_id, 0) if state.spent else 0
        if event.attempt != spent + 1:
            _refuse(f"the first event of {event.operation_id} is of attempt {event.attempt}")
    else:
        if created is not None:
            _refuse(f"the step {event.operation_id} has been created already")
        _check_answer(deed, event)
    return _retry_step if type(event) is StepRetrying else _end_step


def _check_answer(deed: _Deed, event: StepRetrying | StepEnd) -> None:
    if deed.end is not None:
        _refuse(f"the step {event.operation_id} has ended, and {event.name} would follow")
    if deed.status is StepStatus.RUNNING:
        fits = event.attempt == deed.attempt
    elif deed.spent == 0:
        fits = event.attempt == 1  # the first attempt may run unrecorded
    else:
        # A step can be given up in the pause between two attempts, but not succeed there.
        gives_up = isinstance(event, StepFailed | StepCancelled)
        fits = gives_up and event.attempt in {deed.spent, deed.spent + 1}
    if not fits:
        _refuse(
            f"{event.name} of attempt {event.attempt} does not fit the step {event.operation_id}, "
            f"which is {deed.status} with attempt {deed.attempt}"
        )


def _deed_of(state: State, event: StepRetrying | StepEnd) -> _Deed:
    created = event.created
    return state.deeds[event.operation_id] if created is None else _add_deed(state, created)


def _retry_step(state: State, event: StepRetrying, at: int) -> None:
    deed = _deed_of(state, event)
    deed.status = StepStatus.PENDING
    deed.attempt = event.attempt
    deed.spent = event.attempt if event.counted else event.attempt - 1
    deed.retry_at = event.retry_at
    if deed.first_started_at is None:
        deed.first_started_at = at


def _end_step(state: State, event: StepEnd, at: int) -> None:
    deed = _deed_of(state, event)
    deed.end = event
    deed.status = _ENDS[type(event)]
    deed.attempt = deed.spent = event.attempt
    deed.ended_at = at
    deed.retry_at = None
    if not isinstance(event, StepCancelled):
        deed.started_at = event.started_at
        if deed.first_started_at is None:
            deed.first_started_at = event.started_at
    state.open_steps -= 1


_ENDS: Final[Mapping[type[Event], StepStatus]] = {
    StepCompleted: StepStatus.COMPLETED,
    StepFailed: StepStatus.FAILED,
    StepCancelled: StepStatus.CANCELLED,
}


def _check_earlier(state: State, event: Any) -> None:
    """Pass over what belongs to an earlier chapter; refuse what belongs to nothing."""
    name = event.operation_id
    try:
        chapter, _, _ = split_operation_id(name)
    except ValueError:
        _refuse(f"{event.name} is about {name!r}, which names no operation")
    if chapter < state.chapter:
        return
    _refuse(f"{event.name} is about {name}, which does not exist")


# --- hooks and waits ---------------------------------------------------------------------------


def _hook_created(state: State, event: HookCreated | HookConflicted) -> Change:
    if event.operation_id in state.hooks:
        _refuse(f"the hook {event.operation_id} has been created already")
    return _create_hook if isinstance(event, HookCreated) else _conflict_hook


def _create_hook(state: State, event: HookCreated, _at: int) -> None:
    state.hooks[event.operation_id] = Hook(
        operation_id=event.operation_id,
        hook_id=event.hook_id,
        token=event.token,
        status=HookStatus.ACTIVE,
    )


def _conflict_hook(state: State, event: HookConflicted, _at: int) -> None:
    state.hooks[event.operation_id] = Hook(
        operation_id=event.operation_id,
        hook_id="",
        token=event.token,
        status=HookStatus.CONFLICTED,
    )


def _hook_used(state: State, event: HookReceived | HookDisposed) -> Change | None:
    hook = state.hooks.get(event.operation_id)
    if hook is None:
        _check_earlier(state, event)
        return None
    if hook.status is not HookStatus.ACTIVE:
        _refuse(f"the hook {event.operation_id} is {hook.status}, and {event.name} would follow")
    return _receive if isinstance(event, HookReceived) else _dispose


def _receive(state: State, event: HookReceived, _at: int) -> None:
    hook = state.hooks[event.operation_id]
    state.hooks[event.operation_id] = replace(hook, received=hook.received + 1)


def _dispose(state: State, event: HookDisposed, _at: int) -> None:
    hook = state.hooks[event.operation_id]
    state.hooks[event.operation_id] = replace(hook, status=HookStatus.DISPOSED)


def _wait_created(state: State, event: WaitCreated) -> Change:
    if event.operation_id in state.waits:
        _refuse(f"the wait {event.operation_id} has been created already")
    return _create_wait


def _create_wait(state: State, event: WaitCreated, _at: int) -> None:
    state.waits[event.operation_id] = Wait(
        operation_id=event.operation_id, wake_at=event.wake_at, status=WaitStatus.WAITING
    )
    state.open_waits += 1


def _wait_completed(state: State, event: WaitCompleted) -> Change | None:
    wait = state.waits.get(event.operation_id)
    if wait is None:
        _check_earlier(state, event)
        return None
    if wait.status is not WaitStatus.WAITING:
        _refuse(f"the wait {event.operation_id} is over already")
    return _complete_wait


def _complete_wait(state: State, event: WaitCompleted, at: int) -> None:
    wait = state.waits[event.operation_id]
    state.waits[event.operation_id] = replace(wait, status=WaitStatus.COMPLETED, ended_at=at)
    state.open_waits -= 1


# --- children ----------------------------------------------------------------------------------


def _child_created(state: State, event: ChildCreated) -> Change:
    if event.operation_id in state.children:
        _refuse(f"the child run of {event.operation_id} has been created already")
    return _set_child


def _child_ended(state: State, event: ChildCompleted | ChildFailed) -> Change | None:
    child = state.children.get(event.operation_id)
    if child is None:
        _check_earlier(state, event)
        return None
    if not isinstance(child, ChildCreated):
        _refuse(f"the child run of {event.operation_id} has ended already")
    return _set_child


def _set_child(state: State, event: ChildCreated | ChildCompleted | ChildFailed, _at: int) -> None:
    state.children[event.operation_id] = event


_RULES: Final[Mapping[type[Event], Rule]] = {
    RunCreated: _run_created,
    RunStarted: _run_started,
    RunCompleted: _always(_end_run),
    RunFailed: _always(_end_run),
    RunCancelRequested: _always(_request_cancel),
    RunCancelled: _run_cancelled,
    RunUpgraded: _run_upgraded,
    RunRestarted: _run_restarted,
    RunPaused: _always(_pause),
    RunUnpaused: _always(_unpause),
    RunWoken: _always(_change_nothing),
    StepCreated: _step_created,
    StepStarted: _step_started,
    StepRetrying: _step_answered,
    StepCompleted: _step_answered,
    StepFailed: _step_answered,
    StepCancelled: _step_answered,
    HookCreated: _hook_created,
    HookReceived: _hook_used,
    HookDisposed: _hook_used,
    HookConflicted: _hook_created,
    WaitCreated: _wait_created,
    WaitCompleted: _wait_completed,
    ChildCreated: _child_created,
    ChildCompleted: _child_ended,
    ChildFailed: _child_ended,
    AttributesSet: _always(_set_attributes),
}
