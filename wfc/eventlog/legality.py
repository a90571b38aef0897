"""Which event may come next: the legal transitions of a run's log, without any payload.

`check` asks, `note` takes an event in. A live run keeps one of these for its whole life, so what
has ended is a small number and nothing else. `wfc.eventlog.fold` builds its views on the same
rules, so writer and reader cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn

from wfc.errors import IllegalEvent
from wfc.eventlog.event import (
    TERMINAL,
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
from wfc.ids import OperationId, VersionId, split_operation_id

StepEnd = StepCompleted | StepFailed | StepCancelled

# Where a step stands is one number: an attempt times 8, plus one of these. The attempt is the last
# that counts (pending), the one under way (running), or the last one there was (ended).
PENDING: Final = 1
RUNNING: Final = 2
COMPLETED: Final = 3
FAILED: Final = 4
CANCELLED: Final = 5
_WORDS: Final = ("", "pending", "running", "completed", "failed", "cancelled")
_BITS: Final = 3
_MASK: Final = 7
_ENDS: Final[Mapping[type[Event], int]] = {
    StepCompleted: COMPLETED,
    StepFailed: FAILED,
    StepCancelled: CANCELLED,
}
_ACTIVE: Final = 1
_DISPOSED: Final = 2
_CONFLICTED: Final = 3
_HOOK_WORDS: Final = ("", "active", "disposed", "conflicted")


class Legality:
    """Where a run and the operations of its present chapter stand."""

    __slots__ = (
        "cancel_requested", "chapter", "children", "end", "hooks", "spent", "started", "steps",
        "version", "waits",
    )  # fmt: skip

    def __init__(self) -> None:
        """Begin before the first event."""
        self.version: VersionId | None = None
        """None before `run_created`."""
        self.chapter = 1
        self.started = False
        self.cancel_requested = False
        self.end: RunCompleted | RunFailed | RunCancelled | None = None
        self.steps: dict[OperationId, int] = {}
        self.spent: dict[OperationId, int] = _NONE
        """Attempts of steps that an upgrade set back to none: their numbers go on."""
        self.waits: dict[OperationId, bool] = _NONE
        """Whether a wait still waits."""
        self.hooks: dict[OperationId, int] = _NONE
        self.children: dict[OperationId, type[Event]] = _NONE
        """The last event of a child run."""

    def check(self, event: Event) -> bool:
        """See that `event` may follow, changing nothing. Raises `IllegalEvent`.

        False: it may, but it is about an operation of an earlier chapter and counts for nothing.
        """
        if self.version is None:
            if type(event) is not RunCreated:
                _refuse(f"a log begins with run_created, not with {event.name}")
        elif self.end is not None and not (type(event) is RunUpgraded and _may_reopen(self.end)):
            _refuse(f"nothing may follow {self.end.name}, and {event.name} would")
        rule = _RULES[type(event)]
        return rule is None or rule(self, event)

    def check_all(self, events: Sequence[Event]) -> None:
        """See that `events` may follow one after the other. Raises `IllegalEvent`."""
        if len(events) == 1:
            self.check(events[0])
            return
        draft = _Draft(self)
        if any(type(event) is RunUpgraded for event in events):
            draft.forget_base()
        for event in events:
            if draft.check(event):
                draft.note(event)

    def note(self, event: Event) -> None:
        """Take in an event for which `check` said True."""
        change = _CHANGES.get(type(event))
        if change is not None:
            change(self, event)

    def step(self, name: OperationId) -> int:
        """Give where a step stands, 0 if the log does not know it."""
        return self.steps.get(name, 0)

    def wait(self, name: OperationId) -> bool | None:
        """Tell whether a wait still waits; None: the log does not know it."""
        return self.waits.get(name)

    def hook(self, name: OperationId) -> int:
        """Give where a hook stands, 0 if the log does not know it."""
        return self.hooks.get(name, 0)

    def child(self, name: OperationId) -> type[Event] | None:
        """Give the last event of a child run, None if the log does not know it."""
        return self.children.get(name)

    def spent_on(self, name: OperationId) -> int:
        """Give the attempts that an upgrade took back from a step."""
        return self.spent.get(name, 0)

    def forget_chapter(self) -> None:
        """Begin a chapter: no operation is known."""
        self.steps = {}
        self.spent = self.waits = self.hooks = self.children = _NONE


_NONE: Final[dict[OperationId, Any]] = {}
"""Stands for every empty table and is never written to: most runs need two of the five."""


class _Draft(Legality):
    """What would be true after some events: a thin layer over what is."""

    __slots__ = ("_base",)

    def __init__(self, base: Legality) -> None:
        super().__init__()
        self._base: Legality | None = base
        self.version, self.chapter, self.started = base.version, base.chapter, base.started
        self.cancel_requested, self.end = base.cancel_requested, base.end

    def step(self, name: OperationId) -> int:
        found = self.steps.get(name, 0)
        return self._base.step(name) if not found and self._base is not None else found

    def wait(self, name: OperationId) -> bool | None:
        found = self.waits.get(name)
        return self._base.wait(name) if found is None and self._base is not None else found

    def hook(self, name: OperationId) -> int:
        found = self.hooks.get(name, 0)
        return self._base.hook(name) if not found and self._base is not None else found

    def child(self, name: OperationId) -> type[Event] | None:
        found = self.children.get(name)
        return self._base.child(name) if found is None and self._base is not None else found

    def spent_on(self, name: OperationId) -> int:
        found = self.spent.get(name, 0)
        return self._base.spent_on(name) if not found and self._base is not None else found

    def forget_chapter(self) -> None:
        super().forget_chapter()
        self._base = None

    def forget_base(self) -> None:
        """Take over all that the base knows, so that it can be taken back here."""
        base, self._base = self._base, None
        if base is not None:
            self.steps, self.spent, self.waits = dict(base.steps), base.spent, dict(base.waits)
            self.hooks, self.children = dict(base.hooks), dict(base.children)


def standing(status: int, attempt: int) -> int:
    """Write where a step stands as one number."""
    return attempt << _BITS | status


def status_of(number: int) -> int:
    """Read the status from where a step stands."""
    return number & _MASK


def attempt_of(number: int) -> int:
    """Read the attempt from where a step stands."""
    return number >> _BITS


def _may_reopen(end: Event) -> bool:
    return isinstance(end, RunFailed) and end.kind is not FailureKind.TIMEOUT


def _refuse(sentence: str) -> NoReturn:
    raise IllegalEvent(
        f"{sentence}. Nothing was written. This is a fault of wfc, please report it."
    )


# --- rules: raise, or tell whether the event counts -----------------------------------------------


def _run_created(law: Legality, _event: RunCreated) -> bool:
    if law.version is not None:
        _refuse("the run has been created already")
    return True


def _run_started(law: Legality, _event: RunStarted) -> bool:
    if law.started:
        _refuse("the run has been started already")
    return True


def _run_cancelled(law: Legality, event: RunCancelled) -> bool:
    if not law.cancel_requested and not event.forced:
        _refuse("the run is cancelled, but nobody asked for it")
    return True


def _run_upgraded(law: Legality, event: RunUpgraded) -> bool:
    if event.from_version != law.version:
        _refuse(f"the run is on version {law.version}, and not on {event.from_version}")
    for name in (*event.withdrawn, *event.retracted):
        if status_of(law.step(name)) == COMPLETED or law.child(name) is ChildCompleted:
            _refuse(f"{name} has succeeded, and a success is never taken back")
    return True


def _run_restarted(law: Legality, event: RunRestarted) -> bool:
    if event.chapter != law.chapter + 1:
        _refuse(f"chapter {event.chapter} cannot follow chapter {law.chapter}")
    return True


def _step_created(law: Legality, event: StepCreated) -> bool:
    if law.step(event.operation_id):
        _refuse(f"the step {event.operation_id} has been created already")
    return True


def _step_started(law: Legality, event: StepStarted) -> bool:
    name = event.operation_id
    number = law.step(name)
    if not number:
        return _is_earlier(law, event)
    if status_of(number) != PENDING:
        _refuse(f"the step {name} is {_WORDS[status_of(number)]}, so no attempt can start")
    if event.attempt != attempt_of(number) + 1:
        _refuse(f"attempt {event.attempt} of {name} cannot follow attempt {attempt_of(number)}")
    return True


def _step_answered(law: Legality, event: StepRetrying | StepEnd) -> bool:
    """Judge what ends an attempt, a step, or both; with `created` it is the step's first event."""
    name, created = event.operation_id, event.created
    number = law.step(name)
    if number:
        if created is not None:
            _refuse(f"the step {name} has been created already")
        _check_answer(number, event)
        return True
    if created is None:
        return _is_earlier(law, event)
    if created.operation_id != name:
        _refuse(f"{name} brings the creation of {created.operation_id}")
    if event.attempt != law.spent_on(name) + 1:
        _refuse(f"the first event of {name} is of attempt {event.attempt}")
    return True


def _check_answer(number: int, event: StepRetrying | StepEnd) -> None:
    status, attempt = status_of(number), attempt_of(number)
    if status in (COMPLETED, FAILED, CANCELLED):
        _refuse(f"the step {event.operation_id} has ended, and {event.name} would follow")
    if status == RUNNING:
        fits = event.attempt == attempt
    elif attempt == 0:
        fits = event.attempt == 1  # the first attempt may run unrecorded
    else:
        # A step can be given up in the pause between two attempts, but not succeed there.
        gives_up = isinstance(event, StepFailed | StepCancelled)
        fits = gives_up and event.attempt in {attempt, attempt + 1}
    if not fits:
        _refuse(
            f"{event.name} of attempt {event.attempt} does not fit the step {event.operation_id}, "
            f"which is {_WORDS[status]} with attempt {attempt}"
        )


def _hook_created(law: Legality, event: HookCreated | HookConflicted) -> bool:
    if law.hook(event.operation_id):
        _refuse(f"the hook {event.operation_id} has been created already")
    return True


def _hook_used(law: Legality, event: HookReceived | HookDisposed) -> bool:
    status = law.hook(event.operation_id)
    if not status:
        return _is_earlier(law, event)
    if status != _ACTIVE:
        word = _HOOK_WORDS[status]
        _refuse(f"the hook {event.operation_id} is {word}, and {event.name} would follow")
    return True


def _wait_created(law: Legality, event: WaitCreated) -> bool:
    if law.wait(event.operation_id) is not None:
        _refuse(f"the wait {event.operation_id} has been created already")
    return True


def _wait_completed(law: Legality, event: WaitCompleted) -> bool:
    waits = law.wait(event.operation_id)
    if waits is None:
        return _is_earlier(law, event)
    if not waits:
        _refuse(f"the wait {event.operation_id} is over already")
    return True


def _child_created(law: Legality, event: ChildCreated) -> bool:
    if law.child(event.operation_id) is not None:
        _refuse(f"the child run of {event.operation_id} has been created already")
    return True


def _child_ended(law: Legality, event: ChildCompleted | ChildFailed) -> bool:
    last = law.child(event.operation_id)
    if last is None:
        return _is_earlier(law, event)
    if last is not ChildCreated:
        _refuse(f"the child run of {event.operation_id} has ended already")
    return True


def _is_earlier(law: Legality, event: Any) -> bool:
    """Pass over what belongs to an earlier chapter; refuse what belongs to nothing."""
    name = event.operation_id
    try:
        chapter, _, _ = split_operation_id(name)
    except ValueError:
        _refuse(f"{event.name} is about {name!r}, which names no operation")
    if chapter < law.chapter:
        return False
    _refuse(f"{event.name} is about {name}, which does not exist")


_RULES: Final[Mapping[type[Event], Callable[[Legality, Any], bool] | None]] = {
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


# --- changes -------------------------------------------------------------------------------------


def _open(law: Legality, event: RunCreated) -> None:
    law.version = event.version


def _start(law: Legality, _event: RunStarted) -> None:
    law.started = True


def _request_cancel(law: Legality, _event: RunCancelRequested) -> None:
    law.cancel_requested = True


def _end(law: Legality, event: RunCompleted | RunFailed | RunCancelled) -> None:
    law.end = event


def _upgrade(law: Legality, event: RunUpgraded) -> None:
    law.version, law.end = event.to_version, None
    for name in (*event.withdrawn, *event.retracted):
        number = law.steps.pop(name, 0)
        if number:
            law.spent = {**law.spent, name: attempt_of(number)}
        for table in (law.waits, law.hooks, law.children):
            table.pop(name, None)


def _restart(law: Legality, event: RunRestarted) -> None:
    law.version, law.chapter = event.version, event.chapter
    law.forget_chapter()


def _create_step(law: Legality, event: StepCreated) -> None:
    law.steps[event.operation_id] = law.spent_on(event.operation_id) << _BITS | PENDING


def _start_step(law: Legality, event: StepStarted) -> None:
    law.steps[event.operation_id] = event.attempt << _BITS | RUNNING


def _retry_step(law: Legality, event: StepRetrying) -> None:
    spent = event.attempt if event.counted else event.attempt - 1
    law.steps[event.operation_id] = spent << _BITS | PENDING


def _end_step(law: Legality, event: StepEnd) -> None:
    law.steps[event.operation_id] = event.attempt << _BITS | _ENDS[type(event)]


def _create_wait(law: Legality, event: WaitCreated) -> None:
    if law.waits is _NONE:
        law.waits = {}
    law.waits[event.operation_id] = True


def _end_wait(law: Legality, event: WaitCompleted) -> None:
    if law.waits is _NONE:
        law.waits = {}
    law.waits[event.operation_id] = False


def _note_hook(law: Legality, event: HookCreated | HookDisposed | HookConflicted) -> None:
    if law.hooks is _NONE:
        law.hooks = {}
    law.hooks[event.operation_id] = _HOOK_STATES[type(event)]


_HOOK_STATES: Final[Mapping[type[Event], int]] = {
    HookCreated: _ACTIVE,
    HookDisposed: _DISPOSED,
    HookConflicted: _CONFLICTED,
}


def _note_child(law: Legality, event: ChildCreated | ChildCompleted | ChildFailed) -> None:
    if law.children is _NONE:
        law.children = {}
    law.children[event.operation_id] = type(event)


_CHANGES: Final[Mapping[type[Event], Callable[[Legality, Any], None]]] = {
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
