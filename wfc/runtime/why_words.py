"""What is known of a run, what is said of it, and the words that sentences about it share."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import PurePath
from typing import Any, Final

from wfc import codec
from wfc.clock import MICROSECONDS, to_datetime
from wfc.errors import CannotDecrypt, CodecError
from wfc.eventlog.entity import Hook, Run, Step, Wait
from wfc.eventlog.event import (
    CancelCause,
    ChildCreated,
    RunCancelRequested,
    RunPaused,
)
from wfc.ids import OperationId, RunId, WorkerId
from wfc.worlds.protocol import Standing, WorkerRow

STUCK_AFTER_US: Final = 60 * MICROSECONDS
"""So long may pass before something that is due counts as forgotten."""
_TOLD_MAX: Final = 200


class WhyKind(StrEnum):
    """What a sentence is about."""

    EXECUTING = "executing"
    STEP_RUNNING = "step_running"
    STEP_QUEUED = "step_queued"
    RETRY_PAUSE = "retry_pause"
    HOOK = "hook"
    APPROVAL = "approval"
    WAIT = "wait"
    CHILD = "child"
    SEVERAL = "several"
    QUEUED = "queued"
    DELAYED = "delayed"
    READY = "ready"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    NO_WORKER = "no_worker"
    NO_BUNDLE = "no_bundle"
    STUCK = "stuck"
    BLOCKED = "blocked"
    FAILED = "failed"
    DIVERGED = "diverged"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a run is where it is. `since` and `until` are UTC, where they are known; `span` is the
    operation that the sentence is about; `next_action` is a command that would move the run.
    """

    kind: WhyKind
    sentence: str
    since: datetime | None = None
    until: datetime | None = None
    span: OperationId | None = None
    next_action: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a run, by its log and its world, at the instant `now`."""

    run: Run
    now: int
    last_event_at: int
    steps: Mapping[OperationId, Step] = field(default_factory=dict)
    hooks: Mapping[OperationId, Hook] = field(default_factory=dict)
    waits: Mapping[OperationId, Wait] = field(default_factory=dict)
    children: Mapping[OperationId, ChildCreated] = field(default_factory=dict)
    """Those whose end has not been heard of."""
    runs_of_children: Mapping[RunId, Run] = field(default_factory=dict)
    workers: Sequence[WorkerRow] = ()
    """Those that are awake."""
    started_by: Mapping[OperationId, WorkerId] = field(default_factory=dict)
    """Who began the attempt of a step that is under way."""
    errors: Mapping[OperationId, bytes] = field(default_factory=dict)
    """Why the last attempt of a step failed."""
    takes: Mapping[OperationId, str] = field(default_factory=dict)
    """What the hooks take, by the name of its type."""
    version_held: bool = True
    """Whether the world has the code of the run's version."""
    standings: Sequence[Standing] = ()
    """Where the run and its steps stand at the gates of limits."""
    cancel_request: RunCancelRequested | None = None
    cancelled_at: int | None = None
    pause: RunPaused | None = None
    paused_at: int | None = None
    deadline: int | None = None
    """When the run's timeout is over."""


def say(
    kind: WhyKind,
    sentence: str,
    *,
    since: int | None = None,
    until: int | None = None,
    span: OperationId | None = None,
    next_action: str | None = None,
) -> Why:
    """Make the answer of a sentence; instants are UTC microseconds."""
    return Why(
        kind=kind,
        sentence=sentence,
        since=None if since is None else to_datetime(since),
        until=None if until is None else to_datetime(until),
        span=span,
        next_action=next_action,
    )


def by_whom(request: RunCancelRequested | None) -> str:
    """Say who asked for the end, behind a verb; nothing if nobody is known."""
    if request is None:
        return ""
    if request.cause is CancelCause.PARENT:
        return " with its parent"
    if request.cause is CancelCause.TIMEOUT:
        return " since its time was over"
    return f" by {request.actor}" if request.actor else ""


def is_awake(facts: Facts, worker_id: WorkerId) -> bool:
    """Tell whether a worker is."""
    return any(row.worker_id == worker_id for row in facts.workers)


def serves(facts: Facts, queue: str) -> bool:
    """Tell whether a worker that is awake takes steps of a queue."""
    return any(not row.queues or queue in row.queues for row in facts.workers)


def name_of(step: Step) -> str:
    """Give what a step is called, without its module."""
    return step.step.partition(":")[2]


def times(count: int) -> str:
    """Say how often."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def word(text: str) -> str:
    """Write an id as one word of a command line."""
    return shlex.quote(text)


def either(value: int | None, other: int) -> int:
    """Give a value, or another where there is none."""
    return other if value is None else value


def error_of(payload: bytes | None) -> codec.ErrorValue | None:
    """Read a recorded error; None if there is none or it cannot be opened here."""
    try:
        return None if payload is None else codec.read_error(payload)
    except (CodecError, CannotDecrypt):
        return None  # sealed under a key that is not here: the rest can be told all the same


def told(error: codec.ErrorValue | None, *, with_class: bool = True) -> str:
    """Say what an error says, on one line."""
    if error is None:
        return "with an error that cannot be read here"
    message = short(error.message)
    name = error.type.rpartition(":")[2]
    return f"{name}: {message}" if message and with_class else message or name


def short(text: str) -> str:
    """Give the first line of a text, and not too much of it."""
    line = text.strip().partition("\n")[0].rstrip(".")
    return line if len(line) <= _TOLD_MAX else f"{line[: _TOLD_MAX - 3]}..."


def raised_at(error: Any) -> str:
    """Say in which line an error was raised, behind its text; nothing if that is not known."""
    frames = () if error is None else error.frames
    return f" at {PurePath(frames[-1].file).name}:{frames[-1].line}" if frames else ""
