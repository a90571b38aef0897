"""Freeing an execution without running user code.

CPython enters `finally` blocks, handlers and exit methods when it frees a suspended coroutine.
So the execution is first marked dead, which the guards in bundles ask for; then it is unwound
by ourselves, in its own context, so that nothing is left for the garbage collector to enter
later.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
import warnings
from collections.abc import Iterator
from typing import Any, Final, Protocol

from wfc.runtime.driving import Driving
from wfc.runtime.loop import Loop

_ROUNDS: Final = 3
_CALLBACKS: Final = 10_000
"""How many callbacks one round may run: library code that spins is left to be closed."""


class Droppable(Protocol):
    """An execution, as far as it is taken apart."""

    main: asyncio.Task[Any] | None
    variables: contextvars.Context
    namespaces: Any

    @property
    def loop(self) -> Loop:
        """Give its loop."""
        ...

    def kill(self) -> None:
        """Let no more user code run."""
        ...

    def free(self) -> None:
        """Let go of all that operations hold."""
        ...


def drop(execution: Droppable) -> None:
    """Free everything of `execution`; a second call does nothing."""
    execution.kill()
    loop = execution.loop
    if execution.main is None and not loop.tasks():
        return
    with Driving(loop), _mute():
        _unwind(execution)
        _close_tasks(execution)
        loop.ready = None
        execution.namespaces = None
        execution.free()


def _unwind(execution: Droppable) -> None:
    """Cancel every task and run until idle: this frees what libraries hold, in their own way.

    No local name here may hold a task: the cancellations that tasks end with keep this frame alive,
    and so each other, until a collection that would run outside of all this.
    """
    loop = execution.loop
    for _ in range(_ROUNDS):
        if not _cancel_tasks(loop) and not loop.ready:
            return
        loop.stopped = False
        with contextlib.suppress(BaseException):
            loop.run_until_idle(_CALLBACKS)


def _cancel_tasks(loop: Loop) -> bool:
    """Cancel what is not done; tell whether there was any."""
    left = [task for task in loop.tasks() if not task.done()]
    for task in left:
        task.cancel()
    return bool(left)


def _close_tasks(execution: Droppable) -> None:
    """Close the coroutines that did not end, newest first."""
    left = execution.loop.tasks()
    execution.loop.forget_tasks()
    execution.main = None
    while left:
        _close(left.pop(), execution)


def _close(task: asyncio.Task[Any], execution: Droppable) -> None:
    if task.done():
        # Nobody will ask for what it ended with; asyncio would say so when it is freed.
        task._log_traceback = False  # noqa: SLF001 - its only switch
        return
    variables, coroutine = _context_of(task, execution), task.get_coro()
    del task
    for _ in range(_ROUNDS):
        try:
            variables.run(coroutine.close)
        except BaseException:  # noqa: BLE001, S112 - it refuses to end; the next try goes further in
            continue
        return


def _context_of(task: asyncio.Task[Any], execution: Droppable) -> contextvars.Context:
    variables = getattr(task, "variables", None)
    return variables if isinstance(variables, contextvars.Context) else execution.variables


@contextlib.contextmanager
def _mute() -> Iterator[None]:
    """Let freed coroutines say nothing: neither warnings nor unraisable errors."""
    outer = sys.unraisablehook
    sys.unraisablehook = _say_nothing
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.unraisablehook = outer


def _say_nothing(_error: object) -> None:
    """Take the place of the hook that prints errors of destructors."""
