"""The event loop of one execution: a FIFO of callbacks, driven until idle, with no clock of its
own.

The stdlib's tasks, futures and locks run on it unchanged. What makes it deterministic:
callbacks run in the order in which they were scheduled, task names count from 1 in each run,
and every timer in the future is handed to the execution, which makes it a durable wait. What
reaches outside is refused.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NoReturn, Protocol, TypeVarTuple

from wfc.clock import MICROSECONDS
from wfc.ids import Site
from wfc.manifests.sites import site_of
from wfc.runtime.pending import Pending

_Ts = TypeVarTuple("_Ts")


class Port(Protocol):
    """What the loop needs of its execution."""

    def now_us(self) -> int:
        """Give the run clock."""
        ...

    def ask_timer(self, timer: RunTimer, wake_at: int, site: Site) -> None:
        """Make a durable wait that schedules `timer`."""
        ...

    def withdraw_timer(self, timer: RunTimer) -> None:
        """Give up the wait of a cancelled timer."""
        ...

    def report(self, context: dict[str, Any]) -> None:
        """Tell of an exception that nobody can receive."""
        ...

    def refuse(self, method: str, group: str) -> NoReturn:
        """Refuse a method that the loop of a run does not have."""
        ...


class RunTask(asyncio.Task[Any]):
    """A task that knows when it was made (sets of tasks are ordered by it) and its context."""

    __slots__ = ("number", "variables")
    number: int
    variables: contextvars.Context


class RunTimer(asyncio.TimerHandle):
    """A timer of the loop and the durable wait behind it, if it lies in the future."""

    __slots__ = ("pending",)
    pending: Pending | None


class Loop(asyncio.AbstractEventLoop):
    """The loop of one execution; see the module.

    Thousands of them wait at the same time, nearly all with one task and nothing to run. So what is
    scheduled stands in a queue that goes when it is empty, and the first task in no table.
    """

    __slots__ = (
        "_debug", "_factory", "_first", "_handler", "_later", "_numbers", "_port", "caller",
        "ready", "stopped",
    )  # fmt: skip

    def __init__(self, port: Port) -> None:
        """Begin with nothing to do."""
        self._port = port
        self._factory: Callable[..., asyncio.Future[Any]] | None = None
        self._handler: Callable[..., object] | None = None
        self._debug = False
        self._numbers = 0
        self.ready: deque[asyncio.Handle] | None = None
        """What is to run next, if there is anything."""
        self._first: asyncio.Task[Any] | None = None
        self._later: dict[int, asyncio.Task[Any]] | None = None
        """By number, the tasks after the first until their end is noted."""
        self.caller: Site | None = None
        """At which site the next timers are made; set by shims around calls into the stdlib."""
        self.stopped = False
        """Set from within to end `run_until_idle` after the present callback."""

    # -- scheduling

    def call_soon(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Run `callback` after all that is scheduled already."""
        handle = asyncio.Handle(callback, args, self, context)
        if self.ready is None:
            self.ready = deque()
        self.ready.append(handle)
        return handle

    def schedule(self, handle: asyncio.Handle) -> None:
        """Run `handle` after all that is scheduled already."""
        if self.ready is None:
            self.ready = deque()
        self.ready.append(handle)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run `callback` after a durable wait of `delay` seconds; at once if not positive."""
        site = self.caller or site_of(sys._getframe(1), "timer")  # noqa: SLF001 - sites are found so
        wake_at = self._port.now_us() + microseconds(delay)
        return self._timer(site, wake_at, callback, args, context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run `callback` when the run clock has passed `when`, by a durable wait."""
        site = self.caller or site_of(sys._getframe(1), "timer")  # noqa: SLF001 - sites are found so
        return self._timer(site, microseconds(when), callback, args, context)

    def timer(self, site: Site, wake_at: int, callback: Callable[..., object]) -> RunTimer:
        """Run `callback` when a durable wait at `site` until `wake_at` is over."""
        return self._timer(site, wake_at, callback, (), None)

    def _timer(
        self,
        site: Site,
        wake_at: int,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> RunTimer:
        timer = RunTimer(wake_at / MICROSECONDS, callback, args, self, context)
        timer.pending = None
        if wake_at <= self._port.now_us():
            self.schedule(timer)
        else:
            self._port.ask_timer(timer, wake_at, site)
        return timer

    def _timer_handle_cancelled(self, handle: RunTimer) -> None:
        self._port.withdraw_timer(handle)

    def now_us(self) -> int:
        """Give the run clock in microseconds."""
        return self._port.now_us()

    def time(self) -> float:
        """Give the run clock in seconds since the epoch."""
        return self._port.now_us() / MICROSECONDS

    # -- tasks

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Any,
        *,
        name: object = None,
        context: contextvars.Context | None = None,
        **kwargs: Any,
    ) -> asyncio.Task[Any]:
        """Make a task; a factory that was set makes it, if there is one."""
        self._numbers = number = self._numbers + 1
        task: asyncio.Task[Any]
        if self._factory is not None:
            options = kwargs if context is None else {**kwargs, "context": context}
            task = self._factory(self, coro, **options)  # type: ignore[assignment]  # its users expect tasks
            if name is not None:
                task.set_name(str(name))
        else:
            if context is None:
                context = contextvars.copy_context()
            made = RunTask(
                coro,
                loop=self,
                name=sys.intern(f"Task-{number}") if name is None else str(name),
                context=context,
            )
            made.number, made.variables = number, context
            task = made
        # Dropping leaves tasks pending on purpose; asyncio would complain about each of them.
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - its only switch
        if number == 1:
            self._first = task
            return task
        if self._later is None:
            self._later = {}
        self._later[number] = task
        # The context is given, or asyncio would copy the present one for it.
        task.add_done_callback(partial(self._forget, number), context=context)
        return task

    def _forget(self, number: int, _task: asyncio.Task[Any]) -> None:
        if self._later is not None:
            self._later.pop(number, None)

    def tasks(self) -> list[asyncio.Task[Any]]:
        """List the tasks that are not done or whose end was not noted, in order of creation."""
        first = [] if self._first is None else [self._first]
        return first + [task for _, task in sorted((self._later or {}).items())]

    def forget_tasks(self) -> None:
        """Let go of all tasks."""
        self._first = self._later = None

    def set_task_factory(self, factory: Any) -> None:
        """Let `factory(loop, coro)` make tasks from now on."""
        self._factory = factory

    def get_task_factory(self) -> Any:
        """Give the factory; anyio (and with it pydantic-ai) asks for it before anything else."""
        return self._factory

    # -- driving

    def run_until_idle(self, limit: int | None = None) -> None:
        """Run callbacks in order until none is left, one asks to stop, or `limit` have run."""
        ready = self.ready
        if ready is None:
            return
        while ready and not self.stopped:
            if limit is not None:
                if limit == 0:
                    return
                limit -= 1
            handle = ready.popleft()
            if not handle._cancelled:  # noqa: SLF001 - as asyncio's loops do
                handle._run()  # noqa: SLF001 - likewise
            # A traceback kept by a task holds this frame; it must not hold the task in turn.
            del handle
        if not ready:
            self.ready = None

    def is_running(self) -> bool:
        """Tell whether code runs on this loop at this moment."""
        return asyncio._get_running_loop() is self  # noqa: SLF001 - the public one raises

    def is_closed(self) -> bool:
        """Tell that this loop is never closed: it holds no resource."""
        return False

    def get_debug(self) -> bool:
        """Tell whether asyncio's own debugging is on."""
        return self._debug

    def set_debug(self, enabled: bool) -> None:  # noqa: FBT001 - asyncio's signature
        """Switch asyncio's own debugging."""
        self._debug = enabled

    # -- errors that nobody awaits

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Hand an error to the handler that was set, else to the run's log lines."""
        if self._handler is None:
            self.default_exception_handler(context)
        else:
            self._handler(self, context)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Report an error as a log line of the run."""
        self._port.report(context)

    def set_exception_handler(self, handler: Any) -> None:
        """Let `handler(loop, context)` hear of errors from now on."""
        self._handler = handler

    def get_exception_handler(self) -> Any:
        """Give the handler that was set."""
        return self._handler


def microseconds(seconds: float) -> int:
    """Turn seconds into microseconds. Raises `ValueError` for NaN and infinity."""
    try:
        return round(seconds * MICROSECONDS)
    except (OverflowError, ValueError):
        raise ValueError(f"{seconds!r} seconds is no time that can be waited for") from None


def number_of(task: asyncio.Future[Any]) -> int:
    """Give a task's place in the order of creation; -1 for futures and tasks of other factories."""
    return task.number if isinstance(task, RunTask) else -1


_REFUSED: Final = {
    "thread": ("run_in_executor", "set_default_executor", "call_soon_threadsafe"),
    "process": (
        "subprocess_exec", "subprocess_shell", "connect_read_pipe", "connect_write_pipe",
        "add_signal_handler", "remove_signal_handler",
    ),
    "network": (
        "create_connection", "create_server", "create_unix_connection", "create_unix_server",
        "create_datagram_endpoint", "connect_accepted_socket", "sendfile", "start_tls",
        "getaddrinfo", "getnameinfo", "add_reader", "remove_reader", "add_writer", "remove_writer",
        "sock_recv", "sock_recv_into", "sock_recvfrom", "sock_recvfrom_into", "sock_sendall",
        "sock_sendto", "sock_connect", "sock_accept", "sock_sendfile",
    ),
    "loop": ("run_forever", "run_until_complete", "stop", "close"),
}  # fmt: skip


def _refusal(name: str, group: str) -> Callable[..., NoReturn]:
    def refused(self: Loop, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG001 - any call of it
        self._port.refuse(name, group)

    refused.__name__ = refused.__qualname__ = name
    return refused


for _group, _names in _REFUSED.items():
    for _name in _names:
        setattr(Loop, _name, _refusal(_name, _group))
