"""What operations are called now, through any number of upgrades."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as some

from wfc.eventlog.event import (
    RunUpgraded,
    RunWoken,
    StepCancelled,
    StepCompleted,
    StepCreated,
    WaitCreated,
)
from wfc.eventlog.renames import GONE, Renames, named, site_map_of
from wfc.ids import DefinitionId, OperationId, Site, VersionId
from wfc.policies import Policy


def upgraded(site_map: Mapping[str, str]) -> RunUpgraded:
    return RunUpgraded(
        from_version=VersionId("one"), to_version=VersionId("two"), fingerprint="f",
        site_map=site_map,
    )  # fmt: skip


def renames(*maps: Mapping[str, str]) -> Renames:
    return Renames(upgraded(each) for each in maps)


def created(name: str) -> StepCreated:
    return StepCreated(
        operation_id=OperationId(name), step=DefinitionId("m:s"), arguments=b"", digest=b"d" * 16,
        policy=Policy(),
    )  # fmt: skip


def test_nothing_is_renamed() -> None:
    """An empty map, or one from names to themselves, is no rename; events stay the same."""
    for none in (renames(), renames({}), renames({"a~1": "a~1"})):
        assert not none
        event = created("a~1#0")
        assert none.event(event) is event
        assert none.operation(OperationId("a~1#0")) == "a~1#0"
        assert none.oldest(OperationId("a~1#0")) == "a~1#0"
        assert none.names_of(OperationId("a~1#0")) == ["a~1#0"]
        assert none.in_log(Site("a~1")) == "a~1"


def test_a_name_leads_through_all_maps() -> None:
    """Occurrence and chapter stay; the oldest name is kept for draws."""
    found = renames({"a~1": "a~2"}, {"a~2": "a~3"})
    assert found
    assert found.operation(OperationId("2:a~1#7")) == "2:a~3#7"
    assert found.site(Site("a~2")) == "a~3"
    assert found.oldest(OperationId("2:a~3#7")) == "2:a~1#7"
    assert found.names_of(OperationId("a~3#1")) == ["a~1#1", "a~2#1", "a~3#1"]
    assert found.retired == {"a~1", "a~2"}


def test_events_are_read_by_their_present_names() -> None:
    """Also the creation that an outcome brings along, and those that were woken."""
    found = renames({"a~1": "a~2"})
    done = StepCancelled(operation_id=OperationId("a~1#0"), attempt=0, created=created("a~1#0"))
    read = found.event(done)
    assert (read.operation_id, read.created.operation_id) == ("a~2#0", "a~2#0")
    woken = RunWoken(operation_ids=(OperationId("a~1#0"), OperationId("b~1#0")))
    assert found.event(woken).operation_ids == ("a~2#0", "b~1#0")
    other = WaitCreated(operation_id=OperationId("b~1#0"), wake_at=1)
    assert found.event(other) is other
    assert found.event(upgraded({})) == upgraded({})
    assert isinstance(named(done, OperationId("x#0")), StepCancelled)
    plain = StepCompleted(
        operation_id=OperationId("a~1#0"), attempt=1, started_at=1, version=VersionId("one"),
        output=b"",
    )  # fmt: skip
    assert found.event(plain).operation_id == "a~2#0"


def test_a_name_that_had_a_meaning_gets_a_number() -> None:
    """The new code may call a site as the old one called another: they are kept apart."""
    first = renames({"a~1": "a~2"})
    assert first.in_log(Site("a~1")) == "a~1@1"
    assert first.in_log(Site("a~2")) == "a~2"
    second = renames({"a~1": "a~2"}, {"a~1@1": "b~1", "a~2": "a~1@2"})
    assert second.in_log(Site("a~1")) == "a~1@2"
    assert second.operation(OperationId("a~1#0")) == "a~1@2#0"


def test_what_is_gone_leads_nowhere() -> None:
    """Its name is retired, though nothing has it now."""
    found = renames({"a~1": GONE})
    assert found
    assert found.operation(OperationId("a~1#0")) == "a~1#0"
    assert found.in_log(Site("a~1")) == "a~1@1"


@pytest.mark.parametrize(
    ("pairs", "old", "expected"),
    [
        ({"a~1": "a~1"}, ["a~1"], {}),
        ({"a~1": "a~2"}, ["a~1"], {"a~1": "a~2"}),
        ({}, ["a~1"], {"a~1": ""}),
        ({"a~1": "b~1"}, ["a~1", "b~1"], {"a~1": "b~1@1", "b~1": ""}),
        ({"a~1": "b~1", "b~1": "a~1"}, ["a~1", "b~1"], {"a~1": "b~1@1", "b~1": "a~1@1"}),
    ],
    ids=["same", "moved", "gone", "in the place of another", "swapped"],
)
def test_what_an_upgrade_records(
    pairs: dict[Site, Site], old: list[Site], expected: dict[str, str]
) -> None:
    """From names in the log to names in the log; what keeps its name is left out."""
    assert site_map_of(pairs, old, renames()) == expected


def test_a_numbered_name_is_kept_while_its_site_is() -> None:
    """There and back again leads to numbered names, and on to nothing worse."""
    there = site_map_of({Site("a~1"): Site("a~2")}, [Site("a~1")], renames())
    back = site_map_of({Site("a~2"): Site("a~1")}, [Site("a~2")], renames(there))
    assert back == {"a~2": "a~1@2"}
    still = site_map_of({Site("a~1"): Site("a~1")}, [Site("a~1")], renames(there, back))
    assert still == {"a~1@2": "a~1@2"}
    last = renames(there, back, still)
    assert last.in_log(Site("a~1")) == "a~1@2"
    assert last.operation(OperationId("a~1#0")) == "a~1@2#0"


SITES = ["a~1", "a~2", "b~1", "b~2"]


@given(
    some.lists(
        some.tuples(some.sets(some.sampled_from(SITES), min_size=1), some.randoms()), min_size=2,
        max_size=6,
    )
)  # fmt: skip
def test_no_two_operations_ever_share_a_name(versions: list[tuple[set[str], object]]) -> None:
    """Whatever versions a run goes through, each of its operations is told from all others.

    A model follows the operations themselves: each is a number, and what the present code calls it.
    """
    codes = [sorted(sites) for sites, _ in versions]
    number = 0
    called: dict[int, str] = {}  # alive operations, by what the present code calls their site
    logged: dict[int, str] = {}  # the name under which each was recorded
    past: list[Mapping[str, str]] = []
    for at, code in enumerate(codes):
        if at:
            draw = versions[at][1]
            targets = list(code)
            draw.shuffle(targets)  # type: ignore[attr-defined]  # a random.Random
            before = codes[at - 1]
            pairs = {Site(old): Site(new) for old, new in zip(before, targets, strict=False)}
            past.append(site_map_of(pairs, map(Site, before), renames(*past)))
            called = {one: pairs[Site(site)] for one, site in called.items() if Site(site) in pairs}
        present = renames(*past)
        for site in code:
            if site not in called.values():
                called[number] = site
                logged[number] = present.in_log(Site(site))
                number += 1
        names = {one: present.site(Site(name)) for one, name in logged.items()}
        for one, site in called.items():
            assert names[one] == present.in_log(Site(site))
        alive = [names[one] for one in called]
        assert len(set(alive)) == len(alive)
        for one, name in names.items():
            assert one in called or name not in alive
