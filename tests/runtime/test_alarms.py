"""Alarms ring at instants of the world's clock, by a timer or by hand."""

from __future__ import annotations

import asyncio
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
