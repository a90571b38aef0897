"""A run that has started children moves if the new code starts the same ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upgrade.moving import Tale, built
from wfc.runtime.operations import Completed
from wfc.runtime.verdict import Answer

HEAD = """
from wfc import start

async def add(left: int, right: int) -> int:
    "use step"
    return left + right

async def child(number: int) -> int:
    "use workflow"
    return number

async def other(number: int) -> int:
    "use workflow"
    return number

CHILD = child

"""
OLD = (
    HEAD
    + """
async def flow(number: int) -> int:
    "use workflow"
    run = await start(CHILD, number)
    found = await run.result()
    return await add(found, 1)
"""
)
STEPS: dict[str, Any] = {
    "add": lambda left, right: left + right,
    "child": lambda: 7,
    "other": lambda: 8,
}


def tale(new: str) -> Tale:
    return Tale(built(OLD), built(new), 3, steps=STEPS)


def test_the_same_child_is_heard_by_the_new_code() -> None:
    """Whatever the code makes of its result."""
    story = tale(OLD.replace("add(found, 1)", "add(found + 10, 1)"))
    assert [one.event.name for one in story.history] == [
        "run_created", "run_started", "child_created", "child_completed", "step_completed",
        "run_completed",
    ]  # fmt: skip
    assert story.letters() == "MMMSS"
    _, outcome = story.finished(3)
    assert isinstance(outcome, Completed)


@pytest.mark.parametrize(
    ("new", "rule", "waiver"),
    [
        (OLD.replace("CHILD = child", "CHILD = other"), "WFC652", None),
        (OLD.replace("start(CHILD, number)", "start(CHILD, number + 1)"), "WFC653", "inputs"),
        (
            OLD.replace("    run = await start(CHILD, number)\n", "").replace(
                "await run.result()", "number"
            ),
            "WFC651",
            "children",
        ),
    ],
)
def test_an_open_child_is_held_against_the_new_code(
    new: str, rule: str, waiver: str | None
) -> None:
    """Another workflow, other arguments, no child; what can be accepted is."""
    story = tale(new)
    verdict = story.judged(3).verdict
    assert verdict.answer is Answer.STAY
    assert verdict.divergence is not None
    assert verdict.divergence.rule == rule
    assert verdict.waivable == ({waiver} if waiver else set())
    if waiver is not None:
        _, outcome = story.finished(3, accept=[waiver])
        assert isinstance(outcome, Completed)


def test_a_result_that_does_not_fit_is_seen() -> None:
    """The recorded output is read as the new code annotates the child."""
    story = tale(OLD.replace("child(number: int) -> int", "child(number: int) -> list[int]"))
    verdict = story.judged(4).verdict
    assert verdict.divergence is not None
    assert verdict.divergence.rule == "WFC654"
