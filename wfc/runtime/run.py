"""Runs from outside: begin one, look at it, cancel, pause, wake it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from wfc import codec
from wfc.clock import to_datetime
from wfc.durations import Duration, seconds
from wfc.errors import (
    LogError,
    PayloadCorrupt,
    RunBusy,
    RunCancelled,
    RunFailed,
    RunNotFound,
    WfcError,
)
from wfc.eventlog import entity, event
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import TERMINAL, Event, Scalar
from wfc.eventlog.fold import fold
from wfc.ids import OperationId, RunId, VersionId, is_run_id, split_operation_id
from wfc.manifests.rename_hints import NO_HINTS, RenameHints, hints_in
from wfc.runtime import context, forking, refusals, rerunning
from wfc.runtime.answers import HookSummary, Recorded, Step
from wfc.runtime.attributes import check_attributes
from wfc.runtime.client import Client
from wfc.runtime.ended import ended
from wfc.runtime.hook_views import summary_of
from wfc.runtime.host_types import FormerTypes
from wfc.runtime.ledger import Ledger
from wfc.runtime.logs import read_log
from wfc.runtime.options import check_ids, check_reason, refused
from wfc.runtime.streams import Stream
from wfc.runtime.telemetry import observed
from wfc.runtime.upgrade import UNLOADABLE
from wfc.runtime.verdict import Verdict
from wfc.runtime.why import Why
from wfc.runtime.why_facts import why
from wfc.runtime.writable import DEFAULT
from wfc.worlds.protocol import Appended, OpenRun, Refusal, Refused, Unowned, World

if TYPE_CHECKING:
    from wfc.runtime.otel import Telemetry

T = TypeVar("T")
S = TypeVar("S")
_PAGE = 2000
_LOOK_AGAIN_S = 30.0
_TRIES = 20
_ASKED = "WFC134"
_UNREAD = (None, codec.ENCRYPTED)


@dataclass(frozen=True, slots=True)
class Run(Generic[T]):
    """A handle on one run. `created` tells whether the `start` that gave it made the run."""

    id: RunId
    _client: Callable[[], Awaitable[Client]]
    created: bool = False

    def __repr__(self) -> str:
        """Name the run."""
        return f"Run({self.id!r})"

    async def status(self) -> RunStatus:
        """Say where the run stands."""
        _, row = await self._row()
        return row.status

    async def result(self, timeout: Duration | None = None) -> T:  # noqa: ASYNC109 - its own wait
        """Wait for the run's end and give what its workflow returned.

        Raises `RunFailed`, `RunCancelled`, or `TimeoutError` after `timeout`; the run goes on then.
        """
        client = await self._client()
        try:
            async with asyncio.timeout(None if timeout is None else seconds(timeout)) as scope:
                row = await self._ended(client)
        except TimeoutError:
            if not scope.expired():
                raise
            client, row = await self._row()  # a short time may have been over before the first look
            if not row.status.ended:
                raise TimeoutError(f"run {self.id} has not ended after {timeout}") from None
        return await self._outcome(client, row)

    async def _ended(self, client: Client) -> entity.Run:
        watch = client.world.watch(f"run:{self.id}")
        try:
            while True:
                here = None if client.worker is None else client.worker.until_left(self.id)
                if here is not None:
                    # Executed in this process: wait for that instead of for each event of the run.
                    await here
                row = await client.world.run(self.id)
                if row is None:
                    raise _unknown(self.id)
                if row.status.ended:
                    return row
                await watch.changed(_LOOK_AGAIN_S)
        finally:
            watch.close()

    async def _outcome(self, client: Client, row: entity.Run) -> T:
        if row.status is RunStatus.CANCELLED:
            raise RunCancelled(self.id, row.cancel_reason)
        if row.status is RunStatus.COMPLETED:
            if row.output in _UNREAD:
                await self._read_end(client, row)
            assert row.output is not None
            value: T = codec.decode(
                row.output, annotation=client.returns(row.workflow), types=client.types
            )
            return value
        cause: BaseException | None = None
        try:
            if row.error in _UNREAD:
                await self._read_end(client, row)
            cause = None if row.error is None else codec.decode_error(row.error, types=client.types)
        except LogError as unread:
            cause = unread  # that the run has failed is known all the same
        kind = "unknown" if row.failure_kind is None else row.failure_kind.value
        raise RunFailed(self.id, kind, cause) from cause

    async def _read_end(self, client: Client, row: entity.Run) -> None:
        """Say why the view of an ended run does not hold how it ended. Raises `LogError`."""
        await client.world.history(self.id, row.length - 1, 1)

    async def cancel(
        self,
        reason: str | None = None,
        force: bool = False,  # noqa: FBT001, FBT002 - the public form, as of `upgrade`
    ) -> bool:
        """Ask the workflow to stop; it may clean up. False if the run has ended already.

        `force` ends the run at once and runs no code of it any more. Raises `OptionInvalid`.
        """
        check_reason(reason)
        client, row = await self._row()
        if row.status.ended:
            return False
        if row.cancel_requested and not force:
            return True
        events: list[Event] = [
            event.RunCancelRequested(
                reason=reason, force=force, actor=client.actor, channel=client.channel
            )
        ]
        if force:
            events.append(event.RunCancelled(reason=reason, forced=True))
        return await tell(client, self.id, events) is not Refusal.OVER

    async def pause(self, reason: str | None = None) -> None:
        """Make no new decision and begin no new body until `unpause`; bodies under way end.

        The time of the run's timeout goes on; if it is over, the run is cancelled at `unpause`.

        Raises `RunEnded`, `OptionInvalid`.
        """
        check_reason(reason)
        client, row = await self._row()
        if not row.paused:
            paused = event.RunPaused(reason=reason, actor=client.actor, channel=client.channel)
            await self._must_tell(client, paused)

    async def unpause(self) -> None:
        """Let a paused run go on."""
        client, row = await self._row()
        if row.paused:
            unpaused = event.RunUnpaused(actor=client.actor, channel=client.channel)
            await self._must_tell(client, unpaused)

    async def wake_up(self, wait_ids: Sequence[str] | None = None) -> int:
        """End open waits, pauses between attempts and a delayed start now; say how many.

        `wait_ids` are the ids of waits and steps to end; None means all. Raises `OptionInvalid`.
        """
        check_ids("wait_ids", wait_ids)
        client = await self._client()
        ledger = await _ledger_of(client.world, self.id)
        held = False
        for _ in range(_TRIES):
            # The row is read after the log: whatever changed one of them since makes the append
            # refuse, so of callers that race only the first ends a wait and counts it.
            client, row = await self._row()
            if row.status.ended:
                return 0
            now = client.world.now_us()
            sleeping = _sleeping(ledger, now, wait_ids)
            delayed = wait_ids is None and row.not_before is not None and row.not_before > now
            if not sleeping and not delayed:
                return 0
            answer = await self._wake(client, ledger, sleeping, held=held)
            if isinstance(answer, Appended):
                client_worker_hears(client, self.id)
                return len(sleeping) + delayed
            held = held or answer.reason is Refusal.HELD
            for missed in answer.events:
                ledger.note(missed)
        raise RunBusy(f"run {self.id} changes too fast to be woken; try again")

    async def _wake(
        self, client: Client, ledger: Ledger, sleeping: Sequence[OperationId], *, held: bool
    ) -> Appended | Refused:
        if held:
            # Somebody executes it just now: the owner ends the waits when it hears of this.
            events = [_woken(client, tuple(sleeping))]
            return await client.world.append(self.id, events, guard=OpenRun(ledger.length))
        events = [
            event.WaitCompleted(
                operation_id=name,
                cause=event.WaitCause.WOKEN,
                actor=client.actor,
                channel=client.channel,
            )
            for name in sleeping
            if name in ledger.waits
        ]
        retries = tuple(name for name in sleeping if name not in ledger.waits)
        if retries or not events:
            events.append(_woken(client, retries))
        return await client.world.append(self.id, events, guard=Unowned(ledger.length))

    async def events(self) -> list[Recorded]:
        """Read the run's whole log."""
        client, _ = await self._row()
        return [
            Recorded(
                position=each.position,
                recorded_at=to_datetime(each.recorded_at),
                event=each.event,
            )
            for each in await read_log(client.world, self.id, veiled=True)
        ]

    async def steps(self) -> list[Step]:
        """List the steps that the log knows, in the order in which they were recorded."""
        client, row = await self._row()
        log = await read_log(client.world, self.id, veiled=True)
        moved = any(isinstance(each.event, event.RunUpgraded) for each in log)
        hints = await _hints_of(client, row.version) if moved else NO_HINTS
        state = fold(log)
        return [_step(client, each, hints) for each in state.steps.values()]

    async def hooks(self) -> list[HookSummary]:
        """List the hooks of the run's present chapter, in the order in which they were made."""
        client, row = await self._row()
        state = fold(await read_log(client.world, self.id, veiled=True))
        return [
            summary_of(self.id, row.workflow, each, client.types) for each in state.hooks.values()
        ]

    async def why(self) -> Why:
        """Say in a sentence why the run is where it is: what it waits for, or how it ended."""
        client = await self._client()
        found = await why(client.world, self.id, client.types)
        if found is None:
            raise _unknown(self.id)
        return found

    async def attributes(self) -> dict[str, Scalar]:
        """Read the run's attributes."""
        client, _ = await self._row()
        return await client.world.attributes(self.id)

    async def set_attributes(self, changes: Mapping[str, Scalar | None]) -> None:
        """Change attributes; None removes one. Raises `RunEnded`, `OptionInvalid`."""
        if not isinstance(changes, Mapping):
            raise refused("changes", changes, "is no mapping of names to values")
        client, row = await self._row()
        check_attributes(changes, row.attributes, limit=client.attributes_max)
        change = event.AttributesSet(
            changes=dict(changes), actor=client.actor, channel=client.channel
        )
        await self._must_tell(client, change)

    @overload
    def stream(
        self, namespace: str | None = None, start_index: int = 0, *, type: type[S]
    ) -> Stream[S]: ...
    @overload
    def stream(
        self, namespace: str | None = None, start_index: int = 0, *, type: Any = Any
    ) -> Stream[Any]: ...
    def stream(
        self,
        namespace: str | None = None,
        start_index: int = 0,
        *,
        type: Any = Any,  # noqa: A002 - the word of `get_writable`
    ) -> Stream[Any]:
        """Give a stream of the run to read; None is the one named ``"default"``.

        ``async for value in run.stream()`` gives what is written from `start_index` on, also what
        is still to be written, until the stream is closed or the run has ended. A negative index
        counts from the end of what is there when reading begins. Values are read as `type`.
        """
        return Stream(self.id, namespace, self._client, type=type, start_index=start_index)

    async def tail_index(self, namespace: str | None = None) -> int:
        """Give the index of the last chunk of a stream, -1 if it has none. Raises `RunNotFound`."""
        client, _ = await self._row()
        return await client.world.tail_index(self.id, namespace or DEFAULT)

    async def streams(self) -> list[str]:
        """List the namespaces of the run's streams, by name."""
        client, _ = await self._row()
        return [each.namespace for each in await client.world.streams(self.id)]

    async def rerun(
        self, version: str | None = None, arguments: Mapping[str, Any] | None = None
    ) -> Run[T]:
        """Begin a new run with the same arguments and attributes, and a new seed.

        On `version` (an id, the beginning of one, or a label); None means what `start` would take:
        the build of this process, else the active version. `arguments`, by name, stand in for all
        of the run's own. Of a run that restarted itself, its first chapter is begun again.

        Raises `RunNotFound`, `VersionUnknown`, `NoSuchWorkflow`, `InputInvalid`.
        """
        client = await self._client()
        made = await rerunning.rerun(client, self.id, version=version, arguments=arguments)
        client_worker_hears(client, made)
        return Run(made, self._client, created=True)

    async def fork(
        self,
        at: int | str,
        version: str | None = None,
        output: Any = forking.UNSAID,
        id: str | None = None,  # noqa: A002 - the name that reads well at the call
    ) -> Run[T]:
        """Begin a new run that shares with this one all events before `at`, and their times.

        `at` is the position of an event, or means the first event of a step or another operation:
        by its present id, or by the step's name, the call's site or a beginning of the id, if that
        fits no other. With `output` the step at `at` has this result. The fork has the same seed
        and goes on with the version that this run had at `at`, or is upgraded to `version` at once.
        An `id` that the same fork has already gives that run, with `created == False`.

        Raises `RunNotFound`, `VersionUnknown`, `AmbiguousName`, `NoSuchWorkflow`, `RunIdConflict`,
        `InputInvalid` for an `at` that is not there or fits several and an `output` that does not
        fit, and `Diverged` where the code contradicts what the fork would share.
        """
        client = await self._client()
        made, created = await forking.fork(
            client, self.id, at, version=version, output=output, new_id=id
        )
        client_worker_hears(client, made)
        return Run(made, self._client, created=created)

    async def upgrade(
        self,
        to: str | None = None,
        dry_run: bool = False,  # noqa: FBT001, FBT002 - `upgrade(version, True)` is a public form
        *,
        accept: Collection[str] = (),
        retry_failed: bool = True,
        timeout: Duration = 10.0,  # noqa: ASYNC109 - how long to wait for whoever executes it
    ) -> Verdict:
        """Move the run to another version if its own history replays there; say why if not.

        `to` is the id of a version, an unambiguous beginning of it, or its label; None is the
        active one. `dry_run` only asks. `accept` may name what is to be overlooked: ``"inputs"``
        (recorded calls stand, though the new code would call with other arguments),
        ``"unfinished"`` (drop attempted steps that it asks for no more), ``"hooks"``,
        ``"children"``. A failed run is revived; `retry_failed` also tries the step again whose
        failure it failed with. `timeout` is how long whoever executes the run is waited for.

        The answer is truthy if the run may move, and `moved` tells whether it has. Raises
        `RunNotFound`, `VersionUnknown`, `RunBusy`, `ValueError` for an unknown word in `accept`.
        """
        client = await self._client()
        target = await client.upgrader.code.named(to)
        with observed(client.telemetry, "wfc.upgrade", self.id):
            verdict = await client.upgrader.upgrade(
                self.id,
                target,
                dry_run=dry_run,
                accept=accept,
                retry_failed=retry_failed,
                timeout=timeout,
            )
        if verdict.moved:
            client_worker_hears(client, self.id)
        return verdict

    # -- in common

    async def _row(self) -> tuple[Client, entity.Run]:
        client = await self._client()
        row = await client.world.run(self.id)
        if row is None:
            raise _unknown(self.id)
        return client, row

    async def _must_tell(self, client: Client, fact: Event) -> None:
        if await tell(client, self.id, [fact]) is Refusal.OVER:
            row = await client.world.run(self.id)
            raise ended(self.id, fact, None if row is None else row.status)


async def tell(client: Client, run_id: RunId, events: Sequence[Event]) -> Refusal | None:
    """Append facts from outside to a run, or say why nothing was written.

    Raises `LogTooNew`, `CorruptEvent` for a log that cannot be read: nobody could say what the
    fact would mean behind events that nobody here understands, so such a log stays as it is.
    """
    await _check_readable(client.world, run_id)
    answer = await client.world.append(run_id, events, guard=OpenRun())
    if isinstance(answer, Refused):
        return answer.reason
    if client.telemetry is not None and any(isinstance(each, TERMINAL) for each in events):
        await _tell_end(client.telemetry, client.world, run_id)
    client_worker_hears(client, run_id)
    return None


async def _tell_end(telemetry: Telemetry, world: World, run_id: RunId) -> None:
    row, first = await world.run(run_id), await world.history(run_id, 0, 1)
    if row is not None and first and isinstance(first[0].event, event.RunCreated):
        telemetry.ended(row, first[0].event)


def client_worker_hears(client: Client, run_id: RunId) -> None:
    """Spare the worker of this process the way through the queue."""
    if client.worker is not None:
        client.worker.news_of(run_id)


def _woken(client: Client, names: tuple[OperationId, ...]) -> Event:
    return event.RunWoken(operation_ids=names, actor=client.actor, channel=client.channel)


def _sleeping(ledger: Ledger, now: int, wanted: Sequence[str] | None) -> list[OperationId]:
    """List the open waits and the steps that pause between attempts, unless woken before."""
    waiting = [name for name in ledger.waits if name not in ledger.woken]
    pausing = [
        name
        for name, effort in ledger.efforts.items()
        if not (effort.running or effort.woken or effort.retry_at is None) and effort.retry_at > now
    ]
    return [name for name in (*waiting, *pausing) if wanted is None or name in wanted]


async def _check_readable(world: World, run_id: RunId) -> None:
    length = 0
    while page := await world.history(run_id, length, _PAGE):
        length += len(page)
        if len(page) < _PAGE:
            break


async def _ledger_of(world: World, run_id: RunId) -> Ledger:
    ledger = Ledger()
    for each in await read_log(world, run_id):
        ledger.note(each)
    return ledger


async def _hints_of(client: Client, version: VersionId) -> RenameHints:
    """Read what a version calls things that older ones called otherwise, if it can be had here."""
    try:
        return hints_in((await client.upgrader.code.version(version)).manifest)
    except UNLOADABLE:
        return NO_HINTS


def _step(client: Client, step: entity.Step, hints: RenameHints) -> Step:
    _, site, _ = split_operation_id(step.operation_id)
    present = hints.definition(step.step)
    types = FormerTypes(client.types, hints) if hints else client.types
    arguments = _readable(step.arguments, lambda data: codec.decode(data, types=types))
    if isinstance(arguments, dict):
        arguments = hints.arguments(present, arguments)
    return Step(
        id=step.operation_id,
        name=present.partition(":")[2],
        site=site,
        status=step.status,
        attempt=step.attempt,
        arguments=arguments,
        output=_readable(step.output, lambda data: codec.decode(data, types=types)),
        error=_readable(step.error, lambda data: codec.decode_error(data, types=types)),
        started_at=_instant(step.started_at),
        ended_at=_instant(step.ended_at),
    )


def _readable(data: bytes | None, read: Callable[[bytes], Any]) -> Any:
    """Decode what a process without the application's code may be unable to read."""
    if data is None:
        return None
    try:
        return read(data)
    except WfcError as problem:
        return problem


def _instant(at: int | None) -> datetime | None:
    return None if at is None else to_datetime(at)


def _unknown(run_id: RunId) -> RunNotFound:
    return RunNotFound(f"no run has the id {run_id!r}. `wfc runs` lists those that exist.")


# --- where it travels ----------------------------------------------------------------------------

_sessions: list[Callable[[], Awaitable[Client]]] = []


def serve_handles(client_of: Callable[[], Awaitable[Client]]) -> None:
    """Let runs that came as arguments or results be asked through this client."""
    _sessions[:] = [client_of]


async def _client_here() -> Client:
    if context.current.get() is not None:
        refusals.hit(
            "workflow code asks a run that came as an argument or a result, and a replay would "
            "find it elsewhere.\nPass the run to a step and ask it there, or start it as a child: "
            "`await wfc.start(...)`.",
            _ASKED,
        )
    return await _sessions[0]()


def _named(value: Any) -> Run[Any]:
    if not isinstance(value, str) or not is_run_id(value):
        raise PayloadCorrupt(f"{value!r} names no run")
    return Run(RunId(value), _client_here)


codec.register_handle(Run, codec.tags.RUN, take=lambda run: run.id, make=_named)
