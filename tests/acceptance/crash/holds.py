"""What must hold after any crash: DESIGN's promises 1 to 5, asked of two looks and a journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.acceptance.crash.looks import Look
from tests.acceptance.crash.scenarios import Scenario
from tests.acceptance.crash.zygotes import RUN
from wfc import codec
from wfc.eventlog.event import (
    TERMINAL,
    HookReceived,
    Recorded,
    RunCancelRequested,
    RunUpgraded,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepRetrying,
)
from wfc.eventlog.fold import fold
from wfc.ids import RunId
from wfc.runtime.callbacks import ATTEMPTS as TELLINGS
from wfc.worlds.chunks import ChunkPage, ChunkRow, Form
from wfc.worlds.protocol import Telling

Journal = list[list[str]]


def holds_kept(kept: Look, after: Look) -> None:
    """Hold what was there once against what is there later: nothing is lost or changed."""
    for run_id, log in kept.logs.items():
        assert after.logs[run_id][: len(log)] == log, f"{run_id}: the log lost or changed events"
    for place, page in kept.streams.items():
        assert after.streams[place].chunks[: len(page.chunks)] == page.chunks, place


def holds_done(kept: Look, begun: Journal, journal: Journal) -> None:
    """What had its outcome when a process died did not begin again."""
    for run_id, log in kept.logs.items():
        for step in _ended(log):
            before, now = _bodies(begun)[run_id, step], _bodies(journal)[run_id, step]
            assert before == now, f"{run_id}: {step} ran again after its outcome"


def holds_acknowledged(journal: Journal, look: Look) -> None:
    """Find what was acknowledged before a crash: starts, forks, receipts, cancels, moves."""
    events = {run_id: [each.event for each in log] for run_id, log in look.logs.items()}
    for word, *rest in journal:
        if word == "ack":
            assert rest[0] in events, f"{rest[0]} was acknowledged and is not there"
        elif word == "receipt":
            heard = [one for one in events[RunId(rest[0])] if isinstance(one, HookReceived)]
            assert rest[1] in {one.receipt_id for one in heard}, rest
        elif word == "cancelled":
            found = events[RunId(rest[0])]
            assert any(isinstance(one, RunCancelRequested) for one in found), rest
        elif word == "moved":
            found = events[RunId(rest[0])]
            assert any(isinstance(one, RunUpgraded) for one in found), rest


def holds_in_the_end(scenario: Scenario, look: Look, journal: Journal) -> None:
    """Hold a world in which all runs have ended against its scenario."""
    assert len(look.logs) == scenario.runs
    for run_id, log in look.logs.items():
        holds_of_log(log, run_id)
    for (run, step), count in _bodies(journal).items():
        allowed = scenario.attempts.get(step.partition("~")[0].rpartition(":")[2], 3)
        assert count <= allowed, f"{count} bodies of {step} of {run}"
    for attempt, count in Counter(tuple(line[1:4]) for line in _begins(journal)).items():
        assert count == 1, f"{attempt} began {count} times"
    for name in scenario.alone:
        _alone(name, journal)
    for place, page in look.streams.items():
        holds_of_stream(page, scenario.written if place == (RUN, "default") else None)
    assert bool(scenario.written) == ((RUN, "default") in look.streams)
    _told(scenario, look, journal)


def holds_of_log(log: list[Recorded], name: str) -> None:
    """Hold a log against what any log of an ended run must be."""
    fold(log)
    assert [each.position for each in log] == list(range(1, len(log) + 1)), name
    times = [each.recorded_at for each in log]
    assert times == sorted(times), name
    assert sum(isinstance(each.event, TERMINAL) for each in log) == 1, name
    assert all(count == 1 for count in Counter(_ended(log)).values()), f"{name}: two outcomes"
    for step, attempts in _attempts(log).items():
        assert attempts == sorted(set(attempts)), f"{name}: attempts of {step}: {attempts}"


def holds_of_stream(page: ChunkPage, expected: Sequence[int] | None) -> None:
    """Hold an ended stream to its contract: indexes without gap, resets that name what is void.

    `expected` is what a reader is left with; None leaves that open.
    """
    assert page.closed
    assert [one.index for one in page.chunks] == list(range(page.length))
    valid: list[ChunkRow] = []
    for one in page.chunks:
        if one.form is Form.RESET:
            void = int(one.body)
            assert any(old.operation_id == one.operation_id for old in valid), one
            valid = [
                old for old in valid if old.index < void or old.operation_id != one.operation_id
            ]
        else:
            valid.append(one)
    if expected is not None:
        assert [codec.decode(one.body) for one in valid] == list(expected)


def _alone(name: str, journal: Journal) -> None:
    """A step of which one may run at once: in each process, it ends before it begins again."""
    inside: set[str] = set()
    for word, *rest in journal:
        if word in {"begin", "end"} and rest[1].partition("~")[0].rpartition(":")[2] == name:
            assert (rest[3] in inside) == (word == "end"), rest
            inside ^= {rest[3]}


def _told(scenario: Scenario, look: Look, journal: Journal) -> None:
    """Each end is told at least once, under one key, and is settled as told."""
    told = Counter(line[1] for line in journal if line[0] == "told")
    assert len(told) == scenario.told, told
    assert all(1 <= count <= TELLINGS for count in told.values()), told
    if scenario.told:
        assert {key.partition("/")[0] for key in told} == set(look.logs)
    assert [row.status for row in look.deliveries] == [Telling.DONE] * scenario.told


def _begins(journal: Journal) -> list[list[str]]:
    return [line for line in journal if line[0] == "begin"]


def _bodies(journal: Journal) -> Counter[tuple[str, str]]:
    """Count the bodies that began, by run and step."""
    return Counter((line[1], line[2]) for line in _begins(journal))


def _ended(log: list[Recorded]) -> list[str]:
    return [
        each.event.operation_id
        for each in log
        if isinstance(each.event, (StepCompleted, StepFailed, StepCancelled))
    ]


def _attempts(log: list[Recorded]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for each in log:
        event = each.event
        if isinstance(event, (StepRetrying, StepCompleted, StepFailed)):
            counted = not isinstance(event, StepRetrying) or event.counted
            if counted:
                found.setdefault(event.operation_id, []).append(event.attempt)
    return found
