"""One event of each type with every field set, and strategies for any event."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from hypothesis import strategies as st

from wfc.eventlog.event import (
    BY_CODE,
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
    HookKind,
    HookReceived,
    Origin,
    Parent,
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
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.policies import Backoff, Policy

STEP = OperationId("charge~0123abcd#0")
VERSION = VersionId("0123456789abcdef")
WORKFLOW = DefinitionId("shop.flows:checkout")
WORKER = WorkerId("worker_01")
TOKEN = "order:1"  # noqa: S105 - the name of a hook, and no secret
SENT: dict[str, Any] = {"actor": "ada", "channel": Channel.CLI, "idempotency_id": "once"}

CREATED = StepCreated(
    operation_id=STEP,
    step=DefinitionId("shop.flows:charge"),
    arguments=b"\x01\x00\x80",
    digest=bytes(range(16)),
    policy=Policy(
        attempts=5, timeout_s=30.0, total_s=90.5, backoff=Backoff("2s", 3.0, "1h", 0.1),
        isolation="thread", concurrency=4, rate="100/1m", by="order", queue="slow", cancel="wait",
    ),
    closure=False,
)  # fmt: skip

SAMPLES: tuple[Event, ...] = (
    RunCreated(
        **SENT, workflow=WORKFLOW, version=VERSION, fingerprint="f1", changes=("a", "b"),
        arguments=b"\x01\x00\x80", seed=bytes(range(32)), environment={"TZ": "UTC"},
        attributes={"tier": "free", "n": 3, "x": 0.5, "ok": True}, queue="free", queue_key="ada",
        priority=-7, not_before=1_900_000_000_000_000, timeout_s=60.0,
        parent=Parent(run_id=RunId("run_p"), operation_id=OperationId("start#0"), detached=True),
        root_id=RunId("run_r"), depth=2,
        origin=Origin(
            kind="fork", run_id=RunId("run_o"), at=17, edited=True, schedule="nightly", fire_at=9,
        ),
        traceparent="00-1",
        retention_s=86_400.0, goal_s=7200.0, limit_key="9f86d081",
    ),
    RunStarted(worker_id=WORKER),
    RunCompleted(output=b"\x01\x00\x05"),
    RunFailed(error=b"\x01\x00\x90", kind=FailureKind.DIVERGENCE),
    RunCancelRequested(**SENT, reason="no stock", force=True, cause=CancelCause.BULK),
    RunCancelled(reason="no stock", forced=True),
    RunUpgraded(
        **SENT, from_version=VERSION, to_version=VersionId("fedcba9876543210"), fingerprint="f2",
        site_map={"a~1": "b~2"}, changes=("c",), withdrawn=(STEP,),
        retracted=(OperationId("s#1"),), unequal=(4, 5), accepted=(5,),
    ),
    RunRestarted(
        chapter=2, arguments=b"\x01\x00\x80", seed=bytes(32), version=VERSION, fingerprint="f1",
        changes=("a",), environment={"TZ": "UTC"}, carried=b"\x01\x00\x90",
    ),
    RunPaused(**SENT, reason="lunch"),
    RunUnpaused(**SENT),
    RunWoken(**SENT, operation_ids=(STEP,)),
    CREATED,
    StepStarted(operation_id=STEP, attempt=2, worker_id=WORKER),
    StepRetrying(
        operation_id=STEP, attempt=1, error=b"\x01\x00\x90", retry_at=5, counted=False,
        created=CREATED,
    ),
    StepCompleted(
        operation_id=STEP, attempt=1, started_at=4, version=VERSION, output=b"\x01\x00\x05",
        created=CREATED,
    ),
    StepFailed(
        operation_id=STEP, attempt=3, started_at=4, version=VERSION, error=b"\x01\x00\x90",
        created=CREATED,
    ),
    StepCancelled(operation_id=STEP, attempt=1, created=CREATED),
    HookCreated(
        operation_id=OperationId("create_hook#0"), hook_id="h1", token=TOKEN,
        kind=HookKind.WEBHOOK, schema=b"s", metadata=b"m", methods=("POST", "PUT"), response=b"r",
        retention_s=3600.0, url="https://example.org/webhook/1",
    ),
    HookReceived(
        **SENT, operation_id=OperationId("create_hook#0"), receipt_id="r1", payload=b"\x01\x00\xc0"
    ),
    HookDisposed(**SENT, operation_id=OperationId("create_hook#0")),
    HookConflicted(
        operation_id=OperationId("create_hook#1"), token=TOKEN, owner_run_id=RunId("run_o")
    ),
    WaitCreated(operation_id=OperationId("sleep#0"), wake_at=1_900_000_000_000_000),
    WaitCompleted(**SENT, operation_id=OperationId("sleep#0"), cause=WaitCause.WOKEN),
    ChildCreated(
        operation_id=OperationId("start#0"), run_id=RunId("run_c"), workflow=WORKFLOW,
        digest=bytes(16),
    ),
    ChildCompleted(operation_id=OperationId("start#0"), output=b"\x01\x00\x05"),
    ChildFailed(operation_id=OperationId("start#0"), error=b"\x01\x00\x90"),
    AttributesSet(
        **SENT, changes={"tier": None, "n": 1}, operation_id=OperationId("set_attributes#0")
    ),
)  # fmt: skip


BACKOFFS = st.builds(
    Backoff,
    initial=st.floats(0.001, 10),
    factor=st.floats(1, 10),
    maximum=st.floats(10, 1e6),
    jitter=st.floats(0, 1),
)
POLICIES = st.builds(
    Policy,
    attempts=st.integers(1, 1000),
    timeout_s=st.none() | st.floats(0.1, 1e6),
    backoff=BACKOFFS,
    queue=st.none() | st.text(max_size=20),
    cancel=st.sampled_from(["now", "wait"]),
)
_LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    type(None): st.none(),
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**64 - 1),
    float: st.floats(allow_nan=False),
    str: st.text(max_size=20),
    bytes: st.binary(max_size=20),
    Policy: POLICIES,
}


def _of_type(annotation: Any) -> st.SearchStrategy[Any]:
    """Give values of a field; NewTypes count as what they stand for."""
    annotation = getattr(annotation, "__supertype__", annotation)
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if annotation in _LEAVES:
        return _LEAVES[annotation]
    if origin is tuple:
        return st.lists(_of_type(arguments[0]), max_size=3).map(tuple)
    if origin is Mapping:
        return st.dictionaries(_of_type(arguments[0]), _of_type(arguments[1]), max_size=3)
    if arguments:
        return st.one_of([_of_type(argument) for argument in arguments])
    if issubclass(annotation, StrEnum):
        return st.sampled_from(annotation)
    return _of_class(annotation)


def _of_class(kind: Any) -> st.SearchStrategy[Any]:
    hints = {
        name: hint
        for name, hint in typing.get_type_hints(kind).items()
        if typing.get_origin(hint) is not typing.ClassVar and hint is not typing.ClassVar
    }
    made = st.builds(kind, **{name: _of_type(hint) for name, hint in hints.items()})
    return made.map(_agreed) if "created" in hints else made


def _agreed(event: Any) -> Any:
    """An outcome brings the creation of its own operation."""
    if event.created is None:
        return event
    created = dataclasses.replace(event.created, operation_id=event.operation_id)
    return dataclasses.replace(event, created=created)


EVENTS: st.SearchStrategy[Event] = st.one_of([_of_class(kind) for kind in BY_CODE.values()])
