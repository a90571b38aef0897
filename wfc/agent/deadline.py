"""Until when an agent's run may go on: an instant of the workflow clock, kept by replay."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Final


class Expired(Exception):
    """The time of an agent's run is over."""


class Deadline:
    """An instant that moves on while people are waited for, unless waiting counts."""

    def __init__(
        self, at: datetime, clock: Callable[[], datetime], *, counts_waiting: bool
    ) -> None:
        """Expire at `at` on `clock`."""
        self.at = at
        self._clock = clock
        self._counts_waiting = counts_waiting

    def check(self) -> None:
        """Raise `Expired` if the time is over."""
        if self.left_s() <= 0:
            raise Expired

    def left_s(self) -> float:
        """Give the seconds that are left."""
        return (self.at - self._clock()).total_seconds()

    def waited(self, since: datetime) -> None:
        """Hear that people were waited for since then."""
        if not self._counts_waiting:
            self.at += max(self._clock() - since, timedelta(0))


current_deadline: Final[ContextVar[Deadline | None]] = ContextVar("wfc_deadline", default=None)
"""The deadline of the agent's run in present workflow code."""
