"""The log of a run as a whole: read, parted into chapters, and looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from wfc.errors import RunNotFound
from wfc.eventlog.event import (
    Event,
    Recorded,
    RunCreated,
    RunRestarted,
    RunUpgraded,
    StepCancelled,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepRetrying,
)
from wfc.ids import RunId, VersionId, is_run_id
from wfc.worlds.protocol import World

PAGE: Final = 2000
"""How many events are read, and delivered, at once."""


async def read_log(world: World, run_id: RunId, *, veiled: bool = False) -> list[Recorded]:
    """Read the whole log of a run; `veiled` as in `World.history`.

    Raises `RunNotFound`, `CorruptEvent`, `LogTooNew`, `CannotDecrypt`.
    """
    log: list[Recorded] = []
    # What is no id may be no text either, which a database refuses in words of its own.
    while is_run_id(run_id) and (
        page := await world.history(run_id, len(log), PAGE, veiled=veiled)
    ):
        log.extend(page)
        if len(page) < PAGE:
            break
    if not log:
        raise RunNotFound(f"no run has the id {run_id!r}. `wfc runs` lists those that exist.")
    return log


def chapters_of(log: Sequence[Recorded]) -> list[list[Recorded]]:
    """Part a log where its run began again; each part begins with its opening."""
    chapters: list[list[Recorded]] = []
    for recorded in log:
        if isinstance(recorded.event, RunCreated | RunRestarted):
            chapters.append([])
        chapters[-1].append(recorded)
    return chapters


def created_of(log: Sequence[Recorded]) -> RunCreated:
    """Say how the run of a whole log began."""
    created = log[0].event
    assert isinstance(created, RunCreated)
    return created


def version_in_force(chapter: Sequence[Recorded]) -> VersionId:
    """Give the version that a chapter is on at its end."""
    opening = chapter[0].event
    assert isinstance(opening, RunCreated | RunRestarted)
    upgrades = [one.event for one in chapter if isinstance(one.event, RunUpgraded)]
    return upgrades[-1].to_version if upgrades else opening.version


def call_of(event: Event) -> StepCreated | None:
    """Give the call of a step that an event records, if it is the step's first."""
    if isinstance(event, StepCreated):
        return event
    if isinstance(event, StepRetrying | StepCompleted | StepFailed | StepCancelled):
        return event.created
    return None


def uncompared(event: Event) -> Event:
    """Let a replay take the arguments of a recorded call as they are, whatever the code gives."""
    match event:
        case StepCreated():
            return replace(event, digest=None)
        case StepRetrying(created=StepCreated() as created):
            return replace(event, created=replace(created, digest=None))
        case StepCompleted(created=StepCreated() as created):
            return replace(event, created=replace(created, digest=None))
        case StepFailed(created=StepCreated() as created):
            return replace(event, created=replace(created, digest=None))
        case StepCancelled(created=StepCreated() as created):
            return replace(event, created=replace(created, digest=None))
    return event
