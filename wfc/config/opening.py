"""Opening a session: settings, build, world and code are put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from wfc.clock import Clock
from wfc.config.code import build_version, import_code
from wfc.config.session import Session
from wfc.config.shared import of_loop, open_sessions_by
from wfc.config.tables import policy_keywords, queues_of, worker_limits, world_url
from wfc.errors import ConfigError
from wfc.eventlog.event import Channel
from wfc.settings import Loaded, load_settings
from wfc.worlds.open import open_world
from wfc.worlds.protocol import World

if TYPE_CHECKING:
    # Whoever only looks at runs, or asks something of one, needs neither compiler nor interpreter.
    from wfc.manifests.store import Version
    from wfc.runtime.registry import Registry


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


@asynccontextmanager
async def shared_session(
    loaded: Loaded | None = None, *, worker: bool = True
) -> AsyncIterator[Session]:
    """Open the session of the running loop, or share it if it is open; the last one closes it."""
    shared = of_loop()
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


open_sessions_by(open_session)
