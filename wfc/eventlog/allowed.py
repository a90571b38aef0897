"""May an event follow? One rule for each type: raise `IllegalEvent`, or say whether it counts.

What is about an operation of an earlier chapter may follow, but counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from wfc.errors import IllegalEvent
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
    COMPLETED,
    HOOK_WORDS,
    PENDING,
    RUNNING,
    STEP_WORDS,
    Standing,
    attempt_of,
    status_of,
)
from wfc.ids import split_operation_id

StepEnd = StepCompleted | StepFailed | StepCancelled


def refuse(at: Standing, event: Event, why: str) -> NoReturn:
    """Raise `IllegalEvent`: which event, about what, where in the log, and why not there."""
    name = getattr(event, "operation_id", None)
    about = "" if name is None else f" of {name}"
    raise IllegalEvent(
        f"{event.name}{about} cannot be event {at.length + 1} of the log: {why}. "
        f"Nothing was written. This is a fault of wfc, please report it ({IllegalEvent.code})."
    )


def check_open(at: Standing, event: Event) -> None:
    """See that the run takes events at all. Raises `IllegalEvent`."""
    if at.version is None:
        if type(event) is not RunCreated:
            refuse(at, event, f"a log begins with run_created, not with {event.name}")
    elif at.end is not None and not (type(event) is RunUpgraded and _may_reopen(at.end)):
        refuse(at, event, f"nothing may follow {_end_of(at.end)}, and {event.name} would")


def _may_reopen(end: Event) -> bool:
    return isinstance(end, RunFailed) and end.kind is not FailureKind.TIMEOUT


def _end_of(end: Event) -> str:
    return f"{end.name} ({end.kind})" if isinstance(end, RunFailed) else end.name


# --- the run -------------------------------------------------------------------------------------


def _run_created(at: Standing, event: RunCreated) -> bool:
    if at.version is not None:
        refuse(at, event, "the run has been created already")
    return True


def _run_started(at: Standing, event: RunStarted) -> bool:
    if at.started:
        refuse(at, event, "the run has been started already")
    return True


def _run_cancelled(at: Standing, event: RunCancelled) -> bool:
    if not at.cancel_requested and not event.forced:
        refuse(at, event, "the run is cancelled, but nobody asked for it")
    return True


def _run_upgraded(at: Standing, event: RunUpgraded) -> bool:
    if event.from_version != at.version:
        refuse(at, event, f"the run is on version {at.version}, and not on {event.from_version}")
    for name in (*event.withdrawn, *event.retracted):
        if status_of(at.step(name)) == COMPLETED or at.child(name) is ChildCompleted:
            refuse(at, event, f"{name} has succeeded, and a success is never taken back")
    return True


def _run_restarted(at: Standing, event: RunRestarted) -> bool:
    if event.chapter != at.chapter + 1:
        refuse(at, event, f"chapter {event.chapter} cannot follow chapter {at.chapter}")
    return True


# --- steps ---------------------------------------------------------------------------------------


def _step_created(at: Standing, event: StepCreated) -> bool:
    number = at.step(event.operation_id)
    if number:
        word = STEP_WORDS[status_of(number)]
        refuse(at, event, f"the step has been created already and is {word}")
    return True


def _step_started(at: Standing, event: StepStarted) -> bool:
    number = at.step(event.operation_id)
    if not number:
        return _is_earlier(at, event)
    status, attempt = status_of(number), attempt_of(number)
    if status != PENDING:
        refuse(at, event, f"the step is {STEP_WORDS[status]}, so no attempt can start")
    if event.attempt != attempt + 1:
        refuse(
            at,
            event,
            f"attempt {event.attempt} cannot follow attempt {attempt} of a step that is pending",
        )
    return True


def _step_answered(at: Standing, event: StepRetrying | StepEnd) -> bool:
    """Judge what ends an attempt, a step, or both; with `created` it is the step's first event."""
    name, created = event.operation_id, event.created
    number = at.step(name)
    if number:
        if created is not None:
            word = STEP_WORDS[status_of(number)]
            refuse(at, event, f"the step has been created already and is {word}")
        _check_answer(at, number, event)
        return True
    if created is None:
        return _is_earlier(at, event)
    if created.operation_id != name:
        refuse(at, event, f"it brings the creation of {created.operation_id}")
    if event.attempt != at.spent_on(name) + 1:
        refuse(at, event, f"the step does not exist, and this would begin at {event.attempt}")
    return True


def _check_answer(at: Standing, number: int, event: StepRetrying | StepEnd) -> None:
    status, attempt = status_of(number), attempt_of(number)
    if status == RUNNING:
        fits = event.attempt == attempt
    elif status != PENDING:
        refuse(at, event, f"the step has ended already and is {STEP_WORDS[status]}")
    elif attempt == 0:
        fits = event.attempt == 1  # the first attempt may run unrecorded
    else:
        # A step can be given up in the pause between two attempts, but not succeed there.
        gives_up = isinstance(event, StepFailed | StepCancelled)
        fits = gives_up and event.attempt in {attempt, attempt + 1}
    if not fits:
        refuse(
            at,
            event,
            f"the step is {STEP_WORDS[status]} with attempt {attempt}, and this is the outcome "
            f"of attempt {event.attempt}",
        )


# --- hooks, waits, children ----------------------------------------------------------------------


def _hook_created(at: Standing, event: HookCreated | HookConflicted) -> bool:
    status = at.hook(event.operation_id)
    if status:
        refuse(at, event, f"the hook has been created already and is {HOOK_WORDS[status]}")
    return True


def _hook_used(at: Standing, event: HookReceived | HookDisposed) -> bool:
    status = at.hook(event.operation_id)
    if not status:
        return _is_earlier(at, event)
    if status != ACTIVE:
        refuse(at, event, f"the hook is {HOOK_WORDS[status]}")
    return True


def _wait_created(at: Standing, event: WaitCreated) -> bool:
    waits = at.wait(event.operation_id)
    if waits is not None:
        word = "waiting" if waits else "completed"
        refuse(at, event, f"the wait has been created already and is {word}")
    return True


def _wait_completed(at: Standing, event: WaitCompleted) -> bool:
    waits = at.wait(event.operation_id)
    if waits is None:
        return _is_earlier(at, event)
    if not waits:
        refuse(at, event, "the wait is completed already")
    return True


def _child_created(at: Standing, event: ChildCreated) -> bool:
    last = at.child(event.operation_id)
    if last is not None:
        refuse(at, event, f"the child run has been created already, last came {last.name}")
    return True


def _child_ended(at: Standing, event: ChildCompleted | ChildFailed) -> bool:
    last = at.child(event.operation_id)
    if last is None:
        # A failure without a creation says that the child could not be started.
        return _is_present(at, event) or _is_earlier(at, event)
    if last is not ChildCreated:
        refuse(at, event, f"the child run has ended already, by {last.name}")
    return True


def _is_present(at: Standing, event: ChildCompleted | ChildFailed) -> bool:
    if not isinstance(event, ChildFailed):
        return False
    try:
        return split_operation_id(event.operation_id)[0] == at.chapter
    except ValueError:
        return False


def _is_earlier(at: Standing, event: Any) -> bool:
    """Pass over what belongs to an earlier chapter; refuse what belongs to nothing."""
    try:
        chapter, _, _ = split_operation_id(event.operation_id)
    except ValueError:
        refuse(at, event, f"{event.operation_id!r} names no operation")
    if chapter < at.chapter:
        return False
    refuse(at, event, "the operation does not exist")


RULES: Final[Mapping[type[Event], Callable[[Standing, Any], bool] | None]] = {
    **dict.fromkeys(
        (RunCompleted, RunFailed, RunCancelRequested, RunPaused, RunUnpaused, RunWoken)
    ),
    AttributesSet: None,
    RunCreated: _run_created,
    RunStarted: _run_started,
    RunCancelled: _run_cancelled,
    RunUpgraded: _run_upgraded,
    RunRestarted: _run_restarted,
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
}
"""None: legal as long as the run has not ended."""
