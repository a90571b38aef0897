"""An event loop on which several processes are simulated: seeded order, virtual time, sudden death.

Each callback belongs to the place (a simulated process) in whose context it was scheduled. Inside a
place callbacks run in the order in which they were scheduled, as asyncio promises; which place goes
next is drawn. Time stands still while anything can run, and then jumps to the next timer.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextvars import ContextVar
from random import Random
from typing import Any, Final, TypeVar

T = TypeVar("T")
OUTSIDE: Final = "outside"
"""The place of what is no part of the simulated system: it is never harmed."""
PLACE: Final[ContextVar[str]] = ContextVar("place", default=OUTSIDE)
_ROUNDS_MAX: Final = 200


class NothingLeftError(Exception):
    """Nothing can run any more, and no timer is set, though somebody still waits."""


class TimeUpError(Exception):
    """The simulation has not come to its end in the virtual time that it has."""


class SimulatedLoop:
    """Runs callbacks of places one at a time; `rng` draws whose turn it is.

    It has what asyncio's tasks, timers and primitives ask of a loop, and nothing that does I/O.
    """

    def __init__(self, rng: Random, limit_s: float = 3600.0) -> None:
        """Begin at the instant 0; `TimeUpError` ends what takes longer than `limit_s`."""
        self._self: Any = self
        self._rng = rng
        self._limit_s = limit_s
        self._now_s = 0.0
        self._numbers = itertools.count()
        self._ready: dict[str, deque[asyncio.Handle]] = {}
        self._timers: list[tuple[float, int, str, asyncio.TimerHandle]] = []
        self._held_until: dict[str, float] = {}
        self._tasks: list[asyncio.Task[Any]] = []
        self.dead: set[str] = set()
        self.turns: dict[str, int] = {}
        """How many callbacks each place has run."""
        self.before_turn: Callable[[str, int], None] | None = None
        """Is told of every callback that is about to run: its place, and its number there."""
        self.errors: list[str] = []
        """What would have been printed as an error of the loop."""

    # -- running

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run `main` to its end. Raises what it raises, `NothingLeftError`, `TimeUpError`."""
        with self._running():
            task = self.create_task(main)
            while not task.done():
                self._step()
            result: T = task.result()
            return result

    def bury(self) -> None:
        """End every task that is left, of the dead too, so that nothing is left for the garbage
        collector, which would run their code at any time.
        """
        self.dead.clear()
        self._held_until.clear()
        self.before_turn = None
        self._limit_s = float("inf")
        with self._running():
            for _ in range(_ROUNDS_MAX):
                left = [task for task in self._tasks if not task.done()]
                if not left:
                    break
                for task in left:
                    task.cancel()
                with contextlib.suppress(NothingLeftError):
                    while not all(task.done() for task in left):
                        self._step()
        self.errors.clear()
        self._tasks.clear()
        self._ready.clear()
        self._timers.clear()

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        asyncio._set_running_loop(self._self)
        try:
            yield
        finally:
            asyncio._set_running_loop(None)

    def _step(self) -> None:
        """Run one callback, or let time go on to the next timer."""
        self._ring()
        places = [
            place
            for place, waiting in self._ready.items()
            if waiting and place not in self.dead and self._held_until.get(place, 0) <= self._now_s
        ]
        if not places:
            self._pass_time()
            return
        place = places[0] if len(places) == 1 else self._rng.choice(places)
        number = self.turns[place] = self.turns.get(place, 0) + 1
        if self.before_turn is not None:
            self.before_turn(place, number)
            if place in self.dead or self._held_until.get(place, 0) > self._now_s:
                return
        handle = self._ready[place].popleft()
        if not handle.cancelled():
            handle._run()

    def _ring(self) -> None:
        while self._timers and self._timers[0][0] <= self._now_s:
            _, _, place, handle = heapq.heappop(self._timers)
            if not handle.cancelled():
                self._queue(place).append(handle)

    def _pass_time(self) -> None:
        while self._timers and (self._timers[0][3].cancelled() or self._timers[0][2] in self.dead):
            heapq.heappop(self._timers)
        instants = [self._timers[0][0]] if self._timers else []
        instants += [
            until
            for place, until in self._held_until.items()
            if until > self._now_s and place not in self.dead
        ]
        if not instants:
            raise NothingLeftError
        self._now_s = max(self._now_s, min(instants))
        if self._now_s > self._limit_s:
            raise TimeUpError

    def _queue(self, place: str) -> deque[asyncio.Handle]:
        found = self._ready.get(place)
        if found is None:
            found = self._ready[place] = deque()
        return found

    # -- harm

    def kill(self, place: str) -> None:
        """Let nothing of a place run any more; nothing of it is told so, and nothing cleaned up."""
        self.dead.add(place)

    def hold(self, place: str, for_s: float) -> None:
        """Let nothing of a place run for a while, as SIGSTOP does."""
        self._held_until[place] = self._now_s + for_s

    # -- what asyncio asks of a loop

    def time(self) -> float:
        return self._now_s

    def call_soon(
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        context = contextvars.copy_context() if context is None else context
        handle = asyncio.Handle(callback, args, self._self, context)
        self._queue(context.get(PLACE, OUTSIDE)).append(handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        context = contextvars.copy_context() if context is None else context
        handle = asyncio.TimerHandle(when, callback, args, self._self, context)
        entry = (when, next(self._numbers), context.get(PLACE, OUTSIDE), handle)
        heapq.heappush(self._timers, entry)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def call_soon_threadsafe(
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        assert asyncio._get_running_loop() is self._self, (
            "a thread would make the simulation random"
        )
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(
        self, executor: object, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run what would block in a turn of its own."""
        assert executor is None
        future = self.create_future()
        self.call_soon(_answer, future, func, args)
        return future

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self._self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Any = None) -> Any:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self._self, name=name, context=context)
        self._tasks.append(task)
        return task

    def get_task_factory(self) -> None:
        return None

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return asyncio._get_running_loop() is self._self

    def is_closed(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: it is passed over when its time comes."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.errors.append(f"{context.get('message')}: {error!r}")


def _answer(future: asyncio.Future[Any], func: Callable[..., Any], args: tuple[Any, ...]) -> None:
    if future.cancelled():
        return
    try:
        result = func(*args)
    except Exception as error:  # noqa: BLE001 - it belongs to whoever awaits
        future.set_exception(error)
    else:
        future.set_result(result)


def in_place(place: str) -> contextvars.Context:
    """Give a context whose callbacks belong to a place."""
    context = contextvars.copy_context()
    context.run(PLACE.set, place)
    return context
