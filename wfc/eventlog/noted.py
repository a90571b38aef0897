"""What an event that may follow changes in where a run and its operations stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from wfc.eventlog.allowed import StepEnd
from wfc.eventlog.event import (
    TERMINAL,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
    HookConflicted,
    HookCreated,
    HookDisposed,
    RunCancelled,
    RunCancelRequested,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunRestarted,
    RunStarted,
    RunUpgraded,
    StepCancelled,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepRetrying,
    StepStarted,
    WaitCompleted,
    WaitCreated,
)
from wfc.eventlog.standing import (
    ACTIVE,
    BITS,
    CANCELLED,
    COMPLETED,
    CONFLICTED,
    DISPOSED,
    FAILED,
    NONE,
    PENDING,
    RUNNING,
    Standing,
)

_ENDS: Final[Mapping[type[Event], int]] = {
    StepCompleted: COMPLETED,
    StepFailed: FAILED,
    StepCancelled: CANCELLED,
}
_HOOKS: Final[Mapping[type[Event], int]] = {
    HookCreated: ACTIVE,
    HookDisposed: DISPOSED,
    HookConflicted: CONFLICTED,
}


def _open(at: Standing, event: RunCreated) -> None:
    at.version = event.version


def _start(at: Standing, _event: RunStarted) -> None:
    at.started = True


def _request_cancel(at: Standing, _event: RunCancelRequested) -> None:
    at.cancel_requested = True


def _end(at: Standing, event: RunCompleted | RunFailed | RunCancelled) -> None:
    at.end = event
    at.dispose_hooks()


def _upgrade(at: Standing, event: RunUpgraded) -> None:
    at.version, at.end = event.to_version, None
    for name in event.withdrawn:
        at.take_back(name)
    for name in event.retracted:
        if at.hook(name) in {ACTIVE, DISPOSED}:
            at.reopen_hook(name)
        else:
            at.take_back(name)
    at.rename(event)


def _restart(at: Standing, event: RunRestarted) -> None:
    at.version, at.chapter = event.version, event.chapter
    at.forget_chapter()


def _create_step(at: Standing, event: StepCreated) -> None:
    at.steps[event.operation_id] = at.spent_on(event.operation_id) << BITS | PENDING


def _start_step(at: Standing, event: StepStarted) -> None:
    at.steps[event.operation_id] = event.attempt << BITS | RUNNING


def _retry_step(at: Standing, event: StepRetrying) -> None:
    spent = event.attempt if event.counted else event.attempt - 1
    at.steps[event.operation_id] = spent << BITS | PENDING


def _end_step(at: Standing, event: StepEnd) -> None:
    at.steps[event.operation_id] = event.attempt << BITS | _ENDS[type(event)]


def _create_wait(at: Standing, event: WaitCreated) -> None:
    if at.waits is NONE:
        at.waits = {}
    at.waits[event.operation_id] = True


def _end_wait(at: Standing, event: WaitCompleted) -> None:
    if at.waits is NONE:
        at.waits = {}
    at.waits[event.operation_id] = False


def _note_hook(at: Standing, event: HookCreated | HookDisposed | HookConflicted) -> None:
    if at.hooks is NONE:
        at.hooks = {}
    at.hooks[event.operation_id] = _HOOKS[type(event)]


def _note_child(at: Standing, event: ChildCreated | ChildCompleted | ChildFailed) -> None:
    if at.children is NONE:
        at.children = {}
    at.children[event.operation_id] = type(event)


CHANGES: Final[Mapping[type[Event], Callable[[Standing, Any], None]]] = {
    RunCreated: _open,
    RunStarted: _start,
    RunCancelRequested: _request_cancel,
    RunUpgraded: _upgrade,
    RunRestarted: _restart,
    StepCreated: _create_step,
    StepStarted: _start_step,
    StepRetrying: _retry_step,
    StepCompleted: _end_step,
    StepFailed: _end_step,
    StepCancelled: _end_step,
    HookCreated: _note_hook,
    HookDisposed: _note_hook,
    HookConflicted: _note_hook,
    WaitCreated: _create_wait,
    WaitCompleted: _end_wait,
    ChildCreated: _note_child,
    ChildCompleted: _note_child,
    ChildFailed: _note_child,
    **dict.fromkeys(TERMINAL, _end),
}
"""One without a row is a fact on which no later event depends."""
