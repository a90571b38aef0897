"""The writers of a PostgreSQL world in this process: a few lanes that commit side by side.

A second lane is opened only when the first is busy, so a quiet process has one connection. The
heartbeat has a lane of its own: no batch and no lock of another run makes it late.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from wfc.clock import Clock
from wfc.errors import WorldUnreachable
from wfc.worlds.postgres_errors import shown
from wfc.worlds.postgres_lane import Committed, Lane
from wfc.worlds.postgres_news import Taken
from wfc.worlds.sql_transaction import Transaction
from wfc.worlds.sql_write import Call, Write
from wfc.worlds.vault import Vault

T = TypeVar("T")
LANES: Final = 4


class Writer:
    """The lanes, and the event loop that waits for them."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        publish: Callable[[Iterable[str]], None],
        *,
        origin: str,
        taken: Taken,
        vault: Vault | None,
    ) -> None:
        """Write to `url`. On the event loop, `publish` tells topics of which there is news."""
        self._url = url
        self._clock = clock
        self._vault = vault
        self._origin = origin
        self._taken = taken
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._lanes: list[Lane] = []
        self._heartbeat: Lane | None = None
        self._closing = False

    async def close(self) -> None:
        """Finish what waits and end the threads."""
        self._closing = True
        lanes = [*self._lanes, *([self._heartbeat] if self._heartbeat else [])]
        await asyncio.gather(*(asyncio.to_thread(lane.close) for lane in lanes))

    def put(self, write: Write) -> None:
        """Let a write wait. Raises `WorldUnreachable` if the writer was closed."""
        self._must_be_open()
        lane = self._lane()
        lane.waiting += 1
        lane.put(write)

    async def call(self, work: Callable[[Transaction], T], size: int = 0) -> T:
        """Run `work` in a transaction and give its answer after the commit."""
        future: asyncio.Future[T] = self._loop.create_future()
        self.put(Call(work, future, size))
        return await future

    def call_blocking(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction; wait for its commit, whatever the event loop does."""
        self._must_be_open()
        if self._heartbeat is None:
            self._heartbeat = self._new_lane()
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._heartbeat.put(Call(work, future))
        return future.result()

    def _must_be_open(self) -> None:
        if self._closing:
            raise WorldUnreachable(f"the world {shown(self._url)} is closed")

    def _lane(self) -> Lane:
        """Choose the lane that is idle, or has least to do."""
        best = min(self._lanes, key=lambda lane: lane.waiting, default=None)
        if best is None or (best.waiting and len(self._lanes) < LANES):
            best = self._new_lane()
            self._lanes.append(best)
        return best

    def _new_lane(self) -> Lane:
        lane: Lane

        def deliver(committed: Committed) -> None:
            for_loop = [pair for pair in committed.settled if not pair[0].blocking]
            for write, answer in committed.settled:
                if write.blocking:
                    write.settle(answer)
            with contextlib.suppress(RuntimeError):  # a closed loop has nobody left who waits
                self._loop.call_soon_threadsafe(self._received, lane, for_loop, committed.news)

        lane = Lane(
            self._url,
            self._clock,
            self._vault,
            origin=self._origin,
            taken=self._taken,
            deliver=deliver,
        )
        return lane

    def _received(self, lane: Lane, settled: list[tuple[Write, object]], news: set[str]) -> None:
        lane.waiting -= len(settled)
        self._publish(news)
        for write, answer in settled:
            write.settle(answer)
