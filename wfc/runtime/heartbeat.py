"""The thread that keeps a worker's lease while its loop is busy, and watches over the loop.

A thread, because a loop that is stuck in a step body cannot renew anything: the lease of a stalled
worker would be taken from it although its work is fine. Only a loop that has been stuck for
`abandon_s` is left to lose its lease.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from wfc.errors import TurnTooLong, WorldError
from wfc.eventlog.event import FailureKind, Recorded
from wfc.runtime.execution import Execution
from wfc.runtime.operations import Outcome
from wfc.worlds.protocol import Renewal

_LOG: Final = logging.getLogger("wfc.worker")
_TICK_S: Final = 1.0


class Turns:
    """The turn of workflow code that is under way, if one is; ends it if it spins."""

    def __init__(self, limit_s: float) -> None:
        """Let a turn take `limit_s` seconds."""
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._began: float | None = None
        self._ended_early: float | None = None
        self._thread = threading.get_ident()

    def deliver(self, execution: Execution, recorded: Sequence[Recorded]) -> Outcome:
        """Deliver, as one turn that `interrupt` may end.

        Raises `TurnTooLong` if it was ended early and came to something else than a failure for
        that: the code caught the interruption.
        """
        self._thread = threading.get_ident()
        self._began = began = time.monotonic()
        try:
            outcome = execution.deliver(recorded)
        finally:
            with self._lock:
                self._began = None
        if self._ended_early == began and getattr(outcome, "kind", None) is not FailureKind.LIMIT:
            raise TurnTooLong
        return outcome

    def interrupt(self, now_s: float) -> bool:
        """Raise `TurnTooLong` in the loop's thread if the present turn takes too long."""
        with self._lock:
            began = self._began
            if began is None or began == self._ended_early or now_s - began < self._limit_s:
                return False
            self._ended_early = began
            _LOG.error("a turn of workflow code runs for over %g s; it is ended", self._limit_s)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread), ctypes.py_object(TurnTooLong)
            )
            return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """How often the lease is renewed and how long the loop may stand still (seconds)."""

    every_s: float = 5.0
    stalled_s: float = 30.0
    abandon_s: float = 600.0


class Heart(Protocol):
    """What keeps a worker's lease."""

    def start(self) -> None:
        """Begin to beat for the running loop."""
        ...

    async def stop(self) -> None:
        """End; a renewal under way is waited for."""
        ...


class HeartOf(Protocol):
    """Makes the heart of a worker; `Heartbeat` is one such."""

    def __call__(
        self,
        renew: Callable[[], Renewal],
        tell: Callable[[Renewal], None],
        turns: Turns,
        pulse: Pulse,
        stalled: Callable[[float], None] | None = None,
    ) -> Heart:
        """Make one that does not beat yet."""
        ...


class Heartbeat:
    """Renews the lease from its own thread and tells the loop what it learnt."""

    def __init__(
        self,
        renew: Callable[[], Renewal],
        tell: Callable[[Renewal], None],
        turns: Turns,
        pulse: Pulse,
        stalled: Callable[[float], None] | None = None,
    ) -> None:
        """Renew by `renew`, which blocks; `tell` is called in the loop that starts it. `stalled`
        hears, in the loop, for how many seconds it has stood still.
        """
        self._stalled = stalled
        self._renew = renew
        self._tell = tell
        self._turns = turns
        self._pulse = pulse
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = threading.get_ident()
        self._heard_at = time.monotonic()
        self._renewed_at = time.monotonic()
        self._reported = False

    def start(self) -> None:
        """Begin to beat for the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._heard_at = self._renewed_at = time.monotonic()
        self._thread = threading.Thread(target=self._beat, name="wfc-heartbeat", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """End the thread; a renewal under way is waited for."""
        self._stopped.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    def _beat(self) -> None:
        while not self._stopped.wait(min(_TICK_S, self._pulse.every_s)):
            self.tick(time.monotonic())

    def tick(self, now_s: float) -> None:
        """Look at turn and loop, and renew if it is time to."""
        self._turns.interrupt(now_s)
        stalled_s = now_s - self._heard_at
        if stalled_s >= self._pulse.stalled_s and not self._reported:
            self._reported = True
            _LOG.error("the event loop has stood still for %d s:\n%s", stalled_s, self._stack())
        self._in_loop(self._hear)
        if now_s - self._renewed_at < self._pulse.every_s or stalled_s >= self._pulse.abandon_s:
            return
        try:
            renewal = self._renew()
        except WorldError as error:
            # The lease may outlast it; if not, the next renewal says so.
            _LOG.warning("the lease could not be renewed: %s", error)
            return
        self._renewed_at = now_s
        if renewal.fenced or renewal.cancelled:
            self._in_loop(self._tell, renewal)

    def _hear(self) -> None:
        heard_at, self._heard_at = self._heard_at, time.monotonic()
        if self._reported and self._stalled is not None:
            self._stalled(self._heard_at - heard_at)
        self._reported = False

    def _in_loop(self, call: Callable[..., None], *arguments: object) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            self._stopped.set()  # the loop was closed under us: there is no worker any more

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - the only way to see it
        return "".join(traceback.format_stack(frame)) if frame is not None else "(no stack)"
