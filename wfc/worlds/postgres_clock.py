"""The database's clock, which all machines share, as far as one of them can tell it."""

from __future__ import annotations

import time
from typing import Final

from wfc.clock import SystemClock

ASK: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_TRUSTED_FOR_S: Final = 60.0


class DatabaseClock(SystemClock):
    """The machine's clock, corrected by what the database's was when it was asked."""

    def __init__(self) -> None:
        """Begin uncorrected."""
        self._offset_us = 0
        self._doubt_us = 1 << 62
        self._learned_at = 0.0

    def now_us(self) -> int:
        """Give the present instant."""
        return super().now_us() + self._offset_us

    def learn(self, told_us: int, asked_us: int, answered_us: int) -> None:
        """Take over what the database told between two instants of this machine's clock.

        The answer that took least time is the best; none is good for ever.
        """
        doubt_us = answered_us - asked_us
        now = time.monotonic()
        if doubt_us <= self._doubt_us or now - self._learned_at > _TRUSTED_FOR_S:
            self._doubt_us, self._learned_at = doubt_us, now
            self._offset_us = told_us - (asked_us + answered_us) // 2
