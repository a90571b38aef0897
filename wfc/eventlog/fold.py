"""What a log adds up to: the run and its operations as entities.

`State` takes events one by one, in the order of the log. Whether an event may follow is asked of
`wfc.eventlog.legality` first, so nothing changes before that is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, NoReturn

from wfc.errors import IllegalEvent
from wfc.eventlog.allowed import StepEnd
from wfc.eventlog.deed import Deed
from wfc.eventlog.entity import Hook, HookStatus, RunStatus, Step, StepStatus, Wait, WaitStatus
from wfc.eventlog.event import (
    TERMINAL,
    AttributesSet,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
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
from wfc.eventlog.renames import Renames
from wfc.ids import OperationId, VersionId


class State:
    """The run that a log tells of. Entities are of the present chapter, but for the hooks that
    earlier ones left open.
    """

    __slots__ = (
        "attributes", "cancel_request", "chapter", "chapter_start", "children", "created", "deeds",
        "end", "ended_at", "fingerprint", "hooks", "last_recorded_at", "law", "length",
        "open_steps", "open_waits", "opening", "paused", "started_at", "version", "waits",
    )  # fmt: skip

    def __init__(self) -> None:
        """Begin before the first event."""
        self.law = Legality()
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
        self.deeds: dict[OperationId, Deed] = {}
        """Steps as they change; `steps` gives them as entities."""
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
        event = recorded.event
        counts = self.law.check(event)
        if self.law.renames is not None:
            event = self.law.renames.event(event)
        self.length = self.law.length = recorded.position
        self.last_recorded_at = recorded.recorded_at
        if counts:
            self.law.note(event)
            change = _CHANGES.get(type(event))
            if change is not None:
                change(self, event, recorded.recorded_at)


def fold(log: Iterable[Recorded]) -> State:
    """Add a log up. Raises `IllegalEvent`."""
    state = State()
    for recorded in log:
        state.apply(recorded)
    return state


def check(state: State, event: Event) -> None:
    """See that `event` may follow, changing nothing. Raises `IllegalEvent`."""
    state.law.check(event)


def _refuse(sentence: str) -> NoReturn:
    raise IllegalEvent(f"{sentence}. This is a fault of wfc, please report it.")


# --- the run -----------------------------------------------------------------------------------


def _create_run(state: State, event: RunCreated, _at: int) -> None:
    state.created = event
    _open(state, event)
    state.attributes = dict(event.attributes)


def _open(state: State, event: RunCreated | RunRestarted) -> None:
    state.opening = event
    state.chapter_start = state.length
    state.version = event.version
    state.fingerprint = event.fingerprint


def _start_run(state: State, _event: RunStarted, at: int) -> None:
    state.started_at = at


def _end_run(state: State, event: RunCompleted | RunFailed | RunCancelled, at: int) -> None:
    state.end = event
    state.ended_at = at
    for name, hook in state.hooks.items():
        if hook.status is HookStatus.ACTIVE:
            state.hooks[name] = replace(hook, status=HookStatus.DISPOSED, disposed_at=at)


def _request_cancel(state: State, event: RunCancelRequested, _at: int) -> None:
    if state.cancel_request is None:
        state.cancel_request = event


def _pause(state: State, _event: RunPaused, _at: int) -> None:
    state.paused = True


def _unpause(state: State, _event: RunUnpaused, _at: int) -> None:
    state.paused = False


def _upgrade(state: State, event: RunUpgraded, _at: int) -> None:
    state.version = event.to_version
    state.fingerprint = event.fingerprint
    state.end = state.ended_at = None
    for name in (*event.withdrawn, *event.retracted):
        hook = state.hooks.get(name)
        is_own = hook is not None and hook.status is not HookStatus.CONFLICTED
        if hook is not None and is_own and name in event.retracted:
            # Only its end is taken back: what came for it was acknowledged.
            state.hooks[name] = replace(hook, status=HookStatus.ACTIVE, disposed_at=None)
            continue
        deed = state.deeds.pop(name, None)
        if deed is not None:
            state.open_steps -= deed.end is None
        wait = state.waits.pop(name, None)
        state.open_waits -= wait is not None and wait.status is WaitStatus.WAITING
        state.hooks.pop(name, None)
        state.children.pop(name, None)
    if state.law.renames is not None:
        _rename(state, state.law.renames)


def _rename(state: State, renames: Renames) -> None:
    """Call what is known by its present name."""
    present = renames.operation
    state.deeds = {present(name): deed for name, deed in state.deeds.items()}
    for name, deed in state.deeds.items():
        deed.rename(name)
    state.waits = {
        present(name): replace(one, operation_id=present(name)) for name, one in state.waits.items()
    }
    state.hooks = {
        present(name): replace(one, operation_id=present(name)) for name, one in state.hooks.items()
    }
    state.children = {present(name): one for name, one in state.children.items()}


def _restart(state: State, event: RunRestarted, _at: int) -> None:
    state.chapter = event.chapter
    _open(state, event)
    for known in (state.deeds, state.waits, state.children):
        known.clear()
    state.hooks = {
        name: one for name, one in state.hooks.items() if one.status is HookStatus.ACTIVE
    }
    state.open_steps = state.open_waits = 0


def _set_attributes(state: State, event: AttributesSet, _at: int) -> None:
    for key, value in event.changes.items():
        if value is None:
            state.attributes.pop(key, None)
        else:
            state.attributes[key] = value


# --- steps -------------------------------------------------------------------------------------


def _create_step(state: State, event: StepCreated, _at: int) -> None:
    _add_deed(state, event)


def _add_deed(state: State, created: StepCreated) -> Deed:
    name = created.operation_id
    deed = state.deeds[name] = Deed(created, state.law.spent_on(name))
    state.open_steps += 1
    return deed


def _start_step(state: State, event: StepStarted, at: int) -> None:
    deed = state.deeds[event.operation_id]
    deed.status = StepStatus.RUNNING
    deed.attempt = event.attempt
    deed.retry_at = None
    deed.started_at = at
    if deed.first_started_at is None:
        deed.first_started_at = at


def _deed_of(state: State, event: StepRetrying | StepEnd) -> Deed:
    created = event.created
    return state.deeds[event.operation_id] if created is None else _add_deed(state, created)


def _retry_step(state: State, event: StepRetrying, at: int) -> None:
    deed = _deed_of(state, event)
    deed.status = StepStatus.PENDING
    deed.attempt = event.attempt
    deed.retry_at = event.retry_at
    if deed.first_started_at is None:
        deed.first_started_at = at


def _end_step(state: State, event: StepEnd, at: int) -> None:
    deed = _deed_of(state, event)
    deed.end = event
    deed.status = _ENDS[type(event)]
    deed.attempt = event.attempt
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


# --- hooks and waits ---------------------------------------------------------------------------


def _create_hook(state: State, event: HookCreated, at: int) -> None:
    state.hooks[event.operation_id] = Hook(
        operation_id=event.operation_id,
        hook_id=event.hook_id,
        token=event.token,
        status=HookStatus.ACTIVE,
        kind=event.kind,
        schema=event.schema,
        metadata=event.metadata,
        created_at=at,
        methods=event.methods,
        response=event.response,
    )


def _conflict_hook(state: State, event: HookConflicted, at: int) -> None:
    state.hooks[event.operation_id] = Hook(
        operation_id=event.operation_id,
        hook_id="",
        token=event.token,
        status=HookStatus.CONFLICTED,
        created_at=at,
    )


def _receive(state: State, event: HookReceived, _at: int) -> None:
    hook = state.hooks[event.operation_id]
    state.hooks[event.operation_id] = replace(hook, received=hook.received + 1)


def _dispose(state: State, event: HookDisposed, at: int) -> None:
    hook = state.hooks[event.operation_id]
    state.hooks[event.operation_id] = replace(hook, status=HookStatus.DISPOSED, disposed_at=at)


def _create_wait(state: State, event: WaitCreated, _at: int) -> None:
    state.waits[event.operation_id] = Wait(
        operation_id=event.operation_id, wake_at=event.wake_at, status=WaitStatus.WAITING
    )
    state.open_waits += 1


def _complete_wait(state: State, event: WaitCompleted, at: int) -> None:
    wait = state.waits[event.operation_id]
    state.waits[event.operation_id] = replace(wait, status=WaitStatus.COMPLETED, ended_at=at)
    state.open_waits -= 1


# --- children ----------------------------------------------------------------------------------


def _set_child(state: State, event: ChildCreated | ChildCompleted | ChildFailed, _at: int) -> None:
    state.children[event.operation_id] = event


_CHANGES: Final[Mapping[type[Event], Callable[[State, Any, int], None]]] = {
    RunCreated: _create_run,
    RunStarted: _start_run,
    **dict.fromkeys(TERMINAL, _end_run),
    RunCancelRequested: _request_cancel,
    RunUpgraded: _upgrade,
    RunRestarted: _restart,
    RunPaused: _pause,
    RunUnpaused: _unpause,
    StepCreated: _create_step,
    StepStarted: _start_step,
    StepRetrying: _retry_step,
    StepCompleted: _end_step,
    StepFailed: _end_step,
    StepCancelled: _end_step,
    HookCreated: _create_hook,
    HookReceived: _receive,
    HookDisposed: _dispose,
    HookConflicted: _conflict_hook,
    WaitCreated: _create_wait,
    WaitCompleted: _complete_wait,
    ChildCreated: _set_child,
    ChildCompleted: _set_child,
    ChildFailed: _set_child,
    AttributesSet: _set_attributes,
}
"""What an event changes; one without a row is a fact that only its reader minds."""
