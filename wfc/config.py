"""Where everything is put together: settings, build, world, code and worker become one session.

There is one session per event loop. `runtime()` opens it for as long as a context lasts; otherwise
the first call of `wfc.api` does, and the end of the loop closes it.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import sys
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from wfc import abi, codec
from wfc.clock import Clock
from wfc.errors import ConfigError, ModuleBroken, WfcError
from wfc.eventlog.event import Channel
from wfc.ids import DefinitionId
from wfc.settings import Loaded, load_settings
from wfc.worlds.limits import Limit
from wfc.worlds.open import open_world
from wfc.worlds.protocol import World
from wfc.worlds.vault import VARIABLE

if TYPE_CHECKING:
    # Whoever only looks at runs, or asks something of one, needs neither compiler nor interpreter.
    from wfc.compiler.project import Project
    from wfc.manifests.store import Version
    from wfc.runtime.otel import Telemetry
    from wfc.runtime.processes import ProcessSetup
    from wfc.runtime.queues import Queues
    from wfc.runtime.registry import Registry
    from wfc.runtime.upgrade import Upgrader
    from wfc.runtime.worker import Worker
    from wfc.runtime.worker_limits import WorkerLimits
    from wfc.settings_tables import LimitsTable, Settings

_LOG: Final = logging.getLogger("wfc")
_SIZES: Final = ("payload_max", "events_max", "attributes_max")


class Session:
    """An open world, the code that this process has for it, and its worker if it has one."""

    def __init__(
        self,
        world: World,
        registry: Registry | None = None,
        *,
        limits: WorkerLimits | None = None,
        actor: str | None = None,
        channel: Channel = Channel.API,
        loaded: Loaded | None = None,
    ) -> None:
        """Serve an opened `world`; without `registry` runs can be looked at and stopped only."""
        self.world = world
        self.registry = registry
        self.worker: Worker | None = None
        self.actor = actor
        self.channel = channel
        self._loaded = loaded
        self._limits = limits
        self._closed = False

    @cached_property
    def telemetry(self) -> Telemetry | None:
        """What is told of what is done here; None if this process has set up nobody to listen."""
        from wfc.runtime.telemetry import installed  # noqa: PLC0415 - see the top

        return installed()

    @cached_property
    def payload_max(self) -> int:
        """How many bytes a value may have."""
        return int(self._sizes().payload)

    @cached_property
    def events_max(self) -> int:
        """How many events a chapter of a run may have."""
        return self._sizes().events

    @cached_property
    def attributes_max(self) -> int:
        """How many attributes a run may have."""
        return self._sizes().attributes

    @cached_property
    def public_url(self) -> str | None:
        """By what name webhooks are reached from outside, the mount included."""
        return None if self._loaded is None else self._loaded.settings.public_url or None

    @cached_property
    def queues(self) -> Queues:
        """The queues that the settings name."""
        if self.registry is not None:
            return self.registry.queues
        from wfc.runtime.queues import Queues  # noqa: PLC0415 - see the top

        return Queues({}) if self._loaded is None else queues_of(self._loaded.settings)

    def _sizes(self) -> LimitsTable:
        if self._loaded is not None:
            return self._loaded.settings.limits
        from wfc.settings_tables import LimitsTable  # noqa: PLC0415 - see the top

        return LimitsTable()

    @property
    def types(self) -> codec.Types:
        """The types that payloads may name."""
        return codec.REGISTERED if self.registry is None else self.registry.types

    def returns(self, workflow: DefinitionId) -> Any:
        """Give the annotation of a workflow's result, or None."""
        registration = abi.registered.get(workflow)
        if registration is None:
            return None
        from wfc.runtime.annotations import result_annotation  # noqa: PLC0415 - see the top

        return result_annotation(registration.function)

    @cached_property
    def upgrader(self) -> Upgrader:
        """What judges and moves runs of this world."""
        from wfc.runtime.upgrade import Upgrader  # noqa: PLC0415 - see the top

        return Upgrader(self, self.registry)

    def make_worker(self, *, queues: tuple[str, ...] = ()) -> Worker:
        """Make the session's worker, to be started by whoever asks; there is only one."""
        if self.registry is None:
            raise ConfigError("a session without code cannot execute runs")
        if self.worker is None:
            from wfc.runtime.worker import Worker  # noqa: PLC0415 - see the top

            current, loaded = self.registry.current, self._loaded
            self.worker = Worker(
                self.world,
                self.registry,
                limits=self._limits,
                queues=queues,
                processes=None if loaded is None else process_setup(self, loaded, current),
                telemetry=self.telemetry,
            )
        return self.worker

    async def close(self) -> None:
        """Stop the worker and close the world; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if self.worker is not None:
            await self.worker.stop()
        await self.world.close()


class LookingSession(Session):
    """A session without code, for looking and for facts from outside."""

    @cached_property
    def types(self) -> codec.Types:
        """The types that payloads may name: any, since nothing is executed."""
        from wfc.runtime.any_types import AnyTypes  # noqa: PLC0415 - see the top

        return AnyTypes()


# --- opening -----------------------------------------------------------------------------------


async def open_session(
    loaded: Loaded | None = None,
    *,
    clock: Clock | None = None,
    with_code: bool = True,
    actor: str | None = None,
    channel: Channel = Channel.API,
) -> Session:
    """Open the world of the settings and, `with_code`, build and import what it executes.

    Raises `ConfigError`, `WorldError`, and `CompileError` for a project that does not compile.
    """
    loaded = loaded or load_settings()
    world = open_world(world_url(loaded), clock)
    version = await asyncio.to_thread(build_version, loaded) if with_code else None
    await world.open()
    try:
        registry = None
        if version is not None:
            registry = await _registry(loaded, world, version, actor, channel)
    except BaseException:
        await world.close()
        raise
    limits = worker_limits(loaded.settings) if with_code else None
    return Session(
        world,
        registry,
        limits=limits,
        actor=actor,
        channel=channel,
        loaded=loaded,
    )


async def _registry(
    loaded: Loaded, world: World, version: Version, actor: str | None, channel: Channel
) -> Registry:
    from wfc.runtime.registry import Registry  # noqa: PLC0415 - see the top
    from wfc.runtime.versions import register  # noqa: PLC0415 - likewise

    await register(world, version, root=loaded.root, actor=actor, channel=channel)
    import_code(loaded, version)
    return Registry(
        version,
        policy=policy_keywords(loaded.settings),
        bundles_max=loaded.settings.bundles_max,
        on_new_version=loaded.settings.on_new_version,
        pin_steps=loaded.settings.pin_steps,
        queues=queues_of(loaded.settings),
        public_url=loaded.settings.public_url or None,
    )


def project_of(loaded: Loaded) -> Project:
    """Give the first-party code that the settings describe."""
    from wfc.compiler.project import Project  # noqa: PLC0415 - as in `build_version`

    settings = loaded.settings
    return Project.discover(
        loaded.root,
        packages=_with_script(settings.packages),
        source=settings.source,
        exclude=settings.exclude,
        pure=settings.pure,
        refused=settings.refused,
        environment=settings.environment,
        renamed=settings.renamed,
    )


def build_version(loaded: Loaded) -> Version:
    """Build the project, incrementally; where the folder of builds cannot be written, in memory.

    Raises `CompileError` with every finding.
    """
    # The compiler is asked for only here: a process that looks at runs never loads it.
    from wfc.compiler.build import build  # noqa: PLC0415 - see above
    from wfc.compiler.findings import compile_error  # noqa: PLC0415 - see above

    project = project_of(loaded)
    out = loaded.out if _is_writable(loaded.out) else None
    result = build(project, out=out, load=load_preludes)
    if result.version is None:
        raise compile_error(result.diagnostics, result.texts)
    return result.version


def load_preludes(
    version: Version,
) -> AbstractContextManager[Mapping[str, Mapping[str, Any]]]:
    """Execute the workflow bundles of a version, for the schemas of its types: `build` asks."""
    from wfc.runtime.sandbox import preludes  # noqa: PLC0415 - an unchanged tree needs none

    return preludes(version)


def _with_script(packages: Sequence[str]) -> Sequence[str]:
    """Add the script that runs as `__main__` through `wfc run`, if the packages leave it out."""
    bundle = getattr(sys.modules.get("__main__"), abi.NAME, None)
    if not packages or not isinstance(bundle, abi.Bundle):
        return packages  # none named: whatever stands beside the script is found anyway
    return sorted({*packages, bundle.module.partition(".")[0]})


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        _LOG.info("builds are kept in memory, since %s cannot be written: %s", folder, error)
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePlaces:
    """Where a project's modules are imported from, and what else it names: types and its app."""

    root: Path
    sources: tuple[Path, ...]
    types: tuple[str, ...] = ()
    app: str | None = None


def code_places(loaded: Loaded) -> CodePlaces:
    """Give the places that settings name."""
    return CodePlaces(
        root=loaded.root,
        sources=loaded.source_roots(),
        types=tuple(loaded.settings.types),
        app=loaded.settings.app or None,
    )


def import_code(loaded: Loaded, version: Version) -> None:
    """Import every module that holds marked functions, through the import hook."""
    import_modules(code_places(loaded), version)


def import_modules(places: CodePlaces, version: Version) -> None:
    """Import every module of `version`, through the import hook. Raises `ModuleBroken`."""
    from wfc.compiler.import_hook import install  # noqa: PLC0415 - as in `build_version`
    from wfc.runtime.run import serve_handles  # noqa: PLC0415 - see the top

    serve_handles(current_session)
    for root in reversed(places.sources):
        if str(root) not in sys.path:
            sys.path.insert(0, str(root))
    packages = tuple(version.rules.packages)
    if packages:
        install(packages, strict=False)
    for module in version.step:
        _import(places, module)
    for name in places.types:
        codec.REGISTERED.register_type(_named(name, "types"))
    if places.app:
        _named(places.app, "app")


def process_setup(session: Session, loaded: Loaded, version: Version) -> ProcessSetup:
    """Say how the process of a step is started, and what it imports."""
    from wfc.manifests.store import to_archive  # noqa: PLC0415 - see the top
    from wfc.runtime.processes import ProcessSetup  # noqa: PLC0415 - likewise
    from wfc.runtime.step_process import command  # noqa: PLC0415 - likewise

    def opening() -> Mapping[str, Any]:
        places = code_places(loaded)
        return {
            "archive": to_archive(version),
            "root": str(places.root),
            "sources": [str(each) for each in places.sources],
            "types": list(places.types),
            "app": places.app,
            "program": sys.argv[0],
            "world": world_url(loaded),
            "keys": os.environ.get(VARIABLE, ""),
            "actor": session.actor,
            "channel": session.channel.value,
            "sizes": {name: getattr(session, name) for name in _SIZES},
            # Whatever handlers here may want; they judge again, each by its own level.
            "level": min(
                logging.INFO,
                log_level(loaded.settings),
                logging.getLogger().getEffectiveLevel(),
            ),
        }

    return ProcessSetup(command=command, opening=opening)


async def session_of_step(opening: Mapping[str, Any], registry: Registry) -> Session:
    """Open the worker's world once more, for a body in a process of its own that asks for it.

    Raises `ConfigError` for a world that is in the worker's memory, and `WorldError`.
    """
    url = opening["world"]
    if url == "memory:":
        raise ConfigError(
            'a step with `isolation="process"` cannot start or resume runs of a world in memory: '
            "that is in the memory of another process. Use a world on a disk, or do it in a step "
            "without a process of its own."
        )
    world = open_world(url, keys=opening["keys"])
    await world.open()
    session = Session(world, registry, actor=opening["actor"], channel=Channel(opening["channel"]))
    vars(session).update(opening["sizes"])
    return session


def _import(places: CodePlaces, module: str) -> None:
    """Import a module of the project. Raises `ModuleBroken` with the user's own line."""
    try:
        importlib.import_module(module)
    except WfcError:
        raise  # it says already what is wrong and where
    except Exception as error:
        raise ModuleBroken(
            f"{_place(places, error)}the module `{module}` cannot be imported: "
            f"{type(error).__name__}: {error}\n"
            "Steps run in the project's own modules, so nothing is executed until all of them can "
            "be imported.\n"
            "Correct the line, or install what is missing, and begin again."
        ) from error


def _place(places: CodePlaces, error: Exception) -> str:
    """Name the innermost line of the project itself; what it called is seldom at fault."""
    roots = [root.resolve() for root in places.sources]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename).resolve()
        inside = next((root for root in roots if path.is_relative_to(root)), None)
        if inside is not None and "site-packages" not in path.parts:
            base = places.root.resolve()
            shown = path.relative_to(base) if path.is_relative_to(base) else path
            return f"{shown}:{frame.lineno}: "
    return ""


def _named(name: str, key: str) -> Any:
    """Import what a setting names as ``module:Name``."""
    module, colon, qualname = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise ConfigError(
            f"`{key}` names {name!r}, which cannot be had: {type(error).__name__}: {error}"
        ) from error
    if not colon:
        raise ConfigError(f"`{key}` names {name!r}; the form is module:Name")
    return found


def world_url(loaded: Loaded, url: str = "") -> str:
    """Give the URL of the settings' world (or of another): a relative SQLite path begins at the
    project, wherever the process stands.
    """
    url = url or loaded.world
    head, path = "sqlite:///", url.removeprefix("sqlite:///")
    if path == url or path.startswith("/") or path == ":memory:":
        return url
    target = loaded.root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    return f"{head}{target}"


def policy_keywords(settings: Settings) -> Mapping[str, Any]:
    """Give `[tool.wfc.policy]` as keywords of `@policy`."""
    table = settings.policy
    keywords: dict[str, Any] = {
        "attempts": table.attempts,
        "backoff": table.backoff.model_dump(mode="python"),
    }
    if table.timeout is not None:
        keywords["timeout"] = table.timeout
    if table.total is not None:
        keywords["total"] = table.total
    return keywords


def queues_of(settings: Settings) -> Queues:
    """Give `[tool.wfc.queues]` as a registry takes them."""
    from wfc.runtime.queues import Queues, named_queue  # noqa: PLC0415 - see the top

    return Queues(
        {
            name: named_queue(
                name,
                concurrency=table.concurrency,
                rate=table.rate,
                by=table.by,
                slots=table.slots,
            )
            for name, table in settings.queues.items()
        }
    )


def named_limits(settings: Settings) -> list[Limit]:
    """Give the limits of `[tool.wfc.queues]`."""
    return [queue.limit for queue in queues_of(settings).named.values()] if settings.queues else []


def retention_s(settings: Settings) -> float | None:
    """Give `[tool.wfc] retention` in seconds; None keeps ended runs for ever."""
    return None if settings.retention is None else settings.retention.total_seconds()


def log_level(settings: Settings) -> int:
    """Give `[tool.wfc] capture_logs` as the standard library counts levels."""
    return logging.getLevelNamesMapping()[settings.capture_logs]


def worker_limits(settings: Settings) -> WorkerLimits:
    """Give `[tool.wfc.worker]` and `[tool.wfc.limits]` as a worker takes them."""
    from wfc.runtime.heartbeat import Pulse  # noqa: PLC0415 - likewise
    from wfc.runtime.limits import Limits  # noqa: PLC0415 - see the top
    from wfc.runtime.worker_limits import WorkerLimits  # noqa: PLC0415 - likewise

    table = settings.worker
    return WorkerLimits(
        bodies=table.concurrency,
        executions=table.executions,
        threads=table.threads,
        drain_s=table.drain.total_seconds(),
        lease_s=table.lease.total_seconds(),
        sweep_s=table.sweep.total_seconds(),
        retention_s=retention_s(settings),
        audit_retention_s=None
        if settings.audit_retention is None
        else settings.audit_retention.total_seconds(),
        pulse=Pulse(every_s=table.heartbeat.total_seconds()),
        chapter=Limits(
            events=settings.limits.events,
            pending=settings.limits.pending_operations,
            payload=settings.limits.payload,
            attributes=settings.limits.attributes,
            depth=settings.limits.children_depth,
            log_level=log_level(settings),
        ),
    )


# --- one session per event loop ----------------------------------------------------------------


class _Shared:
    """The session of one loop, how many contexts use it, and what closes it at the loop's end."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.session: Session | None = None
        self.users = 0
        self.workers = 0
        self.keeper: AsyncGenerator[None, None] | None = None


_SHARED: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared]] = WeakKeyDictionary()


def _shared() -> _Shared:
    loop = asyncio.get_running_loop()
    found = _SHARED.get(loop)
    if found is None:
        found = _SHARED[loop] = _Shared()
    return found


def session_here() -> Session | None:
    """Give the session of the running loop, if one is open."""
    return _shared().session


_opener: Callable[[], Awaitable[Session]] = open_session


def open_sessions_by(opener: Callable[[], Awaitable[Session]]) -> None:
    """Have loops of this process that have no session get theirs from `opener`."""
    global _opener  # noqa: PLW0603 - like the settings, it is the process's
    _opener = opener


async def current_session() -> Session:
    """Give the session of the running loop; the first call opens it from the settings."""
    shared = _shared()
    if shared.session is not None:
        return shared.session
    async with shared.lock:
        if shared.session is None:
            shared.session = await _opener()
            await _close_with_loop(shared)
        return shared.session


@asynccontextmanager
async def use_session(session: Session) -> AsyncIterator[Session]:
    """Make `session` that of the running loop; whoever opened it closes it."""
    shared = _shared()
    before, shared.session = shared.session, session
    try:
        yield session
    finally:
        shared.session = before


@asynccontextmanager
async def shared_session(
    loaded: Loaded | None = None, *, worker: bool = True
) -> AsyncIterator[Session]:
    """Open the session of the running loop, or share it if it is open; the last one closes it."""
    shared = _shared()
    async with shared.lock:
        if shared.session is None:
            shared.session = await open_session(loaded)
        session = shared.session
        if worker:
            await session.make_worker().start()
        shared.users += 1
    try:
        yield session
    finally:
        shared.users -= 1
        if shared.users == 0 and shared.keeper is None:
            shared.session = None
            await session.close()


async def _close_with_loop(shared: _Shared) -> None:
    """Close the session when the loop ends: `asyncio.run` closes the generators that it knows."""

    async def keep() -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            session, shared.session = shared.session, None
            if session is not None:
                await session.close()

    shared.keeper = keep()
    await anext(shared.keeper)
