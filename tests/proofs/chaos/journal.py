"""What the journal of step bodies says: how many ran, and whether ever too many at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

POUR: Final = 2
"""The part of a run whose step has a limit of its own."""
QUEUES: Final = ("", "narrow", "keyed", "active")
USERS: Final = 5
LIMITS: Final[Mapping[str, int]] = {"narrow": 3, "keyed": 1, "active": 2, "pour": 4}
"""As the project of the proof sets them."""


def queue_of(number: int) -> str:
    """Give the queue of a run; empty: it is in none."""
    return QUEUES[number % len(QUEUES)]


def user_of(number: int) -> str:
    """Give the user by whom the queue `keyed` counts."""
    return f"user{number // len(QUEUES) % USERS}"


def gates_of(number: int, part: int) -> list[str]:
    """Name the limits that hold for a body."""
    queue = queue_of(number)
    gates = [f"{queue} {user_of(number)}" if queue == "keyed" else queue] if queue else []
    return [*gates, "pour"] if part == POUR else gates


@dataclass(slots=True)
class Read:
    """What a journal says."""

    bodies: Counter[tuple[int, int]] = field(default_factory=Counter)
    """How often the body of each part of each run began."""
    most: Counter[str] = field(default_factory=Counter)
    """The most runs that were inside each gate at once."""
    killed_inside: int = 0
    busy: set[int] = field(default_factory=set)
    """The processes in which a body is under way at the end."""

    def exceeded(self) -> list[str]:
        """Name the gates that too many had passed."""
        return [gate for gate, most in self.most.items() if most > LIMITS[gate.partition(" ")[0]]]


def read(lines: Iterable[str]) -> Read:
    """Go through a journal in the order in which it was written.

    A body lies wholly within the time for which its run or its attempt holds the slot. One that
    was killed is over by the line that says so. Two bodies of one run are one that had been given
    up and its successor, which took over its slot.
    """
    found = Read()
    inside: dict[str, tuple[str, int, int]] = {}
    for line in lines:
        word, pid, *rest = line.split()
        if word == "killed":
            gone = [body for body, (owner, _, _) in inside.items() if owner == pid]
            found.killed_inside += len(gone)
            for body in gone:
                del inside[body]
            continue
        body, number, part = rest[0], int(rest[1]), int(rest[2])
        if word == "exit":
            del inside[body]
            continue
        inside[body] = pid, number, part
        found.bodies[number, part] += 1
        _count(found, inside.values(), gates_of(number, part))
    found.busy = {int(pid) for pid, _, _ in inside.values()}
    return found


def _count(found: Read, inside: Iterable[tuple[str, int, int]], gates: Iterable[str]) -> None:
    bodies = list(inside)
    for gate in gates:
        runs = {number for _, number, part in bodies if gate in gates_of(number, part)}
        found.most[gate] = max(found.most[gate], len(runs))
