"""Why a run is where it is: each event beside the line that asked for it, and what it waits for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wfc import codec
from wfc.diagnostics import Place
from wfc.errors import CodecError, WfcError
from wfc.eventlog.entity import HookStatus, RunStatus, StepStatus, WaitStatus
from wfc.eventlog.entity import Run as Row
from wfc.eventlog.event import Recorded, StepCompleted, StepFailed, StepRetrying
from wfc.eventlog.fold import State, fold
from wfc.ids import OperationId, RunId, Site, VersionId, split_operation_id
from wfc.manifests.store import Version, spans_of_version
from wfc.runtime.logs import read_log
from wfc.runtime.upgrade import Upgrader
from wfc.runtime.verdict import Verdict
from wfc.runtime.why import Why
from wfc.runtime.why_facts import why

_SHOWN_MAX = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One event, or one thing that is waited for (`position` None), and the line that asked."""

    position: int | None
    event: str
    operation_id: OperationId | None
    says: str
    at: Place | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The active version, and whether the run may move there."""

    version: VersionId
    verdict: Verdict | None
    """None: it is the run's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A run as its log and its code explain it."""

    row: Row
    why: Why
    log: Sequence[Recorded]
    lines: tuple[Line, ...]
    waiting: tuple[Line, ...]
    newest: Newest | None
    """None: no version is active, or the run has ended."""


async def explain_run(upgrader: Upgrader, run_id: RunId, types: codec.Types) -> Explained | None:
    """Explain a run; None if there is none of this id. Raises `LogError`."""
    told = await why(upgrader.world, run_id, types)
    row = await upgrader.world.run(run_id)
    if row is None or told is None:
        return None
    log = await read_log(upgrader.world, run_id)
    state = fold(log)
    try:
        version: Version | None = await upgrader.code.version(row.version)
    except WfcError:
        version = None  # events can be told without the code that asked for them
    sources = _Sources(version)
    return Explained(
        row=row,
        why=told,
        log=log,
        lines=tuple(_lines(log, state, sources, types)),
        waiting=tuple(_waiting(state, sources)),
        newest=await _newest(upgrader, row),
    )


async def _newest(upgrader: Upgrader, row: Row) -> Newest | None:
    active = [one.version for one in await upgrader.world.versions() if one.active]
    if not active or (row.status.ended and row.status is not RunStatus.FAILED):
        return None
    if active[0] == row.version:
        return Newest(version=active[0], verdict=None)
    judged, _ = await upgrader.judge(row.run_id, active[0])
    return Newest(version=active[0], verdict=judged.verdict)


class _Sources:
    """Where the operations of a version stand, and what is written there."""

    def __init__(self, version: Version | None) -> None:
        self._spans: Mapping[str, Place] = {} if version is None else spans_of_version(version)
        bundles = () if version is None else version.workflow.values()
        sources = {} if version is None else version.source
        self._texts = {one.path: sources.get(one.module, one.text).split("\n") for one in bundles}

    def at(self, name: OperationId) -> Place | None:
        _, site, _ = split_operation_id(name)
        return self._spans.get(Site(site.rpartition("@")[0] or site))

    def line(self, place: Place | None) -> str:
        lines = self._texts.get(place.path, []) if place is not None else []
        known = place is not None and 0 < place.line <= len(lines)
        return lines[place.line - 1].strip() if known and place is not None else ""


def _lines(
    log: Sequence[Recorded], state: State, sources: _Sources, types: codec.Types
) -> Iterator[Line]:
    renames = state.law.renames
    for each in log:
        event: Any = each.event
        name = getattr(event, "operation_id", None)
        if name is not None and renames is not None:
            name = renames.operation(name)
        at = None if name is None else sources.at(name)
        yield Line(
            position=each.position,
            event=event.name,
            operation_id=name,
            says=_says(event, types),
            at=at,
            source=sources.line(at),
        )


def _says(event: Any, types: codec.Types) -> str:
    match event:
        case StepCompleted():
            return f"attempt {event.attempt} -> {_value(event.output, types)}"
        case StepFailed():
            return f"attempt {event.attempt} failed: {_error(event.error)}"
        case StepRetrying():
            return f"attempt {event.attempt} is tried again: {_error(event.error)}"
    error = getattr(event, "error", None)
    if error is not None:
        return _error(error)
    for field in ("cause", "reason", "to_version", "workflow", "worker_id"):
        value = getattr(event, field, None)
        if value:
            return f"{field.partition('_')[0]} {value}"
    return ""


def _waiting(state: State, sources: _Sources) -> Iterator[Line]:
    """Give what has to happen before the run goes on, from the log alone."""
    if state.end is not None:
        return
    for name, wait in state.waits.items():
        if wait.status is WaitStatus.WAITING:
            yield _open(name, "wait", str(wait.wake_at), sources)
    for name, step in state.steps.items():
        if step.status in {StepStatus.RUNNING, StepStatus.PENDING}:
            runs = step.status is StepStatus.RUNNING
            attempt = step.attempt if runs else step.attempt + 1
            says = f"attempt {attempt} of {step.policy.attempts} {'runs' if runs else 'is to come'}"
            yield _open(name, "step", says, sources)
    for name, hook in state.hooks.items():
        if hook.status is HookStatus.ACTIVE:
            yield _open(name, "hook", hook.token, sources)
    for name, child in state.children.items():
        if child.name == "child_created":
            yield _open(name, "child", str(getattr(child, "run_id", "")), sources)


def _open(name: OperationId, kind: str, says: str, sources: _Sources) -> Line:
    at = sources.at(name)
    return Line(
        position=None, event=kind, operation_id=name, says=says, at=at, source=sources.line(at)
    )


def _value(output: bytes, types: codec.Types) -> str:
    try:
        text = repr(codec.decode(output, types=types))
    except CodecError as problem:
        text = f"({len(output)} bytes: {problem})"
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 3]}..."


def _error(error: bytes) -> str:
    try:
        found = codec.read_error(error)
    except CodecError as problem:
        return f"({problem})"
    return f"{found.type.rpartition(':')[2]}: {found.message}".split("\n")[0]
