"""What a run did, as spans with segments: folded from its log, event by event, in Python.

One `Trace` follows one run and takes only what is new, so whoever watches costs the same at event
10,000 as at event 10. Payloads stay bytes here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from wfc.eventlog.event import (
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
    HookConflicted,
    HookCreated,
    HookDisposed,
    HookReceived,
    Recorded,
    RunCancelled,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunRestarted,
    RunUpgraded,
    StepCancelled,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepRetrying,
    StepStarted,
    WaitCause,
    WaitCompleted,
    WaitCreated,
)
from wfc.ids import OperationId, split_operation_id

_OF_STEPS: Final = (
    StepCreated, StepStarted, StepRetrying, StepCompleted, StepFailed, StepCancelled,
)  # fmt: skip
_OF_HOOKS: Final = (HookCreated, HookReceived, HookDisposed, HookConflicted)
OPEN: Final = frozenset({"pending", "running", "waiting", "active"})
"""States of spans that may still change."""


@dataclass(slots=True, kw_only=True)
class Segment:
    """A part of a bar: ``queued attempt retry_pause waiting sleeping``; `until` None: goes on."""

    kind: str
    since: int
    until: int | None = None
    attempt: int | None = None


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One try at a step."""

    attempt: int
    started_at: int | None
    ended_at: int | None = None
    worker: str | None = None
    outcome: str = "running"
    error: bytes | None = None
    retry_at: int | None = None
    counted: bool = True


@dataclass(slots=True, kw_only=True)
class Span:
    """One operation of a run. `changed` is the position of the last event about it."""

    id: OperationId
    kind: str  # step, wait, hook or child
    name: str
    site: str
    chapter: int
    status: str
    since: int
    until: int | None = None
    changed: int
    arguments: bytes | None = None
    output: bytes | None = None
    error: bytes | None = None
    attempts: list[Attempt] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    attempts_max: int | None = None
    closure: bool = False
    wake_at: int | None = None
    hook_id: str | None = None
    hook_kind: str | None = None
    received: int = 0
    child: str | None = None
    workflow: str | None = None
    retry_at: int | None = None


class Trace:
    """The spans of a run, in the order in which the log first names them."""

    def __init__(self) -> None:
        """Begin before the first event."""
        self.position = 0
        self.chapter = 1
        self.created_at = 0
        self.started_at: int | None = None
        self.ended_at: int | None = None
        self.last_at = 0
        self.upgrades: list[tuple[int, RunUpgraded]] = []
        self.spans: dict[OperationId, Span] = {}

    def take(self, log: Iterable[Recorded]) -> None:
        """Take in the events that follow."""
        for each in log:
            self.position, self.last_at = each.position, each.recorded_at
            self._take(each.event, each.recorded_at)

    def changed_after(self, position: int) -> list[Span]:
        """Give the spans that events after this position are about."""
        return [span for span in self.spans.values() if span.changed > position]

    def _take(self, event: Event, at: int) -> None:
        if isinstance(event, _OF_STEPS):
            self._step(event, at)
        elif isinstance(event, (WaitCreated, WaitCompleted)):
            self._wait(event, at)
        elif isinstance(event, _OF_HOOKS):
            self._hook(event, at)
        elif isinstance(event, (ChildCreated, ChildCompleted, ChildFailed)):
            self._child(event, at)
        else:
            self._run(event, at)
        if self.started_at is None and not isinstance(event, RunCreated):
            self.started_at = at

    def _run(self, event: Event, at: int) -> None:
        match event:
            case RunCreated():
                self.created_at = at
            case RunRestarted():
                self._give_up(at)
                self.chapter = event.chapter
            case RunUpgraded():
                self.ended_at = None
                self.upgrades.append((self.position, event))
                for name in (*event.withdrawn, *event.retracted):
                    self._withdraw(name, at)
            case RunCompleted() | RunFailed() | RunCancelled():
                self._give_up(at)
                self.ended_at = at

    # -- steps

    def _step(self, event: Any, at: int) -> None:
        created = event if isinstance(event, StepCreated) else getattr(event, "created", None)
        span = self.spans.get(event.operation_id)
        if created is not None or span is None:
            span = self._begin(event.operation_id, "step", at)
        if created is not None:
            span.name = created.step.partition(":")[2]
            span.workflow = created.step
            span.arguments = created.arguments
            span.attempts_max = created.policy.attempts
            span.closure = created.closure
        span.changed = self.position
        match event:
            case StepCreated():
                span.status = "pending"
                span.segments.append(Segment(kind="queued", since=at))
            case StepStarted():
                self._close(span, at)
                span.status, span.retry_at = "running", None
                span.attempts.append(
                    Attempt(attempt=event.attempt, started_at=at, worker=event.worker_id)
                )
                span.segments.append(Segment(kind="attempt", since=at, attempt=event.attempt))
            case StepRetrying():
                self._outcome(span, event, at, "retrying" if event.counted else "released")
                span.attempts[-1].retry_at = span.retry_at = event.retry_at
                span.attempts[-1].counted = event.counted
                span.status = "pending"
                span.segments.append(Segment(kind="retry_pause", since=at))
            case StepCompleted():
                self._outcome(span, event, at, "completed")
                span.output = event.output
            case StepFailed():
                self._outcome(span, event, at, "failed")
                span.error = event.error
            case StepCancelled():
                self._outcome(span, event, at, "cancelled")

    def _outcome(self, span: Span, event: Any, at: int, outcome: str) -> None:
        began = getattr(event, "started_at", None)
        last = span.attempts[-1] if span.attempts else None
        if last is None or last.outcome != "running" or last.attempt != event.attempt:
            # An attempt that nobody announced: its outcome is the first that the log hears of it.
            self._close(span, at if began is None else began)
            last = Attempt(attempt=event.attempt, started_at=began)
            span.attempts.append(last)
            since = at if began is None else began
            span.since = min(span.since, since)
            span.segments.append(Segment(kind="attempt", since=since, attempt=event.attempt))
        self._close(span, at)
        last.outcome, last.ended_at = outcome, at
        last.error = getattr(event, "error", None)
        if outcome in {"completed", "failed", "cancelled"}:
            span.status, span.until, span.retry_at = outcome, at, None

    # -- waits, hooks, children

    def _wait(self, event: WaitCreated | WaitCompleted, at: int) -> None:
        if isinstance(event, WaitCreated):
            span = self._begin(event.operation_id, "wait", at)
            span.status, span.wake_at = "waiting", event.wake_at
            span.segments.append(Segment(kind="sleeping", since=at))
            return
        found = self.spans.get(event.operation_id)
        if found is not None:
            self._end(found, at, "cancelled" if event.cause is WaitCause.ABANDONED else "completed")

    def _hook(self, event: Any, at: int) -> None:
        span = self.spans.get(event.operation_id)
        if isinstance(event, (HookCreated, HookConflicted)) or span is None:
            span = self._begin(event.operation_id, "hook", at)
            span.status = "active"
        span.changed = self.position
        match event:
            case HookCreated():
                span.hook_id, span.hook_kind = event.hook_id, event.kind.value
                span.segments.append(Segment(kind="waiting", since=at))
            case HookReceived():
                span.received += 1
            case HookDisposed():
                self._end(span, at, "disposed")
            case HookConflicted():
                self._end(span, at, "conflicted")

    def _child(self, event: Any, at: int) -> None:
        if isinstance(event, ChildCreated):
            span = self._begin(event.operation_id, "child", at)
            span.status, span.child, span.workflow = "running", event.run_id, event.workflow
            span.name = event.workflow.partition(":")[2]
            span.segments.append(Segment(kind="waiting", since=at))
            return
        found = self.spans.get(event.operation_id)
        if found is not None:
            if isinstance(event, ChildCompleted):
                found.output = event.output
                self._end(found, at, "completed")
            else:
                found.error = event.error
                self._end(found, at, "failed")

    # -- in common

    def _begin(self, operation_id: OperationId, kind: str, at: int) -> Span:
        chapter, site, _ = split_operation_id(operation_id)
        name = site.rpartition("@")[0].partition("~")[0] or site.partition("~")[0]
        span = Span(
            id=operation_id, kind=kind, name=name.rpartition(":")[2], site=site, chapter=chapter,
            status="pending", since=at, changed=self.position,
        )  # fmt: skip
        self.spans[operation_id] = span
        return span

    def _close(self, span: Span, at: int) -> None:
        """End the segment that goes on."""
        if span.segments and span.segments[-1].until is None:
            span.segments[-1].until = max(at, span.segments[-1].since)

    def _end(self, span: Span, at: int, status: str) -> None:
        self._close(span, at)
        span.status, span.until, span.changed = status, at, self.position

    def _withdraw(self, operation_id: OperationId, at: int) -> None:
        span = self.spans.get(operation_id)
        if span is not None:
            self._end(span, at, "withdrawn")

    def _give_up(self, at: int) -> None:
        """End what a chapter, or a run, leaves open."""
        for span in self.spans.values():
            if span.status in OPEN and span.kind != "child":
                self._end(span, at, "cancelled" if span.kind != "hook" else "disposed")
