"""A whole small installation for tests: a world on a clock that stands still, workers, a client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from wfc.clock import VirtualClock
from wfc.config import Session
from wfc.eventlog.event import Event
from wfc.manifests.store import Version, to_archive
from wfc.runtime.queues import NO_QUEUES, Queues
from wfc.runtime.registry import Registry
from wfc.runtime.run import Run
from wfc.runtime.starting import StartOptions, start_run
from wfc.runtime.worker import Worker
from wfc.runtime.worker_limits import WorkerLimits
from wfc.worlds.protocol import World


class House:
    """Runs are begun through `start` and executed by `worker`, when `idle` says so."""

    def __init__(
        self, world: World, clock: VirtualClock, version: Version, queues: Queues = NO_QUEUES
    ) -> None:
        self.world = world
        self.clock = clock
        self.version = version
        self.queues = queues
        self.session = Session(world, Registry(version, queues=queues))
        self.workers: list[Worker] = []
        self.appends = 0
        self._count_appends()

    def _count_appends(self) -> None:
        append = self.world.append

        async def counted(*args: Any, **kwargs: Any) -> Any:
            self.appends += 1
            return await append(*args, **kwargs)

        self.world.append = counted  # type: ignore[method-assign]  # a counter around the real one

    async def open(self) -> House:
        await self.world.register_version(self.version.id, to_archive(self.version))
        return self

    def worker(self, **limits: Any) -> Worker:
        """Make one more worker, which begins when `idle` or `start` is called on it."""
        registry = Registry(self.version, queues=self.queues)
        made = Worker(self.world, registry, limits=WorkerLimits(**limits))
        self.workers.append(made)
        return made

    async def embedded(self, **limits: Any) -> Worker:
        """Start a worker that the client knows, as `runtime()` does."""
        made = self.worker(**limits)
        await made.start()
        self.session.worker = made
        return made

    async def start(self, workflow: Callable[..., Any], *args: Any, **options: Any) -> Run[Any]:
        return await start_run(
            self.session, self._client, workflow, StartOptions(**options), (args, {})
        )

    async def _client(self) -> Session:
        return self.session

    async def log(self, run: Run[Any]) -> list[str]:
        """Give the names of the run's events."""
        return [each.event.name for each in await self.world.history(run.id)]

    async def logged(self, run: Run[Any], name: str) -> None:
        """Wait until the run's log holds an event of this name."""
        watch = self.world.watch(f"run:{run.id}")
        async with asyncio.timeout(30):
            while name not in await self.log(run):
                await watch.changed(1)
        watch.close()

    async def events(self, run: Run[Any], kind: type[Event]) -> list[Any]:
        log = await self.world.history(run.id, 0, 2000)
        return [each.event for each in log if isinstance(each.event, kind)]

    def advance(self, **by: float) -> None:
        self.clock.advance(timedelta(**by))

    async def close(self) -> None:
        for worker in self.workers:
            await worker.stop()
        await self.world.close()


async def until(is_so: Callable[[], bool]) -> None:
    """Let others run until something is so; only a test that hangs ever meets the deadline."""
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - no one event tells what all the callers wait for
            await asyncio.sleep(0.0005)
