"""What a verdict promises, for random workflows, random edits, random results and random cuts.

Runs go v1 -> v2 -> v3 -> v2, each move only if the verdict says so. A naive oracle watches: every
result is a number that occurs once and knows which step made it of which input, so whatever code is
given, by however many names, can be told right from wrong without any names.

The full dose is ``nox -s soak`` or ``WFC_SOAK=10 pytest -m soak tests/upgrade``: a thousand stories
for each minute of `WFC_SOAK`, 10,000 of them unless told otherwise.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runtime.histories import SEED
from tests.upgrade.flows import Flow, edited, flow, text_of
from tests.upgrade.moving import WORKER, Driver, built, judged
from tests.upgrade.oracle import Given, listening
from wfc import codec
from wfc.eventlog.event import (
    FailureKind,
    Recorded,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunStarted,
    RunUpgraded,
    StepCompleted,
    StepFailed,
)
from wfc.eventlog.fold import fold
from wfc.ids import DefinitionId
from wfc.manifests.levels import Level
from wfc.manifests.markers import changes_in
from wfc.manifests.store import Version
from wfc.runtime.judging import Judged
from wfc.runtime.operations import (
    Completed,
    Failed,
    Outcome,
    StepAsked,
    Suspended,
    WaitAsked,
)
from wfc.runtime.upgrade_code import Codebase
from wfc.runtime.verdict import Answer

WORKFLOW = DefinitionId("app.flows:flow")
DOSE = 120
SOAK = int(float(os.environ.get("WFC_SOAK", "10")) * 1000)
_TURNS = 60


@dataclass
class Deeds(Mapping[str, Callable[..., Any]]):
    """Steps whose results occur once: `made` tells which step made each, of which input."""

    rng: Random
    made: dict[int, tuple[int, int]] = field(default_factory=dict)
    last: int = 0

    def __getitem__(self, name: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> int:
            self.last += self.rng.randint(1, 4)
            self.made[self.last] = (number_of(name), input_of(arguments))
            if self.rng.random() < 0.12:
                raise ValueError(str(self.last))
            return self.last

        return call

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def number_of(name: str) -> int:
    """Give the number of a step, whatever it is called: ``s2``, ``s2n``."""
    return int(name.rpartition(":")[2].strip("sn"))


def input_of(arguments: Mapping[str, Any]) -> int:
    """Give what a step was called with: its one parameter without a default."""
    (value,) = [value for name, value in arguments.items() if name.strip("n") == "x"]
    assert isinstance(value, int)
    return value


class Dice(Driver):
    """Lets anything that is open end next, and writes some attempts one event at a time."""

    rng: Random

    def choose(self, steps: list[StepAsked], first: WaitAsked | None) -> StepAsked | WaitAsked:
        if first is None or (steps and self.rng.random() < 0.7):
            return self.rng.choice(steps)
        return first

    def is_queued(self, asked: StepAsked) -> bool:
        known = fold(self.history).step(asked.operation_id) is not None
        return known or self.rng.random() < 0.3


class Story:
    """A run that is moved from version to version."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.code = Codebase(None)  # type: ignore[arg-type]  # every version is at hand
        self.steps = Deeds(rng)
        self.history: list[Recorded] = []

    def begin(self, version: Version) -> None:
        """Run the first version to its end, or for long."""
        template = self.template(version)
        payload, _ = codec.encode_arguments(
            {"order": 1}, call="start", annotations=template.annotations, types=template.types
        )
        driver = self._driver(version)
        driver.write(
            RunCreated(
                workflow=WORKFLOW, version=version.id, fingerprint=template.fingerprint,
                changes=changes_in(version.manifest).get(WORKFLOW, ()), arguments=payload,
                seed=SEED,
            ),
            RunStarted(worker_id=WORKER),
        )  # fmt: skip
        self.go_on(version, turns=_TURNS)

    def template(self, version: Version) -> Any:
        self.code.add(version)
        return asyncio.run(self.code.template(version.id, WORKFLOW))

    def _driver(self, version: Version) -> Dice:
        driver = Dice(self.template(version), self.steps, self.history)
        driver.rng = self.rng
        return driver

    def go_on(self, version: Version, *, turns: int) -> Outcome:
        """Run on, and see that the code is given what was recorded and nothing else."""
        driver = self._driver(version)
        with listening() as heard:
            outcome = driver.run(turns=turns)
        assert isinstance(outcome, Completed | Suspended | Failed), outcome
        if isinstance(outcome, Failed):
            assert outcome.kind is FailureKind.USER, codec.read_error(outcome.error)
        self._check(heard)
        driver.end(outcome)
        fold(self.history)
        return outcome

    def _check(self, heard: Given) -> None:
        tokens = [int(token_of(deed.outcome)) for deed in heard.deeds]
        assert not [one for one, count in Counter(tokens).items() if count > 1], "given twice"
        for deed, token in zip(heard.deeds, tokens, strict=True):
            assert self.steps.made[token] == (number_of(deed.step), input_of(deed.input)), deed
        given_up = Counter((number_of(one.step), input_of(one.input)) for one in heard.cancelled)
        for token in recorded_in(self.history) - set(tokens) - self._taken_back():
            # Whoever asked for it had given it up before it came.
            assert given_up[self.steps.made[token]], f"{token} was recorded and given to nobody"
            given_up[self.steps.made[token]] -= 1

    def _taken_back(self) -> set[int]:
        """List failures that came before a revival: it may have taken them back."""
        retracting = [
            each.position
            for each in self.history
            if isinstance(each.event, RunUpgraded) and each.event.retracted
        ]
        before = [one for one in self.history if retracting and one.position < retracting[-1]]
        return recorded_in([one for one in before if isinstance(one.event, StepFailed)])

    @property
    def ended(self) -> bool:
        return isinstance(self.history[-1].event, RunCompleted | RunFailed)

    def cut(self, at_least: int) -> None:
        """Go back to how the run was after some event; one that failed may be left as it is."""
        if isinstance(self.history[-1].event, RunFailed) and self.rng.random() < 0.5:
            return
        open_length = len(self.history) - self.ended
        del self.history[self.rng.randint(min(at_least, open_length), open_length) :]

    def judged(self, version: Version) -> Judged:
        self.code.add(version)
        accept = self.rng.choice(((), ("unfinished",)))
        retry = self.rng.random() < 0.7
        return judged(self.code, self.history, version, WORKFLOW, accept=accept, retry_failed=retry)

    def move(self, found: Judged) -> None:
        """Write the move."""
        if found.event is not None:
            position = len(self.history) + 1
            at = self.history[-1].recorded_at
            self.history.append(Recorded(position=position, recorded_at=at, event=found.event))


def token_of(outcome: Any) -> str:
    """Give the number that a step made, by returning or raising it."""
    return str(outcome[1] if isinstance(outcome, tuple) else outcome)


def recorded_in(history: list[Recorded]) -> set[int]:
    """List the numbers in a history, without those that a move took back."""
    found: set[int] = set()
    for each in history:
        if isinstance(each.event, StepCompleted):
            found.add(codec.decode(each.event.output))
        elif isinstance(each.event, StepFailed):
            found.add(int(str(codec.decode_error(each.event.error))))
    return found


def versions(rng: Random) -> tuple[list[Flow], list[list[str]]]:
    """Make three programs, each an edit of the one before."""
    programs, done = [flow(rng)], []
    for _ in range(2):
        program, names = edited(programs[-1], rng)
        programs.append(program)
        done.append(names)
    return programs, done


def play(rng: Random) -> Counter[str]:
    """Tell one story; count what happened in it."""
    programs, _ = versions(rng)
    one, two, three = (built(text_of(program)) for program in programs)
    story, seen = Story(rng), Counter[str]()
    story.begin(one)
    story.cut(2)
    current = one
    for target in (two, three, two):
        found = story.judged(target)
        level, answer = found.verdict.level, found.verdict.answer
        failed = " failed" if story.ended else ""
        seen[f"{level.value} {answer.value}{failed}"] += 1
        if level <= Level.COMPATIBLE:
            assert answer is Answer.MOVE, found.verdict.reasons
        if answer is not Answer.MOVE:
            continue
        moved = len(story.history) + 1
        story.move(found)
        current = target if found.event is not None else current
        outcome = story.go_on(current, turns=rng.choice((0, 1, 3, _TURNS)))
        seen["ended"] += isinstance(outcome, Completed)
        story.cut(moved)
    if not story.ended:
        story.go_on(current, turns=3 * _TURNS)
    seen["upgraded"] += sum(isinstance(each.event, RunUpgraded) for each in story.history)
    return seen


_STORIES = st.randoms(use_true_random=False)


@settings(max_examples=DOSE, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(_STORIES)
def test_what_moves_comes_to_its_end_with_what_was_recorded(rng: Random) -> None:
    """A small dose for every change."""
    play(rng)


@pytest.mark.soak
@pytest.mark.timeout(0)
@settings(max_examples=SOAK, deadline=None, suppress_health_check=list(HealthCheck))
@given(_STORIES)
def test_what_moves_comes_to_its_end_for_long(rng: Random) -> None:
    """The full dose."""
    play(rng)
