"""Runs in one SQLite file: embedded, durable, shared by the processes of one machine."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import aiosqlite

from wfc import codec
from wfc.clock import Clock, SystemClock
from wfc.errors import (
    RunNotFound,
    WorldCorrupt,
    WorldError,
    WorldFull,
    WorldLocked,
    WorldReadOnly,
    WorldUnreachable,
)
from wfc.eventlog.entity import Run
from wfc.eventlog.event import (
    Event,
    Recorded,
    Scalar,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.worlds import (
    rules,
    sqlite_attempts,
    sqlite_audit,
    sqlite_children,
    sqlite_doors,
    sqlite_ends,
    sqlite_events,
    sqlite_gc,
    sqlite_hooks,
    sqlite_leases,
    sqlite_queue,
    sqlite_reads,
    sqlite_runs,
    sqlite_schedules,
    sqlite_streams,
    sqlite_versions,
)
from wfc.worlds.chunks import PAGE_BYTES
from wfc.worlds.feed import QUEUES, RUNS, Feed, run_topic
from wfc.worlds.limits import HOLDERS_MAX
from wfc.worlds.protocol import (
    Appended,
    AttemptOf,
    AuditFilter,
    Callback,
    CallbackRow,
    Child,
    ChunkPage,
    ChunkRow,
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
from wfc.worlds.sqlite_append import append
from wfc.worlds.sqlite_commit import Transaction
from wfc.worlds.sqlite_connect import connect, connect_to_look, translate, verify
from wfc.worlds.sqlite_plain import PLAIN, PlainAppend
from wfc.worlds.sqlite_writer import Writer
from wfc.worlds.vault import Vault

T = TypeVar("T")
_ROWS_AT_ONCE: Final = 2000


_UNREAD: Final = (None, codec.ENCRYPTED)


class SqliteWorld:
    """A SQLite file as a world. One writer thread, one reader connection."""

    def __init__(
        self, path: str | Path, *, clock: Clock | None = None, vault: Vault | None = None
    ) -> None:
        """Keep runs in the file `path`; time comes from `clock` (by default the machine's).

        `vault` holds the keys under which payloads are encrypted; without it they are not.
        """
        self.path = Path(path).absolute()
        self.url = f"sqlite:///{self.path}"
        self._clock = clock or SystemClock()
        self._vault = vault
        self._feed = Feed()
        self._writer: Writer | None = None
        self._reader: aiosqlite.Connection | None = None
        self._getting_writer = asyncio.Lock()

    async def open(self) -> None:
        """Connect, and migrate if need be. A file that can only be read is opened for reading."""
        if self._reader is not None:
            return
        try:
            self._writer = await self._new_writer()
        except (WorldFull, WorldReadOnly, WorldLocked, WorldUnreachable) as problem:
            self._reader = await self._looking(problem)
            return
        try:
            self._reader = await self._new_reader()
        except sqlite3.Error as error:
            writer, self._writer = self._writer, None
            await writer.close()
            raise translate(error, self.path) from error

    async def _new_writer(self) -> Writer:
        writer = Writer(
            self.path,
            self._clock,
            self._feed.publish,
            on_foreign_writes=self._feed.publish_all,
            vault=self._vault,
        )
        await writer.open()
        return writer

    async def _new_reader(self) -> aiosqlite.Connection:
        return await aiosqlite.Connection(partial(connect, self.path, reader=True), 64)

    async def _looking(self, problem: WorldError) -> aiosqlite.Connection:
        """Open for reading what cannot be opened for writing. Raises `problem`."""
        for immutable in (False, True):
            try:
                # Not in aiosqlite's thread, which does not end if it cannot connect.
                found = await asyncio.to_thread(connect_to_look, self.path, immutable=immutable)
            except (sqlite3.Error, WorldError):
                continue  # `problem` says what is wrong
            return await aiosqlite.Connection(lambda made=found: made, 64)  # type: ignore[misc]  # mypy infers no default
        raise problem

    async def _writer_at_last(self) -> Writer:
        """Try once more to get a writer: there may be room or a right to write by now.

        Raises `WorldError`.
        """
        if self._reader is None:
            self._closed()
        async with self._getting_writer:
            if self._writer is None:
                writer = await self._new_writer()
                looking, self._reader = self._reader, await self._new_reader()
                self._writer = writer
                if looking is not None:
                    await looking.close()
        return self._writer or self._closed()

    async def close(self) -> None:
        """Finish waiting writes and disconnect; a second call does nothing."""
        writer, self._writer = self._writer, None
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()
        if writer is not None:
            await writer.close()

    async def check(self) -> None:
        """Read the durability settings back, and probe for damage and for the right to write."""
        await self._write(self._probe)
        rows = await self._read("PRAGMA quick_check(1)")
        if rows != [("ok",)]:
            raise WorldCorrupt(
                f"{self.path} is damaged ({rows[0][0]}); nothing is repaired. Stop the workers, "
                "keep a copy of the file with its -wal, and restore a backup."
            )

    def _probe(self, transaction: Transaction) -> None:
        verify(transaction.connection, self.path)
        # Undone at once: to begin a transaction does not say that a file is read-only.
        transaction.execute("SAVEPOINT probe")
        try:
            transaction.execute("UPDATE meta SET value = value WHERE key = 'schema'")
        finally:
            if transaction.connection.in_transaction:
                transaction.execute("ROLLBACK TO probe")
                transaction.execute("RELEASE probe")

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
        """Write all or nothing, durable on return."""
        writer = self._writer or await self._writer_at_last()
        if (
            type(guard) is Owner
            and release is None
            and events
            and not messages
            and not create
            and not chunks
            and PLAIN.issuperset(map(type, events))
        ):
            step = PlainAppend(run_id, events, guard, self._clock.now_us(), self._vault)
            writer.put(step)
            return await step.future
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
        size = sqlite_events.weight(events)
        return await writer.call(lambda transaction: append(transaction, request), size)

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
            lambda transaction: sqlite_streams.write(
                transaction, run_id, write, guard, writer or run_id
            ),
            size,
        )

    def _closed(self) -> Writer:
        raise WorldUnreachable(
            f"the world {self.url} is not open: await world.open() first, once per event loop"
        )

    async def _write(self, work: Callable[[Transaction], T], size: int = 0) -> T:
        return await (self._writer or await self._writer_at_last()).call(work, size)

    # -- reading

    async def _read(
        self, statement: str, values: Iterable[object] | dict[str, object] = ()
    ) -> list[tuple[Any, ...]]:
        if self._reader is None:
            self._closed()
        assert self._reader is not None
        try:
            rows = await self._reader.execute_fetchall(statement, values)
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        return cast("list[tuple[Any, ...]]", list(rows))

    async def history(
        self, run_id: RunId, after: int = 0, limit: int = 2000, *, veiled: bool = False
    ) -> list[Recorded]:
        """Read up to `limit` events after position `after`, dense and in order."""
        decode = sqlite_events.veiled if veiled else sqlite_events.decode
        rows = await self._read(sqlite_events.SELECT, (run_id, after, limit))
        sqlite_events.check_dense(run_id, rows, after)
        blobs = await self._blobs(run_id, sqlite_events.blob_digests(rows))
        return [decode(run_id, row, blobs, self._vault) for row in rows]

    async def _blobs(self, run_id: str, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        for digest in set(digests):
            found.update(await self._read(sqlite_events.SELECT_BLOB, (run_id, digest)))
        return found

    async def run(self, run_id: RunId) -> Run | None:
        """Read the view of one run."""
        values = {"now": self.now_us(), "run_id": run_id}
        views = await self._views(await self._read(sqlite_reads.RUN, values))
        return views[0] if views else None

    async def list_runs(
        self, where: RunFilter, *, cursor: str | None = None, limit: int = 50
    ) -> RunPage:
        """Read views of runs, newest first."""
        rules.check_page(limit)
        place = None if cursor is None else rules.read_cursor(where, cursor)
        rows = await self._read(*sqlite_reads.page_of(where, place, limit + 1, self.now_us()))
        page = await self._views(rows[:limit])
        if len(rows) <= limit:
            return RunPage(runs=tuple(page))
        last = page[-1]
        return RunPage(
            runs=tuple(page), next=rules.write_cursor(where, last.created_at, last.run_id)
        )

    async def _views(self, rows: list[tuple[Any, ...]]) -> list[Run]:
        blobs: dict[bytes, bytes] = {}
        for run_id, digests in sqlite_reads.blobs_of(rows).items():
            blobs.update(await self._blobs(run_id, digests))
        return [sqlite_reads.view_of(row, blobs, self._vault) for row in rows]

    async def ended_children(self, run_id: RunId, limit: int = 200) -> list[EndedChild]:
        """Read the ended children of which the run has still to hear."""
        asked = {"run_id": run_id, "limit": limit}
        names = dict(await self._read(sqlite_children.ENDED, asked))
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
        rows = await self._read(sqlite_reads.ATTRIBUTES, (run_id,))
        return {key: rules.scalar_of(text) for key, text in rows}

    async def hook_by_token(self, token: str) -> HookRow | None:
        """Read the hook that has a token: the active one, else the last that had it."""
        rows = await self._read(sqlite_hooks.BY_TOKEN, (sqlite_hooks.digest_of(token),))
        found = await self._hooks(rows)
        return found[0] if found else None

    async def list_hooks(
        self, where: HookFilter, *, cursor: str | None = None, limit: int = 50
    ) -> HookPage:
        """Read hooks, newest first."""
        rules.check_page(limit)
        place = None if cursor is None else rules.read_hook_cursor(where, cursor)
        rows = await self._read(*sqlite_hooks.page_of(where, place, limit + 1))
        page = await self._hooks(rows[:limit], row_of=sqlite_hooks.listed)
        more = rules.write_hook_cursor(where, page[-1]) if len(rows) > limit else None
        return HookPage(hooks=tuple(page), next=more)

    async def _hooks(
        self, rows: list[tuple[Any, ...]], row_of: Callable[..., HookRow] = sqlite_hooks.row_of
    ) -> list[HookRow]:
        blobs: dict[bytes, bytes] = {}
        for run_id, digests in sqlite_hooks.blobs_of(rows).items():
            blobs.update(await self._blobs(run_id, digests))
        return [row_of(row, blobs, self._vault) for row in rows]

    async def read_chunks(
        self, run_id: RunId, namespace: str, start: int = 0, limit: int = 256
    ) -> ChunkPage:
        """Read chunks from index `start` on."""
        # The head first: what it counts is there when the chunks are read.
        where = {"run_id": run_id, "namespace": namespace}
        heads = await self._read(sqlite_streams.HEAD, where)
        over, length, closed = heads[0] if heads else (1, None, None)
        chunks: list[ChunkRow] = []
        if length is not None and start < length:
            end = min(start + limit, length)
            asked = {**where, "start": start, "end": end, "bytes": PAGE_BYTES}
            rows = await self._read(sqlite_streams.PAGE, asked)
            chunks = [
                sqlite_streams.veiled_row(run_id, namespace, row, self._vault) for row in rows
            ]
        return ChunkPage(chunks=tuple(chunks), length=length or 0, closed=bool(over or closed))

    async def tail_index(self, run_id: RunId, namespace: str) -> int:
        """Give the index of the stream's last chunk, -1 if it has none."""
        where = {"run_id": run_id, "namespace": namespace}
        heads = await self._read(sqlite_streams.HEAD, where)
        return (heads[0][1] or 0) - 1 if heads else -1

    async def streams(self, run_id: RunId) -> list[StreamRow]:
        """List the streams of a run by namespace."""
        return list(map(sqlite_streams.listed, await self._read(sqlite_streams.LISTED, (run_id,))))

    async def late_runs(self) -> int:
        """Count the open runs that go on beyond their goal."""
        ((count,),) = await self._read(sqlite_reads.LATE, {"now": self.now_us()})
        return int(count)

    async def block(self, run_id: RunId, reason: str | None) -> None:
        """Mark the run as not executable, or with None free it again."""
        await self._write(lambda transaction: _block(transaction, run_id, reason))

    # -- leases

    async def join(
        self, worker_id: WorkerId, *, lease_s: float, queues: Sequence[str] = ()
    ) -> None:
        """Register a worker; what an earlier worker of this id held is given up."""
        await self._write(
            lambda transaction: sqlite_leases.join(transaction, worker_id, lease_s, queues)
        )

    def renew(self, worker_id: WorkerId, *, lease_s: float) -> Renewal:
        """Prolong the worker's lease; blocking, called from a heartbeat thread."""
        writer = self._writer or self._closed()
        return writer.call_blocking(
            lambda transaction: sqlite_leases.renew(transaction, worker_id, lease_s)
        )

    async def leave(self, worker_id: WorkerId) -> None:
        """Remove the worker; runs that it still owns count as lost at once."""
        await self._write(lambda transaction: sqlite_leases.leave(transaction, worker_id))

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
            lambda transaction: sqlite_leases.claim(
                transaction, run_id, worker_id, losses_max=losses_max
            )
        )

    async def claim_attempt(
        self, run_id: RunId, operation_id: OperationId, worker_id: WorkerId
    ) -> ClaimedAttempt | Held | Over | NotYet:
        """Take the attempt row of a step."""
        return await self._write(
            lambda transaction: sqlite_leases.claim_attempt(
                transaction, run_id, operation_id, worker_id
            )
        )

    # -- queue

    async def enqueue(self, queued: Queued) -> None:
        """Queue a message, unless an equal one waits already and is due no later."""
        await self._write(lambda transaction: sqlite_attempts.enqueue(transaction, queued))

    async def take(self, worker_id: WorkerId, limit: int) -> list[Taken]:
        """Take due messages, by priority, then age."""

        def work(transaction: Transaction) -> list[Taken]:
            sqlite_leases.must_live(transaction, worker_id)
            return sqlite_queue.take(transaction, worker_id, limit)

        return await self._write(work)

    async def done(self, receipts: Sequence[int]) -> None:
        """Forget messages that were dealt with."""
        await self._write(lambda transaction: sqlite_queue.done(transaction, receipts))

    async def next_due(self) -> int | None:
        """Give the instant at which the next message becomes due."""
        rows = await self._read(sqlite_queue.NEXT_DUE, {"now": self.now_us(), "worker": ""})
        due: int | None = rows[0][0]
        return due

    async def sweep(self, limit: int = 1000) -> Swept:
        """Repair what crashes left behind; idempotent."""
        return await self._write(lambda transaction: sqlite_leases.sweep(transaction, limit))

    # -- limits

    async def define_limits(self, limits: Sequence[Limit]) -> None:
        """Say what limits hold from now on."""
        await self._write(lambda transaction: sqlite_doors.define(transaction, limits))

    async def gates(self) -> list[GateState]:
        """Read how full all gates are."""
        now = self.now_us()
        return [sqlite_doors.state_of(row, now) for row in await self._read(sqlite_doors.STATES)]

    async def standings(self, run_id: RunId) -> list[Standing]:
        """Read where a run and its steps stand at their gates."""
        found = []
        for row in await self._read(sqlite_doors.STANDINGS, (run_id,)):
            place = (row[1], row[2], HOLDERS_MAX)
            holders = await self._read(sqlite_doors.HOLDERS, place)
            found.append(sqlite_doors.standing_of(run_id, row, holders, self.now_us()))
        return found

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
        if run is not None:
            rules.check_batch(run.run_id, [run.event], NewRun())
        return await self._write(
            lambda transaction: sqlite_schedules.put(transaction, row, run, note, alone=alone)
        )

    async def schedule(self, name: str) -> ScheduleRow | None:
        """Read a schedule."""
        rows = await self._read(sqlite_schedules.SELECT_ONE, (name,))
        return sqlite_schedules.row_of(rows[0], self._vault) if rows else None

    async def schedules(self) -> list[ScheduleRow]:
        """Read all schedules, by name."""
        rows = await self._read(sqlite_schedules.SELECT)
        return [sqlite_schedules.row_of(row, self._vault) for row in rows]

    async def delete_schedule(self, name: str, *, note: Note | None = None) -> bool:
        """Forget a schedule."""
        return await self._write(
            lambda transaction: sqlite_schedules.delete(transaction, name, note)
        )

    async def due_schedules(self, limit: int = 100) -> DueSchedules:
        """Read schedules of which a firing may be due."""
        values = {"now": self.now_us(), "limit": limit}
        rows = await self._read(sqlite_schedules.DUE, values)
        ((next_at,),) = await self._read(sqlite_schedules.NEXT, values)
        due = [sqlite_schedules.row_of(row, self._vault) for row in rows]
        return DueSchedules(rows=tuple(due), next_at=next_at)

    # -- end callbacks

    async def register_callbacks(self, callbacks: Sequence[Callback]) -> None:
        """Know callbacks, each as it was told last."""
        await self._write(lambda transaction: sqlite_ends.register(transaction, callbacks))

    async def callbacks(self) -> list[CallbackRow]:
        """Read the callbacks that are known."""
        return sqlite_ends.callbacks_of(await self._read(sqlite_ends.CALLBACKS))

    async def take_ends(
        self, worker_id: WorkerId, names: Collection[str], limit: int
    ) -> list[TakenEnd]:
        """Take ends that are due."""

        def work(transaction: Transaction) -> list[TakenEnd]:
            sqlite_leases.must_live(transaction, worker_id)
            return sqlite_ends.take(transaction, worker_id, names, limit)

        return await self._write(work)

    async def settle_end(
        self,
        worker_id: WorkerId,
        taken: TakenEnd,
        *,
        error: bytes | None = None,
        again_at: int | None = None,
    ) -> bool:
        """Keep how a try came out."""
        return await self._write(
            lambda transaction: sqlite_ends.settle(transaction, worker_id, taken, error, again_at)
        )

    async def give_back_end(self, worker_id: WorkerId, taken: TakenEnd) -> None:
        """Let others tell an end."""
        await self._write(lambda transaction: sqlite_ends.give_back(transaction, worker_id, taken))

    async def next_end(self, names: Collection[str]) -> int | None:
        """Give the instant at which the first end becomes due."""
        rows = await self._read(*sqlite_ends.next_due(names))
        due: int | None = rows[0][0]
        return due

    async def deliveries(
        self,
        *,
        run_id: RunId | None = None,
        statuses: Collection[Telling] = (),
        limit: int = 200,
    ) -> list[DeliveryRow]:
        """Read how the telling of ends stands."""
        rows = await self._read(*sqlite_ends.listed(run_id, statuses, limit))
        return [sqlite_ends.delivery_of(row, self._vault) for row in rows]

    async def forget_callbacks(self, *, unseen_since: int) -> int:
        """Forget callbacks that no worker has had since then."""
        return await self._write(
            lambda transaction: sqlite_ends.forget_unseen(transaction, unseen_since)
        )

    # -- audit

    async def note(self, note: Note, *, within_us: int | None = None) -> None:
        """Keep a fact."""

        def work(transaction: Transaction) -> None:
            if within_us is None or not sqlite_audit.join(transaction, note, within_us):
                sqlite_audit.add(transaction, note)

        await self._write(work)

    async def audit(
        self, where: AuditFilter, *, before: int | None = None, limit: int = 50
    ) -> list[Noted]:
        """Read facts, newest first."""
        values = sqlite_audit.values_of(where, before, limit)
        return sqlite_audit.rows_of(await self._read(sqlite_audit.SELECT, values))

    async def forget_audit(self, *, before: int) -> int:
        """Remove facts that were noted before an instant."""
        return await self._write(lambda transaction: sqlite_audit.forget(transaction, before))

    # -- retention

    async def expired(self, *, kept_us: int | None, limit: int = 5) -> Expired:
        """Count the runs that `gc` would remove, and name the first."""
        values = sqlite_gc.values_of(self.now_us(), kept_us, limit)
        ((count,),) = await self._read(sqlite_gc.COUNTED, values)
        listed = await self._read(sqlite_gc.LISTED, values)
        return Expired(count=count, run_ids=tuple(RunId(run_id) for run_id, _ in listed))

    async def gc(self, *, kept_us: int | None, limit: int = 200) -> tuple[RunId, ...]:
        """Remove expired runs with all that belongs to them, and name them."""
        return await self._write(lambda transaction: sqlite_gc.collect(transaction, kept_us, limit))

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

        def work(transaction: Transaction) -> bool:
            row = VersionRow(
                version=version,
                registered_at=transaction.now_us,
                label=label,
                active=False,
                size=len(archive),
                fingerprints=fingerprints,
            )
            new = sqlite_versions.register(
                transaction, row, archive, environment, activate=activate
            )
            if new and activate and note is not None:
                sqlite_audit.add(transaction, note)
            return new

        return await self._write(work, len(archive))

    async def activate_version(self, version: VersionId, *, note: Note | None = None) -> None:
        """Make a registered version the active one."""

        def work(transaction: Transaction) -> None:
            sqlite_versions.activate(transaction, version)
            if note is not None:
                sqlite_audit.add(transaction, note)

        await self._write(work)

    async def version_archive(self, version: VersionId) -> bytes | None:
        """Read a build back."""
        rows = await self._read("SELECT archive FROM bundles WHERE version = ?", (version,))
        return rows[0][0] if rows else None

    async def versions(self) -> list[VersionRow]:
        """List the registered versions, newest first."""
        listed = await self._read(sqlite_versions.LISTED)
        return sqlite_versions.rows_of(listed, await self._read(sqlite_versions.ENVIRONMENTS))

    async def open_runs(self) -> dict[VersionId, int]:
        """Count the runs that have not ended, by version."""
        return dict(await self._read(sqlite_versions.OPEN_RUNS))

    async def prune_versions(
        self,
        *,
        keep: int,
        failed_since: int,
        only: Collection[VersionId] | None = None,
        dry_run: bool = False,
    ) -> list[VersionRow]:
        """Forget the versions that nobody needs, and give them, newest first."""
        return await self._write(
            lambda transaction: sqlite_versions.prune(
                transaction, keep, failed_since, only, dry_run=dry_run
            )
        )

    # -- change feed

    def watch(self, *topics: str) -> Watch:
        """Watch topics."""
        return self._feed.watch(topics)


def _block(transaction: Transaction, run_id: RunId, reason: str | None) -> None:
    run = sqlite_runs.load(transaction.connection, run_id)
    if run is None:
        raise RunNotFound(f"no run has the id {run_id}")
    transaction.execute("UPDATE runs SET blocked = ? WHERE run_id = ?", (reason, run_id))
    if reason is None and not run.over:
        before = replace(run)
        run.blocked = None
        if run.owner is None:
            run.due_at = max(transaction.now_us, run.not_before or 0)
        sqlite_doors.wake(transaction, run)
        sqlite_runs.save(transaction.connection, before, run)
        transaction.news.add(QUEUES)
    elif run.gated and not run.over:
        before = replace(run)
        run.blocked = reason
        sqlite_doors.halted(transaction, run)
        sqlite_runs.save(transaction.connection, before, run)
    transaction.news.update((RUNS, run_topic(run_id)))
