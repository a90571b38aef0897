"""What a world is: log, queue, leases and versions of all runs, behind one door for writing.

Every method is a promise, and `wfc.worlds.conformance` tests each of them on every world. Instants
are UTC microseconds of the world's clock. A method that returns has committed: what it wrote is on
disk and every reader sees it. A method that raises `WorldError` has written nothing. The words of
the protocol stand in `messages`, `guards` and `answers`; whoever uses a world finds them all here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from wfc.eventlog.entity import Run
from wfc.eventlog.event import Event, Recorded, Scalar
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.worlds.answers import (
    Claimed,
    ClaimedAttempt,
    EndedChild,
    Environment,
    Expired,
    Held,
    HookFilter,
    HookPage,
    HookRow,
    NotYet,
    Over,
    Renewal,
    RunFilter,
    RunPage,
    Suspect,
    Swept,
    VersionRow,
    WorkerRow,
)
from wfc.worlds.audit import AuditFilter, Note, Noted
from wfc.worlds.backlog import Backlog, QueueBacklog
from wfc.worlds.chunks import (
    ChunkPage,
    ChunkRow,
    CopiedStreams,
    NewChunk,
    StreamRow,
    StreamWrite,
    WritingStep,
    Written,
)
from wfc.worlds.ends import Callback, CallbackRow, DeliveryRow, TakenEnd, Telling
from wfc.worlds.guards import (
    Appended,
    AttemptOf,
    Child,
    Guard,
    NewRun,
    OpenHook,
    OpenRun,
    Owner,
    Refusal,
    Refused,
    Release,
    Unowned,
)
from wfc.worlds.limits import Claimant, Gate, GateState, Limit, Rate, SlotState, Standing
from wfc.worlds.messages import Attempt, Ended, Message, Queued, Resume, Taken
from wfc.worlds.schedules import DueSchedules, Put, ScheduleRow

__all__ = [
    "Appended",
    "Attempt",
    "AttemptOf",
    "AuditFilter",
    "Backlog",
    "Callback",
    "CallbackRow",
    "Child",
    "ChunkPage",
    "ChunkRow",
    "Claimant",
    "Claimed",
    "ClaimedAttempt",
    "CopiedStreams",
    "DeliveryRow",
    "DueSchedules",
    "Ended",
    "EndedChild",
    "Environment",
    "Expired",
    "Gate",
    "GateState",
    "Guard",
    "Held",
    "HookFilter",
    "HookPage",
    "HookRow",
    "Limit",
    "Message",
    "NewChunk",
    "NewRun",
    "NotYet",
    "Note",
    "Noted",
    "OpenHook",
    "OpenRun",
    "Over",
    "Owner",
    "Put",
    "QueueBacklog",
    "Queued",
    "Rate",
    "Refusal",
    "Refused",
    "Release",
    "Renewal",
    "Resume",
    "RunFilter",
    "RunPage",
    "ScheduleRow",
    "SlotState",
    "Standing",
    "StreamRow",
    "StreamWrite",
    "Suspect",
    "Swept",
    "Taken",
    "TakenEnd",
    "Telling",
    "Unowned",
    "VersionRow",
    "Watch",
    "WorkerRow",
    "World",
    "WritingStep",
    "Written",
]


class Watch(Protocol):
    """News about some topics since it was made; nothing in between is missed."""

    async def changed(self, timeout_s: float) -> bool:
        """Wait until there is news, or give False after `timeout_s` seconds."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


class World(Protocol):
    """One place where runs live. Open it once per event loop and close it at the end."""

    url: str

    async def open(self) -> None:
        """Connect, and migrate a world that is behind. Raises `WorldUnreachable`, `WorldReadOnly`,
        `WorldLocked`, `WorldFull`, `WorldCorrupt`, `WorldTooNew`.

        A world that is up to date and can only be read is opened all the same: each write is
        refused then, for as long as it cannot be written.
        """
        ...

    async def close(self) -> None:
        """Finish waiting writes and disconnect; a second call does nothing."""
        ...

    async def check(self) -> None:
        """Read the durability settings back and probe for damage. Raises as `open` does."""
        ...

    async def schema(self) -> int | None:
        """Give the number of the last migration of the tables; None for a world without tables."""
        ...

    async def backup(self, path: Path) -> None:
        """Write all that the world holds at one instant to a new file; work goes on meanwhile.

        Raises `ConfigError` if there is such a file or this world cannot be backed up so.
        """
        ...

    def now_us(self) -> int:
        """Give the world's clock."""
        ...

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
        """Write all or nothing, durable on return: events, messages, child runs, claim, release,
        and what is written to streams of the run (see `write_chunks`).

        * All events get one `recorded_at`, never earlier than the last one of the run; those of a
          copied log (guard `NewRun`) keep the ones that the guard names.
        * Views (run row, attributes, hooks, attempt rows) change in the same transaction.
        * `Attempt` messages of an owner make an attempt row for the step; its outcome,
          cancellation or the run's end removes the row.
        * A `hook_created` whose token is taken, by an active hook or one whose retention lasts, is
          written as `hook_conflicted`, or with the spare token that a copied log brings for it.
          `OpenHook` lets a payload in for the hook that has the token, and for no other.
        * A terminal event ends the run: it frees the lease and the queue slot, removes the run's
          messages and attempt rows, closes its streams and disposes its hooks. A stream that
          has an epilogue gets that first, after the chunks of the same append. Each registered
          callback that wants to hear of such an end gets a delivery; after a second end (an upgrade
          had reopened the run) one of that.
        * `claim` makes the worker the owner in the same transaction (guards `NewRun`,
          `AttemptOf`, `OpenHook`, `OpenRun`, `Unowned`); if it cannot, the append still lands
          and `Appended.fence` is None. Without a claim, `NewRun` queues a `Resume`.
        * An event from outside (guards `OpenHook`, `OpenRun`, `Unowned`) and the outcome of a
          queued attempt queue a `Resume` unless the append claimed the run.
        * A step's outcome, `step_retrying` and `step_cancelled` remove its attempt row; an
          `Attempt` message of the same append makes the row of the next attempt.
        * A cancel request and `run_woken` end a delayed start. `run_upgraded` (guard `Unowned`)
          reopens a failed run, and forgets hooks and attempt rows of what it takes back; a hook
          that it retracts is active again (`HookConflictError`: its token is taken); a child that
          it takes back is cancelled.
        * `child_created` lets the run hear of the end of the child run that it names, whoever
          began that one: the end queues a `Resume` of its parent and of each run that hears.
        * A cancel request passes on to the open children of the run, and theirs, unless detached.
        * `Unowned` over an owner whose lease ran out takes the run from it, as a loss.

        * Under every guard but `Owner`, events that may not follow the log are refused
          (`IllegalEvent`); an owner has read the log and asks `wfc.eventlog.legality` itself.

        Raises `IllegalEvent` for a batch that no log may hold, `IdempotencyMismatch`, and
        `VersionUnknown` for one by which a run would depend on a version that was pruned. A
        caller that is cancelled while it waits does not know whether its append landed. For
        `chunks`, it raises what a closed or too large stream raises: `StreamClosed`,
        `StreamTooLarge`.
        """
        ...

    async def write_chunks(
        self,
        run_id: RunId,
        write: StreamWrite,
        *,
        guard: Owner | AttemptOf,
        writer: RunId | None = None,
    ) -> Written | Refused:
        """Write to a stream of `run_id`, all or nothing, durable on return; the first write makes
        the stream.

        * `guard` holds for the run `writer`, by default the run that has the stream. The length of
          an `Owner` is not compared: a body writes while decisions are made.
        * Indexes are dense from 0 per stream, given at commit, in the order of `write.chunks`. Of a
          chunk whose key the stream knows, nothing is written.
        * The first write of a body (`begins`) to a stream to which the same step wrote before puts
          a reset chunk in front: what the step wrote there earlier, from the index in the body of
          that chunk on, is void.
        * Closing is a mark without index. Chunks for a closed stream, or for one of a run that
          has ended, are refused as CLOSED; closing it again does nothing. A body that begins takes
          the mark back if an earlier attempt of its step set it.
        * What is `spare` is left out where a stream would refuse it: closed, or too large by it.

        Raises `StreamTooLarge` for a chunk over 1 MiB, or a stream over 1,000,000 chunks or 1 GiB.
        """
        ...

    # -- reading

    async def history(
        self, run_id: RunId, after: int = 0, limit: int = 2000, *, veiled: bool = False
    ) -> list[Recorded]:
        """Read up to `limit` events after position `after`, dense and in order.

        Raises `CorruptEvent` or `LogTooNew`, and `CannotDecrypt` for payloads that no key here
        opens; `veiled`, for those who only look, `codec.ENCRYPTED` stands for each of these.
        """
        ...

    async def run(self, run_id: RunId) -> Run | None:
        """Read the view of one run; `codec.ENCRYPTED` stands for an end whose key is not here."""
        ...

    async def list_runs(
        self, where: RunFilter, *, cursor: str | None = None, limit: int = 50
    ) -> RunPage:
        """Read views of runs, newest first. Raises `ConfigError` for a cursor not of `where`."""
        ...

    async def ended_children(self, run_id: RunId, limit: int = 200) -> list[EndedChild]:
        """Read the children named by a `child_created` of the run's present chapter that have
        ended, and whose end its log does not hold: by the operation's name.
        """
        ...

    async def attributes(self, run_id: RunId) -> dict[str, Scalar]:
        """Read the attributes of a run."""
        ...

    async def hook_by_token(self, token: str) -> HookRow | None:
        """Read the hook that has a token: the active one, else the last that had it.

        `codec.ENCRYPTED` stands for what is sealed under a key that is not here.
        """
        ...

    async def list_hooks(
        self, where: HookFilter, *, cursor: str | None = None, limit: int = 50
    ) -> HookPage:
        """Read hooks, newest first. Raises `ConfigError` for a cursor not of `where`."""
        ...

    async def late_runs(self) -> int:
        """Count the open runs that go on beyond their goal."""
        ...

    async def backlog(self, *, stuck_before: int) -> Backlog:
        """Count what may be taken now and is not, by queue, and the open runs that are late or
        stuck: blocked, or with something that was due at `stuck_before`, that somebody awake could
        take, and no event since.
        """
        ...

    async def read_chunks(
        self, run_id: RunId, namespace: str, start: int = 0, limit: int = 256
    ) -> ChunkPage:
        """Read up to `limit` chunks, and about 4 MiB, from index `start` on, dense and in order.

        A stream that nobody wrote to is empty; closed, if its run has ended or does not exist.
        `codec.ENCRYPTED` stands for a chunk whose key is not here.
        """
        ...

    async def tail_index(self, run_id: RunId, namespace: str) -> int:
        """Give the index of the stream's last chunk, -1 if it has none."""
        ...

    async def streams(self, run_id: RunId) -> list[StreamRow]:
        """List the streams of a run by namespace."""
        ...

    async def block(self, run_id: RunId, reason: str | None, *, fence: int | None = None) -> None:
        """Mark the run as not executable (its log cannot be read, its bundle is missing), or
        with None free it again. Workers skip blocked runs; nothing else changes. With `fence`
        nothing is done unless the run is owned under it: who was fenced may err about the log.
        """
        ...

    # -- leases

    async def join(
        self, worker_id: WorkerId, *, lease_s: float, queues: Sequence[str] = ()
    ) -> None:
        """Register a worker that serves these queues of steps (none: all); what an earlier worker
        of this id held is given up.
        """
        ...

    def renew(self, worker_id: WorkerId, *, lease_s: float) -> Renewal:
        """Prolong the worker's lease; blocking, called from a heartbeat thread."""
        ...

    async def leave(self, worker_id: WorkerId) -> None:
        """Remove the worker; runs that it still owns count as lost at once."""
        ...

    async def disown(
        self,
        worker_id: WorkerId,
        *,
        runs: Collection[RunId],
        attempts: Collection[tuple[RunId, OperationId]],
        receipts: Collection[int],
    ) -> int:
        """Free what a worker holds beside what it names here, and say how much that was: it was
        taken by calls whose answers did not arrive. Runs and attempts count as lost.
        """
        ...

    async def workers(self) -> list[WorkerRow]:
        """Read the workers whose lease has not run out."""
        ...

    async def claim(
        self, run_id: RunId, worker_id: WorkerId, *, losses_max: int | None = None
    ) -> Claimed | Suspect | Held | Over | NotYet:
        """Become the owner. At most one worker owns a run; the fence grows with every claim.

        A run that does not exist is `Over`. Who owns it already is told `Held` by itself. A run
        that was lost more than `losses_max` times in a row is `Suspect`, and stays as it is; None
        claims any. Raises `LeaseLost` if the worker has no lease.
        """
        ...

    async def claim_attempt(
        self, run_id: RunId, operation_id: OperationId, worker_id: WorkerId
    ) -> ClaimedAttempt | Held | Over | NotYet:
        """Take the attempt row of a step. Raises `LeaseLost` if the worker has no lease."""
        ...

    # -- queue

    async def enqueue(self, queued: Queued) -> None:
        """Queue a message, unless an equal one waits already and is due no later, or the run has
        ended. An `Attempt` makes the step's attempt row if there is none.
        """
        ...

    async def take(self, worker_id: WorkerId, limit: int) -> list[Taken]:
        """Take due messages, by priority, then age; never early, each by one worker at a time.

        Leaves messages of paused and blocked runs, each `Resume` of a run that another living
        worker owns, and attempts of a queue that the worker does not serve. Raises `LeaseLost` if
        the worker has no lease.
        """
        ...

    async def done(self, receipts: Sequence[int]) -> None:
        """Forget messages that were dealt with. What is not done when its worker dies comes back
        through `sweep`.
        """
        ...

    async def next_due(self) -> int | None:
        """Give the instant at which the next message becomes due (which may have passed).

        Messages that nobody may take now, and that no passing of time will change, do not count.
        """
        ...

    async def sweep(self, limit: int = 1000) -> Swept:
        """Repair what crashes left behind; idempotent. One sweeper works at a time."""
        ...

    # -- limits

    async def define_limits(self, limits: Sequence[Limit]) -> None:
        """Say what limits hold from now on; the others stay as they are.

        A run whose `run_created` names a queue or a `limit_key`, and an `Attempt` with a gate, is
        given its slots before a worker may take it, all or none, by priority, then age. How many
        have one at a gate never exceeds its `concurrency`, nor how many began its `rate`; a gate
        without a limit is open. Slots go back when a run ends, when it is released (`active`
        limits, or all if it waits for a child, and none that a queued step of it still needs), when
        it is blocked, or paused before it began; those of a step when its attempt ends or its
        worker has heard that nobody wants it. What wakes such a run again wants them anew. A run
        that is to be cancelled is taken without.
        """
        ...

    async def gates(self) -> list[GateState]:
        """Read how full all gates are, by name and key; of a limit that nobody asks for, one."""
        ...

    async def standings(self, run_id: RunId) -> list[Standing]:
        """Read where a run and its steps stand at their gates; of most runs, nothing."""
        ...

    # -- schedules

    async def put_schedule(
        self,
        row: ScheduleRow,
        *,
        run: Child | None = None,
        alone: bool = False,
        note: Note | None = None,
    ) -> Put:
        """Write a schedule, if it is still the one that `row` tells of, by `created_at` and
        `revision` (0: there is none).

        With `run` that run begins in the same transaction, unless there is one of its id: then the
        row is written all the same. With `alone` nothing is written while another run is open whose
        id begins as those of this schedule do. Raises `VersionUnknown`.
        """
        ...

    async def schedule(self, name: str) -> ScheduleRow | None:
        """Read a schedule."""
        ...

    async def schedules(self) -> list[ScheduleRow]:
        """Read all schedules, by name."""
        ...

    async def delete_schedule(self, name: str, *, note: Note | None = None) -> bool:
        """Forget a schedule and tell whether there was one; the runs that it began go on."""
        ...

    async def due_schedules(self, limit: int = 100) -> DueSchedules:
        """Read schedules whose `next_at` has come, or that have firings waiting, are not paused and
        have no open run.
        """
        ...

    # -- end callbacks

    async def register_callbacks(self, callbacks: Sequence[Callback]) -> None:
        """Know callbacks, each as it was told last, and that a worker has them now."""
        ...

    async def callbacks(self) -> list[CallbackRow]:
        """Read the callbacks that are known, by name."""
        ...

    async def take_ends(
        self, worker_id: WorkerId, names: Collection[str], limit: int
    ) -> list[TakenEnd]:
        """Take ends that are due and that these callbacks are to hear, each by one worker at a
        time; the try is counted in the same transaction. Raises `LeaseLost`.
        """
        ...

    async def settle_end(
        self,
        worker_id: WorkerId,
        taken: TakenEnd,
        *,
        error: bytes | None = None,
        again_at: int | None = None,
    ) -> bool:
        """Keep how a try came out: told, or failed by `error` for good or until `again_at`.

        Gives False, and writes nothing, if the worker does not hold that try any more.
        """
        ...

    async def give_back_end(self, worker_id: WorkerId, taken: TakenEnd) -> None:
        """Let others tell an end; the try does not count."""
        ...

    async def next_end(self, names: Collection[str]) -> int | None:
        """Give the instant at which the first end becomes due that one of these may be told."""
        ...

    async def deliveries(
        self,
        *,
        run_id: RunId | None = None,
        statuses: Collection[Telling] = (),
        limit: int = 200,
    ) -> list[DeliveryRow]:
        """Read how the telling of ends stands, the last changed first; of an error that no key
        here opens, `codec.ENCRYPTED`.
        """
        ...

    async def forget_callbacks(self, *, unseen_since: int) -> int:
        """Forget callbacks that no worker has had since then, and give up what they were to hear;
        say how many ends that were.
        """
        ...

    # -- audit

    async def note(self, note: Note, *, within_us: int | None = None) -> None:
        """Keep a fact that belongs to no single run.

        With `within_us` its numbers are added to those of the last fact of the same action, actor
        and channel, if that is no older: what happens all the time stays one fact for a while.
        """
        ...

    async def audit(
        self, where: AuditFilter, *, before: int | None = None, limit: int = 50
    ) -> list[Noted]:
        """Read facts, newest first; with `before` those of a lower number."""
        ...

    async def forget_audit(self, *, before: int) -> int:
        """Remove facts that were noted before an instant, and say how many."""
        ...

    # -- retention

    async def expired(self, *, kept_us: int | None, limit: int = 5) -> Expired:
        """Count the runs that `gc` would remove, and name the first `limit` of them.

        A run expires when it ended longer ago than it is kept: as long as its start said, else
        `kept_us` (None: for ever). One that may still be needed does not: whose end a run has to
        hear of (a failed one too: it may be revived), that holds the token of a hook, or for which
        a message or an attempt is left.
        """
        ...

    async def gc(self, *, kept_us: int | None, limit: int = 200) -> tuple[RunId, ...]:
        """Remove expired runs with all that belongs to them, and name them, longest ended first.

        At most `limit` runs and about 20,000 events at a time; who wants all calls until
        it gives none. Idempotent; nothing of an open run is ever removed. An id that is gone is
        new again.
        """
        ...

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
        """Keep a build, and tell whether it is new; one that was pruned is new again.

        `note` is kept if the version becomes active by this.

        A new one becomes the active version unless `activate` is false. A known one keeps its
        archive, label, time and standing; `environment` is added to it, and `fingerprints` if it
        has none.
        """
        ...

    async def activate_version(self, version: VersionId, *, note: Note | None = None) -> None:
        """Make a registered version the active one, and keep `note`. Raises `VersionUnknown`."""
        ...

    async def version_archive(self, version: VersionId) -> bytes | None:
        """Read a build back."""
        ...

    async def versions(self) -> list[VersionRow]:
        """List the registered versions, newest first, without reading archives."""
        ...

    async def open_runs(self) -> dict[VersionId, int]:
        """Count the runs that have not ended, by version."""
        ...

    async def prune_versions(
        self,
        *,
        keep: int,
        failed_since: int,
        only: Collection[VersionId] | None = None,
        dry_run: bool = False,
    ) -> list[VersionRow]:
        """Forget the versions that nobody needs, and give them, newest first.

        Needed is the active version, each of the newest `keep`, and each of which a run depends
        that is open, or that failed at or after `failed_since`. With `only`, others are left
        alone, too; with `dry_run`, all are. It is judged and done in one transaction, and no run
        can come to depend on what it forgot (see `append`).
        """
        ...

    # -- change feed

    def watch(self, *topics: str) -> Watch:
        """Watch topics: ``runs``, ``run:{id}``, ``stream:{id}``, ``hooks``, ``queues``,
        ``workers``, ``versions``, ``schedules``, ``ends``, ``audit``.

        Wakes within 1 s of news, even if a hint is lost; it may also wake without any. An owner's
        own plain progress is no news of ``queues``.
        """
        ...
