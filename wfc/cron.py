"""Cron expressions and steady intervals as instants: UTC microseconds in, UTC microseconds out.

`cronsim` reads the expressions, `zoneinfo` knows the zones. A time that summer time skips fires at
the first valid minute after it, one that comes twice fires the first time. An expression whose
minute or hour begins with ``*`` means "every so often", and goes on through a change of the clock
without a gap or a repetition in real time, as cron itself does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from wfc.clock import to_datetime, to_us

if TYPE_CHECKING:
    from cronsim import CronSim

_FIELDS: Final = 5
_EARLY: Final = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When something fires: `cron` in the zone `tz`, or every `every_us` from `anchor` on.

    Nothing fires before `start` or after `end` (both may be instants themselves; None: no bound).
    """

    cron: str | None = None
    every_us: int | None = None
    tz: str = "UTC"
    anchor: int = 0
    start: int | None = None
    end: int | None = None


def fault_of(expression: object) -> str | None:
    """Say what is wrong with a cron expression; None if it is one."""
    from cronsim import CronSimError  # noqa: PLC0415 - few processes need it

    if not isinstance(expression, str):
        return "it is no text"
    count = len(expression.split())
    if count != _FIELDS:
        return f"it has {count} fields, and minute, hour, day, month and weekday are wanted"
    try:
        _simulated(expression, _EARLY)
    except CronSimError as error:
        return str(error)
    return None


def zone_of(name: str) -> tzinfo:
    """Give a time zone by its IANA name. Raises `ValueError` for one that is not known here."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError(
            f"{name!r} is no time zone that this machine knows; the form is Europe/Berlin"
        ) from None


def first_after(timing: Timing, after: int) -> int | None:
    """Give the first instant after `after` at which the timing fires; None if there is none."""
    if timing.start is not None:
        after = max(after, timing.start - 1)
    at = _interval(timing, after) if timing.every_us else _cron(timing, after)
    if at is None or (timing.end is not None and at > timing.end):
        return None
    return at


def instants(timing: Timing, after: int) -> Iterator[int]:
    """Give the instants after `after` at which the timing fires, in order."""
    at = first_after(timing, after)
    while at is not None:
        yield at
        at = first_after(timing, at)


def passed_over(timing: Timing, first: int, until: int, most: int) -> tuple[int, int | None]:
    """Count the firings from `first`, which is one, to `until`, and give the first behind them.

    At steady intervals this is a division; of an expression no more than `most` are counted.
    """
    if timing.every_us:
        last = until if timing.end is None else min(until, timing.end)
        count = (last - first) // timing.every_us + 1
        return count, first_after(timing, first + (count - 1) * timing.every_us)
    count, at = 0, first_after(timing, first - 1)
    while at is not None and at <= until and count < most:
        count, at = count + 1, first_after(timing, at)
    return count, at


def _interval(timing: Timing, after: int) -> int:
    assert timing.every_us is not None
    begin = timing.anchor if timing.start is None else timing.start
    # With a start of its own the first firing is that; else it comes one interval after the anchor.
    least = 0 if timing.start is not None else 1
    count = max(least, (after - begin) // timing.every_us + 1)
    return begin + count * timing.every_us


def _cron(timing: Timing, after: int) -> int | None:
    assert timing.cron is not None
    local = to_datetime(after).astimezone(zone_of(timing.tz))
    try:
        for moment in _simulated(timing.cron, local):
            at = to_us(moment.astimezone(UTC))
            # In the hour that comes twice the wall clock alone does not say what is over.
            if at > after:
                return at
    except OverflowError:
        return None  # beyond the year 9999
    return None


def _simulated(expression: str, begin: datetime) -> CronSim:
    from cronsim import CronSim  # noqa: PLC0415 - see above

    return CronSim(expression, begin)
