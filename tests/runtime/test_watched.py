"""A replay that never ends is ended, and nothing of that is left behind."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from wfc.errors import TurnTooLong
from wfc.runtime.watched import Watched


class Code:
    """Stands for an execution: it uses the processor for so long, and may catch what stops it."""

    def __init__(self, seconds: float, *, catches: bool = False) -> None:
        self.seconds = seconds
        self.catches = catches
        self.caught = 0

    def deliver(self, _history: Any) -> Any:
        end = time.thread_time() + self.seconds
        while time.thread_time() < end:
            try:
                sum(range(100))
            except TurnTooLong:
                self.caught += 1
                if not self.catches:
                    raise
        return "ended"


def test_code_that_ends_in_time_is_left_alone() -> None:
    """And so is whatever the thread does afterwards."""
    code: Any = Code(0.01)
    ended: Any = Watched(0.05)(code, [])
    assert ended == "ended"
    Code(0.2).deliver([])
    assert code.caught == 0


def test_code_that_runs_on_is_ended() -> None:
    """By an error in the midst of it."""
    code: Any = Code(20)
    with pytest.raises(TurnTooLong):
        Watched(0.05)(code, [])


def test_waiting_costs_no_time_of_its_own() -> None:
    """What counts is the processor's time: a busy machine strands no run."""

    class Idle:
        def deliver(self, _history: Any) -> Any:
            threading.Event().wait(0.2)
            return "ended"

    code: Any = Idle()
    ended: Any = Watched(0.05)(code, [])
    assert ended == "ended"
