"""Alarms ring at instants of the world's clock, by a timer or by hand."""

from __future__ import annotations

import asyncio
import weakref
from datetime import timedelta

from wfc.clock import SystemClock, VirtualClock
from wfc.runtime.alarms import Alarms


class Sleeper:
    def __init__(self) -> None:
        self.poked = asyncio.Event()
        self.times = 0

    def poke(self) -> None:
        self.times += 1
        self.poked.set()


async def test_an_alarm_rings_by_itself() -> None:
    clock = SystemClock()
    alarms = Alarms(clock.now_us)
    late, early = Sleeper(), Sleeper()
    alarms.set(clock.now_us() + 3600 * 10**6, late)
    alarms.set(clock.now_us() + 1000, early)
    async with asyncio.timeout(10):
        await early.poked.wait()
    assert late.times == 0
    alarms.close()


async def test_a_clock_that_stands_still_is_rung_by_hand() -> None:
    clock = VirtualClock()
    alarms = Alarms(clock.now_us)
    sleeper = Sleeper()
    at = clock.now_us() + 60 * 10**6
    alarms.set(at, sleeper)
    alarms.set(at, sleeper)
    assert not alarms.ring()
    clock.advance(timedelta(minutes=1))
    assert alarms.ring()
    assert sleeper.times == 1
    assert not alarms.ring()
    alarms.close()


async def test_closing_forgets_all_alarms() -> None:
    clock = VirtualClock()
    alarms = Alarms(clock.now_us)
    sleeper = Sleeper()
    alarms.set(clock.now_us(), sleeper)
    alarms.close()
    assert not alarms.ring()
    assert sleeper.times == 0


async def test_an_alarm_that_is_set_anew_or_given_up_does_not_ring() -> None:
    """Everyone has one; and nobody who has none is kept alive."""
    clock = VirtualClock()
    alarms = Alarms(clock.now_us)
    moved, gone = Sleeper(), Sleeper()
    soon = clock.now_us() + 60 * 10**6
    alarms.set(soon, moved)
    alarms.set(soon, gone)
    alarms.set(soon + 60 * 10**6, moved)
    alarms.forget(gone)
    alarms.forget(gone)
    kept = weakref.ref(gone)
    del gone
    assert kept() is None
    clock.advance(timedelta(minutes=1))
    assert not alarms.ring()
    clock.advance(timedelta(minutes=1))
    assert alarms.ring()
    assert moved.times == 1
    alarms.close()


async def test_alarms_that_were_given_up_do_not_fill_the_memory() -> None:
    """They may lie a year ahead; those that are left still ring in their order."""
    clock = VirtualClock()
    alarms = Alarms(clock.now_us)
    year = clock.now_us() + 365 * 86_400 * 10**6
    left = [Sleeper() for _ in range(5)]
    for number, sleeper in enumerate(left):
        alarms.set(year - number, sleeper)
    for number in range(1000):
        passing = Sleeper()
        alarms.set(year + number, passing)
        alarms.forget(passing)
    assert len(alarms._heap) < 50
    clock.advance(timedelta(days=365))
    assert alarms.ring()
    assert [sleeper.times for sleeper in left] == [1] * 5
    alarms.close()
