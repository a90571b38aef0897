"""The one writer of a SQLite file in this process: all writes that wait share one commit.

A thread takes every write that waits and commits them together; meanwhile the next ones gather.
One exception: where commits are faster than handing them to a thread and back, a single write
that finds the writer idle is committed at once on the event loop. On a disk with slow commits, or
with more than one write, or while another process has its turn, the thread does it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar

from wfc.clock import Clock
from wfc.errors import WorldUnreachable
from wfc.worlds.sql_write import Call, Write
from wfc.worlds.sqlite_commit import Committed, Committer, SqliteTransaction
from wfc.worlds.vault import Vault

T = TypeVar("T")
BATCH_WRITES: Final = 512
BATCH_BYTES: Final = 4 << 20
POLL_S: Final = 0.05
"""How often an idle writer looks whether another process wrote."""
QUICK_S: Final = 0.0004
"""A commit below this costs the loop less than two hand-overs between threads would (60 us and up).

Tried and dropped: spinning in the thread between writes (the interpreter lock makes it slower), and
committing within `append` itself before the turn of the loop ends (no faster; it splits batches).
"""
QUICK_BYTES: Final = 64 << 10
_SMOOTHING: Final = 8
_LONGEST_S: Final = 0.001
"""What a commit counts as at most: one that stalled must not send the next dozens to the thread."""


class Writer:
    """The thread, what waits for it, and the connection that both share under a lock."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        publish: Callable[[Iterable[str]], None],
        *,
        on_foreign_writes: Callable[[], None],
        vault: Vault | None = None,
    ) -> None:
        """Write to `path`. On the event loop, `publish` tells topics of which there is news, and
        `on_foreign_writes` that another process wrote.
        """
        self._path = path
        self._clock = clock
        self._vault = vault
        self._publish = publish
        self._on_foreign_writes = on_foreign_writes
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._main, name="wfc-sqlite-writer", daemon=True)
        self._opened: concurrent.futures.Future[Committer] = concurrent.futures.Future()
        self._using = threading.Lock()
        self._queue: queue.SimpleQueue[list[Write] | None] = queue.SimpleQueue()
        self._gathered: list[Write] = []
        self._handed_over = 0
        self._commit_s = _LONGEST_S  # smoothed; the first commits show what the disk can do
        self._closing = False

    async def open(self) -> None:
        """Start the thread, connect and migrate."""
        self._thread.start()
        self._committer = await asyncio.wrap_future(self._opened)

    async def close(self) -> None:
        """Finish what waits and end the thread."""
        self._hand_over()
        self._closing = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    # -- on the event loop

    def put(self, write: Write) -> None:
        """Let a write wait. Raises `WorldUnreachable` if the writer was closed."""
        self._must_be_open()
        if not self._gathered:
            self._loop.call_soon(self._flush)
        self._gathered.append(write)

    async def call(self, work: Callable[[SqliteTransaction], T], size: int = 0) -> T:
        """Run `work` in a transaction and give its answer after the commit."""
        future: asyncio.Future[T] = self._loop.create_future()
        self.put(Call(work, future, size))
        return await future

    def _flush(self) -> None:
        """All writes of one turn of the loop are gathered: commit the only one, or hand over."""
        if not (len(self._gathered) == 1 and self._commit_here(self._gathered[0])):
            self._hand_over()

    def _commit_here(self, write: Write) -> bool:
        committer = self._committer
        if self._handed_over or self._commit_s > QUICK_S or write.size > QUICK_BYTES:
            return False
        if committer.needs_upkeep or not self._using.acquire(blocking=False):
            return False
        try:
            committed = committer.try_commit(write)
            self._note_speed()
        finally:
            self._using.release()
        if committed is None:
            return False
        self._gathered.clear()
        self._deliver(committed)
        return True

    def _hand_over(self) -> None:
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._handed_over += len(gathered)
            self._queue.put(gathered)

    def _received(self, committed: Committed) -> None:
        self._handed_over -= len(committed.settled)
        self._deliver(committed)

    def _deliver(self, committed: Committed) -> None:
        self._publish(committed.news)
        for write, answer in committed.settled:
            write.settle(answer)

    # -- in any thread

    def call_blocking(self, work: Callable[[SqliteTransaction], T]) -> T:
        """Run `work` in a transaction; wait for its commit, whatever the event loop does."""
        self._must_be_open()
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._queue.put([Call(work, future)])
        return future.result()

    def _must_be_open(self) -> None:
        if self._closing:
            raise WorldUnreachable(f"the world {self._path} is closed")

    def _note_speed(self) -> None:
        latest = min(self._committer.last_commit_s, _LONGEST_S)
        self._commit_s += (latest - self._commit_s) / _SMOOTHING

    # -- in the thread

    def _main(self) -> None:
        try:
            committer = Committer(self._path, self._clock, self._vault)
        except BaseException as error:  # noqa: BLE001 - raised again where the world is opened
            self._opened.set_exception(error)
            return
        self._opened.set_result(committer)
        try:
            self._serve(committer)
        finally:
            committer.close()

    def _serve(self, committer: Committer) -> None:
        waiting: deque[Write] = deque()
        last = False
        while not last:
            last = self._gather(waiting, committer)
            while waiting:
                self._commit(committer, _batch_of(waiting))
                last = self._drain(waiting) or last
            with self._using:
                committer.keep_up()

    def _gather(self, waiting: deque[Write], committer: Committer) -> bool:
        """Wait for writes, looking for other processes' meanwhile; tell whether to end."""
        try:
            first = self._queue.get(timeout=POLL_S)
        except queue.Empty:
            with self._using:
                foreign = committer.foreign_writes()
            if foreign:
                self._on_loop(self._on_foreign_writes)
            return False
        if first is None:
            return True
        waiting.extend(first)
        return self._drain(waiting)

    def _drain(self, waiting: deque[Write]) -> bool:
        """Take what came meanwhile; tell whether to end after it."""
        while True:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                return False
            if more is None:
                return True
            waiting.extend(more)

    def _commit(self, committer: Committer, batch: list[Write]) -> None:
        with self._using:
            committed = committer.commit(batch)
            self._note_speed()
        for_loop = [pair for pair in committed.settled if not pair[0].blocking]
        for write, answer in committed.settled:
            if write.blocking:
                write.settle(answer)
        if for_loop or committed.news:
            self._on_loop(self._received, Committed(for_loop, committed.news))

    def _on_loop(self, tell: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # a closed loop has nobody left who waits
            self._loop.call_soon_threadsafe(tell, *arguments)


def _batch_of(waiting: deque[Write]) -> list[Write]:
    batch, size = [waiting.popleft()], 0
    while waiting and len(batch) < BATCH_WRITES and size < BATCH_BYTES:
        batch.append(waiting.popleft())
        size += batch[-1].size
    return batch
