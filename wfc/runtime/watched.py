"""Replays that never end are ended: code that may be new to us is run over a whole history at once.

A worker watches its turns by its heartbeat. Whoever judges has none, and may sit in a command or in
a web request, so a thread of its own watches each replay and counts the time that the code has had,
not the time that has passed: a machine that is busy strands nobody's run.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Sequence
from typing import Final

from wfc.errors import TurnTooLong
from wfc.eventlog.event import Recorded
from wfc.runtime.execution import Execution
from wfc.runtime.operations import Outcome

LIMIT_S: Final = 5.0


class Watched:
    """Delivers a history; `TurnTooLong` ends it where the code has run for `limit_s`."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        """Let a replay have `limit_s` seconds of processor time."""
        self._limit_s = limit_s

    def __call__(self, execution: Execution, history: Sequence[Recorded]) -> Outcome:
        """Deliver. Raises `TurnTooLong` if the code caught the interruption and went on."""
        watch = _Watch(self._limit_s)
        watch.start()
        try:
            return execution.deliver(history)
        finally:
            watch.end()


class _Watch(threading.Thread):
    """Looks at the thread that made it until that is done."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(name="wfc-replay", daemon=True)
        self._limit_s = limit_s
        self._watched = threading.get_ident()
        self._spent_before = self._spent_s()
        self._done = threading.Event()
        self._lock = threading.Lock()

    def run(self) -> None:
        """Interrupt the watched thread again and again, since code may catch that."""
        left_s = self._limit_s
        while not self._done.wait(left_s):
            left_s = self._limit_s - (self._spent_s() - self._spent_before)
            if left_s > 0:
                continue
            with self._lock:
                if not self._done.is_set():
                    self._raise(ctypes.py_object(TurnTooLong))
            left_s = self._limit_s

    def end(self) -> None:
        """Look no more. What was to be raised and was not yet is not raised any more."""
        with self._lock:
            self._done.set()
            self._raise(None)

    def _raise(self, error: ctypes.py_object[type[TurnTooLong]] | None) -> None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._watched), error)

    def _spent_s(self) -> float:
        clock = getattr(time, "pthread_getcpuclockid", None)
        if clock is None:
            return time.monotonic()  # Windows does not tell what another thread has spent
        return time.clock_gettime(clock(self._watched))
