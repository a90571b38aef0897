"""Threads for step bodies that are no coroutines, and for the few that want a loop of their own.

They are daemons, unlike those of `concurrent.futures`: a body that never returns cannot be killed,
and it must not keep the process from ending either.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final

_LOG: Final = logging.getLogger("wfc.worker")
_Work = tuple[Callable[[], Any], asyncio.Future[Any], asyncio.AbstractEventLoop]


class CarriedError(Exception):
    """Brings what a body raised to whoever awaits it. Thrown into a coroutine as it is, it might be
    taken for an order to the coroutine: `GeneratorExit` closes it, and nobody hears of the end.
    """

    def __init__(self, error: BaseException) -> None:
        """Keep it."""
        super().__init__(repr(type(error)))
        self.error = error


class Threads:
    """At most `limit` threads, made when they are first needed."""

    def __init__(self, limit: int = 32) -> None:
        """Begin without threads."""
        self._limit = limit
        self._unfinished = 0
        self._alive = 0
        self._lock = threading.Lock()
        self._waiting: SimpleQueue[_Work | None] = SimpleQueue()
        self.leaked = 0
        """Bodies that were given up and still run."""

    def submit(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        """Run `work` in a thread; the future is of the running loop, and cancelling it leaves
        the thread alone. It raises `CarriedError` for what is no `Exception`.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        with self._lock:
            self._unfinished += 1
            more = self._alive < min(self._unfinished, self._limit + self.leaked)
            self._alive += more
        self._waiting.put((work, answer, loop))
        if more:
            threading.Thread(target=self._serve, name="wfc-step", daemon=True).start()
        return answer

    def leak(self, answer: asyncio.Future[Any], what: str) -> None:
        """Give up a body that does not end: its thread is replaced and counted until it does."""
        self.leaked += 1
        _LOG.warning("%s does not end; its thread is given up, %d so far", what, self.leaked)
        answer.cancel()

    def close(self) -> None:
        """Let idle threads end; busy ones end with their bodies."""
        with self._lock:
            for _ in range(self._alive):
                self._waiting.put(None)

    def _serve(self) -> None:
        while (item := self._waiting.get()) is not None:
            work, answer, loop = item
            result: Any = None
            error: BaseException | None = None
            try:
                result = work()
            except BaseException as raised:  # noqa: BLE001 - it belongs to whoever awaits
                error = raised
            with self._lock:
                self._unfinished -= 1
            try:
                loop.call_soon_threadsafe(self._settle, answer, result, error)
            except RuntimeError:
                _LOG.debug("a step body ended after its loop was closed", exc_info=True)
            del item, work, answer, loop, result, error

    def _settle(
        self, answer: asyncio.Future[Any], result: Any, error: BaseException | None
    ) -> None:
        if answer.cancelled():
            self.leaked = max(0, self.leaked - 1)
        elif isinstance(error, StopIteration):
            # A future refuses it, since it would end whoever awaits.
            answer.set_exception(RuntimeError(f"the step raised {error!r}"))
        elif error is not None:
            answer.set_exception(error if isinstance(error, Exception) else CarriedError(error))
        else:
            answer.set_result(result)
