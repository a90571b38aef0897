"""A batch may be written exactly if its events may follow one after the other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.eventlog.test_fold import BEGUN, RELEVANT, completed, failed
from wfc.errors import IllegalEvent
from wfc.eventlog.event import Event
from wfc.eventlog.legality import Legality
from wfc.eventlog.standing import Standing


def begun() -> Legality:
    law = Legality()
    for event in BEGUN:
        law.note(event)
        law.length += 1
    return law


def picture(law: Legality) -> dict[str, Any]:
    held = {name: getattr(law, name) for name in Standing.__slots__}
    return {name: dict(value) if isinstance(value, dict) else value for name, value in held.items()}


def refusal(law: Legality, events: list[Event]) -> str | None:
    """Take events one by one; give the first refusal."""
    for event in events:
        try:
            counts = law.check(event)
        except IllegalEvent as error:
            return str(error)
        if counts:
            law.note(event)
        law.length += 1
    return None


@given(st.lists(RELEVANT, max_size=12), st.lists(RELEVANT, max_size=6))
def test_a_batch_is_judged_as_its_events_one_by_one(
    before: list[Event], batch: list[Event]
) -> None:
    """Whatever came before; and judging changes nothing."""
    law, other = begun(), begun()
    for event in before:
        if refusal(law, [event]) is None:
            assert refusal(other, [event]) is None
    known = picture(law)
    expected = refusal(other, batch)
    if expected is None:
        law.check_all(batch)
    else:
        with pytest.raises(IllegalEvent) as refused:
            law.check_all(batch)
        assert str(refused.value) == expected
    assert picture(law) == known


def test_what_was_legal_is_judged_anew_after_another_event() -> None:
    """An owner that was behind: what it was about to write may follow no longer."""
    law = begun()
    first, second = completed(first=True), failed(first=True)
    law.check_all([first])
    assert law.check(first)
    law.note(second)
    with pytest.raises(IllegalEvent, match="failed"):
        law.check(first)
    with pytest.raises(IllegalEvent, match="failed"):
        law.check_all([first])


def test_the_tables_of_two_runs_are_apart() -> None:
    """Runs without waits, hooks and children share one empty table, which nobody writes to."""
    laws = [begun(), begun()]
    refusal(laws[0], [event for event in SAMPLES if refusal(begun(), [event]) is None])
    assert picture(laws[1]) == picture(begun())
    assert laws[1].waits is begun().waits


SAMPLES: list[Event] = list(RELEVANT.elements)  # type: ignore[attr-defined]  # of `sampled_from`
