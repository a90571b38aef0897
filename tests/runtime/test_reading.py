"""A log as the present code must see it: renamed, and without what was taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from wfc.eventlog.event import (
    AttributesSet,
    Event,
    Recorded,
    RunRestarted,
    RunUpgraded,
    StepCreated,
    WaitCreated,
)
from wfc.ids import DefinitionId, OperationId, VersionId
from wfc.policies import Policy
from wfc.runtime.reading import Reading

MOVED = RunUpgraded(
    from_version=VersionId("one"), to_version=VersionId("two"), fingerprint="f",
    site_map={"a~1": "a~2"},
)  # fmt: skip
AGAIN = RunRestarted(
    chapter=2, arguments=b"", seed=bytes(32), version=VersionId("two"), fingerprint="f"
)


def step(name: str) -> StepCreated:
    return StepCreated(
        operation_id=OperationId(name), step=DefinitionId("m:s"), arguments=b"", digest=b"d" * 16,
        policy=Policy(),
    )  # fmt: skip


def log(*events: Event) -> list[Recorded]:
    return [
        Recorded(position=position, recorded_at=position, event=event)
        for position, event in enumerate(events, 1)
    ]


def names(page: Sequence[Recorded]) -> list[Any]:
    return [getattr(one.event, "operation_id", one.event.name) for one in page]


def test_without_upgrades_a_page_is_given_as_it_is() -> None:
    """The very same: most runs never move."""
    page = log(step("a~1#0"))
    reading = Reading()
    assert not reading.learn(page)
    assert reading.read(page) is page
    assert reading.renames is None


def test_events_have_their_present_names() -> None:
    """Also those behind the upgrade that still come under the old one; learnt once."""
    page = log(step("a~1#0"), MOVED, step("a~1#1"), step("b~1#0"))
    reading = Reading()
    assert reading.learn(page)
    assert not reading.learn(page)
    assert names(reading.read(page)) == ["a~2#0", "run_upgraded", "a~2#1", "b~1#0"]
    assert [one.position for one in reading.read(page)] == [1, 2, 3, 4]


def test_what_was_taken_back_before_is_not_there() -> None:
    """What follows under that name is; a written attribute stands as if outside had written it."""
    write = AttributesSet(changes={"tier": "free"}, operation_id=OperationId("set~1#0"))
    moved = replace(
        MOVED, site_map={}, withdrawn=(OperationId("a~1#0"), OperationId("set~1#0")),
        retracted=(OperationId("b~1#0"),),
    )  # fmt: skip
    page = log(step("a~1#0"), write, step("b~1#0"), moved, step("b~1#0"))
    reading = Reading()
    reading.learn(page)
    assert names(reading.read(page)) == [None, "run_upgraded", "b~1#0"]


def test_several_upgrades_are_read_one_through_the_other() -> None:
    """What the second takes back is named as the code before it had it."""
    second = replace(
        MOVED, site_map={"a~2": "a~3"}, withdrawn=(OperationId("a~2#1"),), unequal=(1,)
    )
    page = log(step("a~1#0"), step("a~1#1"), MOVED, second, step("a~3#1"))
    reading = Reading()
    reading.learn(page[:3])
    assert names(reading.read(page[:3])) == ["a~2#0", "a~2#1", "run_upgraded"]
    assert reading.learn(page[3:]), "whoever has given events already begins again"
    assert names(reading.read(page)) == ["a~3#0", "run_upgraded", "run_upgraded", "a~3#1"]
    assert reading.unequal == {1}


def test_a_chapter_begins_anew() -> None:
    """Nothing of the maps before it counts."""
    page = log(step("a~1#0"), MOVED, AGAIN, step("2:a~1#0"))
    reading = Reading()
    assert not reading.learn(page)
    assert names(reading.read(page[2:])) == ["run_restarted", "2:a~1#0"]
    later = replace(page[3], position=5, event=MOVED)
    assert reading.learn([later])
    assert names(reading.read(page[3:])) == ["2:a~2#0"]


def test_an_upgrade_that_renames_nothing_leaves_events_alone() -> None:
    """A wait is the very same one."""
    page = log(
        WaitCreated(operation_id=OperationId("w~1#0"), wake_at=1), replace(MOVED, site_map={})
    )
    reading = Reading()
    assert reading.learn(page)
    assert reading.read(page)[0] is page[0]
