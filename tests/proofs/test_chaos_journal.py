"""The journal of the chaos would show a limit that was exceeded."""

from __future__ import annotations

from tests.proofs.chaos.journal import LIMITS, gates_of, queue_of, read, user_of

NARROW = [1, 5, 9, 13]
"""Runs in the queue `narrow`, one more than it lets pass."""


def entered(number: int, part: int = 0, pid: int = 10) -> str:
    return f"enter {pid} body-{pid}-{number}-{part} {number} {part}"


def left(number: int, part: int = 0, pid: int = 10) -> str:
    return f"exit {pid} body-{pid}-{number}-{part} {number} {part}"


def test_one_too_many_is_found() -> None:
    assert {queue_of(number) for number in NARROW} == {"narrow"}
    found = read([entered(number) for number in NARROW])
    assert found.exceeded() == ["narrow"]
    assert found.most == {"narrow": LIMITS["narrow"] + 1}


def test_whoever_left_makes_room() -> None:
    found = read([*map(entered, NARROW[:3]), left(1), entered(13)])
    assert found.exceeded() == []


def test_the_killed_make_room_from_the_line_on_that_says_so() -> None:
    alive = [entered(number, pid=11) for number in NARROW[1:]]
    found = read([entered(1), "killed 10", *alive])
    assert (found.exceeded(), found.killed_inside) == ([], 1)
    assert found.busy == {11}
    assert read([entered(1), *alive, "killed 10"]).exceeded() == ["narrow"]


def test_a_run_and_its_successor_are_one() -> None:
    """A body whose worker was given up goes on for a moment beside that of the next owner."""
    again = entered(1, pid=11)
    found = read([*map(entered, NARROW[:3]), again])
    assert (found.exceeded(), found.bodies[1, 0]) == ([], 2)


def test_users_are_counted_apart_and_steps_beside_queues() -> None:
    ours = [number for number in range(60) if queue_of(number) == "keyed"]
    same = [number for number in ours if user_of(number) == user_of(ours[0])]
    assert read([entered(ours[0]), entered(ours[1])]).exceeded() == []
    assert read([entered(same[0]), entered(same[1])]).exceeded() == [gates_of(same[0], 0)[0]]
    free = [number for number in range(60) if not queue_of(number)]
    assert read([entered(number, part=2) for number in free[:5]]).exceeded() == ["pour"]
