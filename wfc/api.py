"""The front door for applications: begin runs, look at them, stop them, execute them.

Every call works in the session of the running event loop, which `runtime()` opens and closes; a
plain script needs none, since the first call opens one and the loop's end closes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from wfc import codec
from wfc.config import Session, current_session, shared_session
from wfc.durations import Duration
from wfc.eventlog.entity import HookStatus, RunStatus
from wfc.eventlog.event import HookKind, Scalar
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.runtime import callbacks, hook_door, schedules, versions
from wfc.runtime.answers import (
    CancelAnswer,
    HookSummary,
    Page,
    PauseAnswer,
    Receipt,
    RunEnd,
    RunSummary,
    VersionSummary,
)
from wfc.runtime.bulk import list_page, run_filter
from wfc.runtime.controls import cancel_all, chosen, pause_all, unpause_all
from wfc.runtime.hook_views import summary_of_row
from wfc.runtime.hooks import Hook
from wfc.runtime.replacing import Many, upgrade_all
from wfc.runtime.run import Run, serve_handles
from wfc.runtime.schedules import Schedule, ScheduleOptions
from wfc.runtime.starting import StartOptions, start_run, workflow_id

if TYPE_CHECKING:
    from wfc.runtime.verdict import UpgradeReport
    from wfc.settings import Loaded

__all__ = [
    "App",
    "CancelAnswer",
    "Page",
    "PauseAnswer",
    "Run",
    "RunStatus",
    "RunSummary",
    "Schedule",
    "cancel_runs",
    "get_hook",
    "get_run",
    "get_schedule",
    "list_hooks",
    "list_runs",
    "list_schedules",
    "list_versions",
    "pause_runs",
    "resume_hook",
    "runtime",
    "schedule",
    "start",
    "unpause_runs",
    "upgrade_runs",
]

serve_handles(current_session)

P = ParamSpec("P")
T = TypeVar("T")
Tell = TypeVar("Tell", bound=Callable[[RunEnd], Awaitable[object]])
Workflow = Callable[P, Awaitable[T]]


class Start:
    """Begins runs; `start` is the one with no options."""

    def __init__(self, options: StartOptions) -> None:
        """Begin runs with these options."""
        self._options = options

    async def __call__(self, workflow: Workflow[P, T], *args: P.args, **kwargs: P.kwargs) -> Run[T]:
        """Begin a run of `workflow` with these arguments; on return it is on disk.

        With an id that was used before for the same workflow and arguments, give that run with
        `created == False`. Raises `NotCompiled`, `TypeError`, `Unserialisable`, `RunIdConflict`,
        `QueueUnknown`.
        """
        workflow_id(workflow)  # before a world is opened for what can never be started
        session = await current_session()
        return await start_run(session, current_session, workflow, self._options, (args, kwargs))

    def options(
        self,
        *,
        id: str | None = None,  # noqa: A002 - the name that reads well at the call
        delay: Duration | None = None,
        at: datetime | None = None,
        attributes: Mapping[str, Scalar] | None = None,
        priority: int = 0,
        timeout: Duration | None = None,
        retention: Duration | None = None,
        queue: str | None = None,
        version: str | None = None,
    ) -> Start:
        """Give a `start` that names the run, delays it, marks it, limits it or pins its version.

        In a `queue` of `[tool.wfc.queues]` it waits for a slot, those of higher `priority` (-100 to
        100) first, then the older ones; without one, as the workflow's `@policy` says.

        `retention` is how long the run is kept after its end, or ``"never"`` to let it never go;
        without it, as the workflow's `@policy` says, or `[tool.wfc] retention`.
        `version` is the id, its beginning or the label of a registered one; without it, the run
        begins on the caller's own build.
        """
        return Start(
            StartOptions(
                id=id,
                delay=delay,
                at=at,
                attributes={} if attributes is None else attributes,
                priority=priority,
                timeout=timeout,
                retention=retention,
                queue=queue,
                version=version,
            )
        )


start: Final = Start(StartOptions())


def get_run(run_id: str) -> Run[Any]:
    """Give a handle; an unknown id raises `RunNotFound` at its first await."""
    return Run(RunId(run_id), current_session)


async def list_runs(
    *,
    workflow: Callable[..., Any] | str | None = None,
    status: RunStatus | str | Iterable[RunStatus | str] | None = None,
    version: str | None = None,
    queue: str | None = None,
    attributes: Mapping[str, Scalar] | None = None,
    parent: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    late: bool | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[RunSummary]:
    """List runs, newest first, at most 200 a page; None means any.

    `late` runs go on beyond the goal of their workflow (``@policy(goal="2h")``), or ended so.
    Raises `OptionInvalid`, and `ConfigError` for a cursor that cannot be.
    """
    where = run_filter(
        workflow=_workflow_name(workflow),
        status=status,
        version=None if version is None else VersionId(version),
        queue=queue,
        attributes=attributes,
        parent=None if parent is None else RunId(parent),
        since=since,
        until=until,
        late=late,
    )
    session = await current_session()
    return await list_page(session.world, where, cursor=cursor, limit=limit)


async def cancel_runs(
    run_ids: Iterable[str] | None = None,
    *,
    workflow: Callable[..., Any] | str | None = None,
    status: RunStatus | str | Iterable[RunStatus | str] | None = None,
    version: str | None = None,
    queue: str | None = None,
    attributes: Mapping[str, Scalar] | None = None,
    parent: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    reason: str | None = None,
    dry_run: bool = False,
) -> dict[RunId, CancelAnswer]:
    """Ask up to 500 runs to stop by id, or all open ones that the filters of `list_runs` find.

    Each may clean up; `dry_run` only tells what would be done. Raises `OptionInvalid`.
    """
    where = run_filter(
        workflow=_workflow_name(workflow),
        status=status,
        version=None if version is None else VersionId(version),
        queue=queue,
        attributes=attributes,
        parent=None if parent is None else RunId(parent),
        since=since,
        until=until,
    )
    meant = chosen(run_ids, where)
    session = await current_session()
    return await cancel_all(session, meant, reason=reason, dry_run=dry_run)


async def pause_runs(
    run_ids: Iterable[str] | None = None,
    *,
    workflow: Callable[..., Any] | str | None = None,
    status: RunStatus | str | Iterable[RunStatus | str] | None = None,
    version: str | None = None,
    queue: str | None = None,
    attributes: Mapping[str, Scalar] | None = None,
    parent: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    reason: str | None = None,
    dry_run: bool = False,
) -> dict[RunId, PauseAnswer]:
    """Pause up to 500 runs by id, or all open ones that the filters of `list_runs` find.

    None of them decides anything, or begins a body, until it is unpaused; bodies under way end and
    are recorded. `dry_run` only tells what would be done. Raises `OptionInvalid`.
    """
    where = run_filter(
        workflow=_workflow_name(workflow),
        status=status,
        version=None if version is None else VersionId(version),
        queue=queue,
        attributes=attributes,
        parent=None if parent is None else RunId(parent),
        since=since,
        until=until,
    )
    meant = chosen(run_ids, where)
    session = await current_session()
    return await pause_all(session, meant, reason=reason, dry_run=dry_run)


async def unpause_runs(
    run_ids: Iterable[str] | None = None,
    *,
    workflow: Callable[..., Any] | str | None = None,
    status: RunStatus | str | Iterable[RunStatus | str] | None = None,
    version: str | None = None,
    queue: str | None = None,
    attributes: Mapping[str, Scalar] | None = None,
    parent: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    dry_run: bool = False,
) -> dict[RunId, PauseAnswer]:
    """Let up to 500 runs go on by id, or all paused ones that the filters of `list_runs` find.

    `dry_run` only tells what would be done. Raises `OptionInvalid`.
    """
    where = run_filter(
        workflow=_workflow_name(workflow),
        status=status,
        version=None if version is None else VersionId(version),
        queue=queue,
        attributes=attributes,
        parent=None if parent is None else RunId(parent),
        since=since,
        until=until,
    )
    meant = chosen(run_ids, where)
    session = await current_session()
    return await unpause_all(session, meant, dry_run=dry_run)


async def resume_hook(
    hook: str | Hook[Any] | HookSummary, payload: Any, *, idempotency_id: str | None = None
) -> Receipt:
    """Send a payload to a hook, by its token (or the id of an approval); on return it is on disk.

    With an idempotency id it lands once, however often it is sent. Nothing is written on
    `HookNotFound`, `HookClosed`, `HookPayloadInvalid`, `SchemaUnavailable`, `RunLogFull` and
    `IdempotencyMismatch` (the id was used with another payload).
    """
    session = await current_session()
    return await hook_door.send(session, hook, payload, idempotency_id=idempotency_id)


async def get_hook(token: str) -> HookSummary:
    """Read the hook that has a token, or the last that had it. Raises `HookNotFound`."""
    session = await current_session()
    return summary_of_row(await hook_door.find(session.world, token), session.types)


async def list_hooks(
    *,
    run: str | None = None,
    kind: HookKind | str | None = None,
    status: HookStatus | str | Iterable[HookStatus | str] | None = HookStatus.ACTIVE,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[HookSummary]:
    """List hooks, newest first, at most 200 a page; active ones unless told, None means any.

    Raises `OptionInvalid`, and `ConfigError` for a cursor that cannot be.
    """
    session = await current_session()
    return await hook_door.list_page(
        session, run=run, kind=kind, status=status, cursor=cursor, limit=limit
    )


async def upgrade_runs(
    run_ids: Iterable[str] | None = None,
    *,
    to: str | None = None,
    dry_run: bool = False,
    accept: Iterable[str] = (),
    otherwise: str = "stay",
    limit: int | None = None,
    batch_size: int = 100,
    concurrency: int = 4,
    refused_max: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    workflow: Callable[..., Any] | str | None = None,
    status: RunStatus | str | Iterable[RunStatus | str] | None = None,
    version: str | None = None,
    queue: str | None = None,
    attributes: Mapping[str, Scalar] | None = None,
    parent: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> UpgradeReport:
    """Move runs to another version (`Run.upgrade`): those named, or all open ones of the filters.

    ``otherwise="rerun"`` cancels a run that may not move and starts one anew in its place, with the
    same input and attributes. At most `limit` runs are looked at, `batch_size` at a time and
    `concurrency` at once; more than `refused_max` refusals end it. `on_progress` hears how many
    runs were looked at, and of how many. It may be killed and repeated at any point.

    Raises `VersionUnknown`, `OptionInvalid`.
    """
    session = await current_session()
    where = run_filter(
        workflow=_workflow_name(workflow),
        status=status,
        version=None if version is None else VersionId(version),
        queue=queue,
        attributes=attributes,
        parent=None if parent is None else RunId(parent),
        since=since,
        until=until,
    )
    return await upgrade_all(
        session,
        where if run_ids is None else [RunId(run_id) for run_id in run_ids],
        otherwise=otherwise,
        many=Many(
            to=await session.upgrader.code.named(to),
            dry_run=dry_run,
            accept=tuple(accept),
            limit=limit,
            batch_size=batch_size,
            concurrency=concurrency,
            refused_max=refused_max,
            on_progress=on_progress,
        ),
    )


async def schedule(
    workflow: Callable[..., Awaitable[Any]],
    *args: Any,
    name: str,
    cron: str | None = None,
    every: Duration | None = None,
    tz: str = "UTC",
    overlap: str = "skip",
    catch_up: str = "latest",
    start: datetime | None = None,
    end: datetime | None = None,
    attributes: Mapping[str, Scalar] | None = None,
    paused: bool | None = None,
) -> Schedule:
    """Let runs of `workflow` with these arguments begin by the clock; on return it is on disk.

    A schedule of this `name` becomes what is said here. One that is so already stays untouched, so
    an application may say it whenever it begins. `cron` has five fields and is read in the zone
    `tz`; `every` is at least a second, and counts from `start` or from when it was first said.

    `overlap` is for a firing while a run of the schedule is open: ``"skip"`` it, ``"queue"`` it
    until that has ended, or ``"allow"`` both. `catch_up` is for firings that no worker was there to
    make: the ``"latest"`` of them, ``"all"``, or ``"none"`` that is more than a minute late.
    `paused` None leaves that as it is.

    Each firing is a run ``schedule:{name}:{UTC time}``, which begins on the active version, once
    for all workers. Raises `OptionInvalid`, `NotCompiled`, `TypeError`, `InputInvalid`,
    `Unserialisable`.
    """
    workflow_id(workflow)  # before a world is opened for what can never be started
    options = ScheduleOptions(
        name=name,
        cron=cron,
        every=every,
        tz=tz,
        overlap=overlap,
        catch_up=catch_up,
        start=start,
        end=end,
        attributes={} if attributes is None else attributes,
        paused=paused,
    )
    session = await current_session()
    return await schedules.put(session, current_session, workflow, options, (args, {}))


async def get_schedule(name: str) -> Schedule:
    """Read a schedule. Raises `ScheduleNotFound`."""
    session = await current_session()
    return schedules.shown(await schedules.read(session, name), current_session)


async def list_schedules() -> tuple[Schedule, ...]:
    """List all schedules, by name."""
    return await schedules.listed(await current_session(), current_session)


async def list_versions() -> tuple[VersionSummary, ...]:
    """List the registered versions, newest first, with the runs that have not ended on each."""
    session = await current_session()
    return await versions.list_versions(session.world)


def runtime(
    *, worker: bool = True, settings: Loaded | None = None
) -> AbstractAsyncContextManager[Session]:
    """Execute runs in this process, and serve its calls, for as long as the context lasts.

    For the lifespan of a web application, or a script: ``async with runtime(): ...``. Entered
    twice in one event loop, both share one worker. ``worker=False`` only serves calls.
    """
    return shared_session(settings, worker=worker)


def _workflow_name(workflow: Callable[..., Any] | str | None) -> DefinitionId | None:
    if workflow is None or isinstance(workflow, str):
        return None if workflow is None else DefinitionId(workflow)
    return workflow_id(workflow)


class App:
    """What an application registers once; `[tool.wfc] app = "shop.wfc:app"` names it."""

    def __init__(
        self,
        *,
        types: Iterable[type] = (),
        on_run_end: Callable[[RunEnd], Awaitable[object]]
        | Iterable[Callable[[RunEnd], Awaitable[object]]] = (),
    ) -> None:
        """Allow `types` in payloads, and tell `on_run_end` (one or several) of every end."""
        for kind in types:
            self.register_type(kind)
        for tell in (on_run_end,) if callable(on_run_end) else on_run_end:
            callbacks.REGISTERED.register(tell)

    def register_type(
        self,
        kind: type,
        *,
        encode: Callable[[Any], Any] | None = None,
        decode: Callable[[Any], Any] | None = None,
        name: str | None = None,
    ) -> None:
        """Allow a type in payloads; `encode` turns a value into a serialisable one, `decode` back.

        `name` is what payloads call it (``module:Qualname`` unless told), and must never change.
        """
        codec.REGISTERED.register_type(kind, encode=encode, decode=decode, name=name)

    def on_run_end(
        self,
        workflow: Callable[..., Any] | str | None = None,
        status: RunStatus | str | None = None,
        *,
        timeout: Duration = callbacks.TIMEOUT_S,
    ) -> Callable[[Tell], Tell]:
        """Register the decorated ``async def tell(end: RunEnd)`` to be told when runs end.

        Only runs of `workflow` (the function or its id), and only ends of this `status`, if they
        are given. It is called at least once for each end, by any worker that has it, and tried
        three times; by `end.idempotency_key` it can tell a repetition. A try that takes longer than
        `timeout` (5 minutes unless told) is cancelled and has failed. It must be defined at module
        level, since deliveries find it by its module and name. Raises `OptionInvalid`,
        `NotCompiled`.
        """
        wanted, timeout_s = _workflow_name(workflow), callbacks.timeout_of(timeout)

        def register(tell: Tell) -> Tell:
            callbacks.REGISTERED.register(tell, workflow=wanted, status=status, timeout_s=timeout_s)
            return tell

        return register
