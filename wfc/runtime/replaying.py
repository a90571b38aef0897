"""Dry delivery: run a log through code to see whether the two agree. Nothing is written.

No line of the code is heard, no step runs, and of what the code asks for nothing comes to pass.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from wfc import codec
from wfc.errors import RunNotFound
from wfc.eventlog.event import (
    Event,
    FailureKind,
    Recorded,
    RunCompleted,
    RunCreated,
    RunRestarted,
    RunUpgraded,
    StepCancelled,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepRetrying,
)
from wfc.ids import OperationId, RunId, VersionId
from wfc.manifests.store import Version
from wfc.runtime.client import Client
from wfc.runtime.execution import Execution
from wfc.runtime.operations import Completed, Failed, Outcome, StepAsked, Suspended
from wfc.runtime.reading import Reading
from wfc.runtime.targets import template_of, version_of
from wfc.runtime.template import Template
from wfc.worlds.protocol import World

PAGE: Final = 2000
"""How many events are read, and delivered, at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What one chapter came to. `problem` says how code and log contradict each other."""

    outcome: Outcome
    events: int
    problem: str | None = None

    @property
    def kind(self) -> FailureKind | None:
        """Tell how the code failed, if it did."""
        return self.outcome.kind if isinstance(self.outcome, Failed) else None

    @property
    def error(self) -> str:
        """Tell what the code failed with."""
        return told(self.outcome) if isinstance(self.outcome, Failed) else ""


async def read_log(world: World, run_id: RunId) -> list[Recorded]:
    """Read the whole log of a run. Raises `RunNotFound`, `CorruptEvent`, `LogTooNew`."""
    log: list[Recorded] = []
    while page := await world.history(run_id, len(log), PAGE):
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


async def replay(
    template: Template, run_id: RunId, chapter: Sequence[Recorded], created: RunCreated
) -> Replay:
    """Deliver one chapter, from its opening on, to a fresh execution, which is dropped again."""
    execution, present = _begun(template, run_id, chapter, created)
    outcome: Outcome = Suspended()
    try:
        for start in range(0, len(present), PAGE):
            outcome = execution.deliver(present[start : start + PAGE])
            await asyncio.sleep(0)  # others have their turn too
    finally:
        execution.drop()
    problem = _problem(outcome, chapter[-1])
    return Replay(outcome=outcome, events=len(chapter), problem=problem)


def _begun(
    template: Template, run_id: RunId, chapter: Sequence[Recorded], created: RunCreated
) -> tuple[Execution, Sequence[Recorded]]:
    """Make an execution for a chapter, and give the chapter as the code in force must see it."""
    reading = Reading()
    reading.learn(chapter)
    reading.renamed = template.renamed
    execution = Execution(
        template,
        run_id,
        chapter[0],
        heard_until=sys.maxsize,
        renames=reading.renames,
        unequal=reading.unequal,
    )
    execution.created = created
    return execution, reading.read(chapter)


async def inputs_unequal(
    template: Template, run_id: RunId, chapter: Sequence[Recorded], created: RunCreated
) -> frozenset[OperationId]:
    """Name the steps that the code calls with other arguments than are recorded, as the log does.

    The log is delivered without the digests of its calls, an event at a time, so that each call
    can be looked at while it is open.
    """
    execution, present = _begun(template, run_id, chapter, created)
    names = {one.position: getattr(one.event, "operation_id", None) for one in chapter}
    asked: dict[OperationId, bytes | None] = {}
    unequal: set[OperationId] = set()
    try:
        for number, recorded in enumerate(present):
            call = call_of(recorded.event)
            if call is not None and asked.get(call.operation_id) != call.digest:
                unequal.add(names[recorded.position] or call.operation_id)
            outcome = execution.deliver([replace(recorded, event=uncompared(recorded.event))])
            asked.update(
                (each.operation_id, each.digest)
                for each in outcome.asked
                if isinstance(each, StepAsked)
            )
            if number % PAGE == 0:
                await asyncio.sleep(0)
    finally:
        execution.drop()
    return frozenset(unequal)


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


def _problem(outcome: Outcome, last: Recorded) -> str | None:
    if isinstance(outcome, Failed) and outcome.kind is FailureKind.DIVERGENCE:
        return told(outcome)
    if not isinstance(last.event, RunCompleted):
        return None
    if not isinstance(outcome, Completed):
        return f"the run had completed at event {last.position}, and the code {_ends(outcome)}"
    if outcome.output != last.event.output:
        return f"the run had completed at event {last.position} with another result"
    return None


def _ends(outcome: Outcome) -> str:
    if isinstance(outcome, Failed):
        return f"fails ({outcome.kind}): {told(outcome)}"
    return f"is {type(outcome).__name__.lower()}"


def told(failed: Failed) -> str:
    """Give the text of the error that a run failed with."""
    return str(codec.decode_error(failed.error))


async def replay_all(
    client: Client, run_id: RunId, log: Sequence[Recorded], version: Version | None = None
) -> list[Replay]:
    """Deliver each chapter of a log to the version in force at its end, or all to `version`.

    Raises `VersionUnknown`, `NoSuchWorkflow`, `BundleBroken`.
    """
    created = log[0].event
    assert isinstance(created, RunCreated)
    found: list[Replay] = []
    for chapter in chapters_of(log):
        code = version or await version_of(client, version_in_force(chapter))
        template = await template_of(client, code, created.workflow)
        found.append(await replay(template, run_id, chapter, created))
    return found


def version_in_force(chapter: Sequence[Recorded]) -> VersionId:
    """Give the version that a chapter is on at its end."""
    opening = chapter[0].event
    assert isinstance(opening, RunCreated | RunRestarted)
    upgrades = [one.event for one in chapter if isinstance(one.event, RunUpgraded)]
    return upgrades[-1].to_version if upgrades else opening.version
