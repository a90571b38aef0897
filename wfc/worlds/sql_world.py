"""What the worlds with tables have in common: each method as work on one transaction, or a query.

The statements are the same everywhere (`sql_*.py`); a world says how they reach its database.
"""

from __future__ import annotations

import abc
import asyncio
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from wfc import codec
from wfc.errors import ConfigError, RunNotFound
from wfc.eventlog.entity import Run
from wfc.eventlog.event import Event, Recorded, Scalar
from wfc.ids import OperationId, RunId, WorkerId
from wfc.worlds import (
    rules,
    sql_attempts,
    sql_backlog,
    sql_children,
    sql_doors,
    sql_events,
    sql_hooks,
    sql_leases,
    sql_queue,
    sql_reads,
    sql_runs,
    sql_streams,
)
from wfc.worlds.chunks import PAGE_BYTES
from wfc.worlds.feed import QUEUES, RUNS, run_topic
from wfc.worlds.limits import HOLDERS_MAX
from wfc.worlds.protocol import (
    Appended,
    AttemptOf,
    Backlog,
    Child,
    ChunkPage,
    ChunkRow,
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
from wfc.worlds.sql_append import append
from wfc.worlds.sql_beside import SqlBeside
from wfc.worlds.sql_plain import PLAIN
from wfc.worlds.sql_transaction import Transaction

T = TypeVar("T")
_UNREAD: Final = (None, codec.ENCRYPTED)


class SqlWorld(SqlBeside):
    """All of a world but its connections."""

    @abc.abstractmethod
    async def _append_plain(
        self, run_id: RunId, events: Sequence[Event], guard: Owner
    ) -> Appended | Refused:
        """Append an owner's events that change nothing but the log and the head of the run."""

    async def schema(self) -> int | None:
        """Give the number of the last migration of the tables."""
        rows = await self._read("SELECT value FROM meta WHERE key = 'schema'")
        return int(rows[0][0])

    async def backup(self, path: Path) -> None:
        """Write all that the world holds to a new file: first beside it, then under its name."""
        if await asyncio.to_thread(path.exists):
            raise ConfigError(f"{path} exists, and a backup replaces nothing. Name another file.")
        part = path.with_name(f"{path.name}.part")
        try:
            await self._write_copy(part)
            await asyncio.to_thread(part.rename, path)
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)

    @abc.abstractmethod
    async def _write_copy(self, path: Path) -> None:
        """Write all that the world holds at one instant to a file."""

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
        """Write all or nothing, durable on return."""
        if (
            type(guard) is Owner
            and release is None
            and events
            and not messages
            and not create
            and not chunks
            and PLAIN.issuperset(map(type, events))
        ):
            return await self._append_plain(run_id, events, guard)
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
        size = sql_events.weight(events)
        return await self._write(lambda transaction: append(transaction, request), size)

    async def write_chunks(
        self,
        run_id: RunId,
        write: StreamWrite,
        *,
        guard: Owner | AttemptOf,
        writer: RunId | None = None,
    ) -> Written | Refused:
        """Write to a stream of `run_id`, all or nothing, durable on return."""
        size = sum(len(chunk.body) for chunk in write.chunks)
        return await self._write(
            lambda transaction: sql_streams.write(
                transaction, run_id, write, guard, writer or run_id
            ),
            size,
        )

    # -- reading

    async def history(
        self, run_id: RunId, after: int = 0, limit: int = 2000, *, veiled: bool = False
    ) -> list[Recorded]:
        """Read up to `limit` events after position `after`, dense and in order."""
        decode = sql_events.veiled if veiled else sql_events.decode
        rows = await self._read(sql_events.SELECT, (run_id, after, limit))
        sql_events.check_dense(run_id, rows, after)
        blobs = await self._blobs(run_id, sql_events.blob_digests(rows))
        return [decode(run_id, row, blobs, self._vault) for row in rows]

    async def _blobs(self, run_id: str, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        for digest in set(digests):
            found.update(await self._read(sql_events.SELECT_BLOB, (run_id, digest)))
        return found

    async def run(self, run_id: RunId) -> Run | None:
        """Read the view of one run."""
        values = {"now": self.now_us(), "run_id": run_id}
        views = await self._views(await self._read(sql_reads.RUN, values))
        return views[0] if views else None

    async def list_runs(
        self, where: RunFilter, *, cursor: str | None = None, limit: int = 50
    ) -> RunPage:
        """Read views of runs, newest first."""
        rules.check_page(limit)
        place = None if cursor is None else rules.read_cursor(where, cursor)
        rows = await self._read(*sql_reads.page_of(where, place, limit + 1, self.now_us()))
        page = await self._views(rows[:limit])
        if len(rows) <= limit:
            return RunPage(runs=tuple(page))
        last = page[-1]
        return RunPage(
            runs=tuple(page), next=rules.write_cursor(where, last.created_at, last.run_id)
        )

    async def _views(self, rows: list[tuple[Any, ...]]) -> list[Run]:
        blobs: dict[bytes, bytes] = {}
        for run_id, digests in sql_reads.blobs_of(rows).items():
            blobs.update(await self._blobs(run_id, digests))
        return [sql_reads.view_of(row, blobs, self._vault) for row in rows]

    async def ended_children(self, run_id: RunId, limit: int = 200) -> list[EndedChild]:
        """Read the ended children of which the run has still to hear."""
        asked = {"run_id": run_id, "limit": limit}
        names = dict(await self._read(sql_children.ENDED, asked))
        views = {name: await self.run(child) for name, child in names.items()}
        for run in views.values():
            # A list shows a run whose end cannot be read; a parent must not take it for a failure.
            if run is not None and (run.output or run.error) in _UNREAD:
                await self.history(run.run_id, run.length - 1, 1)
        return [
            EndedChild(operation_id=name, run=run) for name, run in views.items() if run is not None
        ]

    async def attributes(self, run_id: RunId) -> dict[str, Scalar]:
        """Read the attributes of a run."""
        rows = await self._read(sql_reads.ATTRIBUTES, (run_id,))
        return {key: rules.scalar_of(text) for key, text in rows}

    async def hook_by_token(self, token: str) -> HookRow | None:
        """Read the hook that has a token: the active one, else the last that had it."""
        rows = await self._read(sql_hooks.BY_TOKEN, (sql_hooks.digest_of(token),))
        found = await self._hooks(rows)
        return found[0] if found else None

    async def list_hooks(
        self, where: HookFilter, *, cursor: str | None = None, limit: int = 50
    ) -> HookPage:
        """Read hooks, newest first."""
        rules.check_page(limit)
        place = None if cursor is None else rules.read_hook_cursor(where, cursor)
        rows = await self._read(*sql_hooks.page_of(where, place, limit + 1))
        page = await self._hooks(rows[:limit], row_of=sql_hooks.listed)
        more = rules.write_hook_cursor(where, page[-1]) if len(rows) > limit else None
        return HookPage(hooks=tuple(page), next=more)

    async def _hooks(
        self, rows: list[tuple[Any, ...]], row_of: Callable[..., HookRow] = sql_hooks.row_of
    ) -> list[HookRow]:
        blobs: dict[bytes, bytes] = {}
        for run_id, digests in sql_hooks.blobs_of(rows).items():
            blobs.update(await self._blobs(run_id, digests))
        return [row_of(row, blobs, self._vault) for row in rows]

    async def read_chunks(
        self, run_id: RunId, namespace: str, start: int = 0, limit: int = 256
    ) -> ChunkPage:
        """Read chunks from index `start` on."""
        # The head first: what it counts is there when the chunks are read.
        where = {"run_id": run_id, "namespace": namespace}
        heads = await self._read(sql_streams.HEAD, where)
        over, length, closed = heads[0] if heads else (1, None, None)
        chunks: list[ChunkRow] = []
        if length is not None and start < length:
            end = min(start + limit, length)
            asked = {**where, "start": start, "end": end, "bytes": PAGE_BYTES}
            rows = await self._read(sql_streams.PAGE, asked)
            chunks = [sql_streams.veiled_row(run_id, namespace, row, self._vault) for row in rows]
        return ChunkPage(chunks=tuple(chunks), length=length or 0, closed=bool(over or closed))

    async def tail_index(self, run_id: RunId, namespace: str) -> int:
        """Give the index of the stream's last chunk, -1 if it has none."""
        where = {"run_id": run_id, "namespace": namespace}
        heads = await self._read(sql_streams.HEAD, where)
        return (heads[0][1] or 0) - 1 if heads else -1

    async def streams(self, run_id: RunId) -> list[StreamRow]:
        """List the streams of a run by namespace."""
        return list(map(sql_streams.listed, await self._read(sql_streams.LISTED, (run_id,))))

    async def late_runs(self) -> int:
        """Count the open runs that go on beyond their goal."""
        ((count,),) = await self._read(sql_reads.LATE, {"now": self.now_us()})
        return int(count)

    async def backlog(self, *, stuck_before: int) -> Backlog:
        """Count what is due, and what has been for too long."""
        where: dict[str, object] = {"now": self.now_us(), "worker": ""}
        queues = sql_backlog.queues_of(await self._read(sql_backlog.QUEUES, where))
        ((stuck,),) = await self._read(sql_backlog.STUCK, where | {"before": stuck_before})
        return Backlog(queues=queues, late=await self.late_runs(), stuck=stuck)

    async def block(self, run_id: RunId, reason: str | None, *, fence: int | None = None) -> None:
        """Mark the run as not executable, or with None free it again."""
        await self._write(lambda transaction: _block(transaction, run_id, reason, fence))

    # -- leases

    async def join(
        self, worker_id: WorkerId, *, lease_s: float, queues: Sequence[str] = ()
    ) -> None:
        """Register a worker; what an earlier worker of this id held is given up."""
        await self._write(
            lambda transaction: sql_leases.join(transaction, worker_id, lease_s, queues)
        )

    def renew(self, worker_id: WorkerId, *, lease_s: float) -> Renewal:
        """Prolong the worker's lease; blocking, called from a heartbeat thread."""
        return self._write_blocking(
            lambda transaction: sql_leases.renew(transaction, worker_id, lease_s)
        )

    async def leave(self, worker_id: WorkerId) -> None:
        """Remove the worker; runs that it still owns count as lost at once."""
        await self._write(lambda transaction: sql_leases.leave(transaction, worker_id))

    async def disown(
        self,
        worker_id: WorkerId,
        *,
        runs: Collection[RunId],
        attempts: Collection[tuple[RunId, OperationId]],
        receipts: Collection[int],
    ) -> int:
        """Free what a worker holds beside what it names."""

        def work(transaction: Transaction) -> int:
            freed = sql_leases.disown(transaction, worker_id, runs, attempts, receipts)
            if freed:
                transaction.news.update((QUEUES, RUNS))
            return freed

        return await self._write(work)

    async def workers(self) -> list[WorkerRow]:
        """Read the workers whose lease has not run out."""
        rows = await self._read(
            "SELECT worker_id, lease_until, queues FROM workers WHERE lease_until > ?"
            " ORDER BY worker_id",
            (self.now_us(),),
        )
        return [
            WorkerRow(worker_id=worker_id, lease_until=until, queues=tuple(json.loads(queues)))
            for worker_id, until, queues in rows
        ]

    async def claim(
        self, run_id: RunId, worker_id: WorkerId, *, losses_max: int | None = None
    ) -> Claimed | Suspect | Held | Over | NotYet:
        """Become the owner."""
        return await self._write(
            lambda transaction: sql_leases.claim(
                transaction, run_id, worker_id, losses_max=losses_max
            )
        )

    async def claim_attempt(
        self, run_id: RunId, operation_id: OperationId, worker_id: WorkerId
    ) -> ClaimedAttempt | Held | Over | NotYet:
        """Take the attempt row of a step."""
        return await self._write(
            lambda transaction: sql_leases.claim_attempt(
                transaction, run_id, operation_id, worker_id
            )
        )

    # -- queue

    async def enqueue(self, queued: Queued) -> None:
        """Queue a message, unless an equal one waits already and is due no later."""
        await self._write(lambda transaction: sql_attempts.enqueue(transaction, queued))

    async def take(self, worker_id: WorkerId, limit: int) -> list[Taken]:
        """Take due messages, by priority, then age."""

        def work(transaction: Transaction) -> list[Taken]:
            sql_leases.must_live(transaction, worker_id)
            return sql_queue.take(transaction, worker_id, limit)

        return await self._write(work)

    async def done(self, receipts: Sequence[int]) -> None:
        """Forget messages that were dealt with."""
        await self._write(lambda transaction: sql_queue.done(transaction, receipts))

    async def next_due(self) -> int | None:
        """Give the instant at which the next message becomes due."""
        rows = await self._read(sql_queue.NEXT_DUE, {"now": self.now_us(), "worker": ""})
        due: int | None = rows[0][0]
        return due

    async def sweep(self, limit: int = 1000) -> Swept:
        """Repair what crashes left behind; idempotent."""
        return await self._write(lambda transaction: sql_leases.sweep(transaction, limit))

    # -- limits

    async def define_limits(self, limits: Sequence[Limit]) -> None:
        """Say what limits hold from now on."""
        await self._write(lambda transaction: sql_doors.define(transaction, limits))

    async def gates(self) -> list[GateState]:
        """Read how full all gates are."""
        now = self.now_us()
        return [sql_doors.state_of(row, now) for row in await self._read(sql_doors.STATES)]

    async def standings(self, run_id: RunId) -> list[Standing]:
        """Read where a run and its steps stand at their gates."""
        found = []
        for row in await self._read(sql_doors.STANDINGS, (run_id,)):
            place = (row[1], row[2], HOLDERS_MAX)
            holders = await self._read(sql_doors.HOLDERS, place)
            found.append(sql_doors.standing_of(run_id, row, holders, self.now_us()))
        return found

    # -- change feed

    def watch(self, *topics: str) -> Watch:
        """Watch topics."""
        return self._feed.watch(topics)


def _block(transaction: Transaction, run_id: RunId, reason: str | None, fence: int | None) -> None:
    run = sql_runs.load(transaction.connection, run_id)
    if run is None:
        raise RunNotFound(f"no run has the id {run_id}")
    if fence is not None and (run.owner is None or run.fence != fence):
        return
    transaction.execute("UPDATE runs SET blocked = ? WHERE run_id = ?", (reason, run_id))
    if reason is None and not run.over:
        before = replace(run)
        run.blocked = None
        if run.owner is None:
            run.due_at = max(transaction.now_us, run.not_before or 0)
        sql_doors.wake(transaction, run)
        sql_runs.save(transaction.connection, before, run)
        transaction.news.add(QUEUES)
    elif run.gated and not run.over:
        before = replace(run)
        run.blocked = reason
        sql_doors.halted(transaction, run)
        sql_runs.save(transaction.connection, before, run)
    transaction.news.update((RUNS, run_topic(run_id)))
