"""Time as an argument. All instants are UTC microseconds since the epoch (`int`)."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Where a world and a worker read the time."""

    def now_us(self) -> int:
        """Give the present instant."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_us(self) -> int:
        """Give the present instant."""
        return time.time_ns() // 1000


class VirtualClock:
    """A clock that moves only when told to; for tests."""

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        """Begin at `start`, an aware datetime."""
        self._now_us = to_us(start)

    def now_us(self) -> int:
        """Give the present instant."""
        return self._now_us

    def advance(self, by: timedelta) -> None:
        """Move forward."""
        self._now_us += by // timedelta(microseconds=1)


def to_us(instant: datetime) -> int:
    """Turn an aware datetime into microseconds, exactly."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def to_datetime(instant_us: int) -> datetime:
    """Turn microseconds into an aware UTC datetime, exactly."""
    return _EPOCH + timedelta(microseconds=instant_us)
