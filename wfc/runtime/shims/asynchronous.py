"""`asyncio` in workflow code: timers are durable waits, and sets of tasks have an order.

What is not here is the stdlib's own, on the run's loop. `wait_for`, `wait` and `as_completed`
are written out, because the stdlib's differ between Pythons, or start and return tasks in the
order of a set.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import sys
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
)
from functools import partial
from typing import Any, Final, TypeVar

from wfc import abi
from wfc.ids import Site
from wfc.manifests.sites import site_of
from wfc.runtime import context, refusals
from wfc.runtime.loop import Loop, microseconds, number_of

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _coroutine_function(function: _Function) -> _Function:
    """Let `inspect.iscoroutinefunction` say yes: it is a plain function that sees its caller."""
    if sys.version_info >= (3, 12):
        return inspect.markcoroutinefunction(function)
    code = function.__code__
    function.__code__ = code.replace(co_flags=code.co_flags | inspect.CO_COROUTINE)
    return function


def _sleep(delay: float, result: Any = None) -> Coroutine[Any, Any, Any]:
    """Sleep durably; ``sleep(0)`` lets others run and records nothing."""
    run = context.current.get()
    if run is None:
        return asyncio.sleep(delay, result)
    frame = sys._getframe(1)  # noqa: SLF001 - sites are found so
    if delay <= 0:
        return asyncio.sleep(0, result)
    wake_at = run.now_us() + math.ceil(microseconds(delay))
    name = run.name(site_of(frame, "sleep"))
    return run.wait(name, wake_at, (frame.f_code, frame.f_lasti), lambda _: result)


class _Timeout(asyncio.Timeout):  # type: ignore[misc]  # it is final for type checkers only
    """`asyncio.Timeout` whose timers belong to the place that made it."""

    def __init__(self, when: float | None, site: Site) -> None:
        super().__init__(when)
        self._site = site

    def reschedule(self, when: float | None) -> None:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, Loop):
            super().reschedule(when)
            return
        before, loop.caller = loop.caller, self._site
        try:
            super().reschedule(when)
        finally:
            loop.caller = before


def _timeout(delay: float | None) -> asyncio.Timeout:
    run = context.current.get()
    if run is None:
        return asyncio.timeout(delay)
    site = site_of(sys._getframe(1), "timeout")  # noqa: SLF001 - likewise
    return _Timeout(None if delay is None else run.loop.time() + delay, site)


def _timeout_at(when: float | None) -> asyncio.Timeout:
    if context.current.get() is None:
        return asyncio.timeout_at(when)
    return _Timeout(when, site_of(sys._getframe(1), "timeout_at"))  # noqa: SLF001 - likewise


def _wait_for(awaitable: Awaitable[Any], timeout: float | None) -> Coroutine[Any, Any, Any]:
    run = context.current.get()
    if run is None:
        return asyncio.wait_for(awaitable, timeout)
    site = site_of(sys._getframe(1), "wait_for")  # noqa: SLF001 - likewise
    return _waited_for(run.loop, awaitable, timeout, site)


async def _waited_for(loop: Loop, awaitable: Any, timeout: float | None, site: Site) -> Any:  # noqa: ASYNC109 - as asyncio's
    if timeout is not None and timeout <= 0:
        future = asyncio.ensure_future(awaitable)
        if not future.done():
            future.cancel()
            await _until_done(loop, [future])
        try:
            return future.result()
        except asyncio.CancelledError as error:
            raise TimeoutError from error
    async with _Timeout(None if timeout is None else loop.time() + timeout, site):
        return await awaitable


class TaskSet(set[Any]):
    """A set of tasks that gives them in the order in which they were created.

    Futures, which have no such order, keep that of their insertion and go last.
    """

    __slots__ = ("_order",)

    def __init__(self, tasks: Iterable[Any] = ()) -> None:
        """Hold `tasks`."""
        self._order = dict.fromkeys(tasks)
        super().__init__(self._order)

    def _ordered(self) -> list[Any]:
        if len(self._order) != len(self) or not all(task in self for task in self._order):
            # Changed since: keep the known order, let new ones follow by number.
            self._order = {task: None for task in self._order if task in self}
            new = [task for task in super().__iter__() if task not in self._order]
            self._order |= dict.fromkeys(sorted(new, key=number_of))
        numbered = [task for task in self._order if number_of(task) >= 0]
        others = [task for task in self._order if number_of(task) < 0]
        return sorted(numbered, key=number_of) + others

    def __iter__(self) -> Iterator[Any]:
        """Iterate in order of creation."""
        return iter(self._ordered())

    def pop(self) -> Any:
        """Remove the oldest."""
        if not self:
            raise KeyError("pop from an empty set")
        oldest = self._ordered()[0]
        self.discard(oldest)
        return oldest

    def __repr__(self) -> str:
        """Show the tasks in order."""
        return f"{{{', '.join(map(repr, self))}}}" if self else "set()"

    def copy(self) -> TaskSet:
        """Copy it, order and all."""
        return TaskSet(self._ordered())


def _combining(name: str) -> Callable[[TaskSet, Any], Any]:
    combine = getattr(set, name)

    def combined(self: TaskSet, *others: Any) -> Any:
        result = combine(self, *others)
        if result is NotImplemented:
            return result
        every = [*self, *(task for other in others for task in other)]
        return TaskSet(task for task in every if task in result)

    combined.__name__ = combined.__qualname__ = name
    return combined


for _name in (
    "__or__", "__and__", "__sub__", "__xor__", "__ror__", "__rand__", "__rsub__", "__rxor__",
    "union", "intersection", "difference", "symmetric_difference",
):  # fmt: skip
    setattr(TaskSet, _name, _combining(_name))


def _wait(
    fs: Iterable[Any], *, timeout: float | None = None, return_when: str = asyncio.ALL_COMPLETED
) -> Coroutine[Any, Any, tuple[set[Any], set[Any]]]:
    run = context.current.get()
    if run is None:
        return asyncio.wait(fs, timeout=timeout, return_when=return_when)
    site = site_of(sys._getframe(1), "wait")  # noqa: SLF001 - likewise
    return _waited(run.loop, fs, timeout, return_when, site)


async def _waited(
    loop: Loop,
    fs: Any,
    timeout: float | None,  # noqa: ASYNC109 - as asyncio's
    return_when: str,
    site: Site,
) -> tuple[set[Any], set[Any]]:
    if asyncio.isfuture(fs) or asyncio.iscoroutine(fs):
        raise TypeError(f"expect a list of futures, not {type(fs).__name__}")
    tasks = list(TaskSet(fs))
    if not tasks:
        raise ValueError("Set of Tasks/Futures is empty.")
    if return_when not in {asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION, asyncio.ALL_COMPLETED}:
        raise ValueError(f"Invalid return_when value: {return_when}")
    if any(asyncio.iscoroutine(task) for task in tasks):
        raise TypeError("Passing coroutines is forbidden, use tasks explicitly.")
    if not _enough(tasks, return_when):
        await _until_done(loop, tasks, return_when, timeout, site)
    return TaskSet(task for task in tasks if task.done()), TaskSet(
        task for task in tasks if not task.done()
    )


def _enough(tasks: list[asyncio.Future[Any]], return_when: str) -> bool:
    done = [task for task in tasks if task.done()]
    if return_when == asyncio.FIRST_COMPLETED:
        return bool(done)
    if len(done) == len(tasks):
        return True
    return return_when == asyncio.FIRST_EXCEPTION and any(
        not task.cancelled() and task.exception() is not None for task in done
    )


async def _until_done(
    loop: Loop,
    tasks: list[asyncio.Future[Any]],
    return_when: str = asyncio.ALL_COMPLETED,
    timeout: float | None = None,  # noqa: ASYNC109 - as asyncio's
    site: Site | None = None,
) -> None:
    waiter = loop.create_future()

    def look(_future: object = None) -> None:
        if not waiter.done() and (_future is None or _enough(tasks, return_when)):
            waiter.set_result(None)

    timer = None
    if timeout is not None and site is not None:
        timer = loop.timer(site, loop.now_us() + microseconds(timeout), look)
    for task in tasks:
        task.add_done_callback(look)
    try:
        await waiter
    finally:
        if timer is not None:
            timer.cancel()
        for task in tasks:
            task.remove_done_callback(look)


class _AsCompleted:
    """Tasks in the order in which they end; those that end together, in order of creation."""

    def __init__(self, loop: Loop, fs: Iterable[Any], timeout: float | None, site: Site) -> None:
        futures = dict.fromkeys(asyncio.ensure_future(each) for each in dict.fromkeys(fs))
        self._left = len(futures)
        self._todo = futures
        self._done: asyncio.Queue[asyncio.Future[Any] | None] = asyncio.Queue()
        self._timer = None
        for future in futures:
            future.add_done_callback(self._ended)
        if futures and timeout is not None:
            wake_at = loop.now_us() + microseconds(timeout)
            self._timer = loop.timer(site, wake_at, self._late)

    def _ended(self, future: asyncio.Future[Any]) -> None:
        if self._todo.pop(future, self) is None:
            self._done.put_nowait(future)
            if not self._todo and self._timer is not None:
                self._timer.cancel()

    def _late(self) -> None:
        for future in self._todo:
            future.remove_done_callback(self._ended)
            self._done.put_nowait(None)
        self._todo.clear()

    def __iter__(self) -> Iterator[Coroutine[Any, Any, Any]]:
        return self

    def __next__(self) -> Coroutine[Any, Any, Any]:
        if not self._left:
            raise StopIteration
        self._left -= 1
        return self._result()

    def __aiter__(self) -> AsyncIterator[asyncio.Future[Any]]:
        return self

    async def __anext__(self) -> asyncio.Future[Any]:
        if not self._left:
            raise StopAsyncIteration
        self._left -= 1
        return await self._next()

    async def _next(self) -> asyncio.Future[Any]:
        future = await self._done.get()
        if future is None:
            raise TimeoutError
        return future

    async def _result(self) -> Any:
        return (await self._next()).result()


def _as_completed(fs: Iterable[Any], *, timeout: float | None = None) -> Any:
    run = context.current.get()
    if run is None:
        return asyncio.as_completed(fs, timeout=timeout)
    if asyncio.isfuture(fs) or asyncio.iscoroutine(fs):
        raise TypeError(f"expect an iterable of futures, not {type(fs).__name__}")
    site = site_of(sys._getframe(1), "as_completed")  # noqa: SLF001 - likewise
    return _AsCompleted(run.loop, fs, timeout, site)


def _to_thread(func: Any, /, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
    """Call a step, which is the only thing that may run elsewhere."""
    run = context.current.get()
    if run is None:
        return asyncio.to_thread(func, *args, **kwargs)
    inner = func
    while isinstance(inner, partial):
        inner = inner.func
    if abi.id_of(inner) is None:
        refusals.refuse_thread(getattr(func, "__qualname__", type(func).__name__))
    before, run.on_behalf_of = run.on_behalf_of, sys._getframe(1)  # noqa: SLF001 - likewise
    try:
        return func(*args, **kwargs)  # type: ignore[no-any-return]  # a step's stub gives a coroutine
    finally:
        run.on_behalf_of = before


class _TaskGroup(asyncio.TaskGroup):
    """Cancels its tasks in the order in which they were created, where asyncio's own goes by their
    addresses: what they ask for while they clean up has the same names in a replay only so.
    """

    def __init__(self) -> None:
        """Begin without tasks."""
        super().__init__()
        self._tasks = TaskSet()


_TaskGroup.__name__ = _TaskGroup.__qualname__ = "TaskGroup"


def _all_tasks(loop: Any = None) -> set[Any]:
    return TaskSet(asyncio.all_tasks(loop))


SHIMS: Final[Mapping[str, Any]] = {
    "asyncio.sleep": _coroutine_function(_sleep),
    "asyncio.timeout": _timeout,
    "asyncio.timeout_at": _timeout_at,
    "asyncio.wait_for": _coroutine_function(_wait_for),
    "asyncio.wait": _coroutine_function(_wait),
    "asyncio.as_completed": _as_completed,
    "asyncio.to_thread": _coroutine_function(_to_thread),
    "asyncio.all_tasks": _all_tasks,
    "asyncio.TaskGroup": _TaskGroup,
}
