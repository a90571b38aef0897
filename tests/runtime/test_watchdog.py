"""Code that spins while a history is delivered dry is ended, by one thread that goes again."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from tests.runtime.histories import Log, template_of
from wfc.errors import TurnTooLong
from wfc.runtime import watchdog
from wfc.runtime.dry_replay import UNSETTLED, replay
from wfc.runtime.limits import Limits
from wfc.runtime.operations import Completed
from wfc.runtime.reading import Reading
from wfc.runtime.watchdog import Watchdog

SPINS = """
    async def flow():
        "use workflow"
        while True:
            pass
"""
CATCHES = """
    async def flow():
        "use workflow"
        try:
            while True:
                pass
        except BaseException:
            return 1
"""
ENDS = """
    async def flow():
        "use workflow"
        return 1
"""


@pytest.mark.parametrize("body", [SPINS, CATCHES])
def test_code_that_spins_is_refused(body: str) -> None:
    """Whether or not it catches the interruption: rule WFC659."""
    log = Log(template_of(body))
    found = replay(
        log.template,
        log.execution.run_id,
        log.recorded[0],
        log.recorded,
        reading=Reading(),
        limits=Limits(),
        deliver=Watchdog(0.1).deliver,
    )
    assert found.disagreement is not None
    assert found.disagreement.rule == UNSETTLED


def test_there_is_one_thread_and_it_goes_when_nothing_is_delivered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many histories there are; the next one makes another."""
    monkeypatch.setattr(watchdog, "_IDLE_S", 0.1)
    dog = Watchdog(0.05)
    watching: list[threading.Thread] = []
    for _ in range(2):
        for _ in range(3):
            log = Log(template_of(ENDS))
            assert isinstance(dog.deliver(log.execution, log.recorded), Completed)
            assert dog._thread is not None
            watching.append(dog._thread)
        watching[-1].join(10)
        assert dog._thread is None
    assert len(set(watching)) == 2


class Code:
    """Stands for an execution: it uses the processor for so long, and may catch what stops it."""

    def __init__(self, seconds: float, *, catches: int = 0) -> None:
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
                if self.caught > self.catches:
                    raise
        return "ended"


def test_code_that_ends_in_time_is_left_alone() -> None:
    """And so is whatever the thread does afterwards."""
    code: Any = Code(0.01)
    ended: Any = Watchdog(0.05).deliver(code, [])
    assert ended == "ended"
    Code(0.2).deliver([])
    assert code.caught == 0


def test_code_that_catches_the_interruption_is_interrupted_again() -> None:
    """And refused, even if it comes to an end then."""
    for code in (Code(20, catches=1), Code(0.2, catches=99)):
        execution: Any = code
        with pytest.raises(TurnTooLong):
            Watchdog(0.05).deliver(execution, [])


def test_waiting_costs_no_time_of_its_own() -> None:
    """What counts is the processor's time: a busy machine strands no run."""

    class Idle:
        def deliver(self, _history: Any) -> Any:
            threading.Event().wait(0.2)
            return "ended"

    code: Any = Idle()
    ended: Any = Watchdog(0.05).deliver(code, [])
    assert ended == "ended"
