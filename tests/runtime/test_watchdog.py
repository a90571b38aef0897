"""Code that spins while a history is delivered dry is ended, by one thread that goes again."""

from __future__ import annotations

import threading

import pytest

from tests.runtime.histories import Log, template_of
from wfc.eventlog.event import FailureKind
from wfc.runtime import watchdog
from wfc.runtime.dry_replay import UNSETTLED, replay
from wfc.runtime.limits import Limits
from wfc.runtime.operations import Completed, Failed
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
    assert isinstance(found.outcome, Failed)
    assert found.outcome.kind is FailureKind.LIMIT
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
