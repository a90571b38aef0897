"""Who is told of the ends of runs, and how far the telling has come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from wfc.eventlog.entity import RunStatus
from wfc.ids import DefinitionId, RunId
from wfc.worlds.messages import Ended


class Telling(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    UNTAKEN = "untaken"  # for so long no worker had the callback that it was given up


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """An end callback that workers have: its name, and which ends it wants (None: any)."""

    name: str
    workflow: DefinitionId | None = None
    status: RunStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRow:
    """A callback that the world knows, and when a worker last said that it has it."""

    callback: Callback
    seen_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenEnd:
    """An end that this worker is to tell: the position of the terminal event, and which try it is.

    What it answers counts only while it is still the holder of that try.
    """

    message: Ended
    position: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """The telling of one end to one callback. `due` is when the next try may begin; `error` is an
    error value of `wfc.codec`: how the last try failed.
    """

    run_id: RunId
    callback: str
    position: int
    status: Telling
    attempts: int
    due: int
    changed_at: int
    error: bytes | None = None
    held: bool = False


def wanted(callbacks: Iterable[Callback], workflow: str, status: RunStatus) -> Iterable[str]:
    """Name the callbacks that want to hear of such an end."""
    for each in callbacks:
        if each.workflow in {None, workflow} and each.status in {None, status}:
            yield each.name
