"""What a fork takes over from the log of another run: the facts before a cut, as its own past.

Pure: values in, values out. Positions stay what they were, but for children that had not ended:
they belong to the other run, so the fork asks for its own. The past keeps its instants, and the
upgrades that the run had; what the fork adds to it (`news`) is of now.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
    RunFailed,
    RunUpgraded,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepRetrying,
)
from wfc.eventlog.fold import State, fold
from wfc.eventlog.renames import Renames
from wfc.ids import DefinitionId, OperationId, RunId, VersionId
from wfc.runtime.logs import call_of, chapters_of
from wfc.runtime.meant import operation_meant
from wfc.runtime.reading import Reading
from wfc.worlds.protocol import CopiedStreams, NewRun

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

    def streams_of(self, source: RunId) -> CopiedStreams:
        """Say what goes along of the streams of the other run: what that wrote which has ended."""
        present = (self.state.law.renames or Renames()).operation
        events = [*(one.event for one in self.kept), *self.news]
        ended = {
            name
            for event in events
            if isinstance(event, StepCompleted | StepFailed | ChildCompleted | ChildFailed)
            for name in (event.operation_id, present(event.operation_id))
        }
        children = (event for event in events if isinstance(event, ChildCreated))
        return CopiedStreams(
            run_id=source,
            steps=frozenset(ended),
            writers=frozenset(
                child.run_id for child in children if present(child.operation_id) in ended
            ),
        )


# --- where to cut ------------------------------------------------------------------------------


def cut_at(log: Sequence[Recorded], at: int | str, *, whole_step: bool = False) -> int:
    """Give the position of the first event that the fork leaves out.

    `at` is a position, or the present id of an operation, or whatever else means only that
    (`operation_meant`), and stands for its first event; `whole_step` lets the position of any event
    of an operation mean that too. Raises `InputInvalid`.
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
    if not whole_step:
        return at
    found = (one.positions for one in _operations(log).values() if at in one.positions)
    return next(found, [at])[0]


@dataclass(slots=True)
class _Operation:
    """The positions of an operation's events, and the step that it calls if it is one."""

    positions: list[int] = field(default_factory=list)
    step: DefinitionId | None = None


def _operations(log: Sequence[Recorded]) -> dict[OperationId, _Operation]:
    """Give the operations of a log by their present names."""
    found: dict[OperationId, _Operation] = {}
    for chapter in chapters_of(log):
        for recorded in Reading.of(chapter).read(chapter):
            name = getattr(recorded.event, "operation_id", None)
            if name is not None:
                operation = found.setdefault(name, _Operation())
                operation.positions.append(recorded.position)
                call = call_of(recorded.event)
                operation.step = operation.step if call is None else call.step
    return found


def _first_of(log: Sequence[Recorded], asked: str) -> int:
    found = _operations(log)
    name = operation_meant(asked, {name: one.step for name, one in found.items()})
    return found[name].positions[0]


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


def past_of(log: Sequence[Recorded], cut: int, now_us: int, *, failed: bool = False) -> Past:
    """Take over what stands before `cut`: no attempt that is under way, and no end of the run but,
    with `failed`, a failure, which an upgrade is going to take back.
    """
    kept = list(log[: cut - 1])
    last = kept[-1].event
    if isinstance(last, TERMINAL) and not (failed and isinstance(last, RunFailed)):
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
    ends, orphans = _children(log, cut, state)
    renames = state.law.renames or Renames()
    kept = [
        one
        for one in kept
        if not (
            isinstance(one.event, ChildCreated)
            and renames.operation(one.event.operation_id) in orphans
        )
    ]
    return Past(cut=cut, kept=_numbered(kept), news=(*news, *ends), state=state)


def _children(
    log: Sequence[Recorded], cut: int, state: State
) -> tuple[list[Event], set[OperationId]]:
    """Give the ends that children came to after the cut, and those that have come to none.

    What ended behind an upgrade that the fork leaves out may have ended under another name.
    """
    chapter = next(one for one in reversed(chapters_of(log)) if one[0].position < cut)
    upgrades = [one for one in chapter if isinstance(one.event, RunUpgraded)]
    whole = Renames(one.event for one in upgrades)  # type: ignore[misc]  # that is what they are
    later = Renames(one.event for one in upgrades if one.position >= cut)  # type: ignore[misc]  # likewise
    ended = {
        whole.operation(one.event.operation_id): one.event
        for one in chapter
        if isinstance(one.event, ChildCompleted | ChildFailed)
    }
    running = [name for name, last in state.children.items() if isinstance(last, ChildCreated)]
    found = {name: ended.get(later.operation(name)) for name in running}
    ends: list[Event] = [
        replace(event, operation_id=name) for name, event in found.items() if event is not None
    ]
    return ends, {name for name, event in found.items() if event is None}


def _numbered(kept: Sequence[Recorded]) -> tuple[Recorded, ...]:
    """Let upgrades name the positions that events have now that others are left out."""
    moved = {one.position: number for number, one in enumerate(kept, 1)}
    return tuple(
        replace(
            one,
            event=replace(
                event,
                unequal=tuple(map(moved.__getitem__, event.unequal)),
                accepted=tuple(map(moved.__getitem__, event.accepted)),
            ),
        )
        if isinstance(event := one.event, RunUpgraded) and event.unequal
        else one
        for one in kept
    )


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
