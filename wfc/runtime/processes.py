"""Warm processes for steps with `isolation="process"`: lent, taken back, ended with the worker."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from wfc.runtime.step_process import Archive, StepProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSetup:
    """How a process is started: its `command`, which gets the number of a pipe as last word, and
    what it is told first.
    """

    command: Callable[[], tuple[str, ...]]
    opening: Callable[[], Mapping[str, Any]]


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class WarmProcesses:
    """At most `limit` processes, started when they are first needed."""

    def __init__(
        self,
        setup: ProcessSetup,
        archive: Archive,
        *,
        limit: int | None = None,
        grace_s: float = 5.0,
    ) -> None:
        """Begin without processes; `limit` is one per core unless said. A process that is ended
        has `grace_s` for its cleanup.
        """
        self._setup = setup
        self._archive = archive
        self._grace_s = grace_s
        self._room = asyncio.Semaphore(limit or cores())
        self._idle: list[StepProcess] = []
        self._busy: set[StepProcess] = set()
        self._opening: Mapping[str, Any] | None = None

    @property
    def pids(self) -> frozenset[int]:
        """The ids of all processes that live."""
        return frozenset(each.pid for each in (*self._idle, *self._busy))

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[StepProcess]:
        """Lend a process, as soon as there is one; it is ended unless its body came to an end.

        Raises `StepCrashed` if it cannot be started.
        """
        async with self._room:
            process = await self._found()
            self._busy.add(process)
            try:
                yield process
            except BaseException:
                # The attempt is over when its body is: the next one never meets it.
                await self._end(process)
                raise
            if process.spent or not process.is_alive:
                await self._end(process)
            else:
                self._busy.discard(process)
                self._idle.append(process)

    async def _end(self, process: StepProcess) -> None:
        """End a process. It stays known until it is gone, though nobody may wait for that."""
        await process.end(self._grace_s)
        self._busy.discard(process)

    async def close(self) -> None:
        """End all processes."""
        idle, self._idle = self._idle, []
        ending = [process.end(self._grace_s) for process in (*idle, *self._busy)]
        await asyncio.gather(*ending)

    async def _found(self) -> StepProcess:
        self._busy = {each for each in self._busy if each.is_alive}
        while self._idle:
            process = self._idle.pop()
            if process.is_alive:
                return process
            await process.end(0)
        if self._opening is None:
            self._opening = self._setup.opening()
        return await StepProcess.start(self._setup.command(), self._opening, self._archive)
