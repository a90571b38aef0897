"""Spans and instants as people say them, in UTC: "2 h 4 min", "Tue 24 Nov 10:00 UTC"."""

from __future__ import annotations

from typing import Final

from wfc.clock import MICROSECONDS, to_datetime

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_PRECISE_US: Final = 10 * MICROSECONDS


def span(microseconds: int) -> str:
    """Say how long that is, by the two units that matter; less than nothing is 0 s."""
    microseconds = max(microseconds, 0)
    if microseconds < _PRECISE_US:
        return f"{microseconds / MICROSECONDS:.1f}".removesuffix(".0") + " s"
    whole = microseconds // MICROSECONDS
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return _two(whole // _HOUR, "h", whole % _HOUR // _MINUTE, "min")
    return _two(whole // _DAY, "d", whole % _DAY // _HOUR, "h")


def _two(large: int, unit: str, small: int, below: str) -> str:
    return f"{large} {unit} {small} {below}" if small else f"{large} {unit}"


def instant(at: int, now: int) -> str:
    """Say when that is: the time of day, and the date if it is not that of `now`."""
    moment, today = to_datetime(at), to_datetime(now)
    time = f"{moment:%H:%M}" if not moment.second else f"{moment:%H:%M:%S}"
    if moment.date() == today.date():
        return f"{time} UTC"
    year = f" {moment.year}" if moment.year != today.year else ""
    return f"{moment:%a} {moment.day} {moment:%b}{year} {time} UTC"
