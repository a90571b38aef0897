"""What the methods of a run give back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from wfc.errors import RunCancelled, RunFailed
from wfc.eventlog.entity import HookStatus, RunStatus, StepStatus
from wfc.eventlog.event import Event, HookKind, Scalar
from wfc.ids import DefinitionId, OperationId, RunId, Site, VersionId
from wfc.worlds.protocol import Environment

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of a list, and the cursor of the next page (None at the end)."""

    items: tuple[T, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event of a run: its position from 1, when it was written (UTC), and what it says."""

    position: int
    recorded_at: datetime
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of a run. `arguments` are by parameter name; `output` or `error` once it has ended."""

    id: OperationId
    name: str
    site: Site
    status: StepStatus
    attempt: int
    arguments: Mapping[str, Any] | None
    output: Any = None
    error: BaseException | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run in a list."""

    id: RunId
    workflow: DefinitionId
    version: VersionId
    status: RunStatus
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    queue: str | None = None
    paused: bool = False
    blocked: str | None = None
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    late: bool = False
    """Whether it goes on beyond the goal of its workflow, or ended beyond it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSummary:
    """A hook as others see it: `id` is what people name, `token` what is sent to.

    `json_schema` says what it takes (None: anything); `received` counts what came.
    """

    id: str
    token: str
    kind: HookKind
    status: HookStatus
    run_id: RunId
    workflow: DefinitionId
    site: Site
    received: int
    json_schema: Mapping[str, Any] | None
    metadata: Any
    created_at: datetime
    disposed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a run has ended, as an end callback hears it: what it returned, or the error that
    `Run.result` raises. Told twice, it has the same `idempotency_key`.
    """

    run_id: RunId
    workflow: DefinitionId
    status: RunStatus
    output: Any
    error: RunFailed | RunCancelled | None
    attributes: Mapping[str, Scalar]
    ended_at: datetime
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A payload is on disk, as event `position` of the run. `duplicate`: this very one (by its
    idempotency id) was there before.
    """

    run_id: RunId
    receipt_id: str
    position: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSummary:
    """A registered version. `workflows` are its workflows with their fingerprints, `changed` those
    that mean something else than in the version registered before it (None: not known).
    """

    id: VersionId
    label: str | None
    registered_at: datetime
    active: bool
    size: int
    """Bytes of its bundles, as the world holds them."""
    environments: tuple[Environment, ...]
    workflows: Mapping[DefinitionId, str]
    changed: tuple[DefinitionId, ...] | None
    open_runs: int


class CancelAnswer(StrEnum):
    """What a bulk cancellation did to one run."""

    REQUESTED = "requested"
    ENDED = "ended"
    NOT_FOUND = "not_found"
    UNREADABLE = "unreadable"  # its log is damaged or of a newer wfc; nothing was written
    WOULD_CANCEL = "would_cancel"


class PauseAnswer(StrEnum):
    """How one run stands after it was paused, or unpaused, among others."""

    PAUSED = "paused"
    UNPAUSED = "unpaused"
    ENDED = "ended"
    NOT_FOUND = "not_found"
    UNREADABLE = "unreadable"  # its log is damaged or of a newer wfc; nothing was written
    WOULD_PAUSE = "would_pause"
    WOULD_UNPAUSE = "would_unpause"
