"""What an open run waits for: steps, hooks, child runs, sleeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from wfc.eventlog.entity import Hook, HookStatus, Step, StepStatus, Wait, WaitStatus
from wfc.eventlog.event import (
    ChildCreated,
    HookKind,
)
from wfc.ids import split_operation_id
from wfc.runtime.spans_of_time import instant, span
from wfc.runtime.why_line import due, in_line, no_worker, standing_of
from wfc.runtime.why_words import (
    STUCK_AFTER_US,
    Facts,
    Why,
    WhyKind,
    either,
    error_of,
    is_awake,
    name_of,
    say,
    serves,
    times,
    told,
    word,
)

_Reason = tuple[str, Why]
"""The noun of what is waited for ("step", "hook"), and the sentence if it is all."""


def reasons_of(facts: Facts) -> Iterator[_Reason]:
    """Give all that an open run waits for."""
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


def several(facts: Facts, reasons: Sequence[_Reason]) -> Why:
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
        next_action=f"wfc inspect {word(facts.run.run_id)}",
    )


def _one(noun: str) -> str:
    return f"1 {noun}" if noun in {"step", "sleep"} else noun


def _running(facts: Facts, step: Step) -> Why:
    worker = facts.started_by.get(step.operation_id)
    name, since = name_of(step), either(step.started_at, facts.last_event_at)
    attempt = f"attempt {step.attempt} of {step.policy.attempts}"
    if worker is not None and not is_awake(facts, worker):
        if not facts.workers:
            return no_worker(facts, since, step.operation_id)
        sentence = f"{worker}, which ran `{name}` ({attempt}), is gone; a sweep hands it on."
        return say(WhyKind.STUCK, sentence, since=since, span=step.operation_id)
    where = "" if worker is None else f" on {worker}"
    sentence = f"Running `{name}`, {attempt}, for {span(facts.now - since)}{where}."
    return say(WhyKind.STEP_RUNNING, sentence, since=since, span=step.operation_id)


def _pausing(facts: Facts, step: Step) -> Why:
    at = either(step.retry_at, facts.now)
    error = error_of(facts.errors.get(step.operation_id, step.error))
    if at <= facts.now:
        return _step_queued(facts, step, since=at)
    said = "" if error is None else f" ({told(error)})"
    sentence = (
        f"`{name_of(step)}` failed {times(step.attempt)}{said}; attempt {step.attempt + 1} "
        f"in {span(at - facts.now)}."
    )
    return say(
        WhyKind.RETRY_PAUSE,
        sentence,
        since=facts.last_event_at,
        until=at,
        span=step.operation_id,
        next_action=f"wfc wake {word(facts.run.run_id)} --wait {word(step.operation_id)}",
    )


def _step_queued(facts: Facts, step: Step, since: int | None = None) -> Why:
    began, name, queue = either(since, facts.last_event_at), name_of(step), step.policy.queue
    if queue is not None and facts.workers and not serves(facts, queue):
        return say(
            WhyKind.NO_WORKER,
            f"No awake worker serves queue `{queue}`, in which `{name}` waits.",
            since=began,
            span=step.operation_id,
            next_action=f"wfc worker --queues {word(queue)}",
        )
    waiting = standing_of(facts, step.operation_id)
    if waiting is not None and facts.workers:
        return in_line(facts, waiting)
    if not facts.workers or facts.now - began >= STUCK_AFTER_US:
        return due(facts, began, f"`{name}`", step.operation_id)
    where = "" if queue is None else f" in queue `{queue}`"
    sentence = f"`{name}`, attempt {step.attempt + 1}, waits{where} for a worker with room."
    return say(WhyKind.STEP_QUEUED, sentence, since=began, span=step.operation_id)


def _hook_noun(hook: Hook) -> str:
    noun = "hook" if hook.kind is HookKind.HOOK else hook.kind.value
    return f"{noun} `{_public(hook)}`"


def _hook(facts: Facts, hook: Hook) -> Why:
    waited = span(facts.now - hook.created_at)
    kind, named = WhyKind.HOOK, f"`{_public(hook)}`"
    takes = facts.takes.get(hook.operation_id)
    typed = f" ({takes})" if takes else ""
    action: str | None = f"wfc resume {word(hook.token)} JSON"
    match hook.kind:
        case HookKind.APPROVAL:
            kind = WhyKind.APPROVAL
            sentence = f"Waiting {waited} for the approval {named}{typed}."
            action = f"wfc approve {word(hook.hook_id)}"
        case HookKind.WEBHOOK:
            # Its token is what lets anybody in: it is not shown beside the run.
            sentence, action = f"Waiting {waited} for a request to webhook {named}{typed}.", None
        case _:
            sentence = f"Waiting {waited} for a value on {named}{typed}."
    return say(kind, sentence, since=hook.created_at, span=hook.operation_id, next_action=action)


def _public(hook: Hook) -> str:
    return hook.token if hook.kind is HookKind.HOOK else hook.hook_id


def _child(facts: Facts, child: ChildCreated) -> Why:
    run = facts.runs_of_children.get(child.run_id)
    stands = "" if run is None else f", {run.status.value}"
    if run is not None and run.status.ended:
        since = either(run.ended_at, facts.now)
        return due(facts, since, f"the end of child run {child.run_id}", child.operation_id)
    return say(
        WhyKind.CHILD,
        f"Waiting for child run {child.run_id}{stands}.",
        since=None if run is None else run.created_at,
        span=child.operation_id,
        next_action=f"wfc why {word(child.run_id)}",
    )


def _sleep(facts: Facts, wait: Wait) -> Why:
    if wait.wake_at <= facts.now:
        call = split_operation_id(wait.operation_id)[1].partition("~")[0]
        return due(facts, wait.wake_at, f"`{call}`", wait.operation_id)
    sentence = (
        f"Sleeping until {instant(wait.wake_at, facts.now)}, in {span(wait.wake_at - facts.now)}."
    )
    return say(
        WhyKind.WAIT,
        sentence,
        until=wait.wake_at,
        span=wait.operation_id,
        next_action=f"wfc wake {word(facts.run.run_id)}",
    )
