"""What a worker has seen waiting in its world, between the reading of it and the gauges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a worker has seen of its world at the instant `now` (UTC microseconds).

    `queues` says, by queue (None: what is in none), how much waits, and since when the first does.
    """

    queues: Mapping[str | None, tuple[int, int]]
    late: int
    stuck: int
    now: int
