"""Whether and when a failed attempt is followed by another: values in, an instant or None out."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from tenacity import wait_exponential

from wfc import durations
from wfc.clock import MICROSECONDS
from wfc.errors import (
    CodecError,
    FatalError,
    RetryableError,
    StepCrashed,
    StepUnknown,
    WorkerLost,
)
from wfc.ids import OperationId, RunId
from wfc.policies import Backoff, Policy

Matcher = type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], bool]

_NEVER: Final = (FatalError, CodecError, StepUnknown)
_ALWAYS: Final = (WorkerLost, StepCrashed, RetryableError)


_ANSWERS: Final[list[type[BaseException]]] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """The body of a closure step, and how its errors are judged.

    `retry_after` gives the seconds that an error asks to be waited for, or None.
    """

    call: Callable[[], Awaitable[Any]]
    retry_on: Matcher = Exception
    give_up_on: Matcher = ()
    retry_after: Callable[[BaseException], float | None] | None = None


def never_retry(*kinds: type[BaseException]) -> None:
    """Take errors of these classes, raised by whatever body, for its answer: it is never retried.

    For libraries whose control flow raises: an agent's tool that asks the model to try otherwise.
    """
    _ANSWERS.extend(kind for kind in kinds if kind not in _ANSWERS)


class RetryAfterError(ValueError):
    """The `retry_after` of an error names no instant at which to try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """An attempt that has just failed, and by what rules it is judged."""

    run_id: RunId
    operation_id: OperationId
    attempt: int
    policy: Policy
    retry_on: Matcher = Exception
    give_up_on: Matcher = ()
    retry_after: Callable[[BaseException], float | None] | None = None
    first_started_at: int


def next_attempt_at(failed: Try, error: BaseException, now: int) -> int | None:
    """Give the instant of the next attempt, or None if the step has failed for good.

    Raises `RetryAfterError`, and whatever a predicate of the policy raises.
    """
    if failed.attempt >= failed.policy.attempts or not _retryable(failed, error):
        return None
    at = _asked_for(failed, error, now)
    if at is None:
        at = now + round(pause_s(failed.policy.backoff, failed.attempt, _draw(failed)) * 1e6)
    total_s = failed.policy.total_s
    if total_s is not None and at >= failed.first_started_at + total_s * MICROSECONDS:
        return None
    return at


def pause_s(backoff: Backoff, attempt: int, draw: float) -> float:
    """Give the seconds to wait after `attempt`; `draw` (0 to 1) is where in the jitter it lies."""
    wait = wait_exponential(
        multiplier=backoff.initial_s, exp_base=backoff.factor, max=backoff.maximum_s
    )
    state: Any = SimpleNamespace(attempt_number=attempt)
    return wait(state) * (1 + backoff.jitter * (2 * draw - 1))


def exhausted_note(name: str, failed: Try) -> str:
    """Say how often was tried; the note stands under the last error."""
    return f"step `{name}` failed, attempt {failed.attempt} of {failed.policy.attempts}"


def _retryable(failed: Try, error: BaseException) -> bool:
    if isinstance(error, (*_NEVER, *_ANSWERS)) or _matches(failed.give_up_on, error):
        return False
    return isinstance(error, _ALWAYS) or _matches(failed.retry_on, error)


def _matches(matcher: Matcher, error: BaseException) -> bool:
    if isinstance(matcher, type | tuple):
        return isinstance(error, matcher)
    return bool(matcher(error))


def _asked_for(failed: Try, error: BaseException, now: int) -> int | None:
    """Give the instant that an error asks for, if it does."""
    if failed.retry_after is not None:
        delay_s = failed.retry_after(error)
        if delay_s is not None:
            return now + round(delay_s * MICROSECONDS)
    if not isinstance(error, RetryableError) or error.retry_after is None:
        return None
    try:
        return max(now, durations.wake_at_us(error.retry_after, now))
    except ValueError as problem:  # it was set after the error was made, or lies too far ahead
        raise RetryAfterError(str(problem)) from None


def _draw(failed: Try) -> float:
    """Draw from run, step and attempt, so that a replayed decision is the same decision."""
    name = f"{failed.run_id}\0{failed.operation_id}\0{failed.attempt}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") / 2**64
