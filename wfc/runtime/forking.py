"""`Run.fork`: a new run that shares a beginning with another, and goes its own way from there.

The past is delivered to the code before anything is written, so that a fork which could not go on
is refused instead of begun. A fork onto another version is the past, on the version that it was on,
and an upgrade of it: what an upgrade could move, a fork can.
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
    HookCreated,
    Recorded,
    RunCreated,
    RunFailed,
    RunUpgraded,
    StepCompleted,
    StepCreated,
)
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.manifests.markers import changes_in
from wfc.manifests.store import Version
from wfc.runtime import dry_replay
from wfc.runtime.client import Client
from wfc.runtime.copies import Past, begun_anew, cut_at, past_of, step_at
from wfc.runtime.judging import may_revive
from wfc.runtime.logs import chapters_of, created_of, read_log, uncompared, version_in_force
from wfc.runtime.options import check_run_id
from wfc.runtime.reading import Reading
from wfc.runtime.registry import entry_of
from wfc.runtime.replaying import Replay, replay
from wfc.runtime.template import Template
from wfc.runtime.upgrade import UNLOADABLE
from wfc.runtime.verdict import Waiver
from wfc.runtime.version_cache import workflow_in
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
    target: Version
    """What it is to go on with."""
    events: tuple[Event, ...]
    output: bytes | None

    @property
    def created(self) -> RunCreated:
        """Give its first event."""
        created = self.events[0]
        assert isinstance(created, RunCreated)
        return created

    @property
    def moves(self) -> bool:
        """Tell whether it is to go on with another version than its past was on."""
        return self.target.id != self.past.version


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
    draft = await _proven(client, source, draft)
    fault.point("run.creating")
    guard = replace(draft.past.guard, streams=draft.past.streams_of(source))
    answer = await client.world.append(draft.run_id, draft.events, guard=guard)
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
    own = version_in_force(chapters_of(log[: cut - 1])[-1])
    other = own if wanted is None else await version_named(client.world, wanted)
    past = past_of(log, cut, now, failed=other != own and _may_revive(log[cut - 2].event))
    target = await client.upgrader.code.version(other)
    workflow_in(target, past.created.workflow)
    created = begun_anew(past, source, now, edited=edited)
    created = replace(created, actor=client.actor, channel=client.channel)
    events: list[Event] = [created, *(one.event for one in past.kept[1:]), *past.news]
    payload = None
    if edited:
        step = step_at(log, cut)
        payload = await _encoded(client, target, past.created.workflow, step, output)
        events.append(_given(step, payload, other, now))
    return Draft(
        run_id=RunId(new_id) if new_id is not None else ids.run_id(now, os.urandom(10)),
        past=past,
        target=target,
        events=tuple(events),
        output=payload,
    )


def _may_revive(last: Event) -> bool:
    return isinstance(last, RunFailed) and may_revive(last.kind)


# --- an edited output --------------------------------------------------------------------------


async def _encoded(
    client: Client, target: Version, workflow: DefinitionId, step: StepCreated, output: Any
) -> bytes:
    """Encode a result for a step, as code of the target reads it. Raises `InputInvalid`."""
    template = await client.upgrader.code.template(target.id, workflow)
    annotation = _returned(target, template, step.step)
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


def _returned(target: Version, template: Template, recorded: DefinitionId) -> Any:
    """Give what a step is annotated to return, as a type of the workflow's code."""
    step = DefinitionId(template.hints.definition(recorded))
    entry = entry_of(target, step)
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


async def _proven(client: Client, source: RunId, draft: Draft) -> Draft:
    """Deliver the past to the code that is to go on from it, and add the upgrade to that code.

    The code may pass the name of its run to steps, and a fork has another name. Such calls stand as
    they are recorded, and their arguments are compared no more. Raises `Diverged`.
    """
    found = await _replayed(client, draft)
    if found.problem is not None:
        draft = await _under_its_own_name(client, draft)
        found = await _replayed(client, draft)
    if found.problem is None:
        return draft if not draft.moves else _moved(client, draft, found.upgrade)
    onto_version = f" onto version {draft.target.id}" if draft.moves else ""
    raise Diverged(
        f"run {source} cannot be forked at event {draft.past.cut}{onto_version}: the code "
        "contradicts what is recorded before it. Nothing was written.\n"
        f"{found.problem}\n"
        "Fork at an earlier event, or rerun the run."
    )


async def _replayed(client: Client, draft: Draft) -> Replay:
    chapter = _chapter(client, draft)
    return await replay(client, draft.run_id, chapter, draft.created, draft.target.id)


def _moved(client: Client, draft: Draft, upgrade: RunUpgraded | None) -> Draft:
    """Add the upgrade; code that means the same needs none, but whoever asked wants to see it."""
    workflow = workflow_in(draft.target, draft.created.workflow)
    upgrade = upgrade or RunUpgraded(
        from_version=draft.past.version,
        to_version=draft.target.id,
        fingerprint=draft.target.fingerprints[workflow],
        changes=changes_in(draft.target.manifest).get(workflow, ()),
    )
    upgrade = replace(upgrade, actor=client.actor, channel=client.channel)
    return replace(draft, events=(*draft.events, upgrade))


async def _under_its_own_name(client: Client, draft: Draft) -> Draft:
    """Set those inputs aside that the run's own version gives otherwise under another name."""
    upgrader, created = client.upgrader, draft.created
    try:
        template = await upgrader.code.template(draft.past.version, created.workflow)
    except UNLOADABLE:
        return draft  # nobody can tell, so all are compared
    chapter = _chapter(client, draft)
    reading = Reading.of(chapter, template.hints)
    found = dry_replay.replay(
        template,
        draft.run_id,
        chapter[0],
        reading.read(chapter),
        accept={Waiver.INPUTS},
        reading=reading,
        limits=upgrader.limits,
        created=created,
        deliver=upgrader.deliver,
    )
    events = tuple(
        uncompared(event) if position in found.unequal else event
        for position, event in enumerate(draft.events, 1)
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


# --- asked again -------------------------------------------------------------------------------


async def _check_same(client: Client, draft: Draft) -> None:
    """See that the run of this id is what this call would have made. Raises `RunIdConflict`."""
    there = await client.world.history(draft.run_id, 0, len(draft.events))
    known = created_of(there)
    made = draft.created
    same = (known.workflow, known.arguments, known.seed, known.version, known.origin) == (
        made.workflow, made.arguments, made.seed, made.version, made.origin,
    )  # fmt: skip
    if not same or _news_of(there, draft) != _news_of(None, draft):
        raise RunIdConflict(
            f"the id {draft.run_id!r} belongs to another run, or to another fork. Nothing was "
            "forked; choose another id."
        )


def _news_of(log: Sequence[Recorded] | None, draft: Draft) -> tuple[bytes | None, VersionId]:
    """Say what a fork added to its past: an output, and the version that it moved to.

    An upgrade behind what the draft would write is a later one: it makes no other fork of it.
    """
    events = draft.events if log is None else [one.event for one in log]
    behind = events[len(draft.past.kept) :]
    outputs = [one.output for one in behind if isinstance(one, StepCompleted)]
    versions = [one.to_version for one in behind if isinstance(one, RunUpgraded)]
    output = outputs[-1] if outputs and draft.output is not None else None
    return output, (versions or [draft.past.version])[-1]
