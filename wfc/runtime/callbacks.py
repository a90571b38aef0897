"""End callbacks: functions of the application that are told when a run has ended.

The commit that ends a run leaves a delivery for each callback that the world knows. A worker that
has the function takes it, which counts the try, and calls it; how that came out is kept beside the
run and not in its log, since nothing follows the end of a run.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from wfc import abi, codec, fault
from wfc.clock import MICROSECONDS, to_datetime
from wfc.durations import Duration, seconds
from wfc.errors import LeaseLost, OptionInvalid, RunCancelled, RunFailed, RunNotFound, WorldError
from wfc.eventlog import event
from wfc.eventlog.entity import Run, RunStatus
from wfc.ids import DefinitionId, WorkerId
from wfc.policies import Backoff
from wfc.runtime.annotations import result_annotation
from wfc.runtime.answers import RunEnd
from wfc.runtime.chores import HOPELESS
from wfc.runtime.options import check_duration, refused
from wfc.runtime.registry import Registry
from wfc.runtime.retry import pause_s
from wfc.runtime.slots import Slots
from wfc.worlds.protocol import Callback, TakenEnd, World
from wfc.worlds.rules import end_of

_LOG: Final = logging.getLogger("wfc.worker")
Tell = Callable[[RunEnd], Awaitable[object]]
T = TypeVar("T")
ATTEMPTS: Final = 3
"""How often a callback is tried with one end."""
TIMEOUT_S: Final = 300.0
"""How long one try may take, unless a callback is registered with another time."""
UNSEEN_S: Final = 30 * 86_400.0
"""After so long without a worker that has it a callback is forgotten."""
_SEEN_AGAIN_S: Final = 3600.0
_LOOK_S: Final = 15.0
_AT_ONCE: Final = 20
_WORLD_AGAIN_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A callback and its function."""

    callback: Callback
    tell: Tell
    timeout_s: float


class Callbacks:
    """The end callbacks of an application, by name."""

    def __init__(self) -> None:
        """Know none yet."""
        self._known: dict[str, _Known] = {}

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._known)

    def register(
        self,
        tell: Tell,
        *,
        workflow: DefinitionId | None = None,
        status: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Know a callback, by its module and name. Raises `OptionInvalid`."""
        name = _name_of(tell)
        known = self._known.get(name)
        if known is not None and known.tell is not tell and not _is_same(known.tell, tell):
            raise OptionInvalid(
                f"two end callbacks are called {name}. A delivery finds its function by that name, "
                "also in the next process: give each a name of its own, at module level."
            )
        wanted = None if status is None else _ended_status(status)
        callback = Callback(name=name, workflow=workflow, status=wanted)
        self._known[name] = _Known(callback=callback, tell=tell, timeout_s=timeout_s)

    def names(self) -> tuple[str, ...]:
        """Name them."""
        return tuple(self._known)

    def all(self) -> list[Callback]:
        """Give what a world is to know of them."""
        return [each.callback for each in self._known.values()]

    async def call(self, name: str, end: RunEnd) -> None:
        """Tell a callback of an end. Raises what it raises, and `TimeoutError` if it takes too
        long, since it would keep a slot of the worker, and the run, for ever.
        """
        known = self._known[name]
        try:
            async with asyncio.timeout(known.timeout_s) as scope:
                await known.tell(end)
        except TimeoutError:
            if not scope.expired():
                raise
            message = (
                f"it took longer than {known.timeout_s:g} s, the `timeout` of its `on_run_end`"
            )
            raise TimeoutError(message) from None


REGISTERED: Final = Callbacks()
"""Those that the application of this process has registered."""


def timeout_of(timeout: Duration) -> float:
    """Give how long a try may take, in seconds. Raises `OptionInvalid`."""
    check_duration("timeout", timeout)
    found = seconds(timeout)
    if found <= 0:
        raise refused("timeout", timeout, "leaves no time to tell anything")
    return found


def _name_of(tell: object) -> str:
    name = getattr(tell, "__qualname__", None)
    if not callable(tell) or name is None or not inspect.iscoroutinefunction(tell):
        raise OptionInvalid(f"an end callback is an `async def` that takes a RunEnd, not {tell!r}.")
    if "<" in name:
        raise OptionInvalid(
            f"the end callback {name} of {tell.__module__} stands inside a function, so the next "
            "process could not find it by its name. Define it at module level."
        )
    return f"{tell.__module__}:{name}"


def _is_same(one: Tell, other: Tell) -> bool:
    """Tell whether a module was executed twice, which makes its functions anew."""
    codes = [getattr(each, "__code__", None) for each in (one, other)]
    places = [(code.co_filename, code.co_firstlineno) for code in codes if code is not None]
    return len(places) == len(codes) and places[0] == places[1]


def _ended_status(status: str) -> RunStatus:
    ends = [each for each in RunStatus if each.ended]
    if status not in ends:
        words = ", ".join(repr(each.value) for each in ends)
        raise OptionInvalid(f"`status` = {status!r} is no end of a run: {words} are.")
    return RunStatus(status)


class Bench(Protocol):
    """What a worker lends."""

    world: World
    registry: Registry
    slots: Slots

    @property
    def worker_id(self) -> WorkerId:
        """Give the id under which the worker has joined."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in the background."""
        ...


class Herald:
    """Tells the callbacks of one worker of the ends that they wait for."""

    def __init__(self, bench: Bench, callbacks: Callbacks) -> None:
        """Tell `callbacks`, in the slots that `bench` has for bodies."""
        self._bench = bench
        self._callbacks = callbacks
        self._seen_at: int | None = None

    async def introduce(self) -> None:
        """Let the world know what this worker has; every hour, or it would be forgotten."""
        now = self._bench.world.now_us()
        if not self._callbacks:
            return
        if self._seen_at is None or now - self._seen_at >= _SEEN_AGAIN_S * MICROSECONDS:
            await self._bench.world.register_callbacks(self._callbacks.all())
            self._seen_at = now

    async def serve(self) -> None:
        """Tell of ends as they come, until cancelled."""
        if not self._callbacks:
            return
        watch = self._bench.world.watch("ends")
        try:
            while True:
                try:
                    await self.introduce()
                    pause_s = 0.0 if await self.take() else await self._pause_s()
                except LeaseLost:
                    pause_s = _WORLD_AGAIN_S  # the worker is joining anew
                except WorldError as error:
                    _LOG.warning("end callbacks are looked at again in 5 s: %s", error)
                    pause_s = _WORLD_AGAIN_S
                if pause_s > 0:
                    await watch.changed(pause_s)
        finally:
            watch.close()

    async def _pause_s(self) -> float:
        due = await self.next_due()
        if due is None:
            return _LOOK_S
        left_s = (due - self._bench.world.now_us()) / MICROSECONDS
        return min(max(left_s, 0.001), _LOOK_S)

    async def next_due(self) -> int | None:
        """Give the instant at which this worker can tell something."""
        return await self._bench.world.next_end(self._callbacks.names())

    async def take(self) -> bool:
        """Take ends that are due and begin to tell them; say whether there were any."""
        names, world = self._callbacks.names(), self._bench.world
        due = await world.next_end(names) if names else None
        if due is None or due > world.now_us():
            return False
        worker_id = self._bench.worker_id
        taken = await world.take_ends(worker_id, names, _AT_ONCE)
        fault.point("ends.taken")
        for each in taken:
            self._bench.spawn(self._tell(worker_id, each))
        return bool(taken)

    async def _tell(self, worker_id: WorkerId, taken: TakenEnd) -> None:
        error: BaseException | None = None
        try:
            await self._bench.slots.taken()
            try:
                await self._call(taken)
            finally:
                self._bench.slots.give_back()
        except BaseException as raised:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                # The worker stops: that is no fault of the callback.
                await self._bench.world.give_back_end(worker_id, taken)
                raise
            error = raised
        await self._settle(worker_id, taken, error)

    async def _call(self, taken: TakenEnd) -> None:
        if taken.attempt > ATTEMPTS:
            message = f"{ATTEMPTS} workers vanished while they told it"
            raise RuntimeError(message)
        bench = self._bench
        end = await _patiently(lambda: run_end(bench.world, bench.registry, taken))
        fault.point("end.telling")
        await self._callbacks.call(taken.message.callback, end)

    async def _settle(
        self, worker_id: WorkerId, taken: TakenEnd, error: BaseException | None
    ) -> None:
        world, name = self._bench.world, taken.message.callback
        fault.point("end.settling")
        if error is None:
            await _patiently(lambda: world.settle_end(worker_id, taken))
            return
        last = taken.attempt >= ATTEMPTS
        _LOG.log(
            logging.ERROR if last else logging.WARNING,
            "the end callback %s failed with run %s, attempt %d of %d",
            name,
            taken.message.run_id,
            min(taken.attempt, ATTEMPTS),
            ATTEMPTS,
            exc_info=error,
        )
        pause = pause_s(Backoff(), taken.attempt, 0.5)
        again_at = None if last else world.now_us() + round(pause * MICROSECONDS)
        told = codec.encode_error(error)
        await _patiently(lambda: world.settle_end(worker_id, taken, error=told, again_at=again_at))


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask a world, however long it takes: while this worker lives, nobody else takes the end."""
    while True:
        try:
            return await ask()
        except HOPELESS:
            raise
        except WorldError as error:
            _LOG.warning("an end is told, or how that came out is written, in 5 s: %s", error)
            await asyncio.sleep(_WORLD_AGAIN_S)


async def run_end(world: World, registry: Registry, taken: TakenEnd) -> RunEnd:
    """Read the end that is to be told: from the log, since the run may have gone on since then.

    Raises `RunNotFound`, `CodecError`, `WorldError`.
    """
    run_id = taken.message.run_id
    row = await world.run(run_id)
    log = await world.history(run_id, taken.position - 1, 1)
    if row is None or not log:
        raise RunNotFound(f"no run has the id {run_id}")
    status = end_of(log[0].event)
    assert status is not None
    output, error = _outcome(row, log[0].event, registry)
    return RunEnd(
        run_id=run_id,
        workflow=row.workflow,
        status=status,
        output=output,
        error=error,
        attributes=await world.attributes(run_id),
        ended_at=to_datetime(log[0].recorded_at),
        idempotency_key=f"{run_id}/{taken.position}/{taken.message.callback}",
    )


def _outcome(
    row: Run, end: event.Event, registry: Registry
) -> tuple[Any, RunFailed | RunCancelled | None]:
    if isinstance(end, event.RunCompleted):
        known = abi.registered.get(row.workflow)
        annotation = None if known is None else result_annotation(known.function)
        return codec.decode(end.output, annotation=annotation, types=registry.types), None
    if isinstance(end, event.RunFailed):
        cause = codec.decode_error(end.error, types=registry.types)
        failed = RunFailed(row.run_id, end.kind.value, cause)
        failed.__cause__ = cause
        return None, failed
    assert isinstance(end, event.RunCancelled)
    return None, RunCancelled(row.run_id, end.reason)


async def forget_unseen(world: World) -> int:
    """Give up callbacks that no worker has had for a month, and say how many ends they missed."""
    rows = await world.callbacks()
    since = world.now_us() - round(UNSEEN_S * MICROSECONDS)
    if all(row.seen_at >= since for row in rows):
        return 0
    count = await world.forget_callbacks(unseen_since=since)
    _LOG.warning("%d ends were never told: no worker has had their callbacks for a month", count)
    return count


def names_without_taker(known: Iterable[Callback], here: Callbacks) -> list[str]:
    """Name the callbacks that a world knows and this process does not have."""
    return sorted({each.name for each in known} - set(here.names()))
