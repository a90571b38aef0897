"""Entities: what the events of a run add up to. Payloads stay bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wfc.eventlog.event import FailureKind, HookKind, Scalar
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.policies import Policy


class RunStatus(StrEnum):
    """Where a run stands. Running or suspended is told by its lease, not by an event."""

    PENDING = "pending"
    RUNNING = "running"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Tell whether this is an end."""
        return self in {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED}


class StepStatus(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class HookStatus(StrEnum):
    """Where a hook stands."""

    ACTIVE = "active"
    DISPOSED = "disposed"
    CONFLICTED = "conflicted"


class WaitStatus(StrEnum):
    """Where a wait stands."""

    WAITING = "waiting"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run, as a world keeps it beside the log."""

    run_id: RunId
    workflow: DefinitionId
    version: VersionId
    fingerprint: str
    status: RunStatus
    created_at: int
    started_at: int | None = None
    ended_at: int | None = None
    length: int
    chapter: int = 1
    fence: int = 0
    owner: WorkerId | None = None
    queue: str | None = None
    priority: int = 0
    not_before: int | None = None
    wake_at: int | None = None
    paused: bool = False
    cancel_requested: bool = False
    blocked: str | None = None
    losses: int = 0
    parent_id: RunId | None = None
    root_id: RunId | None = None
    output: bytes | None = None
    error: bytes | None = None
    failure_kind: FailureKind | None = None
    cancel_reason: str | None = None
    arguments_digest: bytes = b""
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    late_at: int | None = None

    def is_late(self, now_us: int) -> bool:
        """Tell whether the run goes on beyond its goal, or ended beyond it."""
        until = now_us if self.ended_at is None else self.ended_at
        return self.late_at is not None and until > self.late_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of a run."""

    operation_id: OperationId
    step: DefinitionId
    status: StepStatus
    attempt: int
    arguments: bytes | None = None
    digest: bytes | None = None
    policy: Policy = field(default_factory=Policy)
    closure: bool = False
    output: bytes | None = None
    error: bytes | None = None
    first_started_at: int | None = None
    started_at: int | None = None
    ended_at: int | None = None
    retry_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A hook of a run. `received` counts its payloads."""

    operation_id: OperationId
    hook_id: str
    token: str
    status: HookStatus
    received: int = 0
    kind: HookKind = HookKind.HOOK
    schema: bytes | None = None
    metadata: bytes | None = None
    created_at: int = 0
    disposed_at: int | None = None
    methods: tuple[str, ...] = ()
    response: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A durable sleep of a run."""

    operation_id: OperationId
    wake_at: int
    status: WaitStatus
    ended_at: int | None = None
