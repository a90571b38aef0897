"""Durations are read in every form people write, refused with the accepted forms, never early."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfc.clock import to_us
from wfc.durations import FORMS, parse, seconds, wake_at_us
from wfc.errors import RetryableError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1h30m", 5400), ("3 days", 259_200), (90, 90), (0.5, 0.5), (timedelta(hours=2), 7200),
        ("1 hour and 30 minutes", 5400), ("2h, 5m", 7500), ("1.5h", 5400), (".5s", 0.5),
        ("200ms", 0.2), ("7us", 7e-6), ("1 week", 604_800), ("90", 90), ("0.25", 0.25),
        ("  10 s ", 10), ("3 Days", 259_200), ("1w2d3h4m5s", 788_645), (0, 0), ("0s", 0),
        (0.1, 0.1), ("1 min", 60), ("2hrs", 7200), ("1 sec", 1), ("1 microsecond", 1e-6),
    ],
)  # fmt: skip
def test_every_form_is_read(value: Any, expected: float) -> None:
    assert seconds(value) == expected
    assert parse(value) == timedelta(seconds=expected)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (-1, "is negative"), (-0.5, "is negative"), ("-1h", "is negative"),
        ("1h -5m", "is negative"), (timedelta(seconds=-1), "is negative"),
        (math.nan, "is no length of time"), (math.inf, "is no length of time"),
        ("1x", "has the unknown unit `x`"), ("1 M", "has the unknown unit `M`"),
        ("1 fortnight", "has the unknown unit `fortnight`"), ("", "is empty"), ("   ", "is empty"),
        ("1h30", "has a number without a unit"), ("1h,", "cannot be read at `,`"),
        ("soon", "cannot be read at `soon`"), ("1h and", "cannot be read at `and`"),
        ("1" * 101, "is too long a text"), ("nan", "cannot be read"), ("1e3s", "unknown unit `e`"),
        (True, "is a truth value"), (None, "is a NoneType"), (b"1h", "is a bytes"),
        (10**20, "is too long"), ("99999999999 weeks", "is too long"),
        (datetime(2030, 1, 1, tzinfo=UTC), "is a datetime"), ("\u0661h", "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_no_duration_is_refused_with_the_forms(value: Any, why: str) -> None:
    with pytest.raises(ValueError, match="the timeout ") as caught:
        seconds(value, what="timeout")
    assert why in str(caught.value)
    assert str(caught.value).endswith(f"Accepted forms: {FORMS}.")


@given(st.floats(0, 1e9), st.integers(0, 2**52))
def test_a_sleep_is_never_early_and_less_than_a_microsecond_late(length: float, now: int) -> None:
    late = wake_at_us(length, now) - now - length * 1e6
    assert -1e-3 * max(1, length / 1e4) <= late <= 1 + 1e-3 * max(1, length / 1e4)


def test_a_sleep_rounds_up_to_the_microsecond() -> None:
    assert wake_at_us(1e-9, 5) == 6
    assert wake_at_us(0, 5) == 5
    assert wake_at_us("0.1s", 0) == 100_000, "as written, not as stored"
    assert wake_at_us(0.1, 0) == 100_000
    assert wake_at_us("3 days", 7) == 259_200_000_007
    assert parse(1e-9) == timedelta(microseconds=1)


@given(st.datetimes(timezones=st.just(UTC) | st.timezones()))
def test_an_aware_datetime_is_the_instant_itself(instant: datetime) -> None:
    assert wake_at_us(instant, 5) == to_us(instant)


def test_a_past_datetime_is_fine() -> None:
    past = datetime(1960, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    assert wake_at_us(past, 5) < 0


def test_a_naive_datetime_names_no_instant() -> None:
    with pytest.raises(ValueError, match="has no time zone, so it names no instant"):
        wake_at_us(datetime(2030, 1, 1), 5)  # noqa: DTZ001 - naive on purpose


def test_a_sleep_ends_within_the_calendar() -> None:
    with pytest.raises(ValueError, match="beyond the year 9999"):
        wake_at_us(timedelta.max, to_us(datetime(2030, 1, 1, tzinfo=UTC)))


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = seconds(text)
    except ValueError:
        return
    assert found >= 0


@pytest.mark.parametrize("value", ["3 parsecs", -5, True, datetime(2030, 1, 1), [], float("nan")])  # noqa: DTZ001 - that it has no zone is the point
def test_an_error_that_asks_for_another_attempt_says_when_in_a_known_form(value: Any) -> None:
    """It is refused where it is made, which is where its author can still see it."""
    with pytest.raises(ValueError, match=r"the retry_after .* Accepted forms: ") as caught:
        RetryableError("later", retry_after=value)
    assert "aware datetime" in str(caught.value)


@pytest.mark.parametrize("value", [None, 0, 1.5, "10s", timedelta(hours=1), datetime.now(UTC)])
def test_an_error_may_ask_for_any_moment(value: Any) -> None:
    """A duration, an aware datetime, or nothing."""
    assert RetryableError("later", retry_after=value).retry_after == value
