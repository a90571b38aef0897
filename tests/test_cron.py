"""Cron expressions and intervals, against what `zoneinfo` says of every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wfc.clock import MICROSECONDS, to_datetime, to_us
from wfc.cron import Timing, fault_of, first_after, instants, zone_of

ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago",
    "Asia/Kolkata", "Africa/Cairo", "Pacific/Apia",
)  # fmt: skip
_MINUTE = timedelta(minutes=1)
AFTER = st.integers(1_230_768_000, 2_143_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))


def us(text: str) -> int:
    return to_us(datetime.fromisoformat(text))


def fires(timing: Timing, after: str, count: int) -> list[str]:
    found = islice(instants(timing, us(after)), count)
    return [to_datetime(at).isoformat() for at in found]


def test_a_time_that_summer_time_skips_fires_at_the_first_valid_minute() -> None:
    """And on all other days at its own."""
    timing = Timing(cron="30 2 * * *", tz="Europe/Berlin")
    assert fires(timing, "2030-03-30T00:00+01:00", 3) == [
        "2030-03-30T01:30:00+00:00",
        "2030-03-31T01:00:00+00:00",  # 03:00 in Berlin
        "2030-04-01T00:30:00+00:00",
    ]


def test_a_time_that_comes_twice_fires_once() -> None:
    """The first time; asked between the two, the next one is a day later."""
    timing = Timing(cron="30 2 * * *", tz="Europe/Berlin")
    assert fires(timing, "2030-10-27T00:00+02:00", 2) == [
        "2030-10-27T00:30:00+00:00",
        "2030-10-28T01:30:00+00:00",
    ]
    assert fires(timing, "2030-10-27T02:10+01:00", 1) == ["2030-10-28T01:30:00+00:00"]


def test_every_so_often_goes_on_through_a_change() -> None:
    """Half an hour is half an hour, though the wall clock shows two o'clock twice."""
    timing = Timing(cron="*/30 * * * *", tz="Europe/Berlin")
    for around in ("2030-10-26T23:00+00:00", "2030-03-31T00:00+00:00"):
        found = list(islice(instants(timing, us(around)), 8))
        assert {after - before for before, after in pairwise(found)} == {1800 * MICROSECONDS}


def test_an_interval_counts_from_its_anchor() -> None:
    """The first firing is one interval later; with a start it is that."""
    timing = Timing(every_us=60 * MICROSECONDS, anchor=us("2030-01-01T00:00:07+00:00"))
    assert fires(timing, "2030-01-01T00:00:07+00:00", 2) == [
        "2030-01-01T00:01:07+00:00",
        "2030-01-01T00:02:07+00:00",
    ]
    begun = Timing(every_us=60 * MICROSECONDS, start=us("2030-02-01T00:00:00+00:00"))
    assert fires(begun, "2030-01-01T00:00:00+00:00", 2) == [
        "2030-02-01T00:00:00+00:00",
        "2030-02-01T00:01:00+00:00",
    ]


def test_bounds_belong_to_a_timing() -> None:
    """Both may fire themselves, and nothing beyond them does."""
    timing = Timing(cron="0 * * * *", start=us("2030-01-01T02:00Z"), end=us("2030-01-01T04:00Z"))
    assert fires(timing, "2030-01-01T00:00:00+00:00", 9) == [
        f"2030-01-01T0{hour}:00:00+00:00" for hour in (2, 3, 4)
    ]
    assert first_after(timing, us("2030-01-01T04:00Z")) is None


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        (7, "no text"),
        ("* * * *", "4 fields"),
        ("0 30 2 * * *", "6 fields"),
        ("61 * * * *", "minute"),
        ("0 0 31 2 *", "day"),
    ],
)
def test_what_is_no_cron_expression_is_told(expression: object, why: str) -> None:
    """In words."""
    fault = fault_of(expression)
    assert fault is not None
    assert why in fault.lower()
    assert fault_of("*/5 9-17 * * MON-FRI") is None


def test_a_zone_must_be_known() -> None:
    """Its name is told."""
    assert zone_of("UTC") is UTC
    assert zone_of("Europe/Berlin") == ZoneInfo("Europe/Berlin")
    for name in ("Mars/Olympus", "../etc/passwd", ""):
        with pytest.raises(ValueError, match="no time zone"):
            zone_of(name)


def test_the_calendar_ends() -> None:
    """Nothing fires beyond it."""
    assert first_after(Timing(cron="0 0 1 1 *"), us("9999-06-01T00:00:00+00:00")) is None


def valid_moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Say when the clock on the wall shows this, or the first minute after it that it shows."""
    naive = datetime.combine(day, at)
    while True:
        aware = naive.replace(tzinfo=zone)
        if aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive:
            return aware.astimezone(UTC)
        naive += _MINUTE


@settings(max_examples=150, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    after=AFTER,
)
def test_a_daily_time_is_what_zoneinfo_says(
    zone: str, hour: int, minute: int, after: datetime
) -> None:
    """Once a day of the calendar that exists, at its first valid minute, strictly ahead."""
    timing = Timing(cron=f"{minute} {hour} * * *", tz=zone)
    found = [to_datetime(at) for at in islice(instants(timing, to_us(after)), 4)]
    local = ZoneInfo(zone)
    days = [after.astimezone(local).date() + timedelta(days=n) for n in range(-1, 8)]
    wanted = sorted({valid_moment(day, time(hour, minute), local) for day in days})
    assert found == [each for each in wanted if each > after][:4]


@settings(max_examples=100, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    every=st.sampled_from((1, 5, 15, 30)),
    after=AFTER,
)
def test_every_so_many_minutes_is_what_the_wall_clock_shows(
    zone: str, every: int, after: datetime
) -> None:
    """Each minute of real time whose reading on the wall fits, and no other."""
    after = after.replace(second=0, microsecond=0)
    timing = Timing(cron=f"*/{every} * * * *", tz=zone)
    found = [to_datetime(at) for at in islice(instants(timing, to_us(after)), 6)]
    minutes = (after + n * _MINUTE for n in range(1, 6 * every + every + 120))
    wanted = [each for each in minutes if each.astimezone(ZoneInfo(zone)).minute % every == 0]
    assert found == wanted[:6]


@given(
    every=st.integers(1, 10**12),
    anchor=st.integers(0, 10**16),
    past=st.integers(-(10**13), 10**13),
)
def test_an_interval_never_drifts(every: int, anchor: int, past: int) -> None:
    """The next firing is a whole number of intervals from the anchor, and the nearest one."""
    after = anchor + past
    at = first_after(Timing(every_us=every, anchor=anchor), after)
    assert at is not None
    assert at > max(after, anchor)
    assert (at - anchor) % every == 0
    assert at - every <= max(after, anchor)
