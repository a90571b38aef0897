"""What is due in a world and waits for somebody, in numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueBacklog:
    """What may be taken from a queue and nobody has taken: how much, and since when (UTC
    microseconds). `queue` is that of the run for a run, that of the step for a step, or None.
    """

    queue: str | None
    depth: int
    oldest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """The queues in which anything is due, by name, and what goes wrong.

    `late` counts the open runs beyond their goal; `stuck` those that are blocked, or of which
    something is due to which nobody has come for too long.
    """

    queues: tuple[QueueBacklog, ...]
    late: int
    stuck: int
