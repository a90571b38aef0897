"""`Run.fork`: a new run that shares a beginning with another, and goes its own way from there.

The past is delivered to the code before anything is written, so that a fork which could not go on
is refused instead of begun.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from wfc import abi, codec, fault, ids
from wfc.errors import Diverged, InputInvalid, PayloadMismatch, RunIdConflict, UnknownType
from wfc.eventlog.event import (
    Event,
    FailureKind,
    HookCreated,
    Recorded,
    RunCreated,
    StepCompleted,
    StepCreated,
)
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.manifests.store import Version
from wfc.runtime.client import Client
from wfc.runtime.copies import Past, begun_anew, cut_at, onto, past_of, step_at
from wfc.runtime.options import check_run_id
from wfc.runtime.registry import entry_of
from wfc.runtime.replaying import (
    chapters_of,
    inputs_unequal,
    read_log,
    replay,
    uncompared,
)
from wfc.runtime.targets import fingerprint_of, template_of, version_of
from wfc.runtime.template import Template
from wfc.runtime.version_names import version_named
from wfc.worlds.protocol import Appended
from wfc.worlds.rules import with_spare

UNSAID: Final[Any] = ...
"""Stands for an output that was not given, since None may be one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A fork that is still to be written. `output` is the edited one, encoded."""

    run_id: RunId
    past: Past
    version: Version
    template: Template
    events: tuple[Event, ...]
    output: bytes | None

    @property
    def created(self) -> RunCreated:
        """Give its first event."""
        created = self.events[0]
        assert isinstance(created, RunCreated)
        return created


async def fork(
    client: Client,
    source: RunId,
    at: int | str,
    *,
    version: str | None = None,
    output: Any = UNSAID,
    new_id: str | None = None,
) -> tuple[RunId, bool]:
    """Fork a run; give the id of the new one, and whether this call made it.

    See `Run.fork`, which says what is raised.
    """
    check_run_id("id", new_id)
    draft = await _draft(client, source, at, wanted=version, output=output, new_id=new_id)
    draft = await _replayed(client, source, draft)
    fault.point("run.creating")
    answer = await client.world.append(draft.run_id, draft.events, guard=draft.past.guard)
    fault.point("run.created")
    if not isinstance(answer, Appended):
        await _check_same(client, draft)
    return draft.run_id, isinstance(answer, Appended)


async def _draft(
    client: Client,
    source: RunId,
    at: int | str,
    *,
    wanted: str | None,
    output: Any,
    new_id: str | None,
) -> Draft:
    log = await read_log(client.world, source)
    now, edited = client.world.now_us(), output is not UNSAID
    cut = cut_at(log, at, whole_step=edited)
    past = past_of(log, cut, now)
    other = None if wanted is None else await version_named(client.world, wanted)
    version = await version_of(client, other or past.version)
    template = await template_of(client, version, past.created.workflow)
    created = begun_anew(past, source, now, edited=edited)
    created = replace(created, actor=client.actor, channel=client.channel)
    events: list[Event] = [created, *(one.event for one in past.kept[1:]), *past.news]
    payload = None
    if edited:
        step = step_at(log, cut)
        payload = _encoded(client, version, template, step, output)
        events.append(_given(step, payload, version.id, now))
    if version.id != past.version:
        fingerprint = fingerprint_of(version, created.workflow)
        events = [onto(event, version.id, fingerprint) for event in events]
    return Draft(
        run_id=RunId(new_id) if new_id is not None else ids.run_id(now, os.urandom(10)),
        past=past,
        version=version,
        template=template,
        events=tuple(events),
        output=payload,
    )


# --- an edited output --------------------------------------------------------------------------


def _encoded(
    client: Client, version: Version, template: Template, step: StepCreated, output: Any
) -> bytes:
    """Encode a result for a step, as code of the target reads it. Raises `InputInvalid`."""
    annotation = _returned(version, template, step.step)
    what = f"the output of step `{step.step}`"
    given = codec.encode(output, path=what, limit=client.payload_max)
    try:
        value = codec.decode(given, annotation=annotation, types=template.types, what=what)
    except (PayloadMismatch, UnknownType) as problem:
        raise InputInvalid(
            f"{str(problem).partition(chr(10))[0]}\nThe workflow could not read it, so nothing was "
            "forked.\nGive what the step is annotated to return."
        ) from None
    return codec.encode(
        value, path=what, annotation=annotation, types=template.types, limit=client.payload_max
    )


def _returned(version: Version, template: Template, step: DefinitionId) -> Any:
    """Give what a step is annotated to return, as a type of the workflow's code."""
    entry = entry_of(version, step)
    text = None if entry is None else entry.signature.returns
    if entry is None or text is None:
        return Any
    definition = abi.Definition(
        id=step,
        qualname=step.partition(":")[2],
        is_async=True,
        signature=inspect.Signature(),
        annotations={"return": text},
        docstring=None,
    )
    return template.returns(definition)


def _given(step: StepCreated, output: bytes, version: VersionId, now_us: int) -> StepCompleted:
    return StepCompleted(
        operation_id=step.operation_id,
        attempt=1,
        started_at=now_us,
        version=version,
        output=output,
        created=step,
    )


# --- may it be written? ------------------------------------------------------------------------


async def _replayed(client: Client, source: RunId, draft: Draft) -> Draft:
    """Deliver the past to the code that is to go on from it. Raises `Diverged`.

    The code may pass the name of its run to steps, and a fork has another name. Such calls stand as
    they are recorded, and their arguments are compared no more.
    """
    found = await replay(draft.template, draft.run_id, _chapter(client, draft), draft.created)
    if found.problem is not None:
        draft = await _under_its_own_name(client, draft)
        found = await replay(draft.template, draft.run_id, _chapter(client, draft), draft.created)
    moved = draft.version.id != draft.past.version
    if found.problem is None and not (moved and found.kind is FailureKind.CODEC):
        return draft
    onto_version = f" onto version {draft.version.id}" if moved else ""
    raise Diverged(
        f"run {source} cannot be forked at event {draft.past.cut}{onto_version}: the code "
        "contradicts what is recorded before it. Nothing was written.\n"
        f"{found.problem or found.error}\n"
        "Fork at an earlier event, or rerun the run."
    )


async def _under_its_own_name(client: Client, draft: Draft) -> Draft:
    """Set those inputs aside that the run's own version gives otherwise under another name."""
    template = draft.template
    if draft.version.id != draft.past.version:
        version = await version_of(client, draft.past.version)
        template = await template_of(client, version, draft.created.workflow)
    chapter = _chapter(client, draft)
    unequal = await inputs_unequal(template, draft.run_id, chapter, draft.created)
    events = tuple(
        uncompared(event) if getattr(event, "operation_id", None) in unequal else event
        for event in draft.events
    )
    return replace(draft, events=events)


def _chapter(client: Client, draft: Draft) -> list[Recorded]:
    """Give the last chapter of the fork's log as the world would write it, if all tokens of its
    hooks are taken: then the code passes others on than are recorded.
    """
    guard = draft.past.guard
    kept, count = guard.recorded_at, len(draft.events)
    now = max(client.world.now_us(), kept[-1])
    times = [*kept, *[now] * (count - len(kept))]
    events = [
        with_spare(event, guard) if isinstance(event, HookCreated) else event
        for event in draft.events
    ]
    log = [
        Recorded(position=position, recorded_at=at, event=event)
        for position, (at, event) in enumerate(zip(times, events, strict=True), 1)
    ]
    return chapters_of(log)[-1]


async def _check_same(client: Client, draft: Draft) -> None:
    """See that the run of this id is what this call would have made. Raises `RunIdConflict`."""
    there = await client.world.history(draft.run_id, 0, 1)
    known = there[0].event
    assert isinstance(known, RunCreated)
    made = draft.created
    same = (known.workflow, known.arguments, known.seed, known.version, known.origin) == (
        made.workflow, made.arguments, made.seed, made.version, made.origin,
    )  # fmt: skip
    if not same or await _output_of(client, draft) != draft.output:
        raise RunIdConflict(
            f"the id {draft.run_id!r} belongs to another run, or to another fork. Nothing was "
            "forked; choose another id."
        )


async def _output_of(client: Client, draft: Draft) -> bytes | None:
    """Read the edited output of the fork that exists, which stands behind its past."""
    if draft.output is None:
        return None
    found = await client.world.history(draft.run_id, 0, len(draft.events))
    outcomes: Sequence[bytes] = [
        one.event.output for one in found if isinstance(one.event, StepCompleted)
    ]
    return outcomes[-1] if outcomes else None
