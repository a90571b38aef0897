"""Instants of the world's clock at which a run wants to be poked."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Final, Protocol

from wfc.clock import MICROSECONDS

_LEAST_S: Final = 0.001
_MOST_S: Final = 3600.0
_STALE_LEAST: Final = 16


class Poked(Protocol):
    """Who has set an alarm."""

    def poke(self) -> None:
        """Hear it."""
        ...


class Alarms:
    """A heap of alarms with one timer of the loop. `ring` may also be called by hand, which is how
    a virtual clock makes itself heard.

    Everyone has one alarm at most. The heap holds numbers only, so that nobody is kept alive by an
    alarm that was given up and lies a year ahead; such numbers go when they are most of the heap.
    """

    def __init__(self, now_us: Callable[[], int]) -> None:
        """Set no alarm yet."""
        self._now_us = now_us
        self._heap: list[tuple[int, int]] = []
        self._who: dict[int, Poked] = {}
        self._alarms: dict[Poked, tuple[int, int]] = {}
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0

    @property
    def next(self) -> int | None:
        """Give the first instant at which anyone is to be poked."""
        while self._heap and self._heap[0][1] not in self._who:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def set(self, at: int, who: Poked) -> None:
        """Poke `who` at the instant `at`, and not when it was to be poked until now."""
        known = self._alarms.get(who)
        if known is not None and known[0] == at:
            return
        self.forget(who)
        alarm = self._alarms[who] = at, next(self._numbers)
        self._who[alarm[1]] = who
        heapq.heappush(self._heap, alarm)
        if self._timer is None or at < self._timer_at:
            self._arm()

    def forget(self, who: Poked) -> None:
        """Let go of `who`."""
        alarm = self._alarms.pop(who, None)
        if alarm is None:
            return
        del self._who[alarm[1]]
        if len(self._heap) > _STALE_LEAST + 2 * len(self._who):
            self._heap = sorted(self._alarms.values())

    def ring(self) -> bool:
        """Poke everyone whose time has come; tell whether there was anybody."""
        now = self._now_us()
        rang = False
        while self._heap and self._heap[0][0] <= now:
            who = self._who.get(heapq.heappop(self._heap)[1])
            if who is not None:
                self.forget(who)
                who.poke()
                rang = True
        return rang

    def close(self) -> None:
        """Forget all alarms."""
        self._heap.clear()
        self._who.clear()
        self._alarms.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            self._timer_at = self._heap[0][0]
            left_s = (self._timer_at - self._now_us()) / MICROSECONDS
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(max(left_s, _LEAST_S), _MOST_S), self._fire)

    def _fire(self) -> None:
        self._timer = None
        self.ring()
        self._arm()
