"""Why a run is where it is, in one sentence: from what its log and its world say, and nothing else.

The API, the command line and whatever else shows runs print the same sentence.
"""

from __future__ import annotations

from dataclasses import replace

from wfc.clock import to_datetime
from wfc.eventlog.entity import RunStatus
from wfc.ids import OperationId
from wfc.runtime.spans_of_time import instant, span
from wfc.runtime.why_ended import ended
from wfc.runtime.why_line import due, in_line, no_bundle, no_worker, standing_of
from wfc.runtime.why_waits import reasons_of, several
from wfc.runtime.why_words import (
    STUCK_AFTER_US,
    Facts,
    Why,
    WhyKind,
    by_whom,
    is_awake,
    say,
    short,
    word,
)

__all__ = ["STUCK_AFTER_US", "Facts", "Why", "WhyKind", "explain"]


def explain(facts: Facts) -> Why:
    """Say why the run is where it is."""
    run = facts.run
    if run.status.ended:
        return ended(facts)
    if run.blocked is not None:
        return say(
            WhyKind.BLOCKED,
            f"The log cannot be read: {run.blocked}",
            next_action=f"wfc doctor --unblock {word(run.run_id)}",
        )
    if run.paused:
        return _paused(facts)
    open_why = _open(facts)
    return _cancelling(facts, open_why) if run.cancel_requested else open_why


def _paused(facts: Facts) -> Why:
    pause, since = facts.pause, facts.paused_at
    who = f" by {pause.actor}" if pause is not None and pause.actor else ""
    ago = f", {span(facts.now - since)} ago" if since is not None else ""
    reason = f': "{short(pause.reason)}"' if pause is not None and pause.reason else "."
    sentence = f"Paused{who}{ago}{reason}"
    if (
        facts.deadline is not None
        and facts.deadline <= facts.now
        and not facts.run.cancel_requested
    ):
        over = span(facts.now - facts.deadline)
        sentence += f" Its timeout is over since {over}: it is cancelled when it goes on."
    action = f"wfc unpause {word(facts.run.run_id)}"
    return say(WhyKind.PAUSED, sentence, since=since, next_action=action)


def _cancelling(facts: Facts, inner: Why) -> Why:
    """Say that the code cleans up, and what it waits for while it does."""
    since = facts.cancelled_at
    ago = f", {span(facts.now - since)} ago" if since is not None else ""
    sentence = f"Asked to cancel{by_whom(facts.cancel_request)}{ago}. {inner.sentence}"
    if inner.kind in {WhyKind.NO_WORKER, WhyKind.NO_BUNDLE, WhyKind.STUCK}:
        return replace(inner, sentence=sentence)
    return replace(
        inner,
        kind=WhyKind.CANCELLING,
        sentence=sentence,
        since=inner.since if since is None else to_datetime(since),
        next_action=f"wfc cancel {word(facts.run.run_id)} --force",
    )


def _open(facts: Facts) -> Why:
    run, now = facts.run, facts.now
    if run.status is RunStatus.PENDING and run.not_before is not None and run.not_before > now:
        return say(
            WhyKind.DELAYED,
            f"Starts at {instant(run.not_before, now)}, in {span(run.not_before - now)}.",
            since=run.created_at,
            until=run.not_before,
            next_action=f"wfc wake {word(run.run_id)}",
        )
    if not facts.version_held:
        return no_bundle(facts)
    if run.status is RunStatus.PENDING:
        return _pending(facts)
    return _suspended(facts)


def _suspended(facts: Facts) -> Why:
    waiting = standing_of(facts, OperationId(""))
    if waiting is not None and facts.run.owner is None:
        return in_line(facts, waiting)
    reasons, owner = list(reasons_of(facts)), facts.run.owner
    if len(reasons) == 1:
        return reasons[0][1]
    if reasons:
        return several(facts, reasons)
    if owner is not None and is_awake(facts, owner):
        age = span(facts.now - facts.last_event_at)
        sentence = f"Executing on {owner}; the last event is {age} old."
        return say(WhyKind.EXECUTING, sentence, since=facts.last_event_at)
    return due(facts, facts.last_event_at, "the run")


def _pending(facts: Facts) -> Why:
    run = facts.run
    since = run.created_at if run.not_before is None else max(run.created_at, run.not_before)
    if not facts.workers:
        return no_worker(facts, since)
    waited = span(facts.now - since)
    waiting = standing_of(facts, OperationId(""))
    if waiting is not None:
        return in_line(facts, waiting)
    if run.queue is not None and not facts.standings:
        return say(WhyKind.QUEUED, f"In queue `{run.queue}` for {waited}.", since=since)
    return due(facts, since, "the run")
