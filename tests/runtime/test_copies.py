"""What a fork takes over: pure, from logs that this release cannot yet make."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from wfc.eventlog.event import (
    ChildCompleted,
    ChildCreated,
    Event,
    FailureKind,
    HookCreated,
    Parent,
    Recorded,
    RunCreated,
    RunFailed,
    RunRestarted,
    RunStarted,
    RunUpgraded,
    StepCreated,
    StepRetrying,
    StepStarted,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.policies import Policy
from wfc.runtime.copies import begun_anew, cut_at, past_of, step_at

VERSION = VersionId("v1")
STEP = OperationId("charge~1#0")
CHILD = OperationId("start~2#0")
SOURCE = RunId("run_1")
CREATED = RunCreated(
    workflow=DefinitionId("shop:checkout"),
    version=VERSION,
    fingerprint="f",
    arguments=b"a",
    seed=bytes(32),
    timeout_s=10.0,
    parent=Parent(run_id=RunId("run_0"), operation_id=CHILD),
    root_id=RunId("run_0"),
    depth=1,
    traceparent="00-1",
    idempotency_id="once",
)
STARTED = RunStarted(worker_id=WorkerId("w"))
BEGUN = ChildCreated(
    operation_id=CHILD, run_id=RunId("run_2"), workflow=CREATED.workflow, digest=b"d"
)
ENDED = ChildCompleted(operation_id=CHILD, output=b"o")
CALL = StepCreated(operation_id=STEP, step=DefinitionId("shop:charge"), policy=Policy())


def log_of(*events: Event) -> list[Recorded]:
    return [
        Recorded(position=position, recorded_at=position * 1_000_000, event=event)
        for position, event in enumerate((CREATED, STARTED, *events), 1)
    ]


def kept_of(log: Sequence[Recorded], cut: int) -> tuple[list[Event], list[Event]]:
    past = past_of(log, cut, 99)
    return [one.event for one in past.kept], list(past.news)


def test_a_child_that_ended_later_is_not_run_again() -> None:
    """Its result is copied, whether it came before the cut or after."""
    log = log_of(BEGUN, CALL, ENDED)
    assert kept_of(log, 6) == ([CREATED, STARTED, BEGUN, CALL, ENDED], [])
    assert kept_of(log, 5) == ([CREATED, STARTED, BEGUN, CALL], [ENDED])


def test_a_child_that_still_runs_belongs_to_the_first_run() -> None:
    """So the fork asks for one of its own."""
    assert kept_of(log_of(BEGUN, CALL), 5) == ([CREATED, STARTED, CALL], [])


def test_tokens_get_spares_that_nobody_can_guess() -> None:
    """One for each hook, other ones for each fork."""
    hooks = [
        HookCreated(operation_id=OperationId(f"h~1#{n}"), hook_id=f"hook_{n}", token=f"t{n}")
        for n in range(2)
    ]
    log = log_of(*hooks)
    spares = [past_of(log, 5, 99).guard.spares for _ in range(2)]
    assert [set(each) for each in spares] == [{"t0", "t1"}] * 2
    assert len({token for each in spares for token in each.values()}) == 4
    assert past_of(log, 5, 99).guard.recorded_at == (1_000_000, 2_000_000, 3_000_000, 4_000_000)


def test_a_failure_that_was_taken_back_is_kept() -> None:
    """What followed it is there; an end that nothing followed is left out."""
    failed = RunFailed(error=b"e", kind=FailureKind.USER)
    upgraded = RunUpgraded(from_version=VERSION, to_version=VersionId("v2"), fingerprint="g")
    log = log_of(failed, upgraded, CALL)
    assert kept_of(log, 5)[0] == [CREATED, STARTED, failed, upgraded]
    assert kept_of(log, 4)[0] == [CREATED, STARTED]
    past = past_of(log, 5, 99)
    assert (past.version, past_of(log, 4, 99).version) == ("v2", VERSION)


def test_only_attempts_of_the_present_chapter_are_made_again() -> None:
    """The others belong to what nobody reads any more."""
    started = StepStarted(operation_id=STEP, attempt=1, worker_id=WorkerId("w"))
    restarted = RunRestarted(
        chapter=2, arguments=b"b", seed=bytes(32), version=VERSION, fingerprint="f"
    )
    ((retrying,), nothing) = (
        kept_of(log_of(CALL, started), 5)[1],
        kept_of(log_of(CALL, started, restarted), 6)[1],
    )
    assert isinstance(retrying, StepRetrying)
    assert (retrying.attempt, retrying.retry_at, retrying.counted) == (1, 99, False)
    assert nothing == []


def test_the_fork_is_a_run_of_its_own() -> None:
    """Nobody's child, in no trace, known under no idempotency id; its time counts anew."""
    past = past_of(log_of(CALL), 3, 99)
    begun = begun_anew(past, SOURCE, 31_000_000, edited=True)
    assert begun.origin is not None
    assert (begun.origin.kind, begun.origin.run_id, begun.origin.at) == ("fork", SOURCE, 3)
    assert begun.origin.edited
    assert (begun.parent, begun.root_id, begun.depth) == (None, None, 0)
    assert (begun.traceparent, begun.idempotency_id) == (None, None)
    assert begun.timeout_s == 40.0
    assert begun_anew(past, SOURCE, 0, edited=False).timeout_s == 10.0


def test_a_position_may_mean_the_step_that_it_is_about() -> None:
    """Where an output is given: then the cut is before all of the step."""
    started = StepStarted(operation_id=STEP, attempt=1, worker_id=WorkerId("w"))
    log = log_of(CALL, started)
    assert [cut_at(log, at) for at in (2, 3, 4, 5, STEP)] == [2, 3, 4, 5, 3]
    assert [cut_at(log, at, whole_step=True) for at in (2, 4, 5)] == [2, 3, 5]
    assert step_at(log, 3) is CALL


@pytest.mark.parametrize("length", [3, 4, 5])
def test_a_past_is_dense_in_time(length: int) -> None:
    """Instants never go back, whatever was left out."""
    times = past_of(log_of(BEGUN, CALL, CALL), length, 99).guard.recorded_at
    assert all(earlier < later for earlier, later in pairwise(times))
