"""The events of a run's log: immutable facts, matched by type. Codes are never reused.

Payloads (`arguments`, `output`, `payload`, `error`, `metadata`, `response`, `carried`, `schema`)
are bytes of `wfc.codec` and stay bytes until asked for. Instants are UTC microseconds. Events that
come from outside say who decided (`actor`) and by what way (`channel`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Final

from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.policies import Policy

Scalar = str | int | float | bool


class Channel(StrEnum):
    """By what way an outside fact came in."""

    CODE = "code"
    API = "api"
    CLI = "cli"
    REST = "rest"
    DASHBOARD = "dashboard"
    CHAT = "chat"
    WEBHOOK = "webhook"
    SCHEDULE = "schedule"
    EXPIRY = "expiry"
    RUNTIME = "runtime"


class FailureKind(StrEnum):
    """How a run failed."""

    USER = "user"
    DIVERGENCE = "divergence"
    DEADLOCK = "deadlock"
    LIMIT = "limit"
    TIMEOUT = "timeout"
    POISON = "poison"
    CODEC = "codec"


class CancelCause(StrEnum):
    """What asked for a cancellation."""

    USER = "user"
    PARENT = "parent"
    BULK = "bulk"
    TIMEOUT = "timeout"


class WaitCause(StrEnum):
    """What ended a wait."""

    ELAPSED = "elapsed"
    WOKEN = "woken"
    ABANDONED = "abandoned"


class HookKind(StrEnum):
    """What a hook looks like from outside."""

    HOOK = "hook"
    WEBHOOK = "webhook"
    APPROVAL = "approval"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a run that was not simply started came from: `at` is the position of a fork, `fire_at`
    the instant for which the schedule of this name started it.
    """

    kind: str  # rerun, fork or schedule
    run_id: RunId | None = None
    at: int | None = None
    edited: bool = False
    schedule: str | None = None
    fire_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The run and the operation that started a child run."""

    run_id: RunId
    operation_id: OperationId
    detached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events: `code` is the number on disk, `name` the word people read."""

    code: ClassVar[int]
    name: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent(Event):
    """Base of the facts that came from outside."""

    actor: str | None = None
    channel: Channel = Channel.RUNTIME
    idempotency_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event as the log holds it: its dense position from 1 and when it was written."""

    position: int
    recorded_at: int
    event: Event


# --- runs --------------------------------------------------------------------------------------


KEPT_FOR_EVER: Final = -1.0
"""The `retention_s` of a run that no collection removes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCreated(Sent):
    """A run exists and waits for a worker. `seed` is 32 bytes; `environment` is what
    workflow code may read of variables, platform values and the public URL, as of now.
    `retention_s` is how long it is kept after its end: None as the settings say, negative for ever.
    `goal_s` after its start (or `not_before`) it is late.
    `queue_key` is what the limits of its queue count by, `limit_key` what those of its workflow's
    own policy do; None: there are none.
    """

    code: ClassVar[int] = 1
    name: ClassVar[str] = "run_created"
    workflow: DefinitionId
    version: VersionId
    fingerprint: str
    changes: tuple[str, ...] = ()
    arguments: bytes
    seed: bytes
    environment: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    queue: str | None = None
    queue_key: str | None = None
    priority: int = 0
    not_before: int | None = None
    timeout_s: float | None = None
    parent: Parent | None = None
    root_id: RunId | None = None
    depth: int = 0
    origin: Origin | None = None
    traceparent: str | None = None
    retention_s: float | None = None
    goal_s: float | None = None
    limit_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A worker executed the run for the first time."""

    code: ClassVar[int] = 2
    name: ClassVar[str] = "run_started"
    worker_id: WorkerId


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCompleted(Event):
    """The workflow returned."""

    code: ClassVar[int] = 3
    name: ClassVar[str] = "run_completed"
    output: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(Event):
    """The run failed; only an upgrade may reopen it."""

    code: ClassVar[int] = 4
    name: ClassVar[str] = "run_failed"
    error: bytes
    kind: FailureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelRequested(Sent):
    """Somebody asked for the run to be cancelled; its cleanup may still take time."""

    code: ClassVar[int] = 5
    name: ClassVar[str] = "run_cancel_requested"
    reason: str | None = None
    force: bool = False
    cause: CancelCause = CancelCause.USER


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelled(Event):
    """The run ended by cancellation."""

    code: ClassVar[int] = 6
    name: ClassVar[str] = "run_cancelled"
    reason: str | None = None
    forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUpgraded(Sent):
    """The run moved to other code; earlier events are read through `site_map`.

    At the positions `unequal` the code asks otherwise than the log says. Mostly that means the same
    to it; what somebody decided to overlook is `accepted`, too, and stands on later moves.
    """

    code: ClassVar[int] = 7
    name: ClassVar[str] = "run_upgraded"
    from_version: VersionId
    to_version: VersionId
    fingerprint: str
    site_map: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    withdrawn: tuple[OperationId, ...] = ()
    retracted: tuple[OperationId, ...] = ()
    unequal: tuple[int, ...] = ()
    accepted: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRestarted(Event):
    """A chapter ended and the next one begins, with new arguments and an empty history."""

    code: ClassVar[int] = 8
    name: ClassVar[str] = "run_restarted"
    chapter: int
    arguments: bytes
    seed: bytes
    version: VersionId
    fingerprint: str
    changes: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    carried: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaused(Sent):
    """No new decision and no new body until the run is unpaused."""

    code: ClassVar[int] = 9
    name: ClassVar[str] = "run_paused"
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUnpaused(Sent):
    """The run goes on."""

    code: ClassVar[int] = 16
    name: ClassVar[str] = "run_unpaused"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWoken(Sent):
    """A retry delay or a delayed start was cut short."""

    code: ClassVar[int] = 17
    name: ClassVar[str] = "run_woken"
    operation_ids: tuple[OperationId, ...] = ()


# --- steps -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCreated(Event):
    """A step was asked for. `digest` is blake2b-128 of the arguments by name, defaults left off;
    a closure step has neither arguments nor digest.
    """

    code: ClassVar[int] = 10
    name: ClassVar[str] = "step_created"
    operation_id: OperationId
    step: DefinitionId
    arguments: bytes | None = None
    digest: bytes | None = None
    policy: Policy
    closure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    """An attempt is about to run its body; written before the body of every counted attempt
    but an unrecorded first one.
    """

    code: ClassVar[int] = 11
    name: ClassVar[str] = "step_started"
    operation_id: OperationId
    attempt: int
    worker_id: WorkerId


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRetrying(Event):
    """An attempt ended without an outcome and another follows at `retry_at`."""

    code: ClassVar[int] = 12
    name: ClassVar[str] = "step_retrying"
    operation_id: OperationId
    attempt: int
    error: bytes
    retry_at: int
    counted: bool = True
    created: StepCreated | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCompleted(Event):
    """The step returned; every later replay sees this output and no other."""

    code: ClassVar[int] = 13
    name: ClassVar[str] = "step_completed"
    operation_id: OperationId
    attempt: int
    started_at: int
    version: VersionId
    output: bytes
    created: StepCreated | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed(Event):
    """The step failed for good; every later replay sees this error."""

    code: ClassVar[int] = 14
    name: ClassVar[str] = "step_failed"
    operation_id: OperationId
    attempt: int
    started_at: int
    version: VersionId
    error: bytes
    created: StepCreated | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCancelled(Event):
    """The workflow gave the step up before it had an outcome."""

    code: ClassVar[int] = 15
    name: ClassVar[str] = "step_cancelled"
    operation_id: OperationId
    attempt: int
    created: StepCreated | None = None


# --- hooks -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCreated(Event):
    """A hook takes payloads under its token."""

    code: ClassVar[int] = 20
    name: ClassVar[str] = "hook_created"
    operation_id: OperationId
    hook_id: str
    token: str
    kind: HookKind = HookKind.HOOK
    schema: bytes | None = None
    metadata: bytes | None = None
    methods: tuple[str, ...] = ()
    response: bytes | None = None
    retention_s: float | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HookReceived(Sent):
    """A payload arrived for an active hook."""

    code: ClassVar[int] = 21
    name: ClassVar[str] = "hook_received"
    operation_id: OperationId
    receipt_id: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HookDisposed(Sent):
    """The hook takes no more payloads."""

    code: ClassVar[int] = 22
    name: ClassVar[str] = "hook_disposed"
    operation_id: OperationId


@dataclass(frozen=True, slots=True, kw_only=True)
class HookConflicted(Event):
    """The token belongs to another hook."""

    code: ClassVar[int] = 23
    name: ClassVar[str] = "hook_conflicted"
    operation_id: OperationId
    token: str
    owner_run_id: RunId


# --- waits -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitCreated(Event):
    """The workflow sleeps until `wake_at`."""

    code: ClassVar[int] = 30
    name: ClassVar[str] = "wait_created"
    operation_id: OperationId
    wake_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitCompleted(Sent):
    """The wait is over."""

    code: ClassVar[int] = 31
    name: ClassVar[str] = "wait_completed"
    operation_id: OperationId
    cause: WaitCause


# --- children and attributes -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildCreated(Event):
    """A child run was started, in the same transaction as its own first event."""

    code: ClassVar[int] = 40
    name: ClassVar[str] = "child_created"
    operation_id: OperationId
    run_id: RunId
    workflow: DefinitionId
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildCompleted(Event):
    """The child run returned."""

    code: ClassVar[int] = 41
    name: ClassVar[str] = "child_completed"
    operation_id: OperationId
    output: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildFailed(Event):
    """The child run failed or was cancelled."""

    code: ClassVar[int] = 42
    name: ClassVar[str] = "child_failed"
    operation_id: OperationId
    error: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributesSet(Sent):
    """Attributes changed; None removes one. Without an operation id it came from outside."""

    code: ClassVar[int] = 50
    name: ClassVar[str] = "attributes_set"
    changes: Mapping[str, Scalar | None]
    operation_id: OperationId | None = None


EVENT_TYPES: Final[tuple[type[Event], ...]] = (
    RunCreated, RunStarted, RunCompleted, RunFailed, RunCancelRequested, RunCancelled,
    RunUpgraded, RunRestarted, RunPaused, RunUnpaused, RunWoken,
    StepCreated, StepStarted, StepRetrying, StepCompleted, StepFailed, StepCancelled,
    HookCreated, HookReceived, HookDisposed, HookConflicted,
    WaitCreated, WaitCompleted,
    ChildCreated, ChildCompleted, ChildFailed, AttributesSet,
)  # fmt: skip
BY_CODE: Final[Mapping[int, type[Event]]] = {kind.code: kind for kind in EVENT_TYPES}
TERMINAL: Final = (RunCompleted, RunFailed, RunCancelled)
