"""Why a run is where it is, in one sentence: from what its log and its world say, and nothing else.

The API, the command line and whatever else shows runs print the same sentence.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import PurePath
from typing import Any, Final

from wfc import codec
from wfc.clock import MICROSECONDS, to_datetime
from wfc.errors import CannotDecrypt, CodecError
from wfc.eventlog.entity import (
    Hook,
    HookStatus,
    Run,
    RunStatus,
    Step,
    StepStatus,
    Wait,
    WaitStatus,
)
from wfc.eventlog.event import (
    CancelCause,
    ChildCreated,
    FailureKind,
    HookKind,
    RunCancelRequested,
    RunPaused,
)
from wfc.ids import OperationId, RunId, WorkerId, split_operation_id
from wfc.runtime.spans_of_time import instant, span
from wfc.worlds.limits import is_queue, plain_name
from wfc.worlds.protocol import SlotState, Standing, WorkerRow

STUCK_AFTER_US: Final = 60 * MICROSECONDS
"""So long may pass before something that is due counts as forgotten."""
_TOLD_MAX: Final = 200


class WhyKind(StrEnum):
    """What a sentence is about."""

    EXECUTING = "executing"
    STEP_RUNNING = "step_running"
    STEP_QUEUED = "step_queued"
    RETRY_PAUSE = "retry_pause"
    HOOK = "hook"
    APPROVAL = "approval"
    WAIT = "wait"
    CHILD = "child"
    SEVERAL = "several"
    QUEUED = "queued"
    DELAYED = "delayed"
    READY = "ready"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    NO_WORKER = "no_worker"
    NO_BUNDLE = "no_bundle"
    STUCK = "stuck"
    BLOCKED = "blocked"
    FAILED = "failed"
    DIVERGED = "diverged"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a run is where it is. `since` and `until` are UTC, where they are known; `span` is the
    operation that the sentence is about; `next_action` is a command that would move the run.
    """

    kind: WhyKind
    sentence: str
    since: datetime | None = None
    until: datetime | None = None
    span: OperationId | None = None
    next_action: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a run, by its log and its world, at the instant `now`."""

    run: Run
    now: int
    last_event_at: int
    steps: Mapping[OperationId, Step] = field(default_factory=dict)
    hooks: Mapping[OperationId, Hook] = field(default_factory=dict)
    waits: Mapping[OperationId, Wait] = field(default_factory=dict)
    children: Mapping[OperationId, ChildCreated] = field(default_factory=dict)
    """Those whose end has not been heard of."""
    runs_of_children: Mapping[RunId, Run] = field(default_factory=dict)
    workers: Sequence[WorkerRow] = ()
    """Those that are awake."""
    started_by: Mapping[OperationId, WorkerId] = field(default_factory=dict)
    """Who began the attempt of a step that is under way."""
    errors: Mapping[OperationId, bytes] = field(default_factory=dict)
    """Why the last attempt of a step failed."""
    takes: Mapping[OperationId, str] = field(default_factory=dict)
    """What the hooks take, by the name of its type."""
    version_held: bool = True
    """Whether the world has the code of the run's version."""
    standings: Sequence[Standing] = ()
    """Where the run and its steps stand at the gates of limits."""
    cancel_request: RunCancelRequested | None = None
    cancelled_at: int | None = None
    pause: RunPaused | None = None
    paused_at: int | None = None
    deadline: int | None = None
    """When the run's timeout is over."""


def explain(facts: Facts) -> Why:
    """Say why the run is where it is."""
    run = facts.run
    if run.status.ended:
        return _ended(facts)
    if run.blocked is not None:
        return _why(
            WhyKind.BLOCKED,
            f"The log cannot be read: {run.blocked}",
            next_action=f"wfc doctor --unblock {_word(run.run_id)}",
        )
    if run.paused:
        return _paused(facts)
    open_why = _open(facts)
    return _cancelling(facts, open_why) if run.cancel_requested else open_why


# --- ended ----------------------------------------------------------------------------------------


def _ended(facts: Facts) -> Why:
    run = facts.run
    if run.status is RunStatus.COMPLETED:
        began = run.created_at if run.not_before is None else max(run.created_at, run.not_before)
        took = span(_or(run.ended_at, facts.now) - began)
        return _why(WhyKind.COMPLETED, f"Completed in {took}.", since=run.ended_at)
    if run.status is RunStatus.CANCELLED:
        return _cancelled(facts)
    if run.failure_kind is FailureKind.DIVERGENCE:
        return _diverged(facts)
    return _failed(facts)


def _cancelled(facts: Facts) -> Why:
    ago = f"{span(facts.now - _or(facts.run.ended_at, facts.now))} ago"
    reason = facts.run.cancel_reason
    said = f': "{_short(reason)}"' if reason else "."
    sentence = f"Cancelled{_by_whom(facts.cancel_request)}, {ago}{said}"
    return _why(WhyKind.CANCELLED, sentence, since=facts.run.ended_at)


def _failed(facts: Facts) -> Why:
    run = facts.run
    error = _error(run.error)
    blamed = _step_to_blame(facts, error)
    if blamed is None:
        kind = "" if run.failure_kind in {None, FailureKind.USER} else f" ({run.failure_kind})"
        sentence = f"Failed{kind}: {_told(error)}{_raised_at(error)}."
    else:
        times = f"{blamed.attempt} attempt" + ("" if blamed.attempt == 1 else "s")
        said = f"{_told(error, with_class=False)}{_raised_at(_error(blamed.error))}"
        sentence = f"`{_name(blamed)}` gave up after {times}: {said}."
    return _why(
        WhyKind.FAILED,
        sentence,
        since=run.ended_at,
        span=None if blamed is None else blamed.operation_id,
        next_action=f"wfc rerun {_word(run.run_id)}",
    )


def _step_to_blame(facts: Facts, error: codec.ErrorValue | None) -> Step | None:
    """Give the step whose final failure is what the run failed by."""
    if error is None:
        return None
    for step in reversed(list(facts.steps.values())):
        if step.status is StepStatus.FAILED:
            found = _error(step.error)
            if found is not None and (found.type, found.message) == (error.type, error.message):
                return step
    return None


_AT: Final = re.compile(r" diverged at event (\d+) \((?P<event>\w+)(?: of (?P<name>\S+?))?\): ")
_RECORDED: Final = re.compile(r"^  recorded: a call of \S*?:(\S+), ", re.MULTILINE)
_ASKED: Final = re.compile(
    r"^  asked instead: (?:step \S*?:(?P<step>\S+)|(?P<other>.+?))(?: as \S+)?"
    r"(?: at (?P<file>.*):(?P<line>\d+))?$",
    re.MULTILINE,
)


def _diverged(facts: Facts) -> Why:
    """Say what the log holds and what the code asks; `divergence.describe` wrote it down whole."""
    error = _error(facts.run.error)
    message = "" if error is None else error.message
    at, recorded, asked = (each.search(message) for each in (_AT, _RECORDED, _ASKED))
    name: OperationId | None = None
    if at is None:
        sentence = f"Diverged: {_told(error, with_class=False)}."
    else:
        name = None if at["name"] is None else OperationId(at["name"])
        what = f"`{recorded[1]}`" if recorded is not None else at["event"].replace("_", " ")
        sentence = f"Event {at[1]} was {what}, {_instead(asked)}."
    return _why(
        WhyKind.DIVERGED,
        sentence,
        since=facts.run.ended_at,
        span=name,
        next_action=f"wfc upgrade {_word(facts.run.run_id)}",
    )


def _instead(asked: re.Match[str] | None) -> str:
    if asked is None or asked["other"] == "nothing":
        return "and the code asks for nothing"
    what = f"`{asked['step']}`" if asked["step"] else asked["other"]
    return f"line {asked['line']} asks {what}" if asked["line"] else f"the code asks {what}"


# --- open -----------------------------------------------------------------------------------------


def _paused(facts: Facts) -> Why:
    pause, since = facts.pause, facts.paused_at
    who = f" by {pause.actor}" if pause is not None and pause.actor else ""
    ago = f", {span(facts.now - since)} ago" if since is not None else ""
    reason = f': "{_short(pause.reason)}"' if pause is not None and pause.reason else "."
    sentence = f"Paused{who}{ago}{reason}"
    if (
        facts.deadline is not None
        and facts.deadline <= facts.now
        and not facts.run.cancel_requested
    ):
        over = span(facts.now - facts.deadline)
        sentence += f" Its timeout is over since {over}: it is cancelled when it goes on."
    action = f"wfc unpause {_word(facts.run.run_id)}"
    return _why(WhyKind.PAUSED, sentence, since=since, next_action=action)


def _cancelling(facts: Facts, inner: Why) -> Why:
    """Say that the code cleans up, and what it waits for while it does."""
    since = facts.cancelled_at
    ago = f", {span(facts.now - since)} ago" if since is not None else ""
    sentence = f"Asked to cancel{_by_whom(facts.cancel_request)}{ago}. {inner.sentence}"
    if inner.kind in {WhyKind.NO_WORKER, WhyKind.NO_BUNDLE, WhyKind.STUCK}:
        return replace(inner, sentence=sentence)
    return replace(
        inner,
        kind=WhyKind.CANCELLING,
        sentence=sentence,
        since=inner.since if since is None else to_datetime(since),
        next_action=f"wfc cancel {_word(facts.run.run_id)} --force",
    )


def _open(facts: Facts) -> Why:
    run, now = facts.run, facts.now
    if run.status is RunStatus.PENDING and run.not_before is not None and run.not_before > now:
        return _why(
            WhyKind.DELAYED,
            f"Starts at {instant(run.not_before, now)}, in {span(run.not_before - now)}.",
            since=run.created_at,
            until=run.not_before,
            next_action=f"wfc wake {_word(run.run_id)}",
        )
    if not facts.version_held:
        return _no_bundle(facts)
    if run.status is RunStatus.PENDING:
        return _pending(facts)
    return _suspended(facts)


def _suspended(facts: Facts) -> Why:
    waiting = _waiting(facts, OperationId(""))
    if waiting is not None and facts.run.owner is None:
        return _in_line(facts, waiting)
    reasons, owner = list(_reasons(facts)), facts.run.owner
    if len(reasons) == 1:
        return reasons[0][1]
    if reasons:
        return _several(facts, reasons)
    if owner is not None and _is_awake(facts, owner):
        age = span(facts.now - facts.last_event_at)
        sentence = f"Executing on {owner}; the last event is {age} old."
        return _why(WhyKind.EXECUTING, sentence, since=facts.last_event_at)
    return _due(facts, facts.last_event_at, "the run")


def _pending(facts: Facts) -> Why:
    run = facts.run
    since = run.created_at if run.not_before is None else max(run.created_at, run.not_before)
    if not facts.workers:
        return _no_worker(facts, since)
    waited = span(facts.now - since)
    waiting = _waiting(facts, OperationId(""))
    if waiting is not None:
        return _in_line(facts, waiting)
    if run.queue is not None and not facts.standings:
        return _why(WhyKind.QUEUED, f"In queue `{run.queue}` for {waited}.", since=since)
    return _due(facts, since, "the run")


def _waiting(facts: Facts, name: OperationId) -> Standing | None:
    """Give the gate at which the run, or a step of it, waits longest."""
    found = (one for one in facts.standings if one.claimant.operation_id == name)
    waiting = [one for one in found if one.state is SlotState.WAITING]
    return max(waiting, key=lambda one: (one.opens_at or 0, one.ahead), default=None)


def _in_line(facts: Facts, standing: Standing) -> Why:
    """Say who is before it, and what has to happen before the next one is admitted."""
    limit, ahead = standing.limit, standing.ahead
    name = standing.claimant.operation_id
    step = facts.steps.get(name)
    who = "" if step is None else f"`{_name(step)}` is "
    where = f"{'queue' if is_queue(limit.name) else 'the limit of'} `{plain_name(limit.name)}`"
    others = f" behind {ahead} other{'s' if ahead > 1 else ''}" if ahead else ""
    sentence = f"{who}in {where} for {span(facts.now - standing.since)}{others}"
    if standing.opens_at is not None:
        sentence += f"; its rate lets the next one begin in {span(standing.opens_at - facts.now)}"
    elif standing.holders:
        held, more = standing.holders[0].run_id, len(standing.holders) - 1
        rest = f" and {more} other{'s' if more > 1 else ''}" if more else ""
        sentence += f"; {held}{rest} hold{'' if more else 's'} its slot{'s' if more else ''}"
    kind = WhyKind.QUEUED if step is None else WhyKind.STEP_QUEUED
    sentence = f"{sentence[0].upper()}{sentence[1:]}."
    return _why(
        kind, sentence, since=standing.since, until=standing.opens_at, span=name or None,
        next_action="wfc queues --waiting",
    )  # fmt: skip


def _due(facts: Facts, since: int, what: str, name: OperationId | None = None) -> Why:
    """Say that somebody is to take it: who could, and whether that should have happened by now."""
    if not facts.workers:
        return _no_worker(facts, since, name)
    waited = facts.now - max(since, facts.last_event_at)
    if waited >= STUCK_AFTER_US:
        sentence = f"Nothing happened for {span(waited)} though {what} is due; a sweep frees it."
        return _why(WhyKind.STUCK, sentence, since=since, span=name, next_action="wfc doctor")
    sentence = f"Ready for {span(facts.now - since)}: a worker is about to take {what}."
    return _why(WhyKind.READY, sentence, since=since, span=name)


def _no_worker(facts: Facts, since: int, name: OperationId | None = None) -> Why:
    sentence = f"No worker is awake; the last event is {span(facts.now - facts.last_event_at)} old."
    return _why(WhyKind.NO_WORKER, sentence, since=since, span=name, next_action="wfc worker")


def _no_bundle(facts: Facts) -> Why:
    run = facts.run
    return _why(
        WhyKind.NO_BUNDLE,
        f"No awake worker can load `{run.workflow.partition(':')[2]}` as recorded "
        f"({run.version}): the world does not hold that version.",
        since=facts.last_event_at,
        next_action=f"wfc upgrade {_word(run.run_id)}",
    )


# --- what is waited for ---------------------------------------------------------------------------

_Reason = tuple[str, Why]
"""The noun of what is waited for ("step", "hook"), and the sentence if it is all."""


def _reasons(facts: Facts) -> Iterator[_Reason]:
    for step in facts.steps.values():
        if step.status is StepStatus.RUNNING:
            yield "step", _running(facts, step)
        elif step.status is StepStatus.PENDING:
            yield "step", _pausing(facts, step) if step.retry_at else _step_queued(facts, step)
    for hook in facts.hooks.values():
        if hook.status is HookStatus.ACTIVE:
            yield _hook_noun(hook), _hook(facts, hook)
    for child in facts.children.values():
        yield f"child run {child.run_id}", _child(facts, child)
    for wait in facts.waits.values():
        if wait.status is WaitStatus.WAITING:
            yield "sleep", _sleep(facts, wait)


def _several(facts: Facts, reasons: Sequence[_Reason]) -> Why:
    """Name all that is open; what needs somebody comes first, with what to do about it."""
    whys = [why for _, why in reasons]
    for urgent in (WhyKind.NO_WORKER, WhyKind.STUCK):
        found = next((why for why in whys if why.kind is urgent), None)
        if found is not None:
            return found
    counts = Counter(noun for noun, _ in reasons)
    parts = [f"{count} {noun}s" if count > 1 else _one(noun) for noun, count in counts.items()]
    listed = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
    ends = [why.until for why in whys if why.until is not None]
    begins = [why.since for why in whys if why.since is not None]
    return Why(
        kind=WhyKind.SEVERAL,
        sentence=f"Waiting for {len(reasons)} things: {listed}.",
        since=max(begins, default=None),
        until=min(ends, default=None),
        next_action=f"wfc inspect {_word(facts.run.run_id)}",
    )


def _one(noun: str) -> str:
    return f"1 {noun}" if noun in {"step", "sleep"} else noun


def _running(facts: Facts, step: Step) -> Why:
    worker = facts.started_by.get(step.operation_id)
    name, since = _name(step), _or(step.started_at, facts.last_event_at)
    attempt = f"attempt {step.attempt} of {step.policy.attempts}"
    if worker is not None and not _is_awake(facts, worker):
        if not facts.workers:
            return _no_worker(facts, since, step.operation_id)
        sentence = f"{worker}, which ran `{name}` ({attempt}), is gone; a sweep hands it on."
        return _why(WhyKind.STUCK, sentence, since=since, span=step.operation_id)
    where = "" if worker is None else f" on {worker}"
    sentence = f"Running `{name}`, {attempt}, for {span(facts.now - since)}{where}."
    return _why(WhyKind.STEP_RUNNING, sentence, since=since, span=step.operation_id)


def _pausing(facts: Facts, step: Step) -> Why:
    at = _or(step.retry_at, facts.now)
    error = _error(facts.errors.get(step.operation_id, step.error))
    if at <= facts.now:
        return _step_queued(facts, step, since=at)
    said = "" if error is None else f" ({_told(error)})"
    sentence = (
        f"`{_name(step)}` failed {_times(step.attempt)}{said}; attempt {step.attempt + 1} "
        f"in {span(at - facts.now)}."
    )
    return _why(
        WhyKind.RETRY_PAUSE,
        sentence,
        since=facts.last_event_at,
        until=at,
        span=step.operation_id,
        next_action=f"wfc wake {_word(facts.run.run_id)} --wait {_word(step.operation_id)}",
    )


def _step_queued(facts: Facts, step: Step, since: int | None = None) -> Why:
    began, name, queue = _or(since, facts.last_event_at), _name(step), step.policy.queue
    if queue is not None and facts.workers and not _serves(facts, queue):
        return _why(
            WhyKind.NO_WORKER,
            f"No awake worker serves queue `{queue}`, in which `{name}` waits.",
            since=began,
            span=step.operation_id,
            next_action=f"wfc worker --queues {_word(queue)}",
        )
    waiting = _waiting(facts, step.operation_id)
    if waiting is not None and facts.workers:
        return _in_line(facts, waiting)
    if not facts.workers or facts.now - began >= STUCK_AFTER_US:
        return _due(facts, began, f"`{name}`", step.operation_id)
    where = "" if queue is None else f" in queue `{queue}`"
    sentence = f"`{name}`, attempt {step.attempt + 1}, waits{where} for a worker with room."
    return _why(WhyKind.STEP_QUEUED, sentence, since=began, span=step.operation_id)


def _hook_noun(hook: Hook) -> str:
    word = "hook" if hook.kind is HookKind.HOOK else hook.kind.value
    return f"{word} `{_public(hook)}`"


def _hook(facts: Facts, hook: Hook) -> Why:
    waited = span(facts.now - hook.created_at)
    kind, named = WhyKind.HOOK, f"`{_public(hook)}`"
    takes = facts.takes.get(hook.operation_id)
    typed = f" ({takes})" if takes else ""
    action: str | None = f"wfc resume {_word(hook.token)} JSON"
    match hook.kind:
        case HookKind.APPROVAL:
            kind = WhyKind.APPROVAL
            sentence = f"Waiting {waited} for the approval {named}{typed}."
            action = f"wfc approve {_word(hook.hook_id)}"
        case HookKind.WEBHOOK:
            # Its token is what lets anybody in: it is not shown beside the run.
            sentence, action = f"Waiting {waited} for a request to webhook {named}{typed}.", None
        case _:
            sentence = f"Waiting {waited} for a value on {named}{typed}."
    return _why(kind, sentence, since=hook.created_at, span=hook.operation_id, next_action=action)


def _public(hook: Hook) -> str:
    return hook.token if hook.kind is HookKind.HOOK else hook.hook_id


def _child(facts: Facts, child: ChildCreated) -> Why:
    run = facts.runs_of_children.get(child.run_id)
    stands = "" if run is None else f", {run.status.value}"
    if run is not None and run.status.ended:
        since = _or(run.ended_at, facts.now)
        return _due(facts, since, f"the end of child run {child.run_id}", child.operation_id)
    return _why(
        WhyKind.CHILD,
        f"Waiting for child run {child.run_id}{stands}.",
        since=None if run is None else run.created_at,
        span=child.operation_id,
        next_action=f"wfc why {_word(child.run_id)}",
    )


def _sleep(facts: Facts, wait: Wait) -> Why:
    if wait.wake_at <= facts.now:
        word = split_operation_id(wait.operation_id)[1].partition("~")[0]
        return _due(facts, wait.wake_at, f"`{word}`", wait.operation_id)
    sentence = (
        f"Sleeping until {instant(wait.wake_at, facts.now)}, in {span(wait.wake_at - facts.now)}."
    )
    return _why(
        WhyKind.WAIT,
        sentence,
        until=wait.wake_at,
        span=wait.operation_id,
        next_action=f"wfc wake {_word(facts.run.run_id)}",
    )


# --- words ----------------------------------------------------------------------------------------


def _why(
    kind: WhyKind,
    sentence: str,
    *,
    since: int | None = None,
    until: int | None = None,
    span: OperationId | None = None,
    next_action: str | None = None,
) -> Why:
    return Why(
        kind=kind,
        sentence=sentence,
        since=None if since is None else to_datetime(since),
        until=None if until is None else to_datetime(until),
        span=span,
        next_action=next_action,
    )


def _by_whom(request: RunCancelRequested | None) -> str:
    if request is None:
        return ""
    if request.cause is CancelCause.PARENT:
        return " with its parent"
    if request.cause is CancelCause.TIMEOUT:
        return " since its time was over"
    return f" by {request.actor}" if request.actor else ""


def _is_awake(facts: Facts, worker_id: WorkerId) -> bool:
    return any(row.worker_id == worker_id for row in facts.workers)


def _serves(facts: Facts, queue: str) -> bool:
    return any(not row.queues or queue in row.queues for row in facts.workers)


def _name(step: Step) -> str:
    return step.step.partition(":")[2]


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _word(text: str) -> str:
    return shlex.quote(text)


def _or(value: int | None, other: int) -> int:
    return other if value is None else value


def _error(payload: bytes | None) -> codec.ErrorValue | None:
    try:
        return None if payload is None else codec.read_error(payload)
    except (CodecError, CannotDecrypt):
        return None  # sealed under a key that is not here: the rest can be told all the same


def _told(error: codec.ErrorValue | None, *, with_class: bool = True) -> str:
    if error is None:
        return "with an error that cannot be read here"
    message = _short(error.message)
    name = error.type.rpartition(":")[2]
    return f"{name}: {message}" if message and with_class else message or name


def _short(text: str) -> str:
    line = text.strip().partition("\n")[0].rstrip(".")
    return line if len(line) <= _TOLD_MAX else f"{line[: _TOLD_MAX - 3]}..."


def _raised_at(error: Any) -> str:
    frames = () if error is None else error.frames
    return f" at {PurePath(frames[-1].file).name}:{frames[-1].line}" if frames else ""
