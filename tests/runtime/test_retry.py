"""Whether and when a failed attempt is followed by another."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfc.clock import to_datetime
from wfc.errors import (
    CodecError,
    FatalError,
    RetryableError,
    StepTimeout,
    StepUnknown,
    WorkerLost,
)
from wfc.ids import OperationId, RunId
from wfc.policies import Backoff, Policy
from wfc.runtime.retry import Try, exhausted_note, next_attempt_at, pause_s

NOW = 1_000_000_000_000


def failed(attempt: int = 1, **changes: Any) -> Try:
    rules = {"retry_on", "give_up_on"} & changes.keys()
    policy = Policy(**{name: changes[name] for name in changes.keys() - rules})
    return Try(
        run_id=RunId("run_1"),
        operation_id=OperationId("charge#0"),
        attempt=attempt,
        policy=policy,
        first_started_at=NOW,
        **{name: changes[name] for name in rules},
    )


def test_an_error_is_followed_by_another_attempt_after_the_pause() -> None:
    at = next_attempt_at(failed(), ConnectionError("no"), NOW)
    assert at is not None
    assert 0.8e6 <= at - NOW <= 1.2e6


def test_the_draw_of_the_jitter_is_the_same_for_the_same_attempt() -> None:
    error = ConnectionError("no")
    assert next_attempt_at(failed(), error, NOW) == next_attempt_at(failed(), error, NOW)
    assert next_attempt_at(failed(1), error, NOW) != next_attempt_at(failed(2), error, NOW)


@given(st.integers(1, 30), st.floats(0, 1), st.floats(0.001, 10), st.floats(1, 10), st.floats(0, 1))
def test_a_pause_lies_between_the_jitters_bounds_and_under_the_maximum(
    attempt: int, draw: float, initial: float, factor: float, jitter: float
) -> None:
    backoff = Backoff(initial=initial, factor=factor, maximum=60, jitter=jitter)
    plain = min(initial * factor ** (attempt - 1), 60)
    found = pause_s(backoff, attempt, draw)
    assert plain * (1 - jitter) <= found * 1.000001
    assert found <= plain * (1 + jitter) * 1.000001


@pytest.mark.parametrize(
    "error",
    [
        FatalError("no"),
        type("Mine", (FatalError,), {})("no"),
        CodecError("no"),
        StepUnknown("no"),
    ],
)
def test_some_errors_are_final(error: Exception) -> None:
    assert next_attempt_at(failed(), error, NOW) is None


def test_the_last_attempt_is_the_last() -> None:
    assert next_attempt_at(failed(3), ConnectionError("no"), NOW) is None
    assert next_attempt_at(failed(3, attempts=4), ConnectionError("no"), NOW) is not None


def test_retry_on_chooses_and_give_up_on_wins() -> None:
    chosen = failed(retry_on=ConnectionError, give_up_on=ConnectionResetError)
    assert next_attempt_at(chosen, ConnectionError("no"), NOW) is not None
    assert next_attempt_at(chosen, ConnectionResetError("no"), NOW) is None
    assert next_attempt_at(chosen, ValueError("no"), NOW) is None
    by_text = failed(retry_on=lambda error: "again" in str(error))
    assert next_attempt_at(by_text, ValueError("again"), NOW) is not None
    assert next_attempt_at(by_text, ValueError("no"), NOW) is None


def test_a_lost_worker_is_no_fault_of_the_step() -> None:
    assert next_attempt_at(failed(retry_on=ValueError), WorkerLost("gone"), NOW) is not None
    assert next_attempt_at(failed(), StepTimeout("long"), NOW) is not None


def test_the_step_may_say_when() -> None:
    """`retry_after` overrides the pause, as a duration or an instant, and not the count."""
    assert next_attempt_at(failed(), RetryableError("x", retry_after="10s"), NOW) == NOW + 10**7
    later = RetryableError("x", retry_after=timedelta(hours=1))
    assert next_attempt_at(failed(), later, NOW) == NOW + 3600 * 10**6
    instant = RetryableError("x", retry_after=to_datetime(NOW + 5))
    assert next_attempt_at(failed(), instant, NOW) == NOW + 5
    past = RetryableError("x", retry_after=to_datetime(NOW - 5))
    assert next_attempt_at(failed(), past, NOW) == NOW
    assert next_attempt_at(failed(3), later, NOW) is None
    assert next_attempt_at(failed(retry_on=ValueError), RetryableError("x"), NOW) is not None


def test_nothing_begins_after_the_total_time() -> None:
    limited = failed(total_s=60.0)
    assert next_attempt_at(limited, ConnectionError("no"), NOW + 10**6) is not None
    assert next_attempt_at(limited, ConnectionError("no"), NOW + 59_900_000) is None


def test_the_note_says_how_often_was_tried() -> None:
    assert exhausted_note("charge", failed(3)) == "step `charge` failed, attempt 3 of 3"
