"""Guards: what must hold for an append to be written. And what the append answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wfc.eventlog.event import Event, Recorded
from wfc.ids import OperationId, RunId
from wfc.worlds.chunks import CopiedStreams


@dataclass(frozen=True, slots=True)
class Owner:
    """The writer holds the run's lease with this fence, and has seen the log up to `length`."""

    fence: int
    length: int


@dataclass(frozen=True, slots=True)
class AttemptOf:
    """The writer holds the attempt row of this step with this fence."""

    operation_id: OperationId
    fence: int


@dataclass(frozen=True, slots=True)
class OpenHook:
    """The run holds an active hook with this token."""

    token: str


@dataclass(frozen=True, slots=True)
class OpenRun:
    """The run has not ended and, where `length` is given, its log is exactly this long.

    A lone plain request for what is so already (cancel, pause, unpause) is refused as ALREADY.
    """

    length: int | None = None


@dataclass(frozen=True, slots=True)
class Unowned:
    """Nobody holds the run, and its log is exactly this long."""

    length: int


@dataclass(frozen=True, slots=True)
class NewRun:
    """No run has this id; the first event is its `run_created`.

    A log that is copied says by `recorded_at` when its first events were recorded. They keep these
    instants, so that the copy replays by the same clock, and count as heard. `spares` are tokens
    for those of its hooks whose own token is taken; `streams` is what it takes along of the other
    run's streams.
    """

    recorded_at: tuple[int, ...] = ()
    spares: Mapping[str, str] = field(default_factory=dict)
    streams: CopiedStreams | None = None


Guard = Owner | AttemptOf | OpenHook | OpenRun | Unowned | NewRun


class Refusal(StrEnum):
    """Why an append wrote nothing."""

    BEHIND = "behind"  # the log is longer than the writer knows; the answer holds what it misses
    FENCED = "fenced"  # somebody else owns the run or the attempt now
    OVER = "over"  # the run has ended
    HELD = "held"  # the run is being executed (guard `Unowned`)
    EXISTS = "exists"  # the run id is taken (guard `NewRun`)
    MISSING = "missing"  # no such run, or no such attempt
    CLOSED = "closed"  # no active hook has this token; or the stream is closed
    ALREADY = "already"  # a plain request asks for what is so already (guard `OpenRun`)
    DUPLICATE = "duplicate"  # the idempotency id of the first event landed before, same payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """The events as the log now holds them; `fence` is set if the append also claimed the run."""

    recorded: tuple[Recorded, ...]
    length: int
    fence: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Nothing was written; for BEHIND and DUPLICATE, `events` holds what the writer misses."""

    reason: Refusal
    events: tuple[Recorded, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Give the lease back; at `wake_at` (None: never) a `Resume` of the run becomes due.

    `for_child`: it waits for a child run, and so keeps none of its slots.
    """

    wake_at: int | None = None
    for_child: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A run to be created in the same transaction, with its first event and its message."""

    run_id: RunId
    event: Event
