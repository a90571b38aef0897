"""A run moves to another version exactly if its history allows it, and goes on there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upgrade.moving import Steps, Tale, built, steps_in
from wfc import codec
from wfc.manifests.levels import Level
from wfc.runtime.operations import Completed
from wfc.runtime.verdict import Answer

HEAD = """
import asyncio
from wfc import changed, sleep

async def charge(order: str, cents: int) -> str:
    "use step"
    return f"{order}:{cents}"

async def ship(order: str) -> str:
    "use step"
    return order

async def notify(order: str) -> str:
    "use step"
    return order

"""
OLD = (
    HEAD
    + """
async def flow(order: str) -> list:
    "use workflow"
    paid = await charge(order, 4200)
    await sleep("1 day")
    sent = await ship(order)
    return [paid, sent]
"""
)
STEPS: Steps = {
    "charge": lambda order, cents: f"{order}:{cents}",
    "ship": lambda order: f"shipped {order}",
    "notify": lambda order: f"told {order}",
}


def tale(new: str, old: str = OLD, **options: Any) -> Tale:
    return Tale(built(old), built(new), "o-1", steps=STEPS, **options)


def test_the_history_is_what_a_worker_writes() -> None:
    """Created, started, a step, a wait that begins and ends, a step, the end."""
    names = [one.event.name for one in tale(OLD).history]
    assert names == [
        "run_created", "run_started", "step_completed", "wait_created", "wait_completed",
        "step_completed", "run_completed",
    ]  # fmt: skip


def test_nothing_changed() -> None:
    """The same bundle: every open run moves without an event, the ended one stays."""
    story = tale(OLD.replace("return order\n", "return order  # as it is\n"))
    assert story.letters() == "MMMMMS"
    assert story.judged(3).event is None
    assert story.judged(3).verdict.level is Level.IDENTICAL


def test_a_step_is_added_behind() -> None:
    """Runs before it move; one that has called the step behind it has another order."""
    new = OLD.replace("    return [paid, sent]", "    await notify(order)\n    return [paid, sent]")
    story = tale(new)
    assert story.letters() == "MMMMMS"
    driver, outcome = story.finished(5)
    assert isinstance(outcome, Completed)
    assert steps_in(driver.history) == ["charge", "ship", "notify"]
    assert [word for word, _ in driver.calls] == ["ship", "notify"]


def test_a_step_is_added_before_what_was_recorded() -> None:
    """Runs that are past it stay: the new code asks for something else first."""
    new = OLD.replace("    sent = await", "    await notify(order)\n    sent = await")
    story = tale(new)
    assert story.letters() == "MMMMSS"
    verdict = story.judged(6).verdict
    assert verdict.answer is Answer.STAY
    assert verdict.divergence is not None
    assert (verdict.divergence.rule, verdict.divergence.position) == ("WFC651", 6)
    assert "recorded app.flows:ship, the new code asks for app.flows:notify" in (
        verdict.reasons[0].sentence
    )
    assert verdict.divergence.old_span is not None
    driver, outcome = story.finished(4)
    assert isinstance(outcome, Completed)
    assert [word for word, _ in driver.calls] == ["notify", "ship"]


def test_an_argument_changed() -> None:
    """The run that made the call stays, and may move if somebody accepts what was recorded."""
    story = tale(OLD.replace("4200", "4300"))
    assert story.letters() == "MSSSSS"
    verdict = story.judged(3).verdict
    assert verdict.divergence is not None
    assert verdict.divergence.rule == "WFC653"
    assert "4200" in verdict.divergence.difference
    assert "4300" in verdict.divergence.difference
    assert verdict.waivable == {"inputs"}
    driver, outcome = story.finished(4, accept=["inputs"])
    assert isinstance(outcome, Completed)
    assert codec.decode(outcome.output) == ["o-1:4200", "shipped o-1"]
    assert driver.calls == [("ship", {"order": "o-1"})]


def test_calls_in_an_if_are_known_again() -> None:
    """A new `if` renames the sites, and the map leads from the old names to the new."""
    new = OLD.replace(
        "    sent = await ship(order)",
        "    if order:\n        sent = await ship(order)\n    else:\n        sent = None",
    )
    story = tale(new)
    assert story.letters() == "MMMMMS"
    driver, outcome = story.finished(6)
    assert isinstance(outcome, Completed)
    assert driver.calls == []


def test_a_wait_that_is_gone_is_withdrawn() -> None:
    """While it waits; a wait that is over has its place no more."""
    story = tale(OLD.replace('    await sleep("1 day")\n', ""))
    assert story.letters() == "MMMSSS"
    found = story.judged(4)
    assert found.event is not None
    assert len(found.event.withdrawn) == 1
    driver, outcome = story.finished(4)
    assert isinstance(outcome, Completed)
    assert [word for word, _ in driver.calls] == ["ship"]


def test_a_wait_keeps_its_deadline() -> None:
    """Another length is a note, not a refusal."""
    story = tale(OLD.replace('"1 day"', '"9 days"'))
    assert story.letters() == "MMMMMS"
    assert [one.code for one in story.judged(4).verdict.notes] == ["WFC672"]


def test_a_gather_makes_the_later_call_now() -> None:
    """A run that waits behind the first calls the second at once."""
    old = (
        HEAD
        + """
async def flow(order: str) -> list:
    "use workflow"
    paid = await charge(order, 4200)
    sent = await ship(order)
    return [paid, sent]
"""
    )
    new = old.replace(
        "    paid = await charge(order, 4200)\n    sent = await ship(order)\n",
        "    paid, sent = await asyncio.gather(charge(order, 4200), ship(order))\n",
    )
    story = tale(new, old)
    assert story.letters() == "MMMS"
    driver, outcome = story.finished(3)
    assert isinstance(outcome, Completed)
    assert [word for word, _ in driver.calls] == ["ship"]


@pytest.mark.parametrize("there", [3, 4, 5])
def test_a_run_goes_back_and_forth(there: int) -> None:
    """v1 to v2 and back: names are read through both maps, and nothing is called twice."""
    new = OLD.replace(
        "    sent = await ship(order)",
        "    if order:\n        sent = await ship(order)\n    else:\n        sent = None",
    ).replace("    paid = await charge", "    if order:\n        paid = await charge")
    story = tale(new)
    first = story.judged(there)
    assert first.event is not None
    history = list(story.history[:there])
    story.driver.history[:] = history
    story.driver.write(first.event)
    back = story.judged(0, history=story.history, to=story.old)
    assert back.verdict, back.verdict.reasons
    driver, outcome = story.gone_on(list(story.history), back, to=story.old)
    assert isinstance(outcome, Completed)
    assert steps_in(driver.history) == ["charge", "ship"]
    assert [word for word, _ in driver.calls] == ["ship"]


def moved(story: Tale, found: Any, length: int) -> list[Any]:
    """Give the history of a run that moved, and did nothing since."""
    del story.driver.history[length:]
    story.driver.write(found.event)
    return list(story.history)


def test_what_merely_reads_otherwise_is_compared_again() -> None:
    """A renamed parameter means the same at the first move; at the next its value is another."""
    hinted = "charge(\n    order: str,\n    sum: int,  # wfc: was[cents]\n)"
    new = OLD.replace("charge(order: str, cents: int)", hinted)
    story = tale(new)
    found = story.judged(3)
    assert found.event is not None
    assert (found.event.unequal, found.event.accepted) == ((3,), ())
    history = moved(story, found, 3)
    third = built(new.replace("4200", "4300"))
    story.code.add(third)
    verdict = story.judged(0, history=history, to=third).verdict
    assert verdict.answer is Answer.STAY
    assert verdict.reasons[0].code == "WFC653"


def test_what_was_accepted_stands_at_later_moves() -> None:
    """Somebody has decided that the recorded call stands, whatever would be asked now."""
    story = tale(OLD.replace("4200", "4300"))
    found = story.judged(3, accept=["inputs"])
    assert found.event is not None
    assert found.event.accepted == (3,)
    history = moved(story, found, 3)
    third = built(OLD.replace("4200", "4400"))
    story.code.add(third)
    assert story.judged(0, history=history, to=third).verdict
    other = built(OLD.replace("charge(order, 4200)", "notify(order)"))
    story.code.add(other)
    refused = story.judged(0, history=history, to=other).verdict
    assert refused.reasons[0].code == "WFC651"


def test_what_is_offered_where_a_run_does_not_move() -> None:
    """An open run is cancelled before it is begun anew, and what is gone cannot be begun at all."""
    stays = tale(OLD.replace("4200", "4300")).judged(3).verdict
    (again,) = [one for one in stays.offers if one.name == "rerun"]
    assert again.command == f"wfc upgrade run_1 --to {stays.to_version} --otherwise rerun"
    gone = tale(OLD.replace("async def flow", "async def other")).judged(3).verdict
    assert gone.offers == ()
