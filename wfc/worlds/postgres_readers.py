"""The connections on which a PostgreSQL world reads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from wfc.worlds.postgres_connect import Raw, connect
from wfc.worlds.postgres_dialect import translated
from wfc.worlds.postgres_errors import TROUBLE, is_lost, translate
from wfc.worlds.postgres_lane import PATIENCE_S

READERS: Final = 4


class Readers:
    """A few connections; a read that loses its own is repeated on another."""

    def __init__(self, url: str, *, look: bool = False) -> None:
        """Read from the world at `url`; with `look` the server refuses whatever would write."""
        self._url = url
        self._look = look
        self._idle: list[Raw] = []
        self._free = asyncio.Semaphore(READERS)

    async def fetch(self, statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
        """Run a query. Raises `WorldError`."""
        text, arguments = translated(statement, values)
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        delay = 0.02
        while True:
            try:
                async with self.connection() as raw:
                    return [tuple(row) for row in await raw.fetch(text, *arguments)]
            except TROUBLE as error:
                if not is_lost(error) or asyncio.get_running_loop().time() > deadline:
                    raise translate(error, self._url) from error
            await asyncio.sleep(delay)
            delay = min(delay * 2, 1.0)

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Raw]:
        """Lend a connection; one that something went wrong with is not lent again."""
        async with self._free:
            raw = self._idle.pop() if self._idle else await self._new()
            try:
                yield raw
            except BaseException:
                raw.terminate()
                raise
            self._idle.append(raw)

    async def _new(self) -> Raw:
        return await connect(self._url, prepares=True, look=self._look)

    async def close(self) -> None:
        """Disconnect."""
        idle, self._idle = self._idle, []
        for raw in idle:
            with contextlib.suppress(*TROUBLE):
                await raw.close(timeout=1.0)
