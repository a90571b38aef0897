"""One session per event loop: `runtime()` opens it for as long as a context lasts; otherwise the
first call of `wfc.api` does, and the end of the loop closes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakKeyDictionary

from wfc.config.session import Session


class Shared:
    """The session of one loop, how many contexts use it, and what closes it at the loop's end."""

    def __init__(self) -> None:
        """Begin without a session."""
        self.lock = asyncio.Lock()
        self.session: Session | None = None
        self.users = 0
        self.workers = 0
        self.keeper: AsyncGenerator[None, None] | None = None


_SHARED: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Shared]] = WeakKeyDictionary()


def of_loop() -> Shared:
    """Give what the running loop shares."""
    loop = asyncio.get_running_loop()
    found = _SHARED.get(loop)
    if found is None:
        found = _SHARED[loop] = Shared()
    return found


def session_here() -> Session | None:
    """Give the session of the running loop, if one is open."""
    return of_loop().session


_opener: Callable[[], Awaitable[Session]] | None = None


def open_sessions_by(opener: Callable[[], Awaitable[Session]]) -> None:
    """Have loops of this process that have no session get theirs from `opener`."""
    global _opener  # noqa: PLW0603 - like the settings, it is the process's
    _opener = opener


async def current_session() -> Session:
    """Give the session of the running loop; the first call opens it from the settings."""
    shared = of_loop()
    if shared.session is not None:
        return shared.session
    async with shared.lock:
        if shared.session is None:
            assert _opener is not None, "set where sessions are opened, which loads with this"
            shared.session = await _opener()
            await _close_with_loop(shared)
        return shared.session


@asynccontextmanager
async def use_session(session: Session) -> AsyncIterator[Session]:
    """Make `session` that of the running loop; whoever opened it closes it."""
    shared = of_loop()
    before, shared.session = shared.session, session
    try:
        yield session
    finally:
        shared.session = before


async def _close_with_loop(shared: Shared) -> None:
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
