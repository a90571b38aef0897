"""The log lines of one attempt on their way to the stream `wfc.logs` of its run.

They gather for a moment, and what is left at the end goes along with the outcome: a short step that
logs costs no commit of its own. A body may log in any thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import threading
from typing import Final, Protocol

from wfc.ids import OperationId
from wfc.runtime.lines import BYTES_MAX, NAMESPACE, cut_mark, line
from wfc.worlds.chunks import Form, NewChunk, StreamWrite, WritingStep

_LOG: Final = logging.getLogger("wfc.worker")
GATHER_S: Final = 0.5


class Secretary(Protocol):
    """Who writes lines for an attempt, while it may."""

    @property
    def log_level(self) -> int | None:
        """Give the level from which on lines are kept."""
        ...

    async def write_lines(self, wanted: StreamWrite) -> None:
        """Write to the run's stream of lines; nothing, if others have the run by now."""
        ...


class Logbook:
    """See the module."""

    __slots__ = (
        "_begun",
        "_cut",
        "_flush",
        "_left",
        "_lock",
        "_loop",
        "_over",
        "_secretary",
        "_step",
        "_timer",
        "_waiting",
    )

    def __init__(
        self, step: tuple[OperationId, int], secretary: Secretary, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Keep the lines of an attempt of a step; `loop` is the worker's."""
        self._step = step
        self._secretary = secretary
        self._loop = loop
        self._lock = threading.RLock()  # a signal handler may log in the midst of it
        self._waiting: list[NewChunk] = []
        self._left = BYTES_MAX
        self._cut = self._over = self._begun = False
        self._timer: asyncio.TimerHandle | None = None
        self._flush: asyncio.Task[None] | None = None

    def add(self, record: logging.LogRecord) -> None:
        """Keep a line, from any thread, unless the attempt is over or has said too much."""
        if self._cut or self._over:
            return
        body, size = line(record, *self._step)
        with self._lock:
            if self._cut or self._over:
                return
            if size > self._left:
                body, self._cut = cut_mark(self._step), True
            self._left -= size
            self._waiting.append(NewChunk(form=Form.VALUE, body=body))
            first = len(self._waiting) == 1
        if not first:
            return
        if asyncio._get_running_loop() is self._loop:  # noqa: SLF001 - None in a thread without one
            self._wait()
        else:
            with contextlib.suppress(RuntimeError):  # the worker's loop is closed
                self._loop.call_soon_threadsafe(self._wait)

    async def finish(self) -> StreamWrite | None:
        """Take no more, and give what is not written, once what is being written is."""
        self._over = True
        if self._flush is not None:
            await asyncio.wait([self._flush])
        return self.rest()

    def rest(self) -> StreamWrite | None:
        """Take no more, and give what is not written."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return self._taken()

    # -- below

    def _taken(self) -> StreamWrite | None:
        with self._lock:
            chunks, self._waiting = tuple(self._waiting), []
        if not chunks:
            return None
        begins, self._begun = not self._begun, True
        name, attempt = self._step
        step = WritingStep(operation_id=name, attempt=attempt, begins=begins)
        return StreamWrite(namespace=NAMESPACE, chunks=chunks, step=step, spare=True)

    def _wait(self) -> None:
        """Let more lines gather before they are written."""
        if self._timer is None and self._flush is None and not self._over:
            self._timer = self._loop.call_later(
                GATHER_S, self._write, context=contextvars.Context()
            )

    def _write(self) -> None:
        self._timer = None
        # A context of its own: what the writing itself logs is none of the body's lines.
        self._flush = self._loop.create_task(
            self._write_out(), name="wfc-log-lines", context=contextvars.Context()
        )

    async def _write_out(self) -> None:
        wanted = self._taken()
        try:
            if wanted is not None:
                await self._secretary.write_lines(wanted)
        except Exception as error:  # noqa: BLE001 - a line that is lost fails no step
            _LOG.warning("log lines of step %s were not kept: %s", self._step[0], error)
        finally:
            self._flush = None
            if self._waiting:
                self._wait()
