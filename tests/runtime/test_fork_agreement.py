"""A fork comes to what the run came to, wherever it was cut, if its steps do the same.

Random programs of the grammar of `test_agreement` are run, forked at every position through a
world, and fed what had happened to the first run after that.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runtime.histories import BODIES, RUN, Log, announced
from tests.runtime.test_agreement import PROGRAMS, _kind, _open, _template
from wfc.clock import VirtualClock, to_datetime
from wfc.eventlog.event import (
    Recorded,
    RunCancelRequested,
    RunStarted,
    StepCompleted,
    StepFailed,
    StepRetrying,
    StepStarted,
)
from wfc.eventlog.fold import fold
from wfc.ids import RunId, WorkerId
from wfc.runtime.copies import begun_anew, past_of
from wfc.runtime.execution import Execution
from wfc.runtime.operations import Operation, Outcome, StepAsked, WaitAsked
from wfc.runtime.template import Template
from wfc.worlds.memory import MemoryWorld
from wfc.worlds.protocol import Appended

FORK = RunId("run_2")
WORKER = WorkerId("worker_1")
Found = tuple[tuple[Any, ...], dict[Any, Operation]]


def _live(body: str, choices: Sequence[int], cancel_at: int | None) -> tuple[Log, Outcome]:
    """Run a program event by event; odd choices let a step be announced before it ends."""
    log = Log(_template(body))
    log.write(RunStarted(worker_id=WORKER))
    outcome = _with_waits(log, log.start())
    for turn, choice in enumerate(choices):
        if log.execution.ended or not log.execution.open:
            break
        if turn == cancel_at:
            outcome = _with_waits(log, log.deliver(RunCancelRequested(reason="test")))
            continue
        operations = list(log.execution.open.values())
        asked = operations[choice % len(operations)]
        known = asked.operation_id in fold(log.recorded).deeds
        if choice % 2 and isinstance(asked, StepAsked) and not known:
            started = StepStarted(operation_id=asked.operation_id, attempt=1, worker_id=WORKER)
            outcome = log.deliver(announced(asked), started)
        else:
            event = log.answer(asked, BODIES)
            if known and isinstance(event, StepCompleted | StepFailed):
                event = replace(event, created=None)
            outcome = _with_waits(log, log.deliver(event))
    return log, outcome


def _with_waits(log: Log, outcome: Outcome) -> Outcome:
    """Write down the waits that were asked for, as the owner of a run does."""
    waits = [announced(each) for each in outcome.asked if isinstance(each, WaitAsked)]
    return log.deliver(*waits) if waits else outcome


async def _forked(log: Sequence[Recorded], cut: int, later_us: int = 0) -> list[Recorded]:
    """Fork a log through a world, so long after the cut, and read it back."""
    clock = VirtualClock(to_datetime(log[cut - 2].recorded_at + later_us))
    world = MemoryWorld(clock)
    await world.open()
    past = past_of(log, cut, clock.now_us())
    created = begun_anew(past, RUN, clock.now_us(), edited=False)
    events = [created, *(one.event for one in past.kept[1:]), *past.news]
    assert isinstance(await world.append(FORK, events, guard=past.guard), Appended)
    return await world.history(FORK, 0, 100_000)


def _delivered(template: Template, log: Sequence[Recorded], rest: Sequence[Recorded]) -> Found:
    """Deliver a fork's log, then what came after the cut."""
    execution = Execution(template, FORK, log[0])
    outcome = execution.deliver(log)
    for position, each in enumerate(rest, len(log) + 1):
        outcome = execution.deliver([replace(each, position=position)])
    found = _kind(outcome), _open(execution)
    execution.drop()
    return found


@settings(
    max_examples=int(os.environ.get("WFC_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    body=PROGRAMS,
    choices=st.lists(st.integers(0, 5), max_size=15),
    cancel_at=st.none() | st.integers(0, 8),
)
def test_every_fork_comes_to_the_same_end(
    body: str, choices: list[int], cancel_at: int | None
) -> None:
    """At every position: the steps it has open are tried again, and then all goes as before."""
    log, outcome = _live(body, choices, cancel_at)
    history = log.recorded
    expected = _kind(outcome), _open(log.execution)
    log.execution.drop()
    for cut in range(2, len(history) + 2):
        forked = asyncio.run(_forked(history, cut))
        retried = {
            one.event.operation_id
            for one in forked
            if isinstance(one.event, StepRetrying) and not one.event.counted
        }
        rest = [
            one
            for one in history[cut - 1 :]
            if not (isinstance(one.event, StepStarted) and one.event.operation_id in retried)
        ]
        assert _delivered(log.template, forked, rest) == expected


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=PROGRAMS,
    choices=st.lists(st.integers(0, 5), max_size=15),
    cancel_at=st.none() | st.integers(0, 8),
)
def test_every_fork_stands_where_the_run_stood(
    body: str, choices: list[int], cancel_at: int | None
) -> None:
    """Clock and draws included: after its past the code waits for the same, or ended the same."""
    log, _ = _live(body, choices, cancel_at)
    history = log.recorded
    log.execution.drop()
    for cut in range(2, len(history) + 2):
        execution = Execution(log.template, RUN, history[0])
        outcome = execution.deliver(history[: cut - 1])
        expected = _kind(outcome), _open(execution)
        execution.drop()
        forked = asyncio.run(_forked(history, cut, later_us=10**12))
        assert [one.recorded_at for one in forked[: cut - 1]] == [
            one.recorded_at for one in history[: cut - 1]
        ]
        assert _delivered(log.template, forked, []) == expected
