"""What a world answers to those who take work and to those who read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wfc.eventlog.entity import Hook, Run
from wfc.eventlog.event import HookKind, Scalar
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """The caller owns the run. `loss`: the last owner vanished without releasing it, and
    `losses` counts how often that happened since an event was last written. `attempts` are the
    steps that have an attempt row (queued, or in the hands of a worker). `heard` is how long the
    log was when an owner last released the run: an execution has gone through all of that.
    `chapter_at` is the position of the event that began the present chapter.
    """

    fence: int
    length: int
    loss: bool = False
    losses: int = 0
    heard: int = 0
    chapter_at: int = 1
    attempts: frozenset[OperationId] = frozenset()


@dataclass(frozen=True, slots=True)
class Held:
    """Another living worker owns it."""

    worker_id: WorkerId


@dataclass(frozen=True, slots=True)
class Over:
    """The run has ended, or the attempt is not wanted any more."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """The run is paused, blocked, delayed or waits for a slot of its queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """The run was lost `losses` times since an event was last written, so it may be what kills its
    workers: it was not claimed by who asked to be told.
    """

    losses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedAttempt:
    """The caller holds the attempt row; `lost`: its last holder vanished in mid-attempt."""

    fence: int
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What a heartbeat learns: whether the worker was given up, and which of its queued
    attempts are not wanted any more.
    """

    fenced: bool
    cancelled: tuple[tuple[RunId, OperationId], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A worker as others see it."""

    worker_id: WorkerId
    lease_until: int
    queues: tuple[str, ...] = ()


# --- reading -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs to list; None means any. `attributes` must all be equal; `search` is a text that
    stands, whatever its case, in the id, the workflow or the value of an attribute. `late` runs are
    open beyond their goal, or ended beyond it.
    """

    workflow: DefinitionId | None = None
    statuses: frozenset[str] = frozenset()
    version: VersionId | None = None
    queue: str | None = None
    parent_id: RunId | None = None
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    created_from: int | None = None
    created_until: int | None = None
    search: str | None = None
    late: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """Runs, newest first, and the cursor of the next page (None at the end)."""

    runs: tuple[Run, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """How many runs may be removed, and the first of them, longest ended first."""

    count: int
    run_ids: tuple[RunId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Environment:
    """What a worker runs on: ``3.12``, ``0.1.0``, ``linux-x86_64``."""

    python: str
    wfc: str
    platform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRow:
    """A hook and the run that made it. `reserved_until`: its token is kept from others after it was
    disposed.
    """

    run_id: RunId
    workflow: DefinitionId
    hook: Hook
    reserved_until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFilter:
    """Which hooks to list; None means any. `statuses`: active, disposed, conflicted."""

    run_id: RunId | None = None
    token: str | None = None
    hook_id: str | None = None
    kind: HookKind | None = None
    statuses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class HookPage:
    """Hooks, newest first, and the cursor of the next page (None at the end)."""

    hooks: tuple[HookRow, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedChild:
    """A child run that has ended, and the operation of its parent that waits to hear of it."""

    operation_id: OperationId
    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """A registered version; `active` is the one that new work prefers.

    `size` is that of the archive in bytes, `environments` are those that registered it, and
    `fingerprints` say what each of its workflows means (None: whoever registered it did not say).
    """

    version: VersionId
    registered_at: int
    label: str | None
    active: bool
    size: int = 0
    environments: tuple[Environment, ...] = ()
    fingerprints: Mapping[DefinitionId, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How much a sweep repaired, by what it was."""

    orphans: int = 0  # runs whose owner died: freed and queued
    unqueued: int = 0  # runnable runs without a message: queued
    overdue: int = 0  # waits that are due: queued
    attempts: int = 0  # attempts whose worker died: queued again
    admitted: int = 0  # runs and attempts that were given a free slot

    def total(self) -> int:
        """Add all up."""
        return self.orphans + self.unqueued + self.overdue + self.attempts + self.admitted
