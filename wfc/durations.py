"""Durations as people write them: ``"1h30m"``, ``"3 days"``, ``90``, ``0.5``, a `timedelta`."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from string import digits
from typing import Final

from wfc.clock import MICROSECONDS, to_us

Duration = str | int | float | timedelta
FORMS: Final = '"1h30m", "3 days", "0.5s", "200ms", a number of seconds, or a timedelta'
"""The accepted forms, for the sentences of errors."""

_UNITS: Final[dict[str, Fraction]] = {
    **dict.fromkeys(("us", "microsecond", "microseconds"), Fraction(1, 1_000_000)),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), Fraction(1, 1000)),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), Fraction(1)),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), Fraction(60)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), Fraction(3600)),
    **dict.fromkeys(("d", "day", "days"), Fraction(86400)),
    **dict.fromkeys(("w", "week", "weeks"), Fraction(604800)),
}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([a-zA-Z]+)", re.ASCII)
_BETWEEN: Final = re.compile(r"(?:\s*,\s*|\s+and\s+|\s*)(?=[\d.])", re.ASCII)
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?|\.\d+", re.ASCII)
_TEXT_MAX: Final = 100
_ABBREVIATION: Final = 2
_LAST_US: Final = to_us(datetime.max.replace(tzinfo=UTC))


def seconds(value: Duration, *, what: str = "duration") -> float:
    """Give a duration in seconds. Raises `ValueError` with the accepted forms.

    `what` names the value in the error, for example ``timeout``.
    """
    return float(_exact(value, what))


def parse(value: object, *, what: str = "duration") -> timedelta:
    """Give a duration as a `timedelta`, rounded up. Raises `ValueError` as `seconds` does."""
    return timedelta(microseconds=math.ceil(_exact(value, what) * MICROSECONDS))


def wake_at_us(value: Duration | datetime, now_us: int) -> int:
    """Give the instant at which a sleep of `value` that begins at `now_us` ends; never early.

    An aware datetime is the instant itself, even a past one. Raises `ValueError`.
    """
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError(
                f"{value!r} has no time zone, so it names no instant. Give an aware datetime, for "
                "example `datetime.now(UTC) + timedelta(days=3)`, or a duration: " + FORMS + "."
            )
        return to_us(value)
    wake_at = now_us + math.ceil(_exact(value, "duration") * MICROSECONDS)
    if wake_at > _LAST_US:
        raise ValueError(f"{value!r} from now is beyond the year 9999.")
    return wake_at


def check_moment(value: object, *, what: str) -> None:
    """Refuse what is neither a duration nor an aware datetime. Raises `ValueError`."""
    if not isinstance(value, datetime):
        try:
            _exact(value, what)
        except ValueError as problem:
            raise ValueError(f"{problem} Or give an aware datetime.") from None
    elif value.utcoffset() is None:
        raise ValueError(
            f"the {what} {value!r} has no time zone, so it names no instant. Accepted forms: an "
            f"aware datetime, {FORMS}."
        )


def _exact(value: object, what: str) -> Fraction:
    """Give the seconds without rounding, so that only the callers round, and upwards."""
    match value:
        case bool():
            raise _refused(value, what, "is a truth value")
        case int():
            exact = Fraction(value)
        case float():
            if not math.isfinite(value):
                raise _refused(value, what, "is no length of time")
            exact = Fraction(str(value))  # 0.1 is meant as it is written, not as it is stored
        case timedelta():
            exact = Fraction(value // timedelta(microseconds=1), MICROSECONDS)
        case str():
            exact = _read(value, what)
        case _:
            raise _refused(value, what, f"is a {type(value).__qualname__}")
    if exact < 0:
        raise _refused(value, what, "is negative")
    if exact * MICROSECONDS > timedelta.max // timedelta(microseconds=1):
        raise _refused(value, what, "is too long")
    return exact


def _read(text: str, what: str) -> Fraction:
    rest = text.strip()
    if not rest or len(rest) > _TEXT_MAX:
        raise _refused(text, what, "is empty" if not rest else "is too long a text")
    if _NUMBER.fullmatch(rest):
        return Fraction(rest)
    total, position = Fraction(0), 0
    while True:
        part = _PART.match(rest, position)
        if part is None:
            raise _refused(text, what, _fault(rest[position:]))
        total += Fraction(part[1]) * _unit(part[2], text, what)
        if part.end() == len(rest):
            return total
        gap = _BETWEEN.match(rest, part.end())
        if gap is None:
            raise _refused(text, what, _fault(rest[part.end() :]))
        position = gap.end()


def _unit(word: str, text: str, what: str) -> Fraction:
    # A capital letter alone is no unit: `M` might mean months.
    unit = _UNITS.get(word if len(word) <= _ABBREVIATION else word.lower())
    if unit is None:
        raise _refused(text, what, f"has the unknown unit `{word}`")
    return unit


def _fault(rest: str) -> str:
    rest = rest.strip()
    if rest.startswith("-"):
        return "is negative"
    if rest[:1] in set(digits):
        return "has a number without a unit"
    return f"cannot be read at `{rest}`"


def _refused(value: object, what: str, why: str) -> ValueError:
    return ValueError(f"the {what} {value!r} {why}. Accepted forms: {FORMS}.")
