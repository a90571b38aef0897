"""Schedules as a world keeps them: what is started when, and how far that has come."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from wfc.cron import Timing
from wfc.eventlog.event import Scalar
from wfc.ids import DefinitionId, RunId

PREFIX: Final = "schedule:"
"""What the ids of all runs begin with that a schedule has started."""
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)


class Overlap(StrEnum):
    """What a firing does while another run of the schedule is open."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"


class CatchUp(StrEnum):
    """Which firings are made up for that nobody was there to make in time."""

    LATEST = "latest"
    ALL = "all"
    NONE = "none"


class Put(StrEnum):
    """What became of a change of a schedule."""

    DONE = "done"
    CHANGED = "changed"  # somebody else was quicker: nothing was written, read it again
    BUSY = "busy"  # another run of the schedule is open: nothing was written


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """A schedule. `next_at` is the first firing that nobody has dealt with (None while paused, and
    after the last one); `waiting` are firings that wait until no run of the schedule is open.

    `revision` grows with each change. `problem` says why the last firing began no run. `arguments`
    are None where the key is missing under which they are sealed; written so, they stay.
    """

    name: str
    workflow: DefinitionId
    arguments: bytes | None
    timing: Timing
    overlap: Overlap = Overlap.SKIP
    catch_up: CatchUp = CatchUp.LATEST
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    paused: bool = False
    created_at: int = 0
    next_at: int | None = None
    waiting: tuple[int, ...] = ()
    last_at: int | None = None
    last_run: RunId | None = None
    skipped: int = 0
    problem: str | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSchedules:
    """Schedules of which a firing may be due, and the instant of the first later one."""

    rows: tuple[ScheduleRow, ...]
    next_at: int | None = None


def is_schedule_name(name: str) -> bool:
    """Tell whether `name` may name a schedule: it stands in ids of runs, between colons."""
    return _NAME.fullmatch(name) is not None


def prefix_of(name: str) -> str:
    """Give what the ids of all runs begin with that this schedule has started."""
    return f"{PREFIX}{name}:"


def bounds_of(name: str) -> tuple[str, str]:
    """Give the ids between which those of all its runs stand, the second one not included."""
    return prefix_of(name), f"{prefix_of(name)}~"  # behind every character of an id
