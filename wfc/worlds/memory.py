"""A world in the memory of one process: for tests, and as a short statement of the promises."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from wfc import fault
from wfc.clock import MICROSECONDS, Clock, SystemClock
from wfc.errors import LeaseLost, RunNotFound, WorldUnreachable
from wfc.eventlog.entity import Run, RunStatus
from wfc.eventlog.event import (
    AttributesSet,
    Event,
    FailureKind,
    HookConflicted,
    HookCreated,
    HookDisposed,
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
    Scalar,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.worlds import rules
from wfc.worlds.feed import HOOKS, QUEUES, RUNS, WORKERS, Feed, run_topic
from wfc.worlds.protocol import (
    Appended,
    Attempt,
    AttemptOf,
    Child,
    Claimed,
    ClaimedAttempt,
    Ended,
    Guard,
    Held,
    Message,
    NewRun,
    NotYet,
    OpenHook,
    OpenRun,
    Over,
    Owner,
    Queued,
    Refusal,
    Refused,
    Release,
    Renewal,
    Resume,
    RunFilter,
    RunPage,
    Swept,
    Taken,
    Unowned,
    VersionRow,
    Watch,
    WorkerRow,
)


@dataclass(slots=True, kw_only=True)
class _Run:
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
    status: RunStatus = RunStatus.PENDING
    log: list[Recorded] = field(default_factory=list)
    attributes: dict[str, Scalar] = field(default_factory=dict)
    started_at: int | None = None
    ended_at: int | None = None
    chapter: int = 1
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
        return self.paused or self.blocked is not None


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """A queued step: who runs it under which fence, and whether anybody still wants it."""

    fence: int = 0
    worker_id: WorkerId | None = None
    not_before: int = 0
    priority: int = 0
    lost: bool = False
    unwanted: bool = False


@dataclass(slots=True, kw_only=True)
class _Message:
    message: Message
    due: int
    priority: int
    receipt: int
    worker_id: WorkerId | None = None


@dataclass(slots=True)
class _Worker:
    lease_until: int
    queues: tuple[str, ...]


class MemoryWorld:
    """Everything in dictionaries, one lock, gone at the end of the process."""

    url: str = "memory:"

    def __init__(self, clock: Clock | None = None) -> None:
        """Begin empty; time comes from `clock` (by default the machine's)."""
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()  # `renew` comes from a heartbeat thread
        self._feed = Feed()
        self._open = False
        self._runs: dict[RunId, _Run] = {}
        self._hooks: dict[str, tuple[RunId, OperationId]] = {}
        self._attempts: dict[tuple[RunId, OperationId], _Attempt] = {}
        self._messages: dict[int, _Message] = {}
        self._receipts: Iterator[int] = itertools.count(1)
        self._workers: dict[WorkerId, _Worker] = {}
        self._versions: dict[VersionId, tuple[bytes, VersionRow]] = {}
        self._queue_news = False

    async def open(self) -> None:
        """Begin to serve."""
        self._open = True

    async def close(self) -> None:
        """Stop serving; what was written stays until the object goes."""
        self._open = False

    async def check(self) -> None:
        """See that the world is open: memory has nothing else to check."""
        self._must_be_open()

    def now_us(self) -> int:
        """Give the world's clock."""
        return self._clock.now_us()

    # -- writing

    async def append(
        self,
        run_id: RunId,
        events: Sequence[Event],
        *,
        guard: Guard,
        messages: Sequence[Queued] = (),
        create: Sequence[Child] = (),
        claim: WorkerId | None = None,
        release: Release | None = None,
    ) -> Appended | Refused:
        """Write all or nothing."""
        self._must_be_open()
        rules.check_batch(run_id, events, guard)
        for child in create:
            rules.check_batch(child.run_id, [child.event], NewRun())
        with self._lock:
            refused = self._refusal(run_id, events, guard, create)
            if refused is not None:
                return refused
            fault.point("append.begun")
            answer = self._write(run_id, events, guard, messages, create, claim, release)
            fault.point("append.committed")
        self._publish(*_topics(run_id, events, create))
        return answer

    def _publish(self, *topics: str) -> None:
        self._feed.publish(topics)
        if self._queue_news:
            self._queue_news = False
            self._feed.publish((QUEUES,))

    def _refusal(
        self, run_id: RunId, events: Sequence[Event], guard: Guard, create: Sequence[Child]
    ) -> Refused | None:
        for child in create:
            if child.run_id in self._runs:
                return Refused(
                    reason=Refusal.EXISTS, events=tuple(self._runs[child.run_id].log[:1])
                )
        run = self._runs.get(run_id)
        if isinstance(guard, NewRun):
            return None if run is None else Refused(reason=Refusal.EXISTS, events=(run.log[0],))
        if run is None:
            return Refused(reason=Refusal.MISSING)
        known = self._duplicate(run, events)
        if known is not None:
            return known
        reopened = isinstance(guard, Unowned) and rules.reopens(run.status, events)
        if run.status.ended and not reopened:
            return Refused(reason=Refusal.OVER)
        return rules.already(
            guard, events, paused=run.paused, cancel_requested=run.cancel_requested
        ) or self._guarded(run, guard)

    def _guarded(self, run: _Run, guard: Guard) -> Refused | None:
        reason: Refusal | None = None
        match guard:
            case Owner(fence, length):
                if run.owner is not None and run.fence == fence:
                    return _behind(run, length)
                reason = Refusal.FENCED
            case Unowned(length):
                if run.owner is None or not self._lives(run.owner):
                    return _behind(run, length)
                reason = Refusal.HELD
            case AttemptOf(operation_id, fence):
                row = self._attempts.get((run.run_id, operation_id))
                if row is None or row.unwanted:
                    reason = Refusal.MISSING
                elif row.worker_id is None or row.fence != fence:
                    reason = Refusal.FENCED
            case OpenRun(int(length)):
                return _behind(run, length)
            case OpenHook(token) if self._hooks.get(token, (None,))[0] != run.run_id:
                reason = Refusal.CLOSED
            case _:
                pass
        return None if reason is None else Refused(reason=reason)

    def _duplicate(self, run: _Run, events: Sequence[Event]) -> Refused | None:
        key = rules.dedupe_key(events[0]) if events else None
        if key is None:
            return None
        for recorded in run.log:
            if rules.dedupe_key(recorded.event) == key:
                rules.check_same(run.run_id, recorded.event, events[0])
                return Refused(reason=Refusal.DUPLICATE, events=(recorded,))
        return None

    def _write(  # noqa: PLR0917 - the parts of one append, in the order of `append`
        self,
        run_id: RunId,
        events: Sequence[Event],
        guard: Guard,
        messages: Sequence[Queued],
        create: Sequence[Child],
        claim: WorkerId | None,
        release: Release | None,
    ) -> Appended:
        now = self.now_us()
        if isinstance(guard, NewRun):
            assert isinstance(events[0], RunCreated)
            self._create(run_id, events[0], now)
        run = self._runs[run_id]
        if isinstance(guard, Unowned) and run.owner is not None:
            self._lose(run, now)
        if isinstance(guard, Owner) and events:
            run.losses = 0
        recorded = tuple(self._record(run, events, now))
        for child in create:
            assert isinstance(child.event, RunCreated)
            self._create(child.run_id, child.event, now)
            list(self._record(self._runs[child.run_id], [child.event], now))
            self._resume_when_due(self._runs[child.run_id])
        for queued in messages:
            self._queue(queued, now)
        if release is not None and not run.status.ended:
            self._release(run, release, now)
        fence = None
        if claim is not None and not run.status.ended:
            fence = self._claim_fence(run, claim)
        outcome = any(rules.answered_step(event) is not None for event in events)
        outside = not isinstance(guard, Owner | AttemptOf) or (
            isinstance(guard, AttemptOf) and outcome
        )
        if outside and fence is None and not run.status.ended:
            if run.owner is None and not isinstance(guard, NewRun):
                run.due_at = max(now, run.not_before or 0)
            self._resume_when_due(run)
        return Appended(recorded=recorded, length=len(run.log), fence=fence)

    def _create(self, run_id: RunId, event: RunCreated, now: int) -> None:
        self._runs[run_id] = _Run(
            run_id=run_id,
            workflow=event.workflow,
            version=event.version,
            fingerprint=event.fingerprint,
            created_at=now,
            arguments_digest=rules.digest_of(event.arguments),
            queue=event.queue,
            priority=event.priority,
            parent_id=None if event.parent is None else event.parent.run_id,
            root_id=event.root_id,
            not_before=event.not_before,
            due_at=max(now, event.not_before or 0),
            attributes=dict(event.attributes),
        )

    def _record(self, run: _Run, events: Sequence[Event], now: int) -> Iterator[Recorded]:
        at = max(now, run.log[-1].recorded_at if run.log else 0)
        for given in events:
            event = self._apply(run, given, at)
            recorded = Recorded(position=len(run.log) + 1, recorded_at=at, event=event)
            run.log.append(recorded)
            yield recorded

    def _apply(  # noqa: C901, PLR0912 - one branch per event that has a view
        self, run: _Run, event: Event, at: int
    ) -> Event:
        """Change the views by one event, and give the event as it is written."""
        step = rules.answered_step(event)
        if step is not None:
            self._drop_attempt(run.run_id, step)
        match event:
            case RunStarted():
                run.started_at = run.started_at or at
                run.status = RunStatus.SUSPENDED
            case RunCancelRequested():
                run.cancel_requested, run.cancel_reason = True, event.reason
                run.not_before = None  # a cancelled run need not wait for its delayed start
            case RunWoken():
                run.not_before = None
            case RunPaused():
                run.paused = True
            case RunUnpaused():
                run.paused = False
            case RunUpgraded():
                run.version, run.fingerprint = event.to_version, event.fingerprint
                if run.status.ended:
                    run.status, run.ended_at = RunStatus.SUSPENDED, None
                    run.error, run.failure_kind = None, None
            case RunRestarted():
                run.version, run.fingerprint = event.version, event.fingerprint
                run.chapter = event.chapter
            case AttributesSet():
                for key, value in event.changes.items():
                    if value is None:
                        run.attributes.pop(key, None)
                    else:
                        run.attributes[key] = value
            case HookCreated():
                holder = self._hooks.get(event.token)
                if holder is not None:
                    return HookConflicted(
                        operation_id=event.operation_id,
                        token=event.token,
                        owner_run_id=holder[0],
                    )
                self._hooks[event.token] = (run.run_id, event.operation_id)
            case HookDisposed():
                self._drop_hooks((run.run_id, event.operation_id).__eq__)
            case RunCompleted() | RunFailed() | RunCancelled():
                self._end(run, event, at)
            case _:
                pass
        return event

    def _end(self, run: _Run, event: RunCompleted | RunFailed | RunCancelled, at: int) -> None:
        match event:
            case RunCompleted():
                run.status, run.output = RunStatus.COMPLETED, event.output
            case RunFailed():
                run.status, run.error, run.failure_kind = (
                    RunStatus.FAILED,
                    event.error,
                    event.kind,
                )
            case RunCancelled():
                run.status, run.cancel_reason = RunStatus.CANCELLED, event.reason
        run.ended_at, run.owner, run.lost = at, None, False
        run.due_at = run.wake_at = None
        self._drop_hooks(lambda holder: holder[0] == run.run_id)
        for holder, operation_id in list(self._attempts):
            if holder == run.run_id:
                self._drop_attempt(holder, operation_id)
        for receipt, row in list(self._messages.items()):
            if row.message.run_id == run.run_id and not isinstance(row.message, Ended):
                del self._messages[receipt]
        parent = self._runs.get(run.parent_id) if run.parent_id is not None else None
        if parent is not None and not parent.status.ended:
            self._wake(parent)

    def _drop_hooks(self, matches: Callable[[tuple[RunId, OperationId]], bool]) -> None:
        for token, holder in list(self._hooks.items()):
            if matches(holder):
                del self._hooks[token]

    def _drop_attempt(self, run_id: RunId, operation_id: OperationId) -> None:
        """Want the step's attempt no more; its holder learns it by heartbeat."""
        row = self._attempts.get((run_id, operation_id))
        if row is None:
            return
        for receipt, queued in list(self._messages.items()):
            if queued.message == Attempt(run_id, operation_id):
                del self._messages[receipt]
        if row.worker_id is not None:
            row.unwanted = True
        else:
            del self._attempts[run_id, operation_id]

    def _release(self, run: _Run, release: Release, now: int) -> None:
        run.owner, run.heard = None, len(run.log)
        run.wake_at = run.due_at = release.wake_at
        self._queue_news = True  # messages that waited for the owner may be taken by anybody
        if release.wake_at is not None:
            self._put(Resume(run.run_id), max(now, release.wake_at), run.priority)

    def _wake(self, run: _Run) -> None:
        if run.owner is None:
            run.due_at = max(self.now_us(), run.not_before or 0)
        self._resume_when_due(run)

    def _resume_when_due(self, run: _Run) -> None:
        due = max(self.now_us(), run.not_before or 0)
        self._put(Resume(run.run_id), due, run.priority)

    # -- reading

    async def history(self, run_id: RunId, after: int = 0, limit: int = 2000) -> list[Recorded]:
        """Read up to `limit` events after position `after`."""
        self._must_be_open()
        run = self._runs.get(run_id)
        return [] if run is None else run.log[after : after + limit]

    async def run(self, run_id: RunId) -> Run | None:
        """Read the view of one run."""
        self._must_be_open()
        run = self._runs.get(run_id)
        return None if run is None else self._view(run)

    def _view(self, run: _Run) -> Run:
        status = run.status
        if run.owner is not None and self._lives(run.owner):
            status = RunStatus.RUNNING
        return Run(
            run_id=run.run_id,
            workflow=run.workflow,
            version=run.version,
            fingerprint=run.fingerprint,
            status=status,
            created_at=run.created_at,
            started_at=run.started_at,
            ended_at=run.ended_at,
            length=len(run.log),
            chapter=run.chapter,
            fence=run.fence,
            owner=run.owner,
            queue=run.queue,
            priority=run.priority,
            not_before=run.not_before,
            wake_at=run.wake_at,
            paused=run.paused,
            cancel_requested=run.cancel_requested,
            blocked=run.blocked,
            losses=run.losses,
            parent_id=run.parent_id,
            root_id=run.root_id,
            output=run.output,
            error=run.error,
            failure_kind=run.failure_kind,
            cancel_reason=run.cancel_reason,
            arguments_digest=run.arguments_digest,
            attributes=dict(run.attributes),
        )

    async def list_runs(
        self, where: RunFilter, *, cursor: str | None = None, limit: int = 50
    ) -> RunPage:
        """Read views of runs, newest first."""
        self._must_be_open()
        rules.check_page(limit)
        views = [self._view(run) for run in self._runs.values()]
        found = sorted(
            (view for view in views if _matches(view, where)),
            key=lambda view: (view.created_at, view.run_id),
            reverse=True,
        )
        if cursor is not None:
            place = rules.read_cursor(where, cursor)
            found = [view for view in found if (view.created_at, view.run_id) < place]
        page = tuple(found[:limit])
        more = len(found) > limit
        last = rules.write_cursor(where, page[-1].created_at, page[-1].run_id) if more else None
        return RunPage(runs=page, next=last)

    async def attributes(self, run_id: RunId) -> dict[str, Scalar]:
        """Read the attributes of a run."""
        self._must_be_open()
        run = self._runs.get(run_id)
        return {} if run is None else dict(run.attributes)

    async def block(self, run_id: RunId, reason: str | None) -> None:
        """Mark the run as not executable, or free it again."""
        self._must_be_open()
        with self._lock:
            run = self._runs.get(run_id)
            if run is None:
                raise RunNotFound(f"no run has the id {run_id}")
            run.blocked = reason
            if reason is None and not run.status.ended:
                self._wake(run)
        self._publish(RUNS, run_topic(run_id))

    # -- leases

    async def join(
        self, worker_id: WorkerId, *, lease_s: float, queues: Sequence[str] = ()
    ) -> None:
        """Register a worker; what an earlier worker of this id held is given up."""
        self._must_be_open()
        with self._lock:
            self._give_up(worker_id)
            until = self.now_us() + round(lease_s * MICROSECONDS)
            self._workers[worker_id] = _Worker(until, tuple(queues))
        self._publish(WORKERS)

    def renew(self, worker_id: WorkerId, *, lease_s: float) -> Renewal:
        """Prolong the worker's lease."""
        self._must_be_open()
        with self._lock:
            worker = self._workers.get(worker_id)
            if worker is None:
                return Renewal(fenced=True)
            worker.lease_until = self.now_us() + round(lease_s * MICROSECONDS)
            unwanted = tuple(
                place
                for place, row in self._attempts.items()
                if row.unwanted and row.worker_id == worker_id
            )
            for place in unwanted:
                del self._attempts[place]
            return Renewal(fenced=False, cancelled=unwanted)

    async def leave(self, worker_id: WorkerId) -> None:
        """Remove the worker; runs that it still owns count as lost at once."""
        self._must_be_open()
        with self._lock:
            self._give_up(worker_id)
        self._publish(WORKERS, QUEUES, RUNS)

    async def workers(self) -> list[WorkerRow]:
        """Read the workers whose lease has not run out."""
        self._must_be_open()
        return [
            WorkerRow(worker_id=worker_id, lease_until=row.lease_until, queues=row.queues)
            for worker_id, row in sorted(self._workers.items())
            if self._lives(worker_id)
        ]

    async def claim(self, run_id: RunId, worker_id: WorkerId) -> Claimed | Held | Over | NotYet:
        """Become the owner."""
        self._must_be_open()
        with self._lock:
            self._must_live(worker_id)
            run = self._runs.get(run_id)
            answer = Over() if run is None else self._claim(run, worker_id)
        if isinstance(answer, Claimed):
            self._publish(RUNS, run_topic(run_id))
        return answer

    def _claim(self, run: _Run, worker_id: WorkerId) -> Claimed | Held | Over | NotYet:
        now = self.now_us()
        if run.status.ended:
            return Over()
        if run.owner is not None:
            if self._lives(run.owner):
                return Held(run.owner)
            self._lose(run, now)
        if run.halted or (run.not_before or 0) > now:
            return NotYet()
        loss = run.lost
        run.losses += loss
        run.owner, run.lost, run.due_at, run.wake_at = worker_id, False, None, None
        run.fence += 1
        wanted = (
            operation_id
            for (holder, operation_id), row in self._attempts.items()
            if holder == run.run_id and not row.unwanted
        )
        return Claimed(
            fence=run.fence,
            length=len(run.log),
            loss=loss,
            losses=run.losses,
            heard=run.heard,
            attempts=frozenset(wanted),
        )

    def _claim_fence(self, run: _Run, worker_id: WorkerId) -> int | None:
        if not self._lives(worker_id):
            return None
        answer = self._claim(run, worker_id)
        return answer.fence if isinstance(answer, Claimed) else None

    async def claim_attempt(
        self, run_id: RunId, operation_id: OperationId, worker_id: WorkerId
    ) -> ClaimedAttempt | Held | Over | NotYet:
        """Take the attempt row of a step."""
        self._must_be_open()
        with self._lock:
            self._must_live(worker_id)
            run, row = self._runs.get(run_id), self._attempts.get((run_id, operation_id))
            if run is None or row is None or row.unwanted:
                return Over()
            if row.worker_id is not None and self._lives(row.worker_id):
                return Held(row.worker_id)
            if run.halted or row.not_before > self.now_us():
                return NotYet()
            lost = row.lost or row.worker_id is not None
            run.attempt_fence += 1
            row.fence, row.worker_id, row.lost = run.attempt_fence, worker_id, False
            return ClaimedAttempt(fence=row.fence, lost=lost)

    def _lives(self, worker_id: WorkerId) -> bool:
        worker = self._workers.get(worker_id)
        return worker is not None and worker.lease_until > self.now_us()

    def _must_live(self, worker_id: WorkerId) -> None:
        if not self._lives(worker_id):
            raise LeaseLost(
                f"worker {worker_id} holds no lease, so it may not take work: others may already "
                "have taken over what it did. Drop its executions and join anew."
            )

    def _lose(self, run: _Run, now: int) -> None:
        run.owner, run.lost = None, True
        run.due_at = now

    def _give_up(self, worker_id: WorkerId) -> tuple[int, int]:
        """Free all that a worker held; give the number of its runs and of its attempts."""
        now = self.now_us()
        self._workers.pop(worker_id, None)
        for message in self._messages.values():
            if message.worker_id == worker_id:
                message.worker_id = None
        runs = [run for _, run in sorted(self._runs.items()) if run.owner == worker_id]
        for run in runs:
            self._lose(run, now)
            self._resume_when_due(run)
        attempts = 0
        for (run_id, operation_id), row in sorted(self._attempts.items(), key=_place):
            if row.worker_id != worker_id:
                continue
            if row.unwanted:
                del self._attempts[run_id, operation_id]
            else:
                attempts += 1
                row.worker_id, row.lost = None, True
                self._put(Attempt(run_id, operation_id), now, row.priority)
        return len(runs), attempts

    # -- queue

    async def enqueue(self, queued: Queued) -> None:
        """Queue a message, unless an equal one waits already and is due no later."""
        self._must_be_open()
        with self._lock:
            self._queue(queued, self.now_us())
        self._publish()

    def _queue(self, queued: Queued, now: int) -> None:
        message = queued.message
        run = self._runs.get(message.run_id)
        if not isinstance(message, Ended) and run is not None and run.status.ended:
            return
        if isinstance(message, Attempt):
            place = message.run_id, message.operation_id
            row = self._attempts.get(place)
            if row is None or row.unwanted:
                row = self._attempts[place] = _Attempt()
            row.not_before, row.priority = queued.not_before, queued.priority
        self._put(message, max(now, queued.not_before), queued.priority)

    def _put(self, message: Message, due: int, priority: int) -> None:
        for row in self._messages.values():
            if row.message == message and row.worker_id is None and row.due <= due:
                return
        self._queue_news = True
        receipt = next(self._receipts)
        self._messages[receipt] = _Message(
            message=message, due=due, priority=priority, receipt=receipt
        )

    def _takeable(self, row: _Message, worker_id: WorkerId | None) -> bool:
        run = self._runs.get(row.message.run_id)
        if run is None or isinstance(row.message, Ended):
            return True
        if run.halted:
            return False
        held = run.owner is not None and run.owner != worker_id and self._lives(run.owner)
        return not (held and isinstance(row.message, Resume))

    async def take(self, worker_id: WorkerId, limit: int) -> list[Taken]:
        """Take due messages, by priority, then age."""
        self._must_be_open()
        with self._lock:
            self._must_live(worker_id)
            now = self.now_us()
            due = [
                row
                for row in self._messages.values()
                if row.worker_id is None and row.due <= now and self._takeable(row, worker_id)
            ]
            due.sort(key=lambda row: (-row.priority, row.due, row.receipt))
            for row in due[:limit]:
                row.worker_id = worker_id
            return [Taken(message=row.message, receipt=row.receipt) for row in due[:limit]]

    async def done(self, receipts: Sequence[int]) -> None:
        """Forget messages that were dealt with."""
        self._must_be_open()
        with self._lock:
            for receipt in receipts:
                self._messages.pop(receipt, None)

    async def next_due(self) -> int | None:
        """Give the instant at which the next message becomes due."""
        self._must_be_open()
        now = self.now_us()
        return min(
            (
                row.due
                for row in self._messages.values()
                if row.worker_id is None
                and (self._takeable(row, None) or (row.due > now and not self._halted(row)))
            ),
            default=None,
        )

    def _halted(self, row: _Message) -> bool:
        run = self._runs.get(row.message.run_id)
        return run is not None and run.halted

    async def sweep(self, limit: int = 1000) -> Swept:
        """Repair what crashes left behind."""
        self._must_be_open()
        with self._lock:
            swept = self._sweep(limit)
        self._publish(*([RUNS] if swept.total() else []))
        return swept

    def _sweep(self, limit: int) -> Swept:
        now = self.now_us()
        orphans = attempts = unqueued = overdue = 0
        for worker_id in sorted(name for name in self._workers if not self._lives(name)):
            runs, steps = self._give_up(worker_id)
            orphans, attempts = orphans + runs, attempts + steps
        for run in sorted(self._runs.values(), key=lambda run: (run.due_at or 0, run.run_id)):
            if orphans + attempts + unqueued + overdue >= limit:
                break
            if (
                run.due_at is None
                or run.due_at > now
                or run.halted
                or self._queued(Resume(run.run_id), now)
            ):
                continue
            self._put(Resume(run.run_id), now, run.priority)
            overdue, unqueued = (
                (overdue + 1, unqueued) if run.wake_at is not None else (overdue, unqueued + 1)
            )
        for (run_id, operation_id), row in sorted(self._attempts.items(), key=_place):
            message = Attempt(run_id, operation_id)
            if row.worker_id is None and not self._queued(message, max(now, row.not_before)):
                self._put(message, max(now, row.not_before), row.priority)
                attempts += 1
        return Swept(orphans=orphans, unqueued=unqueued, overdue=overdue, attempts=attempts)

    def _queued(self, message: Message, due: int) -> bool:
        return any(
            row.message == message and (row.worker_id is not None or row.due <= due)
            for row in self._messages.values()
        )

    # -- versions

    async def register_version(
        self, version: VersionId, archive: bytes, *, label: str | None = None, activate: bool = True
    ) -> None:
        """Keep a build; a known version is left as it is (but may be activated)."""
        self._must_be_open()
        with self._lock:
            if version not in self._versions:
                row = VersionRow(
                    version=version, registered_at=self.now_us(), label=label, active=False
                )
                self._versions[version] = bytes(archive), row
            if activate:
                self._versions = {
                    name: (kept, replace(row, active=name == version))
                    for name, (kept, row) in self._versions.items()
                }

    async def version_archive(self, version: VersionId) -> bytes | None:
        """Read a build back."""
        self._must_be_open()
        kept = self._versions.get(version)
        return None if kept is None else kept[0]

    async def versions(self) -> list[VersionRow]:
        """List the registered versions, newest first."""
        self._must_be_open()
        return [row for _, row in reversed(self._versions.values())]

    # -- change feed

    def watch(self, *topics: str) -> Watch:
        """Watch topics."""
        return self._feed.watch(topics)

    def _must_be_open(self) -> None:
        if not self._open:
            raise WorldUnreachable(
                "the world memory: is not open: await world.open() first, once per event loop"
            )


def _behind(run: _Run, length: int) -> Refused | None:
    rules.check_length(run.run_id, length, len(run.log))
    if length == len(run.log):
        return None
    return Refused(reason=Refusal.BEHIND, events=tuple(run.log[length : length + rules.BEHIND_MAX]))


def _place(item: tuple[tuple[RunId, OperationId], _Attempt]) -> tuple[RunId, OperationId]:
    return item[0]


def _matches(view: Run, where: RunFilter) -> bool:
    since, until = where.created_from, where.created_until
    return (
        where.workflow in {None, view.workflow}
        and (not where.statuses or view.status in where.statuses)
        and where.version in {None, view.version}
        and where.queue in {None, view.queue}
        and where.parent_id in {None, view.parent_id}
        and (since is None or view.created_at >= since)
        and (until is None or view.created_at < until)
        and (where.search is None or _holds_text(view, where.search.lower()))
        and all(
            key in view.attributes
            and rules.scalar_text(view.attributes[key]) == rules.scalar_text(value)
            for key, value in where.attributes.items()
        )
    )


def _holds_text(view: Run, text: str) -> bool:
    values = map(rules.scalar_text, view.attributes.values())
    return any(text in held.lower() for held in (view.run_id, view.workflow, *values))


def _topics(run_id: RunId, events: Sequence[Event], create: Sequence[Child]) -> list[str]:
    topics = [run_topic(run_id), RUNS]
    if any(isinstance(event, HookCreated | HookDisposed) for event in events):
        topics.append(HOOKS)
    return topics + [run_topic(child.run_id) for child in create]
