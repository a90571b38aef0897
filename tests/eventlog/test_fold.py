"""What a log adds up to, and every event that may not follow."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.eventlog.samples import EVENTS, SAMPLES
from wfc.errors import IllegalEvent
from wfc.eventlog.entity import HookStatus, RunStatus, StepStatus, WaitStatus
from wfc.eventlog.event import (
    AttributesSet,
    CancelCause,
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
from wfc.eventlog.fold import State, check, fold
from wfc.eventlog.standing import Standing
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.policies import Policy

V1, V2 = VersionId("v1"), VersionId("v2")
WORKER = WorkerId("worker_1")
STEP, HOOK, WAIT, CHILD = map(
    OperationId, ("charge~1#0", "create_hook~1#0", "sleep~1#0", "start#0")
)
TOKEN = "order:1"  # noqa: S105 - the name of a hook, and no secret

BEGUN: tuple[Event, ...] = (
    RunCreated(
        workflow=DefinitionId("m:w"), version=V1, fingerprint="f1", arguments=b"a", seed=b"s",
        attributes={"tier": "free"},
    ),
    RunStarted(worker_id=WORKER),
)  # fmt: skip


def created(name: OperationId = STEP) -> StepCreated:
    return StepCreated(operation_id=name, step=DefinitionId("m:charge"), policy=Policy())


def started(attempt: int, name: OperationId = STEP) -> StepStarted:
    return StepStarted(operation_id=name, attempt=attempt, worker_id=WORKER)


def retrying(attempt: int, *, counted: bool = True, first: bool = False) -> StepRetrying:
    return StepRetrying(
        operation_id=STEP, attempt=attempt, error=b"e", retry_at=99, counted=counted,
        created=created() if first else None,
    )  # fmt: skip


def completed(attempt: int = 1, *, first: bool = False, name: OperationId = STEP) -> StepCompleted:
    return StepCompleted(
        operation_id=name, attempt=attempt, started_at=3, version=V1, output=b"o",
        created=created(name) if first else None,
    )  # fmt: skip


def failed(attempt: int = 1, *, first: bool = False) -> StepFailed:
    return StepFailed(
        operation_id=STEP, attempt=attempt, started_at=3, version=V1, error=b"e",
        created=created() if first else None,
    )  # fmt: skip


def cancelled(attempt: int = 1, *, first: bool = False) -> StepCancelled:
    return StepCancelled(operation_id=STEP, attempt=attempt, created=created() if first else None)


def run_failed(kind: FailureKind = FailureKind.USER) -> RunFailed:
    return RunFailed(error=b"e", kind=kind)


def upgraded(*retracted: OperationId, withdrawn: Sequence[OperationId] = ()) -> RunUpgraded:
    return RunUpgraded(
        from_version=V1, to_version=V2, fingerprint="f2", retracted=retracted,
        withdrawn=tuple(withdrawn),
    )  # fmt: skip


def restarted(chapter: int = 2) -> RunRestarted:
    return RunRestarted(chapter=chapter, arguments=b"b", seed=b"t", version=V2, fingerprint="f2")


HOOKED = HookCreated(operation_id=HOOK, hook_id="h", token=TOKEN)
RECEIVED = HookReceived(operation_id=HOOK, receipt_id="r", payload=b"p")
DISPOSED = HookDisposed(operation_id=HOOK)
CONFLICTED = HookConflicted(operation_id=HOOK, token=TOKEN, owner_run_id=RunId("run_o"))
ASLEEP = WaitCreated(operation_id=WAIT, wake_at=50)
AWAKE = WaitCompleted(operation_id=WAIT, cause=WaitCause.ELAPSED)
BORN = ChildCreated(
    operation_id=CHILD, run_id=RunId("run_c"), workflow=DefinitionId("m:c"), digest=b"d"
)
GROWN = ChildCompleted(operation_id=CHILD, output=b"o")
LOST = ChildFailed(operation_id=CHILD, error=b"e")
CANCEL = RunCancelRequested(reason="no", cause=CancelCause.USER)


def log_of(*events: Event) -> list[Recorded]:
    return [
        Recorded(position=index, recorded_at=10 + index, event=event)
        for index, event in enumerate(events, 1)
    ]


def state_of(*events: Event) -> State:
    return fold(log_of(*BEGUN, *events))


def picture(state: State) -> dict[str, Any]:
    """Everything a state holds, so that two of them can be compared."""
    held = {name: getattr(state, name) for name in State.__slots__}
    held["law"] = {name: getattr(state.law, name) for name in Standing.__slots__}
    held["deeds"] = state.steps
    return copy.deepcopy(held)


# --- what a log adds up to ---------------------------------------------------------------------


def test_a_log_tells_where_its_run_stands() -> None:
    state = State()
    assert state.created is None
    state = fold(log_of(BEGUN[0]))
    assert state.status is RunStatus.PENDING
    assert (state.version, state.fingerprint, state.opening) == (V1, "f1", BEGUN[0])
    assert state.attributes == {"tier": "free"}
    state = state_of()
    assert state.status is RunStatus.SUSPENDED
    assert state.started_at == 12
    assert state.length == 2
    assert state_of(RunCompleted(output=b"o")).status is RunStatus.COMPLETED
    assert state_of(run_failed()).status is RunStatus.FAILED
    ended = state_of(CANCEL, RunCancelled())
    assert ended.status is RunStatus.CANCELLED
    assert ended.ended_at == 14


def test_pause_cancel_and_attributes_are_kept() -> None:
    state = state_of(
        RunPaused(), CANCEL, RunCancelRequested(reason="later"),
        AttributesSet(changes={"n": 1, "tier": None, "unknown": None}), RunWoken(),
    )  # fmt: skip
    assert state.paused
    assert state.cancel_request is CANCEL, "the first request counts"
    assert state.attributes == {"n": 1}
    assert not state_of(RunPaused(), RunUnpaused()).paused


@pytest.mark.parametrize(
    ("events", "status", "attempt"),
    [
        ([created()], StepStatus.PENDING, 0),
        ([created(), started(1)], StepStatus.RUNNING, 1),
        ([created(), started(1), retrying(1)], StepStatus.PENDING, 1),
        ([created(), started(1), retrying(1), started(2)], StepStatus.RUNNING, 2),
        ([created(), started(1), retrying(1, counted=False), started(1)], StepStatus.RUNNING, 1),
        ([created(), started(1), completed()], StepStatus.COMPLETED, 1),
        ([created(), started(1), failed()], StepStatus.FAILED, 1),
        ([created(), started(1), cancelled()], StepStatus.CANCELLED, 1),
        ([completed(first=True)], StepStatus.COMPLETED, 1),
        ([failed(first=True)], StepStatus.FAILED, 1),
        ([cancelled(first=True)], StepStatus.CANCELLED, 1),
        ([retrying(1, first=True)], StepStatus.PENDING, 1),
        ([retrying(1, first=True), started(2), completed(2)], StepStatus.COMPLETED, 2),
        ([retrying(1, first=True), failed(1)], StepStatus.FAILED, 1),
        ([retrying(1, first=True), cancelled(2)], StepStatus.CANCELLED, 2),
        ([created(), completed()], StepStatus.COMPLETED, 1),
        ([created(), retrying(1), started(2)], StepStatus.RUNNING, 2),
    ],
)
def test_a_step_goes_its_way(events: list[Event], status: StepStatus, attempt: int) -> None:
    """None, pending, running, an end; the first attempt may run unrecorded."""
    state = state_of(*events)
    step = state.step(STEP)
    assert step is not None
    assert (step.status, step.attempt) == (status, attempt)
    assert state.steps == {STEP: step}
    assert state.open_steps == (status in {StepStatus.PENDING, StepStatus.RUNNING})


def test_a_step_keeps_its_times_and_its_outcome() -> None:
    state = state_of(created(), started(1), retrying(1))
    step = state.step(STEP)
    assert step is not None
    assert (step.first_started_at, step.started_at, step.retry_at) == (14, 14, 99)
    state = state_of(created(), started(1), retrying(1), started(2), completed(2))
    step = state.step(STEP)
    assert step is not None
    assert (step.first_started_at, step.started_at, step.ended_at) == (14, 3, 17)
    assert (step.output, step.error, step.retry_at) == (b"o", None, None)
    step = state_of(failed(first=True)).step(STEP)
    assert step is not None
    assert (step.output, step.error, step.first_started_at) == (None, b"e", 3)
    assert state.step(OperationId("other#0")) is None


def test_waits_hooks_and_children_go_their_way() -> None:
    state = state_of(ASLEEP, HOOKED, RECEIVED, BORN)
    assert state.waits[WAIT].status is WaitStatus.WAITING
    assert (state.hooks[HOOK].status, state.hooks[HOOK].received) == (HookStatus.ACTIVE, 1)
    assert state.children == {CHILD: BORN}
    assert state.open_waits == 1
    state = state_of(ASLEEP, HOOKED, AWAKE, DISPOSED, BORN, GROWN)
    assert (state.waits[WAIT].status, state.waits[WAIT].ended_at) == (WaitStatus.COMPLETED, 15)
    assert state.hooks[HOOK].status is HookStatus.DISPOSED
    assert state.children == {CHILD: GROWN}
    assert state.open_waits == 0
    assert state_of(CONFLICTED).hooks[HOOK].status is HookStatus.CONFLICTED


def test_the_end_of_a_run_disposes_its_hooks() -> None:
    state = state_of(HOOKED, RunCompleted(output=b"o"))
    assert state.hooks[HOOK].status is HookStatus.DISPOSED


def test_a_retracted_hook_is_open_again_with_what_came() -> None:
    """A conflicted one is taken back whole: who has its token may have gone."""
    back = upgraded(HOOK)
    for events in ((HOOKED, RECEIVED, run_failed()), (HOOKED, RECEIVED, DISPOSED, run_failed())):
        state = state_of(*events, back, RECEIVED)
        assert (state.hooks[HOOK].status, state.hooks[HOOK].received) == (HookStatus.ACTIVE, 2)
        assert state.hooks[HOOK].disposed_at is None
    state = state_of(CONFLICTED, run_failed(), back, HOOKED)
    assert state.hooks[HOOK].status is HookStatus.ACTIVE


def test_a_restart_begins_a_chapter_with_nothing_in_it() -> None:
    state = state_of(created(), ASLEEP, HOOKED, BORN, DISPOSED, restarted())
    assert (state.chapter, state.chapter_start, state.version) == (2, 8, V2)
    assert (state.steps, state.waits, state.hooks, state.children) == ({}, {}, {}, {})
    assert (state.open_steps, state.open_waits) == (0, 0)
    assert state.opening == restarted()
    assert state.attributes == {"tier": "free"}


def test_a_restart_keeps_the_hooks_that_are_open() -> None:
    """They take payloads until they are disposed, chapters later too."""
    state = state_of(HOOKED, restarted(), restarted(3), RECEIVED)
    assert (state.hooks[HOOK].status, state.hooks[HOOK].received) == (HookStatus.ACTIVE, 1)
    state = state_of(HOOKED, restarted(), DISPOSED)
    assert state.hooks[HOOK].status is HookStatus.DISPOSED
    with pytest.raises(IllegalEvent, match="disposed"):
        state.apply(Recorded(position=state.length + 1, recorded_at=10**9, event=RECEIVED))
    assert state_of(HOOKED, restarted(), DISPOSED, restarted(3)).hooks == {}


def test_a_batch_may_dispose_of_a_hook_and_restart() -> None:
    """What it leaves open is open in the next chapter, and nothing else."""
    state = state_of(HOOKED)
    state.law.check_all([RECEIVED, restarted(), RECEIVED, DISPOSED])
    for wrong in ([DISPOSED, RECEIVED], [restarted(), DISPOSED, RECEIVED]):
        with pytest.raises(IllegalEvent, match="disposed"):
            state.law.check_all(wrong)
    state.law.check_all([DISPOSED, restarted(), RECEIVED])


@pytest.mark.parametrize("late", [started(1), completed(), AWAKE, RECEIVED, DISPOSED, GROWN])
def test_what_an_earlier_chapter_still_hears_is_passed_over(late: Event) -> None:
    """A body, a sender or a child may be slower than the restart."""
    state = state_of(created(), ASLEEP, HOOKED, BORN, DISPOSED, restarted(), late)
    assert state.length == 9
    assert (state.steps, state.waits, state.hooks, state.children) == ({}, {}, {}, {})


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind is not FailureKind.TIMEOUT])
def test_an_upgrade_reopens_a_failed_run(kind: FailureKind) -> None:
    state = state_of(failed(first=True), run_failed(kind), upgraded(STEP))
    assert state.status is RunStatus.SUSPENDED
    assert (state.version, state.fingerprint, state.ended_at) == (V2, "f2", None)
    assert state.steps == {}


def test_a_retracted_step_goes_on_counting_its_attempts() -> None:
    """Attempt numbers go on: the step may run again, as attempt 2 and not as 1."""
    history = (failed(first=True), run_failed(), upgraded(STEP))
    step = state_of(*history, completed(2, first=True)).step(STEP)
    assert step is not None
    assert (step.status, step.attempt) == (StepStatus.COMPLETED, 2)
    step = state_of(*history, created(), started(2)).step(STEP)
    assert step is not None
    assert step.status is StepStatus.RUNNING


def test_an_upgrade_withdraws_what_is_open() -> None:
    state = state_of(created(), ASLEEP, HOOKED, BORN, upgraded(withdrawn=(STEP, WAIT, HOOK, CHILD)))
    assert (state.steps, state.waits, state.hooks, state.children) == ({}, {}, {}, {})
    assert (state.open_steps, state.open_waits) == (0, 0)


# --- what may not follow -----------------------------------------------------------------------

ILLEGAL: dict[str, tuple[Sequence[Event], Event]] = {
    "created twice": ((), BEGUN[0]),
    "started twice": ((), BEGUN[1]),
    "cancelled unasked": ((), RunCancelled()),
    "upgraded from elsewhere": (
        (), RunUpgraded(from_version=V2, to_version=V1, fingerprint="f"),
    ),
    "retracted success": ((completed(first=True), run_failed()), upgraded(STEP)),
    "withdrawn success": ((completed(first=True),), upgraded(withdrawn=(STEP,))),
    "retracted child's success": ((BORN, GROWN, run_failed()), upgraded(CHILD)),
    "chapter skipped": ((), restarted(3)),
    "chapter repeated": ((restarted(2),), restarted(2)),
    "after completed": ((RunCompleted(output=b"o"),), RunPaused()),
    "upgraded after completed": ((RunCompleted(output=b"o"),), upgraded()),
    "upgraded after cancelled": ((RunCancelled(forced=True),), upgraded()),
    "upgraded after a timeout": ((run_failed(FailureKind.TIMEOUT),), upgraded()),
    "after failed": ((run_failed(),), completed(first=True)),
    "failed twice": ((run_failed(),), run_failed()),
    "step created twice": ((created(),), created()),
    "step created after its end": ((completed(first=True),), created()),
    "unknown step started": ((), started(1)),
    "running step started": ((created(), started(1)), started(2)),
    "ended step started": ((completed(first=True),), started(2)),
    "first attempt skipped": ((created(),), started(2)),
    "attempt repeated": ((retrying(1, first=True),), started(1)),
    "attempt skipped": ((retrying(1, first=True),), started(3)),
    "uncounted attempt counted": ((retrying(1, counted=False, first=True),), started(2)),
    "unknown step completed": ((), completed()),
    "unknown step retried": ((), retrying(1)),
    "completed twice": ((completed(first=True),), completed()),
    "failed after completed": ((completed(first=True),), failed()),
    "completed after failed": ((failed(first=True),), completed()),
    "completed after cancelled": ((cancelled(first=True),), completed()),
    "retried after the end": ((completed(first=True),), retrying(1)),
    "brings a second creation": ((created(), started(1)), completed(first=True)),
    "brings another's creation": (
        (),
        StepCompleted(
            operation_id=STEP, attempt=1, started_at=1, version=V1, output=b"",
            created=created(OperationId("other#0")),
        ),
    ),
    "first event of attempt 2": ((), completed(2, first=True)),
    "another attempt's outcome": ((created(), started(1)), completed(2)),
    "another attempt's retry": ((created(), started(1)), retrying(2)),
    "completed in the pause": ((retrying(1, first=True),), completed(1)),
    "completed unrecorded later": ((retrying(1, first=True),), completed(2)),
    "retried in the pause": ((retrying(1, first=True),), retrying(2)),
    "failed far ahead": ((retrying(1, first=True),), failed(3)),
    "pending step of attempt 2": ((created(),), completed(2)),
    "retracted step begins anew": (
        (failed(first=True), run_failed(), upgraded(STEP)), completed(1, first=True),
    ),
    "hook created twice": ((HOOKED,), HOOKED),
    "hook created after a conflict": ((CONFLICTED,), HOOKED),
    "conflict of an active hook": ((HOOKED,), CONFLICTED),
    "unknown hook received": ((), RECEIVED),
    "disposed hook received": ((HOOKED, DISPOSED), RECEIVED),
    "conflicted hook received": ((CONFLICTED,), RECEIVED),
    "disposed twice": ((HOOKED, DISPOSED), DISPOSED),
    "conflicted hook disposed": ((CONFLICTED,), DISPOSED),
    "unknown hook disposed": ((), DISPOSED),
    "wait created twice": ((ASLEEP,), ASLEEP),
    "wait created after its end": ((ASLEEP, AWAKE), ASLEEP),
    "wait completed twice": ((ASLEEP, AWAKE), AWAKE),
    "unknown wait completed": ((), AWAKE),
    "child created twice": ((BORN,), BORN),
    "unknown child completed": ((), GROWN),
    "child completed twice": ((BORN, GROWN), GROWN),
    "child failed after completed": ((BORN, GROWN), LOST),
    "child failed twice": ((BORN, LOST), LOST),
    "refused child failed again": ((LOST,), LOST),
    "refused child created": ((LOST,), BORN),
    "unknown step failed": ((), failed()),
    "unknown step cancelled": ((), cancelled()),
    "cancelled twice": ((cancelled(first=True),), cancelled()),
    "hook received after the run's end": ((HOOKED, run_failed(), upgraded()), RECEIVED),
    "hook created after the run's end": ((HOOKED, run_failed(), upgraded()), HOOKED),
    "withdrawn wait completed": ((ASLEEP, upgraded(withdrawn=(WAIT,))), AWAKE),
    "withdrawn hook received": ((HOOKED, upgraded(withdrawn=(HOOK,))), RECEIVED),
    "of no operation": ((), completed(name=OperationId("nonsense"))),
    "of a later chapter": ((), completed(name=OperationId("2:charge~1#0"))),
}  # fmt: skip


@pytest.mark.parametrize("case", ILLEGAL)
def test_an_illegal_event_is_refused_and_changes_nothing(case: str) -> None:
    history, event = ILLEGAL[case]
    state = state_of(*history)
    before = picture(state)
    with pytest.raises(IllegalEvent) as asked:
        check(state, event)
    with pytest.raises(IllegalEvent) as applied:
        state.apply(Recorded(position=state.length + 1, recorded_at=1000, event=event))
    assert str(asked.value) == str(applied.value)
    assert picture(state) == before


@pytest.mark.parametrize("case", ILLEGAL)
def test_a_refusal_names_event_operation_state_and_position(case: str) -> None:
    """What whoever reports it has to tell us."""
    history, event = ILLEGAL[case]
    state = state_of(*history)
    with pytest.raises(IllegalEvent) as refused:
        check(state, event)
    name = getattr(event, "operation_id", None)
    about = "" if name is None else f" of {name}"
    text = str(refused.value)
    assert text.startswith(f"{event.name}{about} cannot be event {state.length + 1} of the log: ")
    assert standing_of(state, event) in text


def standing_of(state: State, event: Event) -> str:
    """Say in a word where that stands what an event is about, as the views have it."""
    name = getattr(event, "operation_id", None)
    if isinstance(event, RunUpgraded) and isinstance(state.end, RunFailed):
        return "has succeeded" if event.retracted else state.end.kind.value
    if state.end is not None:
        return state.end.name
    if name is None or name == "nonsense":
        return ""
    known = state.step(name) or state.hooks.get(name) or state.waits.get(name)
    if known is not None:
        return known.status.value
    child = state.children.get(name)
    if child is not None:
        return child.name
    brought = getattr(event, "created", None)
    return "does not exist" if brought is None or brought.operation_id == name else "other#0"


@pytest.mark.parametrize("event", [event for event in SAMPLES if event.code != 1])
def test_a_log_begins_with_run_created(event: Event) -> None:
    with pytest.raises(IllegalEvent, match="a log begins with run_created"):
        check(State(), event)


def test_positions_are_dense_and_time_never_goes_back() -> None:
    state = state_of()
    for position in (2, 4):
        with pytest.raises(IllegalEvent, match="cannot follow event 2"):
            state.apply(Recorded(position=position, recorded_at=99, event=RunPaused()))
    with pytest.raises(IllegalEvent, match="before its predecessor"):
        state.apply(Recorded(position=3, recorded_at=11, event=RunPaused()))
    assert (state.length, state.paused) == (2, False)


RELEVANT = st.sampled_from(
    [
        created(), started(1), started(2), retrying(1), retrying(1, first=True),
        retrying(1, counted=False), completed(), completed(2), completed(first=True), failed(),
        failed(first=True), cancelled(), HOOKED, RECEIVED, DISPOSED, CONFLICTED, ASLEEP, AWAKE,
        BORN, GROWN, LOST, CANCEL, RunCancelled(), run_failed(), upgraded(STEP),
        upgraded(withdrawn=(STEP, WAIT)), restarted(2), restarted(3), RunPaused(),
        AttributesSet(changes={"n": 1}),
    ]
)  # fmt: skip


@given(st.lists(RELEVANT | EVENTS, max_size=30))
def test_check_and_apply_agree_and_a_refusal_leaves_no_trace(events: list[Event]) -> None:
    """Whatever comes in, an event is taken or refused, and the log that was taken folds alike."""
    state, taken = state_of(), list(BEGUN)
    for event in events:
        before = picture(state)
        try:
            check(state, event)
        except IllegalEvent:
            with pytest.raises(IllegalEvent):
                state.apply(Recorded(position=state.length + 1, recorded_at=99, event=event))
            assert picture(state) == before
            continue
        assert picture(state) == before, "check changes nothing"
        taken.append(event)
        state.apply(Recorded(position=len(taken), recorded_at=10 + len(taken), event=event))
    assert picture(fold(log_of(*taken))) == picture(state)
