"""What a fork takes over from the log of another run: the facts before a cut, as its own past.

Pure: values in, values out. Positions stay what they were, but for children that had not ended:
they belong to the other run, so the fork asks for its own. The past keeps its instants; what the
fork adds to it (`news`) is of now.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final

from wfc import codec
from wfc.clock import MICROSECONDS
from wfc.errors import InputInvalid, WorkerStopped
from wfc.eventlog.entity import StepStatus
from wfc.eventlog.event import (
    TERMINAL,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
    HookCreated,
    Origin,
    Recorded,
    RunCreated,
    RunRestarted,
    RunUpgraded,
    StepCreated,
    StepRetrying,
)
from wfc.eventlog.fold import State, fold
from wfc.ids import OperationId, RunId, VersionId
from wfc.runtime.replaying import call_of
from wfc.worlds.protocol import NewRun

_TOKEN_BYTES: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a fork begins with. `state` is that of the other run at the cut."""

    cut: int
    kept: tuple[Recorded, ...]
    news: tuple[Event, ...]
    state: State

    @property
    def created(self) -> RunCreated:
        """How the other run began."""
        assert self.state.created is not None
        return self.state.created

    @property
    def version(self) -> VersionId:
        """The version that was in force at the cut."""
        assert self.state.version is not None
        return self.state.version

    @property
    def guard(self) -> NewRun:
        """What writes this past as it was: its instants, and spare tokens for its hooks."""
        tokens = [one.event.token for one in self.kept if isinstance(one.event, HookCreated)]
        return NewRun(
            recorded_at=tuple(one.recorded_at for one in self.kept),
            spares={token: secrets.token_urlsafe(_TOKEN_BYTES) for token in tokens},
        )


# --- where to cut ------------------------------------------------------------------------------


def cut_at(log: Sequence[Recorded], at: int | str, *, whole_step: bool = False) -> int:
    """Give the position of the first event that the fork leaves out.

    `at` is a position, or the id of an operation and means its first event; `whole_step` lets the
    position of any event of an operation mean that too. Raises `InputInvalid`.
    """
    if isinstance(at, str):
        return _first_of(log, at)
    if not isinstance(at, int) or isinstance(at, bool):
        message = f"at={at!r} is neither the position of an event nor the id of an operation"
        raise InputInvalid(message)
    if not 1 < at <= len(log) + 1:
        raise InputInvalid(
            f"at={at}: a fork keeps event 1, so it can begin before event 2 to {len(log)}, or "
            f"behind them all at {len(log) + 1}.\nTo begin from the top, rerun the run."
        )
    name = None if at > len(log) else getattr(log[at - 1].event, "operation_id", None)
    return at if name is None or not whole_step else _first_of(log, name)


def _first_of(log: Sequence[Recorded], name: str) -> int:
    names: dict[str, int] = {}
    for recorded in log:
        found = getattr(recorded.event, "operation_id", None)
        if found is not None:
            names.setdefault(found, recorded.position)
    if name in names:
        return names[name]
    near = [each for each in names if each.startswith(name)][:3]
    near = near or get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else "It has recorded no operation."
    if names and not near:
        hint = f"It has {len(names)}, the last is {list(names)[-1]}."
    raise InputInvalid(
        f"the run has recorded no operation {name!r}. {hint}\n"
        "`wfc inspect RUN --steps` shows the ids of steps, `--events` the positions of events."
    )


def step_at(log: Sequence[Recorded], cut: int) -> StepCreated:
    """Give the call of the step whose first event is at `cut`. Raises `InputInvalid`."""
    event: Any = log[cut - 1].event if cut <= len(log) else None
    created = None if event is None else call_of(event)
    if created is not None:
        return created
    what = "behind the last event" if event is None else f"event {cut}, {event.name}"
    raise InputInvalid(
        f"an output is given for {what}, where no step begins.\n"
        "Give the id of a step, or the position of one of its events."
    )


# --- what is kept ------------------------------------------------------------------------------


def past_of(log: Sequence[Recorded], cut: int, now_us: int) -> Past:
    """Take over what stands before `cut`: no end of the run, and no attempt that is under way."""
    kept = list(log[: cut - 1])
    if isinstance(kept[-1].event, TERMINAL):
        kept.pop()
    state = fold(kept)
    news: list[Event] = [
        StepRetrying(
            operation_id=name,
            attempt=step.attempt,
            error=codec.encode_error(
                WorkerStopped("the attempt belongs to the run from which this one was forked")
            ),
            retry_at=now_us,
            counted=False,
        )
        for name, step in state.steps.items()
        if step.status is StepStatus.RUNNING
    ]
    ended = _ends_of_children(log)
    orphans = {
        name
        for name, last in state.children.items()
        if isinstance(last, ChildCreated) and name not in ended
    }
    news += [
        ended[name]
        for name, last in state.children.items()
        if isinstance(last, ChildCreated) and name in ended
    ]
    return Past(
        cut=cut,
        kept=tuple(one for one in kept if not _is_about(one.event, orphans)),
        news=tuple(news),
        state=state,
    )


def _ends_of_children(log: Sequence[Recorded]) -> dict[OperationId, Event]:
    return {
        one.event.operation_id: one.event
        for one in log
        if isinstance(one.event, ChildCompleted | ChildFailed)
    }


def _is_about(event: Event, orphans: set[OperationId]) -> bool:
    return isinstance(event, ChildCreated) and event.operation_id in orphans


# --- the fork's own beginning ------------------------------------------------------------------


def begun_anew(past: Past, source: RunId, now_us: int, *, edited: bool) -> RunCreated:
    """Give the fork's first event: the other run's, with its own place in the world.

    It is nobody's child, and its timeout counts from now, not from when the other run began.
    """
    created = past.created
    opening = past.kept[past.state.chapter_start - 1]
    began = max(opening.recorded_at, created.not_before or 0)
    timeout_s = created.timeout_s
    if timeout_s is not None:
        timeout_s += max(0, now_us - began) / MICROSECONDS
    return replace(
        created,
        timeout_s=timeout_s,
        parent=None,
        root_id=None,
        depth=0,
        origin=Origin(kind="fork", run_id=source, at=past.cut, edited=edited),
        traceparent=None,
        idempotency_id=None,
    )


def onto(event: Event, version: VersionId, fingerprint: str) -> Event:
    """Let an event tell of another version, as if the run had never been on any other."""
    match event:
        case RunCreated() | RunRestarted():
            return replace(event, version=version, fingerprint=fingerprint)
        case RunUpgraded():
            return replace(event, from_version=version, to_version=version, fingerprint=fingerprint)
    return event
