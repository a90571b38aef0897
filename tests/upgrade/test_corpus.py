"""Every row of the table of edits, with real programs: levels, codes, answers, and the runs that
move go on to their end with what was recorded.
"""

from __future__ import annotations

import asyncio
from functools import cache

import pytest

from tests.upgrade.corpus import Pair, bare, pairs
from tests.upgrade.moving import Tale
from tests.upgrade.oracle import deeds_of, listening, unmatched
from wfc import codec
from wfc.eventlog.event import FailureKind
from wfc.manifests.levels import Level
from wfc.runtime.operations import Completed, Failed
from wfc.runtime.verdict import Answer

PAIRS = pairs()
LATER = {
    44: "durable agents are not built yet",
    45: "durable agents are not built yet",
    61: "durable agents are not built yet",
    62: "durable agents are not built yet",
    67: "a manifest or bundle that cannot be had is no pair of programs",
}
"""Rows of the table that no pair of programs can show today, and why."""


@cache
def tale(pair: Pair) -> Tale:
    return pair.tale()


each = pytest.mark.parametrize("pair", PAIRS, ids=[one.name for one in PAIRS])


def test_every_row_of_the_table_is_there() -> None:
    """All 67, but for those that wait for another part of the house; and at least 130 pairs."""
    rows = {pair.row for pair in PAIRS}
    assert rows | LATER.keys() == set(range(1, 68))
    assert not rows & LATER.keys(), "a row has come to life: strike it from the list"
    assert len(PAIRS) >= 130


@each
def test_what_a_comparison_says(pair: Pair) -> None:
    """Its level, and the codes of what is worst."""
    story = tale(pair)
    edit = asyncio.run(story.code.edit(pair.old.id, pair.new.id, story.workflow))
    assert edit is not None
    compared = edit.compared
    assert compared.level == Level(pair.level), [one.reason.sentence for one in compared.findings]
    worst = {one.reason.code for one in compared.findings if one.level is compared.level}
    assert set(pair.codes) <= worst, [one.reason.sentence for one in compared.findings]


@each
def test_which_runs_move(pair: Pair) -> None:
    """One letter for each length of the history; what is proven for all moves all."""
    story = tale(pair)
    letters = story.letters()
    assert letters == pair.answers, refusals(story)
    refused = {
        reason.code
        for length in range(2, len(story.history))
        if (verdict := story.judged(length).verdict).answer is Answer.STAY
        for reason in verdict.reasons[:1]
    }
    assert refused <= set(pair.rules)
    assert bool(refused) == bool(pair.rules)
    if Level(pair.level) <= Level.COMPATIBLE:
        assert set(letters[:-1]) == {"M"}


@each
def test_runs_that_move_come_to_their_end(pair: Pair) -> None:
    """Each recorded result is given to the step that it was recorded for, and no step repeats."""
    story = tale(pair)
    for length, letter in enumerate(pair.answers, 2):
        if letter == "M":
            finish(pair, story, length)


def finish(pair: Pair, story: Tale, length: int) -> None:
    found = story.judged(length)
    assert found.verdict.answer is Answer.MOVE
    if pair.ends == "never":
        return
    with listening() as given:
        driver, outcome = story.gone_on(list(story.history[:length]), found)
    assert isinstance(outcome, Completed if pair.ends == "completed" else Failed), outcome
    if isinstance(outcome, Failed):
        assert outcome.kind is FailureKind.USER, codec.read_error(outcome.error)
    else:
        value = bare(codec.decode(outcome.output, types=driver.template.types))
        wanted = pair.results.get(str(length), pair.result)
        assert wanted is None or value == wanted
    taken = () if found.event is None else (*found.event.withdrawn, *found.event.retracted)
    recorded = deeds_of(story.history[:length], driver.template, pair.renamed, frozenset(taken))
    missing, new = unmatched(recorded, given.deeds, input_differs=pair.input_differs)
    assert not missing, (length, missing, given.deeds)
    called = [word for word, _ in driver.calls]
    assert [one.step.rpartition(":")[2] for one in new] == called, length


def refusals(story: Tale) -> list[str]:
    """Say why runs stay, for messages of failed tests."""
    return [
        f"{length}: {verdict.answer.value} {[one.sentence for one in verdict.reasons]}"
        for length in range(2, len(story.history) + 1)
        for verdict in [story.judged(length).verdict]
    ]
