"""The rows of a world in memory, and what every change of them has in common."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from wfc.clock import Clock
from wfc.errors import LeaseLost
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    FailureKind,
    HookConflicted,
    HookCreated,
    Recorded,
    RunRestarted,
    RunUpgraded,
    Scalar,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.worlds.admission import SlotRow
from wfc.worlds.audit import Noted
from wfc.worlds.chunks import ChunkRow, Closed, Epilogue
from wfc.worlds.ends import CallbackRow, DeliveryRow
from wfc.worlds.limits import Gate, Limit
from wfc.worlds.protocol import Message, Resume, VersionRow
from wfc.worlds.schedules import ScheduleRow


@dataclass(slots=True, kw_only=True)
class RunRow:
    """A run's row. `due_at` is when it needs a worker; None while it is owned, idle or over."""

    run_id: RunId
    workflow: DefinitionId
    version: VersionId
    fingerprint: str
    created_at: int
    arguments_digest: bytes
    queue: str | None
    priority: int
    parent_id: RunId | None
    root_id: RunId | None
    not_before: int | None
    due_at: int | None
    retention_us: int | None
    gated: bool
    late_at: int | None
    status: RunStatus = RunStatus.PENDING
    log: list[Recorded] = field(default_factory=list)
    hooks: dict[OperationId, HookEntry] = field(default_factory=dict)
    children: dict[OperationId, RunId] = field(default_factory=dict)
    """Of whose end the run has still to hear."""
    upgraded: bool = False
    attributes: dict[str, Scalar] = field(default_factory=dict)
    started_at: int | None = None
    ended_at: int | None = None
    chapter: int = 1
    chapter_at: int = 1
    fence: int = 0
    attempt_fence: int = 0
    owner: WorkerId | None = None
    lost: bool = False
    losses: int = 0
    heard: int = 0
    wake_at: int | None = None
    paused: bool = False
    cancel_requested: bool = False
    cancel_reason: str | None = None
    blocked: str | None = None
    output: bytes | None = None
    error: bytes | None = None
    failure_kind: FailureKind | None = None

    @property
    def halted(self) -> bool:
        """Tell whether no worker may take the run."""
        return self.paused or self.blocked is not None


@dataclass(slots=True, kw_only=True, eq=False)
class HookEntry:
    """A hook: the event that made it, and where it stands by `wfc.eventlog.standing`."""

    run_id: RunId
    name: OperationId
    event: HookCreated | HookConflicted
    status: int
    created_at: int
    received: int = 0
    disposed_at: int | None = None
    reserved_until: int | None = None


@dataclass(slots=True, kw_only=True)
class AttemptRow:
    """A queued step: who runs it under which fence, and whether anybody still wants it.

    `standing` is where the step stands, as `wfc.eventlog.standing` writes it; None: ask the log.
    """

    fence: int = 0
    worker_id: WorkerId | None = None
    not_before: int = 0
    priority: int = 0
    lost: bool = False
    unwanted: bool = False
    standing: int | None = None
    queue: str | None = None


@dataclass(slots=True, kw_only=True)
class MessageRow:
    """A message, and the worker that has taken it."""

    message: Message
    due: int
    priority: int
    receipt: int
    queue: str | None = None
    worker_id: WorkerId | None = None


@dataclass(slots=True)
class Membership:
    """A worker's lease."""

    lease_until: int
    queues: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Stream:
    """A stream and all that it holds. `writers` says from which index on a step has written."""

    namespace: str
    created_at: int
    rows: list[ChunkRow] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)
    writers: dict[tuple[RunId, OperationId], int] = field(default_factory=dict)
    size: int = 0
    closed: Closed = Closed.OPEN
    closed_by: str | None = None
    epilogue: Epilogue = field(default_factory=dict)


class Streams(dict[RunId, dict[str, Stream]]):
    """The streams of all runs that have any."""

    def of(self, run_id: RunId, namespace: str, now: int) -> Stream:
        """Give a stream; it is made if it is not there."""
        found = self.setdefault(run_id, {}).get(namespace)
        if found is None:
            found = self[run_id][namespace] = Stream(namespace=namespace, created_at=now)
        return found


class Tables:
    """All that a world in memory holds. Whoever changes it holds the world's lock."""

    def __init__(self, clock: Clock) -> None:
        """Begin empty."""
        self._clock = clock
        self.runs: dict[RunId, RunRow] = {}
        self.tokens: dict[str, list[HookEntry]] = {}
        """All hooks that have, had or wanted a token, in the order in which they were made."""
        self.attempts: dict[tuple[RunId, OperationId], AttemptRow] = {}
        self.messages: dict[int, MessageRow] = {}
        self.receipts: Iterator[int] = itertools.count(1)
        self.streams = Streams()
        self.workers: dict[WorkerId, Membership] = {}
        self.versions: dict[VersionId, tuple[bytes, VersionRow]] = {}
        self.pruned: set[VersionId] = set()
        """Versions on which no run may come to depend."""
        self.limits: dict[str, Limit] = {}
        self.slots: list[SlotRow] = []
        self.slot_numbers: Iterator[int] = itertools.count(1)
        self.rates: dict[Gate, int] = {}
        """Until when the rate of a gate is used up."""
        self.schedules: dict[str, ScheduleRow] = {}
        self.callbacks: dict[str, CallbackRow] = {}
        self.deliveries: dict[tuple[RunId, str], DeliveryRow] = {}
        self.holders: dict[tuple[RunId, str], WorkerId] = {}
        """Who is telling an end just now."""
        self.audit: list[Noted] = []
        self.audit_numbers: Iterator[int] = itertools.count(1)
        self.queue_news = False
        self.news: set[str] = set()
        """Topics of which there is news besides."""
        self.told: set[RunId] = set()
        """Runs other than that of an append to which it wrote."""

    def now_us(self) -> int:
        """Give the world's clock."""
        return self._clock.now_us()

    def lives(self, worker_id: WorkerId) -> bool:
        """Tell whether a worker holds a lease."""
        worker = self.workers.get(worker_id)
        return worker is not None and worker.lease_until > self.now_us()

    def must_live(self, worker_id: WorkerId) -> None:
        """Refuse a worker without a lease. Raises `LeaseLost`."""
        if not self.lives(worker_id):
            raise LeaseLost(
                f"worker {worker_id} holds no lease, so it may not take work: others may already "
                "have taken over what it did. Drop its executions and join anew."
            )

    def lose(self, run: RunRow, now: int) -> None:
        """Take a run from an owner that vanished."""
        run.owner, run.lost = None, True
        run.due_at = max(now, run.not_before or 0)  # the clock may have been set back

    def resume_when_due(self, run: RunRow) -> None:
        """Queue a `Resume` for now, or for the run's delayed start."""
        due = max(self.now_us(), run.not_before or 0)
        self.put(Resume(run.run_id), due, run.priority)

    def put(self, message: Message, due: int, priority: int, queue: str | None = None) -> None:
        """Queue a message, unless an equal one waits already and is due no later."""
        for row in self.messages.values():
            if row.message == message and row.worker_id is None and row.due <= due:
                return
        self.queue_news = True
        receipt = next(self.receipts)
        self.messages[receipt] = MessageRow(
            message=message, due=due, priority=priority, receipt=receipt, queue=queue
        )


def upgrades_of(run: RunRow) -> list[RunUpgraded]:
    """Give the upgrades in the present chapter of a run's log."""
    found: list[RunUpgraded] = []
    for one in run.log if run.upgraded else ():
        if isinstance(one.event, RunUpgraded):
            found.append(one.event)
        elif isinstance(one.event, RunRestarted):
            found.clear()
    return found
