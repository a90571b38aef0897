"""A world in the memory of one process: for tests, and as a short statement of the promises."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from wfc.clock import MICROSECONDS, Clock, SystemClock
from wfc.errors import ConfigError, RunNotFound, WorldUnreachable
from wfc.eventlog.entity import Run
from wfc.eventlog.event import (
    Event,
    HookCreated,
    HookDisposed,
    Recorded,
    Scalar,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.worlds import (
    memory_append,
    memory_attempts,
    memory_audit,
    memory_backlog,
    memory_children,
    memory_doors,
    memory_ends,
    memory_gc,
    memory_hooks,
    memory_reads,
    memory_schedules,
    memory_streams,
    rules,
)
from wfc.worlds import memory_leases as leases
from wfc.worlds import memory_queue as queue
from wfc.worlds import memory_versions as versions
from wfc.worlds.feed import (
    AUDIT,
    ENDS,
    HOOKS,
    QUEUES,
    RUNS,
    SCHEDULES,
    VERSIONS,
    WORKERS,
    Feed,
    run_topic,
    stream_topic,
)
from wfc.worlds.memory_tables import Membership, Tables
from wfc.worlds.protocol import (
    Appended,
    AttemptOf,
    AuditFilter,
    Backlog,
    Callback,
    CallbackRow,
    Child,
    ChunkPage,
    Claimed,
    ClaimedAttempt,
    DeliveryRow,
    DueSchedules,
    EndedChild,
    Environment,
    Expired,
    GateState,
    Guard,
    Held,
    HookFilter,
    HookPage,
    HookRow,
    Limit,
    NewRun,
    Note,
    Noted,
    NotYet,
    Over,
    Owner,
    Put,
    Queued,
    Refused,
    Release,
    Renewal,
    RunFilter,
    RunPage,
    ScheduleRow,
    Standing,
    StreamRow,
    StreamWrite,
    Suspect,
    Swept,
    Taken,
    TakenEnd,
    Telling,
    VersionRow,
    Watch,
    WorkerRow,
    Written,
)
from wfc.worlds.request import Request


class MemoryWorld:
    """Everything in dictionaries, one lock, gone at the end of the process."""

    url: str = "memory:"

    def __init__(self, clock: Clock | None = None) -> None:
        """Begin empty; time comes from `clock` (by default the machine's)."""
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()  # `renew` comes from a heartbeat thread
        self._feed = Feed()
        self._open = False
        self._tables = Tables(self._clock)

    async def open(self) -> None:
        """Begin to serve."""
        self._open = True

    async def close(self) -> None:
        """Stop serving; what was written stays until the object goes."""
        self._open = False

    async def check(self) -> None:
        """See that the world is open: memory has nothing else to check."""
        self._must_be_open()

    async def schema(self) -> int | None:
        """Give None: there are no tables."""
        return None

    async def backup(self, path: Path) -> None:
        """Refuse: it ends with its process."""
        raise ConfigError(f"a world in memory cannot be backed up to {path}: nothing of it stays")

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
        chunks: Sequence[StreamWrite] = (),
    ) -> Appended | Refused:
        """Write all or nothing."""
        self._must_be_open()
        rules.check_batch(run_id, events, guard)
        for child in create:
            rules.check_batch(child.run_id, [child.event], NewRun())
        request = Request(
            run_id=run_id,
            events=events,
            guard=guard,
            messages=messages,
            create=create,
            claim=claim,
            release=release,
            chunks=chunks,
        )
        with self._lock:
            answer = memory_append.append(self._tables, request)
        if isinstance(answer, Appended):
            told, self._tables.told = self._tables.told, set()
            self._publish(*_topics(run_id, events, create), *map(run_topic, told))
            if chunks or rules.ends(events):
                self._publish(stream_topic(run_id))
        return answer

    async def write_chunks(
        self,
        run_id: RunId,
        write: StreamWrite,
        *,
        guard: Owner | AttemptOf,
        writer: RunId | None = None,
    ) -> Written | Refused:
        """Write to a stream of `run_id`, all or nothing."""
        self._must_be_open()
        with self._lock:
            answer = memory_streams.write(self._tables, run_id, write, guard, writer or run_id)
        if isinstance(answer, Written):
            self._publish(stream_topic(run_id))
        return answer

    def _publish(self, *topics: str) -> None:
        news, self._tables.news = self._tables.news, set()
        self._feed.publish((*topics, *news))
        if self._tables.queue_news:
            self._tables.queue_news = False
            self._feed.publish((QUEUES,))

    # -- reading

    async def history(
        self,
        run_id: RunId,
        after: int = 0,
        limit: int = 2000,
        *,
        veiled: bool = False,  # noqa: ARG002 - nothing is encrypted in memory
    ) -> list[Recorded]:
        """Read up to `limit` events after position `after`."""
        self._must_be_open()
        run = self._tables.runs.get(run_id)
        return [] if run is None else run.log[after : after + limit]

    async def run(self, run_id: RunId) -> Run | None:
        """Read the view of one run."""
        self._must_be_open()
        run = self._tables.runs.get(run_id)
        return None if run is None else memory_reads.view(self._tables, run)

    async def list_runs(
        self, where: RunFilter, *, cursor: str | None = None, limit: int = 50
    ) -> RunPage:
        """Read views of runs, newest first."""
        self._must_be_open()
        return memory_reads.list_runs(self._tables, where, cursor=cursor, limit=limit)

    async def ended_children(self, run_id: RunId, limit: int = 200) -> list[EndedChild]:
        """Read the ended children of which the run has still to hear."""
        self._must_be_open()
        run = self._tables.runs.get(run_id)
        return [] if run is None else memory_children.ended(self._tables, run, limit)

    async def attributes(self, run_id: RunId) -> dict[str, Scalar]:
        """Read the attributes of a run."""
        self._must_be_open()
        run = self._tables.runs.get(run_id)
        return {} if run is None else dict(run.attributes)

    async def hook_by_token(self, token: str) -> HookRow | None:
        """Read the hook that has a token: the active one, else the last that had it."""
        self._must_be_open()
        return memory_hooks.by_token(self._tables, token)

    async def list_hooks(
        self, where: HookFilter, *, cursor: str | None = None, limit: int = 50
    ) -> HookPage:
        """Read hooks, newest first."""
        self._must_be_open()
        return memory_hooks.list_hooks(self._tables, where, cursor, limit)

    async def late_runs(self) -> int:
        """Count the open runs that go on beyond their goal."""
        self._must_be_open()
        return memory_backlog.late(self._tables)

    async def backlog(self, *, stuck_before: int) -> Backlog:
        """Count what is due, and what has been for too long."""
        self._must_be_open()
        return memory_backlog.backlog(self._tables, stuck_before)

    async def read_chunks(
        self, run_id: RunId, namespace: str, start: int = 0, limit: int = 256
    ) -> ChunkPage:
        """Read chunks from index `start` on."""
        self._must_be_open()
        return memory_streams.page(self._tables, run_id, namespace, start, limit)

    async def tail_index(self, run_id: RunId, namespace: str) -> int:
        """Give the index of the stream's last chunk, -1 if it has none."""
        self._must_be_open()
        return memory_streams.page(self._tables, run_id, namespace, 0, 0).length - 1

    async def streams(self, run_id: RunId) -> list[StreamRow]:
        """List the streams of a run by namespace."""
        self._must_be_open()
        return memory_streams.listed(self._tables, run_id)

    async def block(self, run_id: RunId, reason: str | None, *, fence: int | None = None) -> None:
        """Mark the run as not executable, or free it again."""
        self._must_be_open()
        with self._lock:
            run = self._tables.runs.get(run_id)
            if run is None:
                raise RunNotFound(f"no run has the id {run_id}")
            if fence is not None and (run.owner is None or run.fence != fence):
                return
            run.blocked = reason
            if reason is None and not run.status.ended:
                memory_children.wake(self._tables, run)
            elif not run.status.ended:
                memory_doors.halted(self._tables, run)
        self._publish(RUNS, run_topic(run_id))

    # -- leases

    async def join(
        self, worker_id: WorkerId, *, lease_s: float, queues: Sequence[str] = ()
    ) -> None:
        """Register a worker; what an earlier worker of this id held is given up."""
        self._must_be_open()
        with self._lock:
            leases.give_up(self._tables, worker_id)
            until = self.now_us() + round(lease_s * MICROSECONDS)
            self._tables.workers[worker_id] = Membership(until, tuple(queues))
        self._publish(WORKERS)

    def renew(self, worker_id: WorkerId, *, lease_s: float) -> Renewal:
        """Prolong the worker's lease."""
        self._must_be_open()
        with self._lock:
            return leases.renew(self._tables, worker_id, lease_s=lease_s)

    async def leave(self, worker_id: WorkerId) -> None:
        """Remove the worker; runs that it still owns count as lost at once."""
        self._must_be_open()
        with self._lock:
            leases.give_up(self._tables, worker_id)
        self._publish(WORKERS, QUEUES, RUNS)

    async def disown(
        self,
        worker_id: WorkerId,
        *,
        runs: Collection[RunId],
        attempts: Collection[tuple[RunId, OperationId]],
        receipts: Collection[int],
    ) -> int:
        """Free what a worker holds beside what it names."""
        self._must_be_open()
        with self._lock:
            freed = leases.disown(self._tables, worker_id, runs, attempts, receipts)
        self._publish(*([QUEUES, RUNS] if freed else []))
        return freed

    async def workers(self) -> list[WorkerRow]:
        """Read the workers whose lease has not run out."""
        self._must_be_open()
        return [
            WorkerRow(worker_id=worker_id, lease_until=row.lease_until, queues=row.queues)
            for worker_id, row in sorted(self._tables.workers.items())
            if self._tables.lives(worker_id)
        ]

    async def claim(
        self, run_id: RunId, worker_id: WorkerId, *, losses_max: int | None = None
    ) -> Claimed | Suspect | Held | Over | NotYet:
        """Become the owner."""
        self._must_be_open()
        with self._lock:
            self._tables.must_live(worker_id)
            run = self._tables.runs.get(run_id)
            answer = (
                Over()
                if run is None
                else leases.claim(self._tables, run, worker_id, losses_max=losses_max)
            )
        if isinstance(answer, Claimed):
            self._publish(RUNS, run_topic(run_id))
        return answer

    async def claim_attempt(
        self, run_id: RunId, operation_id: OperationId, worker_id: WorkerId
    ) -> ClaimedAttempt | Held | Over | NotYet:
        """Take the attempt row of a step."""
        self._must_be_open()
        with self._lock:
            return leases.claim_attempt(self._tables, run_id, operation_id, worker_id)

    # -- queue

    async def enqueue(self, queued: Queued) -> None:
        """Queue a message, unless an equal one waits already and is due no later."""
        self._must_be_open()
        with self._lock:
            memory_attempts.queue(self._tables, queued, self.now_us())
        self._publish()

    async def take(self, worker_id: WorkerId, limit: int) -> list[Taken]:
        """Take due messages, by priority, then age."""
        self._must_be_open()
        with self._lock:
            return queue.take(self._tables, worker_id, limit)

    async def done(self, receipts: Sequence[int]) -> None:
        """Forget messages that were dealt with."""
        self._must_be_open()
        with self._lock:
            for receipt in receipts:
                self._tables.messages.pop(receipt, None)

    async def next_due(self) -> int | None:
        """Give the instant at which the next message becomes due."""
        self._must_be_open()
        return queue.next_due(self._tables)

    async def sweep(self, limit: int = 1000) -> Swept:
        """Repair what crashes left behind."""
        self._must_be_open()
        with self._lock:
            swept = queue.sweep(self._tables, limit)
        self._publish(*([RUNS] if swept.total() else []))
        return swept

    # -- limits

    async def define_limits(self, limits: Sequence[Limit]) -> None:
        """Say what limits hold from now on."""
        self._must_be_open()
        with self._lock:
            memory_doors.define(self._tables, limits)
        self._publish()

    async def gates(self) -> list[GateState]:
        """Read how full all gates are."""
        self._must_be_open()
        return memory_doors.states(self._tables)

    async def standings(self, run_id: RunId) -> list[Standing]:
        """Read where a run and its steps stand at their gates."""
        self._must_be_open()
        return memory_doors.standings(self._tables, run_id)

    # -- schedules

    async def put_schedule(
        self,
        row: ScheduleRow,
        *,
        run: Child | None = None,
        alone: bool = False,
        note: Note | None = None,
    ) -> Put:
        """Write a schedule, if it still has the revision that `row` names."""
        self._must_be_open()
        if run is not None:
            rules.check_batch(run.run_id, [run.event], NewRun())
        with self._lock:
            answer = memory_schedules.put(self._tables, row, run, note, alone=alone)
        told, self._tables.told = self._tables.told, set()
        self._publish(SCHEDULES, AUDIT, RUNS, *map(run_topic, told))
        return answer

    async def schedule(self, name: str) -> ScheduleRow | None:
        """Read a schedule."""
        self._must_be_open()
        return self._tables.schedules.get(name)

    async def schedules(self) -> list[ScheduleRow]:
        """Read all schedules, by name."""
        self._must_be_open()
        return [row for _, row in sorted(self._tables.schedules.items())]

    async def delete_schedule(self, name: str, *, note: Note | None = None) -> bool:
        """Forget a schedule."""
        self._must_be_open()
        with self._lock:
            gone = memory_schedules.delete(self._tables, name, note)
        self._publish(SCHEDULES, AUDIT)
        return gone

    async def due_schedules(self, limit: int = 100) -> DueSchedules:
        """Read schedules of which a firing may be due."""
        self._must_be_open()
        return memory_schedules.due(self._tables, limit)

    # -- end callbacks

    async def register_callbacks(self, callbacks: Sequence[Callback]) -> None:
        """Know callbacks, each as it was told last."""
        self._must_be_open()
        with self._lock:
            memory_ends.register(self._tables, callbacks)
        self._publish(ENDS)

    async def callbacks(self) -> list[CallbackRow]:
        """Read the callbacks that are known."""
        self._must_be_open()
        return [row for _, row in sorted(self._tables.callbacks.items())]

    async def take_ends(
        self, worker_id: WorkerId, names: Collection[str], limit: int
    ) -> list[TakenEnd]:
        """Take ends that are due."""
        self._must_be_open()
        with self._lock:
            return memory_ends.take(self._tables, worker_id, names, limit)

    async def settle_end(
        self,
        worker_id: WorkerId,
        taken: TakenEnd,
        *,
        error: bytes | None = None,
        again_at: int | None = None,
    ) -> bool:
        """Keep how a try came out."""
        self._must_be_open()
        with self._lock:
            kept = memory_ends.settle(self._tables, worker_id, taken, error, again_at)
        self._publish(ENDS, run_topic(taken.message.run_id))
        return kept

    async def give_back_end(self, worker_id: WorkerId, taken: TakenEnd) -> None:
        """Let others tell an end."""
        self._must_be_open()
        with self._lock:
            memory_ends.give_back(self._tables, worker_id, taken)
        self._publish(ENDS)

    async def next_end(self, names: Collection[str]) -> int | None:
        """Give the instant at which the first end becomes due."""
        self._must_be_open()
        return memory_ends.next_due(self._tables, names)

    async def deliveries(
        self,
        *,
        run_id: RunId | None = None,
        statuses: Collection[Telling] = (),
        limit: int = 200,
    ) -> list[DeliveryRow]:
        """Read how the telling of ends stands."""
        self._must_be_open()
        return memory_ends.listed(self._tables, run_id, statuses, limit)

    async def forget_callbacks(self, *, unseen_since: int) -> int:
        """Forget callbacks that no worker has had since then."""
        self._must_be_open()
        with self._lock:
            given_up = memory_ends.forget_unseen(self._tables, unseen_since)
        self._publish(ENDS)
        return given_up

    # -- audit

    async def note(self, note: Note, *, within_us: int | None = None) -> None:
        """Keep a fact."""
        self._must_be_open()
        with self._lock:
            if within_us is None or not memory_audit.join(self._tables, note, within_us):
                memory_audit.add(self._tables, note)
        self._publish(AUDIT)

    async def audit(
        self, where: AuditFilter, *, before: int | None = None, limit: int = 50
    ) -> list[Noted]:
        """Read facts, newest first."""
        self._must_be_open()
        return memory_audit.listed(self._tables, where, before, limit)

    async def forget_audit(self, *, before: int) -> int:
        """Remove facts that were noted before an instant."""
        self._must_be_open()
        with self._lock:
            return memory_audit.forget(self._tables, before)

    # -- retention

    async def expired(self, *, kept_us: int | None, limit: int = 5) -> Expired:
        """Count the runs that `gc` would remove, and name the first."""
        self._must_be_open()
        found = [run.run_id for run in memory_gc.expired(self._tables, kept_us)]
        return Expired(count=len(found), run_ids=tuple(found[:limit]))

    async def gc(self, *, kept_us: int | None, limit: int = 200) -> tuple[RunId, ...]:
        """Remove expired runs with all that belongs to them, and name them."""
        self._must_be_open()
        with self._lock:
            removed = memory_gc.collect(self._tables, kept_us, limit)
        self._publish(*([RUNS, HOOKS] if removed else []), *map(run_topic, removed))
        return removed

    # -- versions

    async def register_version(
        self,
        version: VersionId,
        archive: bytes,
        *,
        label: str | None = None,
        activate: bool = True,
        environment: Environment | None = None,
        fingerprints: Mapping[DefinitionId, str] | None = None,
        note: Note | None = None,
    ) -> bool:
        """Keep a build, and tell whether it is new."""
        self._must_be_open()
        row = VersionRow(
            version=version,
            registered_at=self.now_us(),
            label=label,
            active=False,
            size=len(archive),
            fingerprints=None if fingerprints is None else dict(fingerprints),
        )
        with self._lock:
            new = versions.register(self._tables, row, archive, environment, activate=activate)
            if new and activate and note is not None:
                memory_audit.add(self._tables, note)
        self._publish(VERSIONS)
        return new

    async def activate_version(self, version: VersionId, *, note: Note | None = None) -> None:
        """Make a registered version the active one."""
        self._must_be_open()
        with self._lock:
            versions.activate(self._tables, version)
            if note is not None:
                memory_audit.add(self._tables, note)
        self._publish(VERSIONS)

    async def version_archive(self, version: VersionId) -> bytes | None:
        """Read a build back."""
        self._must_be_open()
        kept = self._tables.versions.get(version)
        return None if kept is None else kept[0]

    async def versions(self) -> list[VersionRow]:
        """List the registered versions, newest first."""
        self._must_be_open()
        return [row for _, row in reversed(self._tables.versions.values())]

    async def open_runs(self) -> dict[VersionId, int]:
        """Count the runs that have not ended, by version."""
        self._must_be_open()
        return versions.open_runs(self._tables)

    async def prune_versions(
        self,
        *,
        keep: int,
        failed_since: int,
        only: Collection[VersionId] | None = None,
        dry_run: bool = False,
    ) -> list[VersionRow]:
        """Forget the versions that nobody needs, and give them, newest first."""
        self._must_be_open()
        with self._lock:
            unneeded = versions.unneeded(self._tables, keep, failed_since, only)
            if not dry_run:
                versions.forget(self._tables, unneeded)
        self._publish(VERSIONS)
        return unneeded

    # -- change feed

    def watch(self, *topics: str) -> Watch:
        """Watch topics."""
        return self._feed.watch(topics)

    def _must_be_open(self) -> None:
        if not self._open:
            raise WorldUnreachable(
                "the world memory: is not open: await world.open() first, once per event loop"
            )


def _topics(run_id: RunId, events: Sequence[Event], create: Sequence[Child]) -> list[str]:
    topics = [run_topic(run_id), RUNS]
    if any(isinstance(event, HookCreated | HookDisposed) for event in events):
        topics.append(HOOKS)
    return topics + [run_topic(child.run_id) for child in create]
