"""What is crashed: for each scenario what its processes do, and what must come of it each time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Answers = tuple[dict[str, Any], ...]
FIRINGS: Final = [f"schedule:behind:1970-01-01T0{hour}:00:00Z" for hour in (1, 2, 3)]
_KEYS: Final = "k1:" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A program that is killed. `flow` is a workflow of `crash_flows`, `driver` a function of
    `drivers`; `answers` are the ends it may come to, in any of which all else holds.

    `before` is a driver that the first version of the code plays undisturbed; the second one plays
    `driver` then.
    """

    name: str
    answers: Answers
    flow: str = ""
    driver: str = "began"
    before: str = ""
    runs: int = 1
    attempts: Mapping[str, int] = field(default_factory=dict)
    """How many tries steps have that do not have 3."""
    written: tuple[int, ...] = ()
    """What the stream of ``r1`` holds in the end, without what repeated steps have made void."""
    alone: tuple[str, ...] = ()
    """Steps of which only one may run at once."""
    told: int = 0
    """How many ends are told."""
    keys: str = ""

    @property
    def played(self) -> str:
        """Name the workflow."""
        return self.flow or self.name


_ALL: Final = (
    Scenario(name="sequence", answers=({"output": 9},)),
    Scenario(name="fan_out", answers=({"output": 24},)),
    Scenario(name="patient", answers=({"output": 4},), attempts={"flaky": 5}),
    Scenario(
        name="careful",
        answers=({"output": "ran 3"}, {"output": "lost WorkerLost"}),
        attempts={"once": 1},
    ),
    Scenario(name="compensating", answers=({"failed": "user", "cause": "FatalError('no')"},)),
    Scenario(name="cancelled", driver="cancelled", answers=({"cancelled": "enough"},)),
    Scenario(name="asking", answers=({"output": 7},)),
    Scenario(name="calling", answers=({"output": [3, 201, "4"]},)),
    Scenario(name="chatty", answers=({"output": 9},), written=(3, 4, 5, 6, 7, 8)),
    Scenario(
        name="family",
        answers=({"output": [7, "RunFailed", "RunCancelled", 6, "other"]},),
        runs=5,
    ),
    Scenario(name="chapters", answers=({"output": 4},)),
    Scenario(name="relay", answers=({"output": [30, 3, 1]},)),
    Scenario(name="turns", answers=({"output": [3, 2, 1, 0]},), written=(3, 2, 1, 0)),
    Scenario(
        name="limited",
        driver="many",
        answers=({"outputs": [9, 9, 9]},),
        runs=3,
        alone=("narrow",),
    ),
    Scenario(
        name="forked", flow="sequence", driver="forked", answers=({"outputs": [9, 101]},), runs=2
    ),
    Scenario(name="moved", driver="moved", before="asleep", answers=({"output": 6},)),
    Scenario(
        name="by_clock",
        flow="sequence",
        driver="by_clock",
        answers=({"runs": FIRINGS, "statuses": ["completed"]},),
        runs=3,
        told=3,
    ),
    Scenario(
        name="sealed",
        flow="chatty",
        answers=({"output": 9},),
        written=(3, 4, 5, 6, 7, 8),
        keys=_KEYS,
    ),
)
SCENARIOS: Final = {one.name: one for one in _ALL}
"""By name: steps `sequence`, gather `fan_out`, retry and sleep `patient`, hook
`asking` and `relay`, webhook `calling`, stream `chatty`, child `family`, cancel `cancelled`,
upgrade `moved`, fork `forked`, schedule and end callbacks `by_clock`, limits `limited`, restart
`chapters` and `turns`, encryption `sealed`. The rest is what failures and at-most-once steps do.
"""
