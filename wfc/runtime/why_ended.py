"""Why a run has ended as it did."""

from __future__ import annotations

import re
from typing import Final

from wfc import codec
from wfc.eventlog.entity import RunStatus, Step, StepStatus
from wfc.eventlog.event import (
    FailureKind,
)
from wfc.ids import OperationId
from wfc.runtime.spans_of_time import span
from wfc.runtime.why_words import (
    Facts,
    Why,
    WhyKind,
    by_whom,
    either,
    error_of,
    name_of,
    raised_at,
    say,
    short,
    told,
    word,
)


def ended(facts: Facts) -> Why:
    """Say how a run ended."""
    run = facts.run
    if run.status is RunStatus.COMPLETED:
        began = run.created_at if run.not_before is None else max(run.created_at, run.not_before)
        took = span(either(run.ended_at, facts.now) - began)
        return say(WhyKind.COMPLETED, f"Completed in {took}.", since=run.ended_at)
    if run.status is RunStatus.CANCELLED:
        return _cancelled(facts)
    if run.failure_kind is FailureKind.DIVERGENCE:
        return _diverged(facts)
    return _failed(facts)


def _cancelled(facts: Facts) -> Why:
    ago = f"{span(facts.now - either(facts.run.ended_at, facts.now))} ago"
    reason = facts.run.cancel_reason
    said = f': "{short(reason)}"' if reason else "."
    sentence = f"Cancelled{by_whom(facts.cancel_request)}, {ago}{said}"
    return say(WhyKind.CANCELLED, sentence, since=facts.run.ended_at)


def _failed(facts: Facts) -> Why:
    run = facts.run
    error = error_of(run.error)
    blamed = _step_to_blame(facts, error)
    if blamed is None:
        kind = "" if run.failure_kind in {None, FailureKind.USER} else f" ({run.failure_kind})"
        sentence = f"Failed{kind}: {told(error)}{raised_at(error)}."
    else:
        times = f"{blamed.attempt} attempt" + ("" if blamed.attempt == 1 else "s")
        said = f"{told(error, with_class=False)}{raised_at(error_of(blamed.error))}"
        sentence = f"`{name_of(blamed)}` gave up after {times}: {said}."
    return say(
        WhyKind.FAILED,
        sentence,
        since=run.ended_at,
        span=None if blamed is None else blamed.operation_id,
        next_action=f"wfc rerun {word(run.run_id)}",
    )


def _step_to_blame(facts: Facts, error: codec.ErrorValue | None) -> Step | None:
    """Give the step whose final failure is what the run failed by."""
    if error is None:
        return None
    for step in reversed(list(facts.steps.values())):
        if step.status is StepStatus.FAILED:
            found = error_of(step.error)
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
    error = error_of(facts.run.error)
    message = "" if error is None else error.message
    at, recorded, asked = (each.search(message) for each in (_AT, _RECORDED, _ASKED))
    name: OperationId | None = None
    if at is None:
        sentence = f"Diverged: {told(error, with_class=False)}."
    else:
        name = None if at["name"] is None else OperationId(at["name"])
        what = f"`{recorded[1]}`" if recorded is not None else at["event"].replace("_", " ")
        sentence = f"Event {at[1]} was {what}, {_instead(asked)}."
    return say(
        WhyKind.DIVERGED,
        sentence,
        since=facts.run.ended_at,
        span=name,
        next_action=f"wfc upgrade {word(facts.run.run_id)}",
    )


def _instead(asked: re.Match[str] | None) -> str:
    if asked is None or asked["other"] == "nothing":
        return "and the code asks for nothing"
    what = f"`{asked['step']}`" if asked["step"] else asked["other"]
    return f"line {asked['line']} asks {what}" if asked["line"] else f"the code asks {what}"
