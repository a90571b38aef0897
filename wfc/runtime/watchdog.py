"""Ends workflow code that spins while a history is delivered to it dry (rule WFC659).

A worker has a heartbeat that does so. Who only looks at histories, in a command or in a web
request, has one thread for all of them: it begins with the first delivery, and ends when there has
been none for a while. What counts is the time that the code has had, not the time that has passed:
a machine that is busy strands nobody's run.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from wfc.errors import TurnTooLong
from wfc.eventlog.event import FailureKind, Recorded
from wfc.runtime.execution import Execution
from wfc.runtime.operations import Outcome

LIMIT_S: Final = 5.0
"""How long the code may take over one page of events."""
_IDLE_S: Final = 10.0
Deliver = Callable[[Execution, Sequence[Recorded]], Outcome]


@dataclass(slots=True, eq=False)
class _Delivery:
    """One that is under way: in which thread, and when that thread has had its time."""

    thread: int
    until_s: float
    ended_early: bool = False

    def left_s(self) -> float:
        """Give the processor time that is left."""
        return self.until_s - _spent_s(self.thread)

    def interrupt(self) -> None:
        """Raise `TurnTooLong` in the thread.

        Never with NULL to take one back: CPython 3.11 then believes for good that one is pending,
        which slows the thread down and hangs it once it is traced, by coverage or a debugger.
        """
        error = ctypes.py_object(TurnTooLong)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.thread), error)


class Watchdog:
    """Delivers events; `TurnTooLong` ends a delivery where the code has run for `limit_s`."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        """Watch nothing yet."""
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._deliveries: list[_Delivery] = []
        self._used_at = 0.0
        self._thread: threading.Thread | None = None

    def deliver(self, execution: Execution, recorded: Sequence[Recorded]) -> Outcome:
        """Deliver. Raises `TurnTooLong` if it was ended early and came to something else than a
        failure for that: the code caught the interruption, or was just done.
        """
        delivery = self._begin()
        try:
            outcome = execution.deliver(recorded)
        finally:
            self._end(delivery)
        if delivery.ended_early and getattr(outcome, "kind", None) is not FailureKind.LIMIT:
            raise TurnTooLong
        return outcome

    def _begin(self) -> _Delivery:
        here = threading.get_ident()
        delivery = _Delivery(here, _spent_s(here) + self._limit_s)
        with self._lock:
            self._deliveries.append(delivery)
            self._used_at = time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._watch, name="wfc-watchdog", daemon=True
                )
                self._thread.start()
        return delivery

    def _end(self, delivery: _Delivery) -> None:
        """Forget a delivery, though it be interrupted right here: its thread goes on to others."""
        while True:
            try:
                with self._lock:
                    if delivery in self._deliveries:
                        self._deliveries.remove(delivery)
                # No more is raised from here on. What was raised comes at the next jump backwards.
                for _ in range(2 if delivery.ended_early else 0):
                    pass
            except TurnTooLong:
                continue
            return

    def _watch(self) -> None:
        while True:
            time.sleep(self._limit_s / 4)
            with self._lock:
                for delivery in self._deliveries:
                    if delivery.left_s() <= 0:
                        # Again after as long, since code may catch it and go on.
                        delivery.until_s += self._limit_s
                        delivery.ended_early = True
                        delivery.interrupt()
                idle_s = time.monotonic() - self._used_at
                if not self._deliveries and idle_s > _IDLE_S:
                    self._thread = None
                    return


def _spent_s(thread: int) -> float:
    clock = getattr(time, "pthread_getcpuclockid", None)
    if clock is None:
        return time.monotonic()  # Windows does not tell what another thread has spent
    return time.clock_gettime(clock(thread))
