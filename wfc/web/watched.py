"""The runs that somebody looks at: their logs as far as read, folded once for all who look."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from wfc import codec
from wfc.errors import WfcError
from wfc.eventlog.event import Recorded
from wfc.ids import RunId
from wfc.runtime.logs import PAGE
from wfc.web.trace import Trace
from wfc.web.trees import Painter
from wfc.worlds.protocol import World

KEPT: Final = 16
"""Runs that are remembered, the last looked at."""


@dataclass(eq=False)
class WatchedRun:
    """One run, as far as it was read."""

    log: list[Recorded] = field(default_factory=list)
    trace: Trace = field(default_factory=Trace)
    secrets: set[str] = field(default_factory=set)
    """Texts that stood under the names of secrets anywhere in the log."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _learned: int = 0

    def learn(self, painter: Painter, types: codec.Types) -> None:
        """Let the painter hear of every secret that the log holds, for they travel."""
        for each in self.log[self._learned :]:
            for data in payloads_of(each.event):
                if not codec.is_withheld(data):
                    with suppress(WfcError):  # what cannot be read is not shown either
                        painter.learn(codec.decode(data, types=types))
        self._learned = len(self.log)

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


_PAYLOADS: Final = ("arguments", "output", "payload", "metadata")


def payloads_of(event: Any) -> Iterator[bytes]:
    """Give the payloads of an event that hold values of users."""
    for one in (event, getattr(event, "created", None)):
        for name in _PAYLOADS:
            data = getattr(one, name, None)
            if isinstance(data, bytes):
                yield data
