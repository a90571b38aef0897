"""Options and filters that cannot be are refused by name, value and accepted forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.runtime.flows import FLOWS
from tests.runtime.house import House
from wfc.api import list_runs, start
from wfc.errors import LimitExceeded, OptionInvalid
from wfc.runtime.starting import StartOptions

NAIVE = datetime(2031, 1, 1)  # noqa: DTZ001 - that it has no zone is the case


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("id", 5, "is of the type int, and a text is wanted"),
        ("id", "a b", "1 to 200 letters"),
        ("version", 7, "text is wanted"),
        ("priority", "x", "a whole number from -100 to 100 is wanted"),
        ("priority", 1.5, "a whole number"),
        ("priority", True, "a whole number"),
        ("priority", 101, "-100 to 100 are allowed"),
        ("at", NAIVE, "has no time zone"),
        ("at", "tomorrow", "an aware datetime is wanted"),
        ("delay", "soon", "Accepted forms"),
        ("delay", -1, "is negative"),
        ("delay", NAIVE, "a duration is wanted"),
        ("timeout", [], "Accepted forms"),
        ("retention", "for ever", 'Or "never", to keep it for ever.'),
        ("retention", -1, "is negative"),
        ("attributes", "x", "a mapping of names"),
        ("attributes", {1: 2}, "is no text"),
        ("attributes", {"a": object}, "must be text, a number or a truth value"),
        ("attributes", {"a": math.nan}, "finite number"),
    ],
)
def test_an_option_of_start_that_cannot_be(option: str, value: Any, says: str) -> None:
    """Before anything is opened, by a code of the catalogue."""
    with pytest.raises(OptionInvalid) as caught:
        start.options(**{option: value})
    assert caught.value.code == "WFC954"
    assert str(caught.value).startswith(f"`{option}` = ")
    assert says in str(caught.value)


def test_what_is_too_much_is_told_by_its_limit() -> None:
    """A number beyond 64 bits cannot be searched for."""
    with pytest.raises(LimitExceeded, match="the attribute 'a' is a number of 71 bits") as caught:
        start.options(attributes={"a": 1 << 70})
    assert caught.value.code == "WFC461"


def test_options_are_those_of_the_call() -> None:
    """Who changes a mapping afterwards changes no run that is started later."""
    given = {"tier": "free"}
    options = StartOptions(attributes=given)
    given["tier"] = "paid"
    assert options.attributes == {"tier": "free"}
    with pytest.raises(OptionInvalid, match="give one of them"):
        start.options(delay="1h", at=datetime(2031, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("since", NAIVE, "has no time zone"),
        ("until", "2h", "an aware datetime is wanted"),
        ("status", "complete", "Did you mean 'completed'?"),
        ("status", 5, "There are: "),
        ("version", 5, "a text is wanted"),
        ("queue", 5, "a text is wanted"),
        ("parent", 5, "a text is wanted"),
        ("attributes", [1], "a mapping of names"),
    ],
)
async def test_a_filter_that_cannot_be(name: str, value: Any, says: str) -> None:
    """A naive time could be taken for another; nothing is guessed, and no world is opened."""
    listing: Callable[..., Any] = list_runs
    with pytest.raises(OptionInvalid) as caught:
        await listing(**{name: value})
    assert str(caught.value).startswith(f"`{name}` = ")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        (5, "a text is wanted"),
        (["late"], "a text is wanted"),
        ("\ud800", "half of a character"),
        ("x" * 16385, "has 16,385 bytes, and 16,384 are allowed"),
    ],
    ids=["number", "list", "surrogate", "long"],
)
async def test_a_reason_is_a_text_that_a_log_can_keep(house: House, reason: Any, says: str) -> None:
    """Nothing is written for one that is not."""
    run = await house.start(FLOWS.waits, 1)
    for ask in (run.cancel, run.pause):
        with pytest.raises(OptionInvalid, match=says):
            await ask(reason)
    assert await house.log(run) == ["run_created"]


@pytest.mark.parametrize("ids", ["sleep~1#0", 5, [5]])
async def test_what_is_woken_is_named_by_ids(house: House, ids: Any) -> None:
    """One text is no list: each of its letters would be a name."""
    run = await house.start(FLOWS.waits, 1)
    with pytest.raises(OptionInvalid, match="`wait_ids` = "):
        await run.wake_up(ids)
    changes: Any = 5
    with pytest.raises(OptionInvalid, match="`changes` = 5 is no mapping"):
        await run.set_attributes(changes)
