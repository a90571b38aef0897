"""Why a run or a step waits for its turn: limits, workers, code."""

from __future__ import annotations

from wfc.ids import OperationId
from wfc.runtime.spans_of_time import span
from wfc.runtime.why_words import (
    STUCK_AFTER_US,
    Facts,
    Why,
    WhyKind,
    name_of,
    say,
    word,
)
from wfc.worlds.limits import is_queue, plain_name
from wfc.worlds.protocol import SlotState, Standing


def standing_of(facts: Facts, name: OperationId) -> Standing | None:
    """Give the gate at which the run, or a step of it, waits longest."""
    found = (one for one in facts.standings if one.claimant.operation_id == name)
    waiting = [one for one in found if one.state is SlotState.WAITING]
    return max(waiting, key=lambda one: (one.opens_at or 0, one.ahead), default=None)


def in_line(facts: Facts, standing: Standing) -> Why:
    """Say who is before it, and what has to happen before the next one is admitted."""
    limit, ahead = standing.limit, standing.ahead
    name = standing.claimant.operation_id
    step = facts.steps.get(name)
    who = "" if step is None else f"`{name_of(step)}` is "
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
    return say(
        kind, sentence, since=standing.since, until=standing.opens_at, span=name or None,
        next_action="wfc queues --waiting",
    )  # fmt: skip


def due(facts: Facts, since: int, what: str, name: OperationId | None = None) -> Why:
    """Say that somebody is to take it: who could, and whether that should have happened by now."""
    if not facts.workers:
        return no_worker(facts, since, name)
    waited = facts.now - max(since, facts.last_event_at)
    if waited >= STUCK_AFTER_US:
        sentence = f"Nothing happened for {span(waited)} though {what} is due; a sweep frees it."
        return say(WhyKind.STUCK, sentence, since=since, span=name, next_action="wfc doctor")
    sentence = f"Ready for {span(facts.now - since)}: a worker is about to take {what}."
    return say(WhyKind.READY, sentence, since=since, span=name)


def no_worker(facts: Facts, since: int, name: OperationId | None = None) -> Why:
    """Say that nobody is there to take it."""
    sentence = f"No worker is awake; the last event is {span(facts.now - facts.last_event_at)} old."
    return say(WhyKind.NO_WORKER, sentence, since=since, span=name, next_action="wfc worker")


def no_bundle(facts: Facts) -> Why:
    """Say that the world does not hold the code of the run's version."""
    run = facts.run
    return say(
        WhyKind.NO_BUNDLE,
        f"No awake worker can load `{run.workflow.partition(':')[2]}` as recorded "
        f"({run.version}): the world does not hold that version.",
        since=facts.last_event_at,
        next_action=f"wfc upgrade {word(run.run_id)}",
    )
