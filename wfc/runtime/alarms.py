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


class Poked(Protocol):
    """Who has set an alarm."""

    def poke(self) -> None:
        """Hear it."""
        ...


class Alarms:
    """A heap of alarms with one timer of the loop. `ring` may also be called by hand, which is how
    a virtual clock makes itself heard.
    """

    def __init__(self, now_us: Callable[[], int]) -> None:
        """Set no alarm yet."""
        self._now_us = now_us
        self._heap: list[tuple[int, int, Poked]] = []
        self._set: set[tuple[int, Poked]] = set()
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0

    def set(self, at: int, who: Poked) -> None:
        """Poke `who` at the instant `at`; setting the same alarm again does nothing."""
        if (at, who) in self._set:
            return
        self._set.add((at, who))
        heapq.heappush(self._heap, (at, next(self._order), who))
        if self._timer is None or at < self._timer_at:
            self._arm()

    def ring(self) -> bool:
        """Poke everyone whose time has come; tell whether there was anybody."""
        now = self._now_us()
        rang = False
        while self._heap and self._heap[0][0] <= now:
            at, _, who = heapq.heappop(self._heap)
            self._set.discard((at, who))
            who.poke()
            rang = True
        return rang

    def close(self) -> None:
        """Forget all alarms."""
        self._heap.clear()
        self._set.clear()
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
