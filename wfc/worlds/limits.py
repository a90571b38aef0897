"""Limits on how much goes at once or per time, and the arithmetic of rates.

A limit has a name of a queue or of a function whose `@policy` limits it, and counts by key: one
name and one key are a *gate*. Who wants to pass a gate is a *claimant*: a run, or an attempt of a
step.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from wfc.clock import MICROSECONDS
from wfc.durations import seconds
from wfc.ids import DefinitionId, OperationId, RunId

_UNITS: Final = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
_QUEUE: Final = "queue:"
_POLICY: Final = "policy:"
ATTRIBUTES: Final = "attributes."
"""By what `by` of a queue begins; the name of an attribute follows."""
HOLDERS_MAX: Final = 10
"""So many of those who hold slots are named."""


class Gate(NamedTuple):
    """A limit and the key that it counts by; without `by` the key is empty."""

    limit: str
    key: str = ""


class Claimant(NamedTuple):
    """A run, or with an operation the attempt of a step of it."""

    run_id: RunId
    operation_id: OperationId = OperationId("")


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` at once, and then one more each `period_us / count` microseconds."""

    count: int
    period_us: int

    @property
    def interval_us(self) -> int:
        """How long one of them uses up."""
        return -(-self.period_us // self.count)

    @property
    def text(self) -> str:
        """Write it as settings have it."""
        seconds_, rest = divmod(self.period_us, MICROSECONDS)
        whole = next((each for each in _UNITS if not rest and not seconds_ % each[1]), None)
        if whole is None:
            return f"{self.count}/{self.period_us / MICROSECONDS:g}s"
        return f"{self.count}/{seconds_ // whole[1]}{whole[0]}"

    def opens_at(self, spent_until: int) -> int:
        """Give the instant from which another may begin."""
        return spent_until - (self.count - 1) * self.interval_us

    def spent(self, spent_until: int, now: int) -> int:
        """Give until when the rate is used up once another has begun now."""
        return max(spent_until, now) + self.interval_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How many hold a slot at once under one key, and how many get one per time.

    With `active` a run gives its slot back while it is suspended.
    """

    name: str
    concurrency: int | None = None
    rate: Rate | None = None
    active: bool = False


def rate_of(text: str) -> Rate:
    """Read a rate such as ``"100/1m"``. Raises `ValueError`."""
    count, slash, per = text.partition("/")
    if not slash or not count.strip().isdecimal() or int(count) < 1:
        raise ValueError(f'{text!r} is no rate: a number per time is one, such as "100/1m"')
    period_us = round(seconds(per, what="rate") * MICROSECONDS)
    if period_us <= 0:
        raise ValueError(f"{text!r} is no rate, since {per!r} is no time")
    return Rate(int(count), period_us)


def limit_of_queue(queue: str) -> str:
    """Name the limit of a queue."""
    return _QUEUE + queue


def limit_of_function(function: DefinitionId) -> str:
    """Name the limit that the `@policy` of a workflow or step sets."""
    return _POLICY + function


def plain_name(limit: str) -> str:
    """Give the queue or the function that a limit is of."""
    return limit.removeprefix(_QUEUE).removeprefix(_POLICY)


def is_queue(limit: str) -> bool:
    """Tell whether the limit is that of a queue."""
    return limit.startswith(_QUEUE)


# --- what is read of them ------------------------------------------------------------------------


class SlotState(IntEnum):
    """Where a claimant stands at one gate."""

    ASLEEP = 0  # it wants nothing yet: delayed, suspended or halted
    WAITING = 1
    HELD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """How full a gate is. Instants are UTC microseconds.

    `oldest` is when the first of those that wait began to; `opens_at` the instant before which the
    rate lets nobody pass, where that lies ahead.
    """

    gate: Gate
    limit: Limit
    held: int
    waiting: int
    oldest: int | None = None
    opens_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a claimant stands at one gate: `ahead` is how many are to be admitted before it, and
    `holders` are the first of those that hold its slots.
    """

    claimant: Claimant
    gate: Gate
    limit: Limit
    state: SlotState
    since: int
    ahead: int = 0
    opens_at: int | None = None
    holders: tuple[Claimant, ...] = ()
