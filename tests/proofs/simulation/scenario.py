"""What is simulated: programs, what outsiders do, and the faults; and how a seed draws one."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from random import Random
from typing import Any, Final

Node = tuple[Any, ...]
"""A tree of operations: its kind, then what belongs to it; `flows.play` says what each does."""

LOSING: Final = ("crash_before", "crash_after", "crash_turn", "hold", "jump")
"""Faults by which a worker may lose its lease. A scenario has fewer of them than losses make a run
poison, so no run may fail for them.
"""
LOSING_MAX: Final = 4
CALLS: Final = ("refuse", "lose_reply", "slow", "late_reply")
TIMED: Final = ("lose_message", "redeliver", "hint", "stop")
CLIENT: Final = -1


@dataclass(frozen=True, slots=True)
class Fault:
    """Something goes wrong once.

    `place` is a worker's number or `CLIENT`. `at` counts the world calls of that place
    (``crash_before crash_after refuse lose_reply slow late_reply``), its callbacks
    (``crash_turn hold``), or milliseconds since the beginning (the others). `by` is for how many
    milliseconds it is held or slow, or by how many the clock jumps.
    """

    kind: str
    place: int
    at: int
    by: int = 0


@dataclass(frozen=True, slots=True)
class Deed:
    """Somebody outside does something to a run: cancel, force or pause, from `at_ms` on."""

    kind: str
    at_ms: int
    for_ms: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A run that is started."""

    name: str
    node: Node
    chapters: int = 0
    queue: str | None = None
    at_ms: int = 0
    deeds: tuple[Deed, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """All that decides how a simulation goes."""

    seed: int
    runs: tuple[Asked, ...]
    faults: tuple[Fault, ...] = ()
    workers: int = 2
    always_replay: bool = False

    @property
    def losing(self) -> bool:
        """Tell whether a worker may lose its lease."""
        return any(fault.kind in LOSING for fault in self.faults)

    @property
    def doubting(self) -> bool:
        """Tell whether a worker may give up a run, or an attempt, that it has: also because it
        cannot read the log, or was not told that it has it.
        """
        return self.losing or any(fault.kind in ("refuse", "lose_reply") for fault in self.faults)


def scenario_of(seed: int) -> Scenario:
    """Draw a scenario; of every sixth nothing goes wrong."""
    rng = Random(f"scenario {seed}")  # noqa: S311 - no secret
    workers = rng.choice((1, 2, 2, 3))
    grammar = Grammar(rng)
    runs = tuple(_asked(grammar, rng, number) for number in range(rng.choice((1, 1, 1, 2, 3))))
    return Scenario(
        seed=seed,
        runs=runs,
        faults=() if seed % 6 == 0 else tuple(_faults(rng, workers)),
        workers=workers,
        always_replay=rng.random() < 0.25,
    )


class Grammar:
    """Draws programs; no two steps of one have the same key."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._numbers = itertools.count(1)

    def node(self, size: int) -> Node:
        """Draw a tree of about `size` operations."""
        if size <= 1:
            return self._leaf()
        kind = self._rng.choice(
            ("seq", "seq", "gather", "gather", "settle", "group", "race", "limit", "try", "guard",
             "child")
        )  # fmt: skip
        match kind:
            case "child":
                return kind, self._key("c"), self.node(size - 1)
            case "limit":
                return kind, self._rng.choice((50, 1000, 20_000)), self.node(size - 1)
            case "guard":
                return kind, self.node(size - 1), self._key("g")
            case "try":
                left = self._rng.randint(1, size - 1)
                return kind, self.node(left), self.node(size - left)
        return kind, tuple(self.node(part) for part in self._parts(size))

    def _parts(self, size: int) -> list[int]:
        count = self._rng.randint(2, min(4, size))
        cuts = sorted(self._rng.sample(range(1, size), count - 1))
        return [end - begin for begin, end in itertools.pairwise([0, *cuts, size])]

    def _leaf(self) -> Node:
        rng, key = self._rng, self._key("s")
        kind = rng.choice(
            ("note", "note", "note", "slow", "flaky", "pausing", "broken", "fatal", "late",
             "limited", "nap", "attr", "stream", "stream", "hook", "hook")
        )  # fmt: skip
        return kind, *self._arguments(kind, key)

    def _arguments(self, kind: str, key: str) -> Node:
        rng = self._rng
        numbers: dict[str, tuple[int, ...]] = {
            "slow": (20, 400, 1500, 4000),
            "limited": (20, 400, 1500, 4000),
            "flaky": (1, 2, 3),
            "pausing": (1,),
            "attr": tuple(range(10)),
            "stream": (1, 2, 3, 4),
            "hook": (1, 2, 3),
        }
        if kind == "nap":
            return (rng.choice((10, 300, 2500)),)
        return (key, rng.choice(numbers[kind])) if kind in numbers else (key,)

    def _key(self, prefix: str) -> str:
        return f"{prefix}{next(self._numbers)}"


def _asked(grammar: Grammar, rng: Random, number: int) -> Asked:
    deeds = []
    if rng.random() < 0.15:
        deeds.append(Deed(rng.choice(("cancel", "cancel", "force")), rng.randint(0, 3000)))
    if rng.random() < 0.15:
        deeds.append(Deed("pause", rng.randint(0, 2000), rng.randint(10, 3000)))
    return Asked(
        name=f"r{number}",
        node=grammar.node(rng.randint(1, 7)),
        chapters=rng.choice((0, 0, 0, 0, 1, 2)),
        queue=rng.choice((None, None, "one", "two")),
        at_ms=rng.choice((0, 0, 500)),
        deeds=tuple(deeds),
    )


def _faults(rng: Random, workers: int) -> list[Fault]:
    faults = []
    for _ in range(rng.randint(0, LOSING_MAX)):
        kind, place = rng.choice(LOSING), rng.randrange(workers)
        if kind == "jump":
            by = rng.choice((-60_000, -2000, -300, 200, 2500, 5000, 60_000))
            faults.append(Fault(kind, CLIENT, rng.randint(0, 6000), by))
        elif kind == "hold":
            faults.append(Fault(kind, place, rng.randint(1, 400), rng.choice((500, 3500, 8000))))
        else:
            most = 500 if kind == "crash_turn" else 60
            faults.append(Fault(kind, place, rng.randint(1, most)))
    for _ in range(rng.randint(0, 6)):
        place = rng.randrange(-1, workers)
        by = rng.choice((5, 100, 1000, 4000))
        faults.append(Fault(rng.choice(CALLS), place, rng.randint(1, 60), by))
    faults += [
        Fault(rng.choice(TIMED), rng.randrange(workers), rng.randint(0, 5000))
        for _ in range(rng.randint(0, 3))
    ]
    return faults
