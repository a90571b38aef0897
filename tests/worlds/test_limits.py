"""Rates: their spelling, and how many they let pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfc.ids import DefinitionId
from wfc.worlds.limits import (
    Rate,
    is_queue,
    limit_of_function,
    limit_of_queue,
    plain_name,
    rate_of,
)


@pytest.mark.parametrize(
    ("text", "rate", "spelled"),
    [
        ("100/1m", Rate(100, 60_000_000), "100/1m"),
        ("1/2s", Rate(1, 2_000_000), "1/2s"),
        ("5/120 s", Rate(5, 120_000_000), "5/2m"),
        ("7/1 day", Rate(7, 86_400_000_000), "7/1d"),
        ("3/0.5s", Rate(3, 500_000), "3/0.5s"),
    ],
)
def test_a_rate_is_read_and_written(text: str, rate: Rate, spelled: str) -> None:
    assert rate_of(text) == rate
    assert rate.text == spelled
    assert rate_of(spelled) == rate


@pytest.mark.parametrize("text", ["", "100", "0/1m", "-1/1m", "a/1m", "1/", "1/0s", "1/1 parsec"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"rate|duration|unit|time"):
        rate_of(text)


def test_limits_are_named_after_what_they_limit() -> None:
    """A queue may be called like a function."""
    queue, function = limit_of_queue("a:b"), limit_of_function(DefinitionId("a:b"))
    assert queue != function
    assert (is_queue(queue), is_queue(function)) == (True, False)
    assert plain_name(queue) == plain_name(function) == "a:b"


@given(
    st.integers(1, 20),
    st.integers(1, 10_000),
    st.lists(st.integers(0, 3_000), max_size=100),
)
def test_no_window_holds_more_than_a_full_bucket_and_what_flows_in(
    count: int, period_us: int, pauses: list[int]
) -> None:
    """Whoever knocks is let in whenever the rate is open; any window then holds at most `count`
    and one more per interval, and the first `count` are never held up.
    """
    rate = Rate(count, period_us)
    now, spent, passed = 0, 0, []
    for pause in pauses:
        now += pause
        if rate.opens_at(spent) <= now:
            spent = rate.spent(spent, now)
            passed.append(now)
    assert passed[:count] == [sum(pauses[: index + 1]) for index in range(len(passed[:count]))]
    for first, begin in enumerate(passed):
        for last, end in enumerate(passed[first:], first):
            assert last - first + 1 <= count + (end - begin) // rate.interval_us
