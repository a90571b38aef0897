"""Runs that may be what kills their workers are tried one at a time, and nothing begins meanwhile.

A worker that is killed loses every run it had claimed, the one whose code did it and those that
only waited for their turn. From the outside they look the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

SUSPECT_AFTER: Final = 2
"""Losses in a row after which a run is suspected. One may befall any run; a second in a row, with
no event in between, is rare but for the run that does it and for those that are claimed with it.
"""


class Trials:
    """Whose turn it is to be tried, on one worker."""

    def __init__(self) -> None:
        """Suspect nobody."""
        self._one = asyncio.Lock()
        self._none = asyncio.Event()
        self._none.set()

    async def none(self) -> None:
        """Wait until no trial is under way."""
        await self._none.wait()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[asyncio.Event]:
        """Wait for a turn, and have it; gives what is to be set when the trial is over."""
        async with self._one:
            self._none.clear()
            try:
                yield asyncio.Event()
            finally:
                self._none.set()
