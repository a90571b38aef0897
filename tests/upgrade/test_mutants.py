"""Each rule is needed: without it, at least one case of the corpus turns red.

A mutant takes one rule away; a witness is a case that notices. Witnesses are checked unharmed by
`test_corpus`, so that what turns red here does so for the want of the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.upgrade import moving, test_moving
from tests.upgrade.corpus import CASES, Pair
from tests.upgrade.test_corpus import finish
from wfc.eventlog.event import RunUpgraded
from wfc.eventlog.renames import Renames, site_map_of
from wfc.manifests import align
from wfc.runtime import delivery, dry_replay
from wfc.runtime.dry_replay import DryExecution
from wfc.runtime.execution import Execution
from wfc.runtime.reading import Reading

Patch = pytest.MonkeyPatch
Harm = Callable[[Patch], None]


def without_dispute(*rules: str) -> Harm:
    """Let what code does without be no contradiction, as far as one of these rules says so."""

    def harm(patch: Patch) -> None:
        dispute, failed = DryExecution.dispute, dry_replay._failed

        def disputed(self: DryExecution, recorded: Any, problem: Any) -> None:
            found = problem.rule if problem is not None else self._missing()[0]
            if found not in rules:
                dispute(self, recorded, problem)

        def ended(*args: Any) -> Any:
            found = failed(*args)
            return None if found.rule in rules else found

        patch.setattr(DryExecution, "dispute", disputed)
        patch.setattr(dry_replay, "_failed", ended)

    return harm


def without_comparing(rule: str) -> Harm:
    """Let an event stand that contradicts what the code asks for."""

    def harm(patch: Patch) -> None:
        overlooks = DryExecution.overlooks

        def overlooked(self: DryExecution, pending: Any, recorded: Any, problem: Any) -> bool:
            return problem.rule == rule or overlooks(self, pending, recorded, problem)

        patch.setattr(DryExecution, "overlooks", overlooked)

    return harm


def reading_whatever(*kinds: str) -> Harm:
    """Do not mind what the new code cannot read of operations of these kinds."""

    def harm(patch: Patch) -> None:
        misread = DryExecution.misread

        def noted(self: DryExecution, name: Any, error: Exception) -> None:
            fact = self.fact(name)
            if fact is None or fact.kind not in kinds:
                misread(self, name, error)

        patch.setattr(DryExecution, "misread", noted)

    return harm


def without_pass(number: int) -> Harm:
    """Align with three passes instead of four."""

    def harm(patch: Patch) -> None:
        paired, equal = align._paired, align._equal
        calls: list[int] = []

        def pair(*args: Any) -> Any:
            calls.clear()
            return [one for one in paired(*args) if one.by != number]

        def same(*args: Any, **options: Any) -> Any:
            calls.append(1)
            return iter(()) if len(calls) == number else equal(*args, **options)

        patch.setattr(align, "_paired", pair)
        patch.setattr(align, "_equal", same)

    return harm


def without_composition(patch: Patch) -> None:
    """Read the log through the last upgrade alone."""
    learn = Reading.learn

    def learnt(self: Reading, page: Any) -> bool:
        found = learn(self, page)
        self._upgrades = self._upgrades[-1:]
        return found

    patch.setattr(Reading, "learn", learnt)


def without_numbers(patch: Patch) -> None:
    """Give names again that meant something else before."""
    mapped = site_map_of

    def site_map(*args: Any) -> Mapping[str, str]:
        return {old: new.partition("@")[0] for old, new in mapped(*args).items()}

    patch.setattr("wfc.runtime.judging.site_map_of", site_map)
    patch.setattr(Renames, "in_log", lambda _, site: site)


def without_retirement(patch: Patch) -> None:
    """Let a new call take the name of one that is gone."""
    patch.setattr(Renames, "in_log", lambda self, site: self._named_again.get(site, site))


def without_first_names(patch: Patch) -> None:
    """Draw by the present names."""
    patch.setattr(Renames, "oldest", lambda _, operation: operation)


def without_hints(patch: Patch) -> None:
    """Do not read the log by what steps are called now."""
    patch.setattr("wfc.runtime.reading._hinted", lambda each, _: each)


def markers_never_learnt(patch: Patch) -> None:
    """Let a run know for ever what it knew when it began."""
    patch.setitem(delivery.CHANGES, RunUpgraded, lambda *_: None)


def markers_known_from_the_start(patch: Patch) -> None:
    """Let the new version's markers hold for the whole log."""
    begin = Execution.__init__

    def begun(self: Execution, *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        self.in_force = replace(self.in_force, changes=("tell",))

    patch.setattr(Execution, "__init__", begun)


def without_withdrawal(patch: Patch) -> None:
    """Keep what the code does without."""
    patch.setattr(DryExecution, "passes_over", lambda *_: False)


def withdrawing_all(patch: Patch) -> None:
    """Withdraw steps that were attempted, too."""
    patch.setattr(dry_replay, "_NEEDS", {})


@dataclass(frozen=True)
class Mutant:
    name: str
    harm: Harm
    witnesses: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


MUTANTS = (
    Mutant("651-unasked", without_dispute("WFC651"), ("24_at_the_start", "18_other_path_asks")),
    Mutant("652-kind", without_comparing("WFC652"), ("56_moved_and_called_by_a_library",)),
    Mutant("653-input", without_comparing("WFC653"), ("22_other_value", "52_removed")),
    Mutant("654-result", reading_whatever("step"), ("39_does_not_fit_and_is_caught",)),
    Mutant("655-payload", reading_whatever("hook"), ("34_does_not_fit_and_is_caught",)),
    Mutant("656-ended", without_dispute("WFC656"), ("54_last_call", "19_fewer_turns")),
    Mutant("657-raised", without_dispute("WFC657"), ("18_raises", "31_types_not_caught")),
    Mutant("659-unsettled", without_dispute("WFC659"), ("19_never_ends",)),
    Mutant("pass-1", without_pass(1), ("28_order_beside_twins",)),
    Mutant("pass-2", without_pass(2), ("29_if_and_one_more",)),
    Mutant("pass-3", without_pass(3), ("22_equal_value_and_one_more",)),
    Mutant("pass-4", without_pass(4), ("21_loop_into_a_helper", "29_comprehension_to_loop")),
    Mutant("names-with-numbers", without_numbers, ("28_order_of_one_callee",)),
    Mutant("retired-names", without_retirement, ("24_same_callee_before",)),
    Mutant("first-names-of-draws", without_first_names, ("46_uuid_moved_into_an_if",)),
    Mutant("rename-hints", without_hints, ("16_step_renamed", "16_step_moved")),
    Mutant("marker-learnt", markers_never_learnt, ("48_in_force",)),
    Mutant("marker-boundary", markers_known_from_the_start, ("48_in_force", "48_added_behind")),
    Mutant("withdrawal", without_withdrawal, ("33_sleep", "37_gone")),
    Mutant("attempted", withdrawing_all, ("54_while_queued",)),
)


def check(name: str) -> None:
    """Check a case as `test_corpus` does, with code that was loaded just now."""
    pair = Pair.at(CASES / name)
    story = pair.tale()
    assert story.letters() == pair.answers
    for length, letter in enumerate(pair.answers, 2):
        if letter == "M":
            finish(pair, story, length)


@pytest.fixture(autouse=True)
def _nothing_is_kept(monkeypatch: Patch) -> None:
    monkeypatch.setattr(moving, "_CODE", moving.REGISTERED.codebase())


@pytest.mark.parametrize(
    ("mutant", "witness"),
    [pytest.param(one, name, id=f"{one}-{name}") for one in MUTANTS for name in one.witnesses],
)
def test_a_case_turns_red(mutant: Mutant, witness: str, monkeypatch: Patch) -> None:
    """The rule is missed by its witness."""
    mutant.harm(monkeypatch)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it is that notices
        check(witness)


@pytest.mark.parametrize("name", sorted({name for one in MUTANTS for name in one.witnesses}))
def test_a_witness_is_unharmed(name: str) -> None:
    """Without a mutant it is green."""
    check(name)


def test_composition_is_missed_on_the_way_back(monkeypatch: Patch) -> None:
    """A run that went there and back is read through both maps."""
    without_composition(monkeypatch)
    with pytest.raises(Exception):  # noqa: B017, PT011 - likewise
        test_moving.test_a_run_goes_back_and_forth(5)
