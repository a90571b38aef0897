"""The heartbeat renews, reports a loop that stands still, and gives up one that stays so."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest

from tests.runtime.house import until
from wfc.errors import TurnTooLong, WorldLocked
from wfc.eventlog.event import FailureKind
from wfc.runtime.heartbeat import Heartbeat, Pulse, Turns
from wfc.runtime.operations import Failed, Outcome, Suspended
from wfc.worlds.protocol import Renewal


class Bench:
    def __init__(self, answer: Renewal | None = None, pulse: Pulse | None = None) -> None:
        self.answer = answer or Renewal(fenced=False)
        self.renewals = 0
        self.told: list[Renewal] = []
        self.problem: Exception | None = None
        self.heartbeat = Heartbeat(
            self.renew, self.told.append, Turns(30), pulse or Pulse(every_s=5)
        )

    def renew(self) -> Renewal:
        self.renewals += 1
        if self.problem is not None:
            raise self.problem
        return self.answer


async def started(bench: Bench) -> float:
    """Begin, and stop the thread: the test ticks by hand."""
    bench.heartbeat.start()
    await bench.heartbeat.stop()
    return time.monotonic()


async def test_the_lease_is_renewed_when_it_is_time() -> None:
    bench = Bench()
    now = await started(bench)
    bench.heartbeat.tick(now + 1)
    assert bench.renewals == 0
    bench.heartbeat.tick(now + 6)
    bench.heartbeat.tick(now + 7)
    assert bench.renewals == 1


async def test_the_thread_beats_by_itself() -> None:
    bench = Bench(Renewal(fenced=True), Pulse(every_s=0.001))
    bench.heartbeat.start()
    await until(lambda: bool(bench.told))
    await bench.heartbeat.stop()
    assert bench.told[0].fenced


async def test_a_world_in_trouble_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(Renewal(fenced=True))
    bench.problem = WorldLocked("busy")
    now = await started(bench)
    bench.heartbeat.tick(now + 6)
    assert "could not be renewed" in caplog.text
    bench.problem = None
    bench.heartbeat.tick(now + 7)
    await asyncio.sleep(0)
    assert bench.renewals == 2
    assert [each.fenced for each in bench.told] == [True]


async def test_a_loop_that_stands_still_is_reported_once_and_kept_alive(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its work may be fine; only after ten minutes is it left to lose its lease."""
    caplog.set_level(logging.ERROR)
    bench = Bench()
    now = await started(bench)
    for second in (31, 40, 50):
        bench.heartbeat.tick(now + second)
    assert bench.renewals == 3
    assert len(caplog.records) == 1
    assert "test_heartbeat" in caplog.text
    bench.heartbeat.tick(now + 700)
    assert bench.renewals == 3
    await asyncio.sleep(0)
    bench.heartbeat.tick(time.monotonic() + 6)
    assert bench.renewals >= 3


def test_a_closed_loop_ends_the_heartbeat() -> None:
    bench = Bench()
    asyncio.run(started(bench))
    bench.heartbeat.tick(time.monotonic() + 6)
    assert bench.heartbeat._stopped.is_set()


class Spinning:
    """Stands in for an execution whose code never gives control back."""

    def deliver(self, recorded: Any) -> Any:
        while True:
            recorded = not recorded


async def test_only_a_turn_under_way_is_interrupted() -> None:
    turns = Turns(0.05)
    assert not turns.interrupt(time.monotonic() + 60)
    loop = asyncio.get_running_loop()
    spinning: Any = Spinning()

    def watch() -> None:
        while not turns.interrupt(time.monotonic()):
            time.sleep(0.001)

    watching = loop.run_in_executor(None, watch)
    with pytest.raises(TurnTooLong):
        turns.deliver(spinning, [])
    await watching
    assert not turns.interrupt(time.monotonic() + 60)


class Swallowing:
    """Stands in for an execution whose code catches all it can, and then waits."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome

    def deliver(self, recorded: Any) -> Outcome:
        try:
            while True:
                recorded = not recorded
        except BaseException:  # noqa: BLE001 - as user code may
            return self.outcome


async def delivered(outcome: Outcome) -> Outcome:
    """Deliver to code that is interrupted and comes to `outcome` all the same."""
    turns = Turns(0.05)

    def watch() -> None:
        while not turns.interrupt(time.monotonic()):
            time.sleep(0.001)

    watching = asyncio.get_running_loop().run_in_executor(None, watch)
    swallowing: Any = Swallowing(outcome)
    try:
        return turns.deliver(swallowing, [])
    finally:
        await watching


async def test_code_that_catches_the_interruption_has_still_taken_too_long() -> None:
    """It may not go on, complete, or fail for another reason."""
    for outcome in (
        Suspended(asked=(), withdrawn=()),
        Failed(error=b"", kind=FailureKind.USER),
    ):
        with pytest.raises(TurnTooLong):
            await delivered(outcome)
    failed = Failed(error=b"", kind=FailureKind.LIMIT)
    assert await delivered(failed) is failed
