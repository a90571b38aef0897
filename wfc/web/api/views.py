"""Entities as the operator API shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from wfc import codec
from wfc.errors import WfcError
from wfc.eventlog.entity import Run, RunStatus
from wfc.runtime.answers import HookSummary
from wfc.runtime.why import Why
from wfc.web.api.models import (
    AttemptView,
    ErrorView,
    Frame,
    HookView,
    Reason,
    RunItem,
    StepView,
    WaitView,
    rfc3339,
)
from wfc.web.trace import Attempt, Span
from wfc.web.trees import Painter

_MASK_SHOWN: Final = 4
_CHAIN_MAX: Final = 10
OPEN: Final = frozenset({RunStatus.PENDING, RunStatus.RUNNING, RunStatus.SUSPENDED})


def run_item(run: Run, now_us: int) -> dict[str, Any]:
    """Give the fields of a run in a list."""
    until = now_us if run.ended_at is None else run.ended_at
    return {
        "id": run.run_id,
        "workflow": run.workflow,
        "status": run.status.value,
        "version": run.version,
        "created_at": rfc3339(run.created_at),
        "started_at": rfc3339(run.started_at),
        "ended_at": rfc3339(run.ended_at),
        "wake_at": rfc3339(run.wake_at),
        "duration_us": None if run.started_at is None else until - run.started_at,
        "queue": run.queue,
        "priority": run.priority,
        "paused": run.paused,
        "blocked": run.blocked,
        "cancel_requested": run.cancel_requested,
        "late": run.is_late(now_us),
        "events": run.length,
        "chapter": run.chapter,
        "owner": run.owner,
        "parent_id": run.parent_id,
        "root_id": run.root_id,
        "failure_kind": None if run.failure_kind is None else run.failure_kind.value,
        "attributes": dict(run.attributes),
    }


def item_of(run: Run, now_us: int) -> RunItem:
    """Give a run as lists show it."""
    return RunItem(**run_item(run, now_us))


def reason_of(why: Why, painter: Painter) -> Reason:
    """Give the sentence, and what is known beside it."""
    return Reason(
        kind=why.kind.value,
        sentence=painter.text(why.sentence),
        since=rfc3339(why.since),
        until=rfc3339(why.until),
        span=why.span,
        next_action=why.next_action,
    )


def actions_of(run: Run) -> list[str]:
    """Name what may be done to a run now."""
    if run.status in OPEN:
        paused = "unpause" if run.paused else "pause"
        return ["cancel", paused, "wake", "upgrade", "attributes", "rerun", "fork"]
    revived = ["upgrade"] if run.status is RunStatus.FAILED else []
    return [*revived, "rerun", "fork"]


def error_of(data: bytes | None, painter: Painter) -> ErrorView | None:
    """Give a recorded error, or why it cannot be read."""
    if data is None:
        return None
    if codec.is_withheld(data):
        return ErrorView(
            type="", message="", unreadable="It is encrypted, and its key is not here."
        )
    try:
        value = codec.read_error(data)
    except WfcError as problem:
        return ErrorView(type="", message="", unreadable=str(problem).partition("\n")[0])
    return _error(value, painter, _CHAIN_MAX)


def _error(value: codec.ErrorValue, painter: Painter, left: int) -> ErrorView:
    hidden = painter.payloads == "hidden"
    cause = value.cause or value.context
    return ErrorView(
        type=value.type,
        message=f"({len(value.message)} characters)" if hidden else painter.text(value.message),
        code=value.code,
        fatal=value.fatal,
        notes=[] if hidden else [painter.text(note) for note in value.notes],
        frames=[
            Frame(file=one.file, line=one.line, function=one.function, text=painter.text(one.text))
            for one in value.frames
        ],
        cause=None if cause is None or not left else _error(cause, painter, left - 1),
    )


def step_view(
    span: Span, painter: Painter, types: codec.Types, places: Mapping[str, str]
) -> StepView:
    """Give a step with its attempts; `places` says by site which line asked for it."""
    arguments = painter.payload(span.arguments, types)
    output = painter.payload(span.output, types)
    return StepView(
        id=span.id,
        name=span.name,
        site=span.site,
        chapter=span.chapter,
        status=span.status,
        attempt=span.attempts[-1].attempt if span.attempts else 0,
        attempts_max=span.attempts_max,
        started_at=rfc3339(span.since),
        ended_at=rfc3339(span.until),
        retry_at=rfc3339(span.retry_at),
        arguments=arguments,
        output=output,
        error=error_of(span.error, painter),
        attempts=[_attempt(each, painter) for each in span.attempts],
        at=places.get(span.site),
    )


def _attempt(attempt: Attempt, painter: Painter) -> AttemptView:
    return AttemptView(
        attempt=attempt.attempt,
        started_at=rfc3339(attempt.started_at),
        ended_at=rfc3339(attempt.ended_at),
        worker=attempt.worker,
        outcome=attempt.outcome,
        error=error_of(attempt.error, painter),
        retry_at=rfc3339(attempt.retry_at),
        counted=attempt.counted,
    )


def wait_view(span: Span) -> WaitView:
    """Give a durable sleep."""
    return WaitView(
        id=span.id,
        site=span.site,
        chapter=span.chapter,
        status=span.status,
        wake_at=rfc3339(span.wake_at) or "",
        ended_at=rfc3339(span.until),
    )


def hook_view(hook: HookSummary, painter: Painter) -> HookView:
    """Give a hook; the whole token would let whoever reads it answer."""
    return HookView(
        id=hook.id,
        kind=hook.kind.value,
        status=hook.status.value,
        token=masked(hook.token, hook.id),
        run=hook.run_id,
        workflow=hook.workflow,
        site=hook.site,
        received=hook.received,
        created_at=rfc3339(hook.created_at) or "",
        disposed_at=rfc3339(hook.disposed_at),
        metadata=None if hook.metadata is None else painter.tree(hook.metadata, "/metadata"),
        json_schema=hook.json_schema,
    )


def masked(token: str, hook_id: str) -> str:
    """Give what may be shown of a token: the id that stands for it, or its beginning."""
    return token if token == hook_id else f"{token[:_MASK_SHOWN]}…"


def counts_of(spans: Iterable[Span]) -> dict[str, int]:
    """Count operations by kind, and steps by state."""
    found: dict[str, int] = {"steps": 0, "hooks": 0, "waits": 0, "children": 0}
    names = {"step": "steps", "hook": "hooks", "wait": "waits", "child": "children"}
    for span in spans:
        found[names[span.kind]] += 1
        if span.kind == "step":
            found[f"steps_{span.status}"] = found.get(f"steps_{span.status}", 0) + 1
    return found
