"""Ends turns of workflow code that spin while a history is delivered to it dry (rule WFC659).

A worker has a heartbeat that does so. Who only looks at histories has one thread, which begins with
the first delivery and ends when there has been none for a while: no thread for each run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from wfc import codec
from wfc.errors import LimitExceeded, TurnTooLong
from wfc.eventlog.event import FailureKind, Recorded
from wfc.runtime.execution import Execution
from wfc.runtime.heartbeat import Turns
from wfc.runtime.operations import Failed, Outcome

TURN_S: Final = 5.0
"""How long the code may take over one page of events (rule WFC659)."""
_LOOK_S: Final = 0.25
_IDLE_S: Final = 10.0
Deliver = Callable[[Execution, Sequence[Recorded]], Outcome]


class Watchdog:
    """Delivers events, one delivery at a time, and ends one that takes more than `limit_s`."""

    def __init__(self, limit_s: float = TURN_S) -> None:
        """Watch nothing yet."""
        self._limit_s = limit_s
        self._turns = Turns(limit_s)
        self._lock = threading.Lock()
        self._used_at = 0.0
        self._thread: threading.Thread | None = None

    def deliver(self, execution: Execution, recorded: Sequence[Recorded]) -> Outcome:
        """Deliver; code that spins has failed, kind `limit`, whether or not it catches that."""
        self._wake()
        try:
            return self._turns.deliver(execution, recorded)
        except TurnTooLong:
            # It caught the interruption, or had just gone back to waiting; it goes no further.
            problem = LimitExceeded(f"the code ran for over {self._limit_s:g} s without waiting")
            execution.fail(problem, FailureKind.LIMIT)
            return Failed(error=codec.encode_error(problem), kind=FailureKind.LIMIT)

    def _wake(self) -> None:
        with self._lock:
            self._used_at = time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._watch, name="wfc-watchdog", daemon=True
                )
                self._thread.start()

    def _watch(self) -> None:
        while True:
            time.sleep(min(_LOOK_S, self._limit_s / 4))
            self._turns.interrupt(time.monotonic())
            with self._lock:
                if time.monotonic() - self._used_at > max(_IDLE_S, 2 * self._limit_s):
                    self._thread = None
                    return
