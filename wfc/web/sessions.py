"""The worlds that a web application works on: opened at the first request, one per event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

from wfc.config import LookingSession, Session, open_session, session_here
from wfc.settings import load_settings
from wfc.worlds.protocol import World


@dataclass(eq=False)
class _Opened:
    """What one event loop has."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    session: Session | None = None
    keeper: AsyncGenerator[None, None] | None = None


class Sessions:
    """Gives the session that requests work on.

    That of the application, if it has one open in this event loop (`wfc.api.runtime`), so that its
    worker hears at once; else one of its own, without code.
    """

    def __init__(self, world: World | str | None = None) -> None:
        """Work on this world (opened, or a URL), or on that of the settings."""
        self._world = world
        self._opened: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Opened]] = (
            WeakKeyDictionary()
        )

    async def get(self) -> Session:
        """Give the session. Raises `ConfigError`, `WorldError`."""
        shared = session_here() if self._world is None else None
        if shared is not None:
            return shared
        opened = self._opened.setdefault(asyncio.get_running_loop(), _Opened())
        if opened.session is not None:
            return opened.session
        async with opened.lock:
            if opened.session is None:
                opened.session = await self._open()
                # Applications inside of others hear of no end, but their loop does.
                opened.keeper = self._keep(opened)
                await anext(opened.keeper)
            return opened.session

    async def _open(self) -> Session:
        if self._world is None or isinstance(self._world, str):
            given: dict[str, Any] = {} if self._world is None else {"world": self._world}
            loaded = await asyncio.to_thread(load_settings, **given)
            world = (await open_session(loaded, with_code=False)).world
            return LookingSession(world, loaded=loaded)
        return LookingSession(self._world)

    async def _keep(self, opened: _Opened) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            session, opened.session = opened.session, None
            if session is not None and session.world is not self._world:
                await session.close()

    async def close(self) -> None:
        """Close what was opened in this event loop, if anything was."""
        opened = self._opened.get(asyncio.get_running_loop())
        if opened is not None and opened.keeper is not None:
            keeper, opened.keeper = opened.keeper, None
            await keeper.aclose()
