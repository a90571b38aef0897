"""A world in the memory of one process: for tests, and as a short statement of the promises."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from wfc.clock import MICROSECONDS
from wfc.errors import ConfigError, RunNotFound
from wfc.eventlog.entity import Run
from wfc.eventlog.event import (
    Event,
    HookCreated,
    HookDisposed,
    Recorded,
    Scalar,
)
from wfc.ids import OperationId, RunId, WorkerId
from wfc.worlds import (
    memory_append,
    memory_attempts,
    memory_backlog,
    memory_children,
    memory_doors,
    memory_hooks,
    memory_reads,
    memory_streams,
    rules,
)
from wfc.worlds import memory_leases as leases
from wfc.worlds import memory_queue as queue
from wfc.worlds.feed import (
    HOOKS,
    QUEUES,
    RUNS,
    WORKERS,
    run_topic,
    stream_topic,
)
from wfc.worlds.memory_beside import MemoryBeside
from wfc.worlds.memory_tables import Membership
from wfc.worlds.protocol import (
    Appended,
    AttemptOf,
    Backlog,
    Child,
    ChunkPage,
    Claimed,
    ClaimedAttempt,
    EndedChild,
    GateState,
    Guard,
    Held,
    HookFilter,
    HookPage,
    HookRow,
    Limit,
    NewRun,
    NotYet,
    Over,
    Owner,
    Queued,
    Refused,
    Release,
    Renewal,
    RunFilter,
    RunPage,
    Standing,
    StreamRow,
    StreamWrite,
    Suspect,
    Swept,
    Taken,
    Watch,
    WorkerRow,
    Written,
)
from wfc.worlds.request import Request


class MemoryWorld(MemoryBeside):
    """Everything in dictionaries, one lock, gone at the end of the process."""

    url: str = "memory:"

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

    # -- change feed

    def watch(self, *topics: str) -> Watch:
        """Watch topics."""
        return self._feed.watch(topics)


def _topics(run_id: RunId, events: Sequence[Event], create: Sequence[Child]) -> list[str]:
    topics = [run_topic(run_id), RUNS]
    if any(isinstance(event, HookCreated | HookDisposed) for event in events):
        topics.append(HOOKS)
    return topics + [run_topic(child.run_id) for child in create]
