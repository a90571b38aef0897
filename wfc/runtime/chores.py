"""What a worker does in the background, awaited by nobody: its end is noticed, its errors told."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from wfc.errors import WorldCorrupt, WorldError, WorldReadOnly, WorldTooNew
from wfc.runtime import context

_LOG: Final = logging.getLogger("wfc.worker")
HOPELESS: Final = (WorldCorrupt, WorldReadOnly, WorldTooNew)
"""What keeps a worker from working at all."""


class Chores:
    """The tasks of one worker."""

    def __init__(
        self,
        landed: Callable[[], None],
        give_up: Callable[[WorldError], None],
        doubt: Callable[[], None],
    ) -> None:
        """Call `landed` at each end, `give_up` when the world is beyond help, and `doubt` when it
        did not answer.
        """
        self._landed = landed
        self._doubt = doubt
        self._give_up = give_up
        self._tasks: set[asyncio.Task[Any]] = set()
        self._bodies: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        """Count those under way, bodies not among them."""
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin a chore."""
        around = None
        if context.attempt.get() is not None:
            # A step has asked for it, and what is done then is not done by the step.
            around = contextvars.copy_context()
            around.run(context.attempt.set, None)
        task = asyncio.create_task(work, context=around)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def launch(self, body: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin a body, which its run looks after."""
        task = asyncio.create_task(body)
        self._bodies.add(task)
        task.add_done_callback(self._bodies.discard)
        return task

    async def settle(self, timeout_s: float) -> None:
        """Wait until every chore is done, but not for ever."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        while self._tasks and (left_s := until - loop.time()) > 0:
            await asyncio.wait(list(self._tasks), timeout=left_s)

    async def cancel(self) -> None:
        """End everything."""
        for task in [*self._tasks, *self._bodies]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._bodies, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._landed()
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, HOPELESS):
            self._give_up(error)
        elif isinstance(error, WorldError):
            _LOG.warning("a message was not dealt with, and is taken again: %s", error)
            self._doubt()
        else:
            _LOG.error("wfc failed", exc_info=error)
