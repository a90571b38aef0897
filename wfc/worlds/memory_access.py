"""What the parts of a world in memory share: its tables under one lock, its clock, its news."""

from __future__ import annotations

import threading

from wfc.clock import Clock, SystemClock
from wfc.errors import WorldUnreachable
from wfc.worlds.feed import (
    QUEUES,
    Feed,
)
from wfc.worlds.memory_tables import Tables


class MemoryAccess:
    """A world in memory, still without what it can do."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Begin empty; time comes from `clock` (by default the machine's)."""
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()  # `renew` comes from a heartbeat thread
        self._feed = Feed()
        self._open = False
        self._tables = Tables(self._clock)

    def now_us(self) -> int:
        """Give the world's clock."""
        return self._clock.now_us()

    def _publish(self, *topics: str) -> None:
        news, self._tables.news = self._tables.news, set()
        self._feed.publish((*topics, *news))
        if self._tables.queue_news:
            self._tables.queue_news = False
            self._feed.publish((QUEUES,))

    def _must_be_open(self) -> None:
        if not self._open:
            raise WorldUnreachable(
                "the world memory: is not open: await world.open() first, once per event loop"
            )
