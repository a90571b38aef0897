"""The runs that somebody looks at: their logs as far as read, folded once for all who look."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from wfc.eventlog.event import Recorded
from wfc.ids import RunId
from wfc.runtime.logs import PAGE
from wfc.web.api.trace import Trace
from wfc.worlds.protocol import World

KEPT: Final = 16
"""Runs that are remembered, the last looked at."""


@dataclass(eq=False)
class WatchedRun:
    """One run, as far as it was read."""

    log: list[Recorded] = field(default_factory=list)
    trace: Trace = field(default_factory=Trace)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def catch_up(self, world: World, run_id: RunId) -> None:
        """Read what is new. Raises `LogError`."""
        async with self.lock:
            while page := await world.history(run_id, len(self.log), PAGE, veiled=True):
                self.log += page
                self.trace.take(page)
                if len(page) < PAGE:
                    break


class WatchedRuns:
    """Gives runs as they are now, reading only what is new of those that it remembers."""

    def __init__(self) -> None:
        """Know none."""
        self._runs: OrderedDict[RunId, WatchedRun] = OrderedDict()

    async def get(self, world: World, run_id: RunId) -> WatchedRun:
        """Give a run with all that its log says now. Raises `LogError`."""
        run = self._runs.setdefault(run_id, WatchedRun())
        self._runs.move_to_end(run_id)
        while len(self._runs) > KEPT:
            self._runs.popitem(last=False)
        await run.catch_up(world, run_id)
        return run
