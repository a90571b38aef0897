"""`@policy`: how often, how long and where a step runs; what a run of a workflow may take.

The recordable part is a frozen `Policy`, which travels in `step_created`; classes and predicates
(`retry_on`, `give_up_on`) stay with the function, since a log never holds code.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to pause between attempts: `initial` times `factor` per attempt, at most `maximum`.

    `jitter` is a share (0 to 1): the pause is drawn from ``pause * (1 ± jitter)``.
    Durations are seconds here; the decorator takes every form of `wfc.durations`.
    """

    initial_s: float = 1.0
    factor: float = 2.0
    maximum_s: float = 60.0
    jitter: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The recordable part of a step's policy. Times are seconds, None means no limit."""

    attempts: int = 3
    timeout_s: float | None = None
    total_s: float | None = None
    backoff: Backoff = field(default_factory=Backoff)
    isolation: str | None = None
    concurrency: int | None = None
    rate: str | None = None
    by: str | None = None
    queue: str | None = None
    cancel: str = "now"
