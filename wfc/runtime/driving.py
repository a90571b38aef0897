"""The bracket around all user code: our loop is the running one, whatever runs outside.

Automatic garbage collection is off inside: a collection in the midst of run B would close
coroutines of run A in B's context. The hooks of asynchronous generators are ours, and the
finalizer does nothing, so a generator that is freed half-way runs none of its code.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from types import TracebackType
from typing import Any

from wfc.runtime.loop import Loop


class Driving:
    """A context manager that makes `loop` the running loop and puts all back after."""

    __slots__ = ("_collects", "_hooks", "_loop", "_outer", "_task")
    _outer: asyncio.AbstractEventLoop | None
    _task: asyncio.Task[Any] | None
    _hooks: Any
    _collects: bool

    def __init__(self, loop: Loop) -> None:
        """Prepare to drive `loop`."""
        self._loop = loop

    def __enter__(self) -> None:
        """Put the outer loop and its task aside."""
        self._collects = gc.isenabled()
        gc.disable()
        outer = self._outer = asyncio._get_running_loop()  # noqa: SLF001 - the public one raises
        self._task = None if outer is None else asyncio.current_task(outer)
        if outer is not None and self._task is not None:
            asyncio.tasks._leave_task(outer, self._task)  # noqa: SLF001 - what loops are to call
        self._hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(None, _leave_alone)
        asyncio._set_running_loop(self._loop)  # noqa: SLF001 - what loops are to call

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Put the outer loop and its task back."""
        asyncio._set_running_loop(self._outer)  # noqa: SLF001 - what loops are to call
        sys.set_asyncgen_hooks(*self._hooks)
        if self._outer is not None and self._task is not None:
            asyncio.tasks._enter_task(self._outer, self._task)  # noqa: SLF001 - likewise
        if self._collects:
            gc.enable()


def _leave_alone(_generator: object) -> None:
    """Take the place of a finalizer that would schedule `aclose`."""
