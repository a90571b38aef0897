"""How much a worker takes on, and its times."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from wfc.runtime.heartbeat import Pulse
from wfc.runtime.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """Numbers of things at the same time, and times in seconds.

    `always_replay` makes every run a test of replay: whenever there are new events, its execution
    is dropped and made anew from the whole history. `retention_s` is how long ended runs are kept
    that say nothing else, `audit_retention_s` how long audit facts are; None is for ever.
    """

    bodies: int = 100
    runs: int = 1000
    executions: int = 2000
    threads: int = 32
    processes: int | None = None  # one per core
    inline_steps: int = 16
    announce_after_s: float = 1.0
    lease_s: float = 30.0
    sweep_s: float = 15.0
    retention_s: float | None = None
    audit_retention_s: float | None = None
    drain_s: float = 25.0
    probe_s: float = 5.0
    turn_s: float = 30.0
    grace_s: float = 5.0
    always_replay: bool = os.environ.get("WFC_ALWAYS_REPLAY") == "1"
    pulse: Pulse = field(default_factory=Pulse)
    chapter: Limits = field(default_factory=Limits)
