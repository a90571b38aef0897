"""What one attempt writes to streams: chunks on their way to the world, one write at a time.

While a write is under way the next chunks gather, so a body that writes much takes few commits. The
first write of a body to a stream is waited for: whether the stream takes anything is known then.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

from wfc.errors import LeaseLost, RunNotFound, StreamClosed, StreamTooLarge
from wfc.ids import OperationId, RunId
from wfc.runtime.writable import StreamName
from wfc.worlds.protocol import (
    AttemptOf,
    NewChunk,
    Owner,
    Refusal,
    Refused,
    StreamWrite,
    WritingStep,
    Written,
)

UNFLUSHED_MAX: Final = 64
UNFLUSHED_BYTES_MAX: Final = 1 << 20


class Holder(Protocol):
    """Whoever has the right to write for a run, while it has a fence."""

    @property
    def fence(self) -> int | None:
        """The number of the lease."""
        ...


class ChunkClerk(Protocol):
    """Who writes chunks on behalf of a worker."""

    async def write_chunks(
        self,
        run_id: RunId,
        write: StreamWrite,
        *,
        guard: Owner | AttemptOf,
        writer: RunId,
        since: int | None = None,
    ) -> Written | Refused:
        """Write chunks, waiting out a full or unreachable world. `since` is how long the stream was
        after the last write of this body.
        """
        ...


class Outlets:
    """The streams that one attempt writes to. Belongs to the event loop of its worker."""

    def __init__(
        self,
        clerk: ChunkClerk,
        writer: RunId,
        step: tuple[OperationId, int],
        holder: Holder | AttemptOf,
    ) -> None:
        """Write for an attempt of a step of the run `writer`, while `holder` may."""
        self._clerk = clerk
        self._writer = writer
        self._step = step
        self._holder = holder
        self._outlets: dict[StreamName, _Outlet] = {}
        self._over = False

    async def write(
        self, to: StreamName, chunks: Sequence[NewChunk], *, close: bool = False
    ) -> None:
        """Take chunks; waits while too much is on its way. Raises as `Writable.write` does."""
        if self._over:
            raise too_late(to)
        outlet = self._outlets.get(to)
        if outlet is None:
            outlet = self._outlets[to] = _Outlet(self, to)
        await outlet.write(chunks, close=close)

    async def finish(self) -> None:
        """Wait until everything is on disk. Raises what kept it from getting there."""
        self._over = True
        for outlet in self._outlets.values():
            await outlet.finish()

    def drop(self) -> None:
        """Let go of what is not on disk; a write under way may still get there."""
        self._over = True
        for outlet in self._outlets.values():
            outlet.drop()

    async def send(
        self, to: StreamName, chunks: tuple[NewChunk, ...], *, since: int | None, close: bool
    ) -> int:
        """Write to the world what comes after the last write of this body (None: it has not written
        yet), and say how long the stream is then.

        Raises `StreamClosed`, `LeaseLost`, `RunNotFound`, `WorldError`.
        """
        name, attempt = self._step
        # Whoever gives keys says by them, and in its own words, what a repetition makes void.
        begins = since is None and all(chunk.key is None for chunk in chunks)
        wanted = StreamWrite(
            namespace=to.namespace,
            chunks=chunks,
            step=WritingStep(operation_id=name, attempt=attempt, begins=begins),
            close=close,
        )
        answer = await self._clerk.write_chunks(
            to.run_id, wanted, guard=self._guard(), writer=self._writer, since=since
        )
        if isinstance(answer, Refused):
            raise self._refused(to, answer.reason)
        return answer.length

    def _guard(self) -> Owner | AttemptOf:
        if isinstance(self._holder, AttemptOf):
            return self._holder
        if self._holder.fence is None:
            raise _lost(self._writer)
        return Owner(self._holder.fence, 0)

    def _refused(self, to: StreamName, reason: Refusal) -> Exception:
        if reason is Refusal.CLOSED:
            return StreamClosed(
                f"the stream {to.namespace!r} of run {to.run_id} is closed, so nothing can be "
                "written to it. Close it where the last chunk is written, or write to another "
                "namespace."
            )
        if reason is Refusal.MISSING and to.run_id != self._writer:
            return RunNotFound(f"run {to.run_id}, whose stream was to be written to, is not there")
        return _lost(self._writer)


def too_late(to: StreamName) -> StreamClosed:
    """Say that a body has ended, and what it left behind writes for it no more."""
    return StreamClosed(
        f"the attempt that writes to the stream {to.namespace!r} of run {to.run_id} is "
        "over; what it writes now is lost. Await in the step whatever writes for it."
    )


def _lost(run_id: RunId) -> LeaseLost:
    return LeaseLost(
        f"this worker may not write for run {run_id} any more: another one has it, or it has "
        "ended. Nothing was written."
    )


class _Outlet:
    """One stream of one attempt."""

    def __init__(self, outlets: Outlets, to: StreamName) -> None:
        self._outlets = outlets
        self._to = to
        self._waiting: deque[NewChunk] = deque()
        self._count = 0
        self._size = 0  # with what is being written, as is the count
        self._since: int | None = None
        self._closing = False
        self._closed = False
        self._flush: asyncio.Task[None] | None = None
        self._landing: list[asyncio.Future[None]] = []
        self._error: Exception | None = None
        self._told = False

    async def write(self, chunks: Sequence[NewChunk], *, close: bool) -> None:
        if chunks or not close:
            self._check()
        begins = self._since is None
        self._closing = self._closing or close
        for chunk in chunks:
            self._waiting.append(chunk)
            self._count, self._size = self._count + 1, self._size + len(chunk.body)
            self._start()
            while self._count >= UNFLUSHED_MAX or self._size >= UNFLUSHED_BYTES_MAX:
                await self._landed()
                self._check()
        if close and not self._closed:
            self._start()
        if begins or close:
            await self._flushed()
            self._check_error()

    async def finish(self) -> None:
        """Wait until all is on disk. Raises what kept it, unless the body has been told."""
        await self._flushed()
        if not self._told:
            self._check_error()

    async def _flushed(self) -> None:
        while self._flush is not None:
            await self._landed()

    def drop(self) -> None:
        self._waiting.clear()
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None  # one that has not begun never gets to say so
            self._tell()

    def _check_error(self) -> None:
        if self._error is not None:
            self._told = True
            raise self._error

    def _check(self) -> None:
        self._check_error()
        if self._closing:
            raise StreamClosed(
                f"the stream {self._to.namespace!r} of run {self._to.run_id} was closed by this "
                "step, so it can write nothing more to it"
            )

    def _start(self) -> None:
        if self._flush is None and self._error is None:
            self._flush = asyncio.create_task(self._run(), name="wfc-stream-flush")

    async def _landed(self) -> None:
        """Wait for the end of the write that is under way."""
        landing = asyncio.get_running_loop().create_future()
        self._landing.append(landing)
        await landing

    async def _run(self) -> None:
        try:
            while self._waiting or (self._closing and not self._closed):
                await self._write_out()
        except Exception as error:  # noqa: BLE001 - it belongs to the body, which writes again or ends
            self._error = error
            self._waiting.clear()
        finally:
            self._flush = None
            self._tell()

    async def _write_out(self) -> None:
        chunks = tuple(self._waiting)
        self._waiting.clear()
        await self._send(chunks, close=self._closing)
        self._count -= len(chunks)
        self._size -= sum(len(chunk.body) for chunk in chunks)
        self._tell()

    async def _send(self, chunks: tuple[NewChunk, ...], *, close: bool) -> None:
        """Write to the world; at the limit of a stream, as much as it still takes."""
        try:
            self._since = await self._outlets.send(self._to, chunks, since=self._since, close=close)
        except StreamTooLarge:
            if len(chunks) <= 1:
                raise
            # What was taken from the body before the chunk that is too much is not lost with it.
            half = len(chunks) // 2
            await self._send(chunks[:half], close=False)
            await self._send(chunks[half:], close=close)
            return
        self._closed = close

    def _tell(self) -> None:
        landing, self._landing = self._landing, []
        for one in landing:
            if not one.done():
                one.set_result(None)
