"""A failed run goes on where it failed: on better code, or on the same once an outage is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.upgrade.moving import Driver, Tale, built, steps_in
from wfc import codec
from wfc.errors import Diverged, FatalError
from wfc.eventlog.event import (
    Event,
    FailureKind,
    Recorded,
    RunCancelled,
    RunCancelRequested,
    RunCompleted,
    RunFailed,
    StepCompleted,
    StepFailed,
)
from wfc.eventlog.fold import fold
from wfc.runtime.judging import Judged
from wfc.runtime.operations import Completed, Failed
from wfc.runtime.verdict import Answer

HEAD = """
import asyncio
from wfc import sleep

async def charge(order: str) -> str:
    "use step"

async def ship(order: str) -> str:
    "use step"

async def flow(order: str) -> list:
    "use workflow"
"""


def program(body: str) -> str:
    return HEAD + "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))


def failing(times: int) -> Callable[..., str]:
    """Make a step that fails so many times, for good each time."""
    left = iter(range(times))

    def step(order: str) -> str:
        if next(left, None) is not None:
            raise ValueError(f"no {order}")
        return f"paid {order}"

    return step


def tale(old: str, new: str | None = None, **steps: Callable[..., Any]) -> Tale:
    known = {"charge": failing(0), "ship": lambda order: f"sent {order}", **steps}
    return Tale(built(program(old)), built(program(new or old)), "o-1", steps=known)


def revived(story: Tale, **options: Any) -> tuple[Judged, Driver, Any]:
    """Move the run at the end of its log, and run on."""
    length = len(story.history)
    found = story.judged(length, **options)
    assert found.verdict.answer is Answer.MOVE, found.verdict.reasons
    assert found.event is not None
    driver, outcome = story.gone_on(list(story.history), found, to=options.get("to"))
    return found, driver, outcome


def value_of(outcome: Any) -> Any:
    assert isinstance(outcome, Completed), outcome
    return codec.decode(outcome.output)


PAY_AND_SHIP = "return [await charge(order), await ship(order)]"


# --- the code was wrong --------------------------------------------------------------------------


def test_a_mistake_of_the_code_is_mended() -> None:
    """What was done before it stands, and what comes behind it is done now."""
    story = tale(
        'paid = await charge(order)\nreturn [paid["amount"], await ship(order)]',
        "paid = await charge(order)\nreturn [paid, await ship(order)]",
    )
    assert isinstance(story.outcome, Failed)
    found, driver, outcome = revived(story)
    assert found.event is not None
    assert found.event.retracted == ()
    assert value_of(outcome) == ["paid o-1", "sent o-1"]
    assert [word for word, _ in driver.calls] == ["ship"]


def test_a_result_of_another_type_is_accepted() -> None:
    """A codec error: the annotation was wrong, and says now what the step gives."""
    text = program(PAY_AND_SHIP)
    wrong = text.replace("charge(order: str) -> str", "charge(order: str) -> int")
    story = Tale(
        built(wrong), built(text), "o-1",
        steps={"charge": failing(0), "ship": lambda order: order},
    )  # fmt: skip
    assert isinstance(story.outcome, Failed)
    _, driver, outcome = revived(story)
    assert value_of(outcome) == ["paid o-1", "o-1"]
    assert [word for word, _ in driver.calls] == ["ship"]


def test_a_deadlock_is_resolved() -> None:
    """Code that waits for nobody fails, and goes on once it waits for somebody."""
    story = tale(
        "paid = await charge(order)\nawait asyncio.Event().wait()\nreturn [paid]",
        "paid = await charge(order)\nreturn [paid]",
    )
    assert isinstance(story.outcome, Failed)
    assert story.outcome.kind is FailureKind.DEADLOCK
    _, driver, outcome = revived(story)
    assert value_of(outcome) == ["paid o-1"]
    assert driver.calls == []


@pytest.mark.parametrize(
    "kind",
    [
        FailureKind.USER, FailureKind.DIVERGENCE, FailureKind.DEADLOCK, FailureKind.CODEC,
        FailureKind.LIMIT, FailureKind.POISON,
    ],
)  # fmt: skip
def test_every_failure_of_our_own_can_be_revived(kind: FailureKind) -> None:
    """The run failed half way, for a reason that the code does not show any more."""
    story = tale(PAY_AND_SHIP)
    failure = RunFailed(error=codec.encode_error(Diverged("x")), kind=kind)
    cut(story, 3, failure)
    found, driver, outcome = revived(story, to=story.old)
    assert found.event is not None, "a failure is taken back by an event, even on equal code"
    assert value_of(outcome) == ["paid o-1", "sent o-1"]
    assert [word for word, _ in driver.calls] == ["ship"]


def cut(story: Tale, length: int, *events: Event) -> None:
    """Let the run have come to something else behind some event."""
    del story.driver.history[length:]
    story.driver.write(*events)


# --- a step was out of order ---------------------------------------------------------------------


def test_the_outage_is_over() -> None:
    """On the same version: the step that failed for good is tried again, and its numbers go on."""
    story = tale(PAY_AND_SHIP, charge=failing(1))
    assert isinstance(story.outcome, Failed)
    found, driver, outcome = revived(story, to=story.old)
    assert found.event is not None
    assert [name.partition("~")[0] for name in found.event.retracted] == ["charge"]
    assert value_of(outcome) == ["paid o-1", "sent o-1"]
    attempts = [
        one.event.attempt
        for one in driver.history
        if isinstance(one.event, StepFailed | StepCompleted) and "charge" in one.event.operation_id
    ]
    assert attempts == [1, 2]


def test_it_fails_once_more_and_is_revived_once_more() -> None:
    """Each revival takes back the failure that it found, and only that."""
    story = tale(PAY_AND_SHIP, charge=failing(2))
    _, driver, outcome = revived(story, to=story.old)
    assert isinstance(outcome, Failed)
    story.driver.history[:] = driver.history
    found, driver, outcome = revived(story, to=story.old)
    assert value_of(outcome) == ["paid o-1", "sent o-1"]
    assert found.event is not None
    assert len(found.event.retracted) == 1
    assert fold(driver.history).step(found.event.retracted[0]).attempt == 3  # type: ignore[union-attr]


def test_a_failure_stands_if_nobody_wants_it_retried() -> None:
    """The run moves, and fails again at once: a note says so."""
    story = tale(PAY_AND_SHIP, charge=failing(1))
    found, driver, outcome = revived(story, to=story.old, retry_failed=False)
    assert isinstance(outcome, Failed)
    assert found.event is not None
    assert found.event.retracted == ()
    assert [one.code for one in found.verdict.notes] == ["WFC674"]
    assert driver.calls == []


def test_new_code_may_catch_a_failure_that_stands() -> None:
    """Without a retry: what failed has failed, and the new code knows what to do then."""
    story = tale(
        PAY_AND_SHIP,
        "try:\n    paid = await charge(order)\nexcept ValueError:\n    paid = None\n"
        "return [paid, await ship(order)]",
        charge=failing(1),
    )
    _, driver, outcome = revived(story, retry_failed=False)
    assert value_of(outcome) == [None, "sent o-1"]
    assert [word for word, _ in driver.calls] == ["ship"]


def test_a_failure_that_was_caught_stands() -> None:
    """The code has gone on with it, so taking it back would change what happened."""
    old = (
        "try:\n    paid = await charge(order)\nexcept ValueError as error:\n    paid = str(error)\n"
        "sent = await ship(order)\n"
    )
    wrong, right = "return [paid, sent.nothing]", "return [paid, sent]"
    story = tale(old + wrong, old + right, charge=failing(9))
    found, driver, outcome = revived(story)
    assert found.event is not None
    assert found.event.retracted == ()
    assert value_of(outcome) == ["no o-1", "sent o-1"]
    assert driver.calls == []


def test_the_cause_is_found_behind_another_error() -> None:
    """`raise ... from`: the step's failure is the cause of what ended the run."""
    story = tale(
        "try:\n    paid = await charge(order)\nexcept ValueError as error:\n"
        '    raise RuntimeError("no luck") from error\nreturn [paid]',
        charge=failing(1),
    )
    found, _, outcome = revived(story, to=story.old)
    assert found.event is not None
    assert len(found.event.retracted) == 1
    assert value_of(outcome) == ["paid o-1"]


GROUP = """
async with asyncio.TaskGroup() as group:
    one = group.create_task(charge(order))
    two = group.create_task({other})
return [one.result(), two.result()]
"""


@pytest.mark.parametrize("other", ["ship(order)", 'sleep("1 day", "sent o-1")'])
def test_what_the_failure_took_along_is_taken_back_too(other: str) -> None:
    """A sibling of the step that failed was given up, and is asked for anew."""
    if other.startswith("sleep"):
        other = 'sleep("1 day")'
    story = tale(GROUP.format(other=other), charge=failing(1))
    assert isinstance(story.outcome, Failed)
    found, _, outcome = revived(story, to=story.old)
    assert found.event is not None
    assert len(found.event.retracted) == 2
    assert value_of(outcome)[0] == "paid o-1"


def test_failing_again_at_once_is_no_contradiction() -> None:
    """The new code raises where the old one did: the run moves, and a note says what follows."""
    body = "paid = await charge(order)\nraise KeyError(paid{more})"
    story = tale(body.format(more=""), body.format(more=" + '!'"))
    found, driver, outcome = revived(story)
    assert [one.code for one in found.verdict.notes] == ["WFC674"]
    assert isinstance(outcome, Failed)
    assert driver.calls == []


def test_raising_earlier_than_the_old_code_is_one() -> None:
    """What was recorded behind it would have no place."""
    story = tale(
        "paid = await charge(order)\nsent = await ship(order)\nraise KeyError(paid, sent)",
        "paid = await charge(order)\nraise KeyError(paid)",
    )
    verdict = story.judged(len(story.history)).verdict
    assert verdict.answer is Answer.STAY
    assert verdict.reasons[0].code == "WFC657"


# --- what is over --------------------------------------------------------------------------------


def ends() -> Iterator[Any]:
    error = codec.encode_error(FatalError("too late"))
    yield pytest.param([RunCompleted(output=codec.encode([], path="output"))], id="completed")
    yield pytest.param([RunCancelRequested(reason="x"), RunCancelled(reason="x")], id="cancelled")
    yield pytest.param([RunFailed(error=error, kind=FailureKind.TIMEOUT)], id="timed-out")


@pytest.mark.parametrize("events", list(ends()))
def test_what_is_over_stays(events: list[Event]) -> None:
    """Nothing is lost by that; another run can be made of it."""
    story = tale(PAY_AND_SHIP)
    cut(story, 4, *events)
    for version in (story.old, story.new):
        verdict = story.judged(len(story.history), to=version).verdict
        assert verdict.answer is Answer.STAY
        assert [one.code for one in verdict.reasons] == ["WFC680"]
        assert {one.name for one in verdict.offers} >= {"rerun", "fork"}


def test_a_revived_run_moves_on_like_any_other() -> None:
    """Its history holds the failure, which later moves skip as well."""
    story = tale(PAY_AND_SHIP, charge=failing(1))
    found, driver, _ = revived(story, to=story.old)
    at = driver.history.index(next(one for one in driver.history if one.event is found.event))
    assert found.event is not None
    for length in range(at + 1, len(driver.history)):
        history: list[Recorded] = driver.history[:length]
        again = story.judged(0, history=history, to=story.new)
        assert again.verdict, again.verdict.reasons
        later, outcome = story.gone_on(list(history), again)
        assert value_of(outcome) == ["paid o-1", "sent o-1"]
        assert steps_in(later.history) == ["charge", "ship"]


def test_a_run_that_is_about_to_fail_moves_and_fails() -> None:
    """Between a step's failure and the run's a worker may die; code proven alike fails likewise."""
    body = "return [await charge(order)]"
    story = tale(body, charge=failing(1))
    alike = program(body).replace("charge(order: str)", "charge(order: str, cents: int = 0)")
    new = built(alike)
    story.code.add(new)
    history = story.history[:3]
    assert isinstance(history[-1].event, StepFailed)
    found = story.judged(0, history=history, to=new)
    assert found.verdict, found.verdict.reasons
    assert [one.code for one in found.verdict.notes] == ["WFC674"]
    _, outcome = story.gone_on(list(history), found, to=new)
    assert isinstance(outcome, Failed)
