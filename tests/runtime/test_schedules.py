"""Schedules from outside: said once or often, read, paused, triggered, deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.runtime.flows import FLOWS
from tests.runtime.house import House
from wfc.errors import (
    CannotDecrypt,
    InputInvalid,
    NotCompiled,
    OptionInvalid,
    RunBusy,
    ScheduleNotFound,
)
from wfc.eventlog.event import Channel, Origin, RunCreated
from wfc.runtime import schedules
from wfc.runtime.schedules import Schedule, ScheduleOptions
from wfc.worlds.protocol import AuditFilter, Put

_BEGIN = datetime(2030, 1, 1, tzinfo=UTC)


async def said(house: House, number: int = 1, *, name: str = "nightly", **options: Any) -> Schedule:
    given: dict[str, Any] = {} if {"cron", "every"} & options.keys() else {"every": "1h"}
    made = ScheduleOptions(name=name, **given, **options)
    return await schedules.put(house.session, house._client, FLOWS.chain, made, ((number,), {}))


async def actions(house: House) -> list[str]:
    return [one.note.action for one in await house.world.audit(AuditFilter())][::-1]


async def test_what_was_said_is_read_back(house: House) -> None:
    """Every option of it."""
    made = await said(
        house,
        cron="30 2 * * *",
        tz="Europe/Berlin",
        overlap="queue",
        catch_up="all",
        start=_BEGIN,
        end=_BEGIN + timedelta(days=2),
        attributes={"tier": "free"},
    )
    assert made == Schedule(
        name="nightly",
        workflow=made.workflow,
        cron="30 2 * * *",
        every_s=None,
        tz="Europe/Berlin",
        overlap="queue",
        catch_up="all",
        start=_BEGIN,
        end=_BEGIN + timedelta(days=2),
        attributes={"tier": "free"},
        paused=False,
        created_at=_BEGIN,
        next_at=datetime(2030, 1, 1, 1, 30, tzinfo=UTC),
        last_at=None,
        last_run_id=None,
        waiting=0,
        skipped=0,
        problem=None,
        _client=house._client,
    )
    assert await schedules.listed(house.session, house._client) == (made,)
    assert [each.isoformat() for each in await made.next(3)] == [
        "2030-01-01T01:30:00+00:00",
        "2030-01-02T01:30:00+00:00",
    ]


async def test_who_says_it_again_changes_nothing(house: House) -> None:
    """So an application may say it whenever it begins: no firing moves, and nothing is noted."""
    made = await said(house)
    house.advance(minutes=40)
    assert await said(house) == made
    assert (await said(house)).next_at == _BEGIN + timedelta(hours=1)
    assert await actions(house) == ["schedule.created"]


async def test_what_changes_is_taken_over(house: House) -> None:
    """Arguments leave the next firing alone; other times begin anew from now."""
    made = await said(house)
    house.advance(minutes=40)
    other = await said(house, 2)
    assert other.next_at == made.next_at
    rarer = await said(house, 2, every="2h")
    assert rarer.next_at == _BEGIN + timedelta(minutes=160)
    assert rarer.created_at == _BEGIN
    assert await actions(house) == ["schedule.created", "schedule.changed", "schedule.changed"]


async def test_a_pause_holds_until_somebody_ends_it(house: House) -> None:
    """Saying the schedule again does not; what fell into it is not made up for."""
    made = await (await said(house)).pause()
    assert (made.paused, made.next_at) == (True, None)
    assert (await made.pause()).paused
    assert (await said(house)).paused
    assert await made.next(1) == (_BEGIN + timedelta(hours=1),)
    house.advance(minutes=150)
    resumed = await made.resume()
    assert (resumed.paused, resumed.next_at) == (False, _BEGIN + timedelta(hours=3))
    assert await resumed.resume() == resumed
    assert await actions(house) == ["schedule.created", "schedule.paused", "schedule.resumed"]
    assert (await said(house, paused=True)).next_at is None
    assert (await said(house, paused=False)).next_at == _BEGIN + timedelta(hours=3)


async def test_a_trigger_begins_a_run_at_once(house: House) -> None:
    """Also of a paused schedule, by who asked for it; the next firing stays when it was."""
    house.session.actor, house.session.channel = "ann", Channel.CLI
    made = await said(house, 3, attributes={"tier": "free"})
    run = await made.trigger()
    assert run.id == "schedule:nightly:2030-01-01T00:00:00Z"
    await house.worker().run_until_idle()
    assert await run.result("10s") == 3
    (opening,) = await house.events(run, RunCreated)
    assert opening.origin == Origin(
        kind="schedule", schedule="nightly", fire_at=house.clock.now_us()
    )
    assert (opening.actor, opening.channel) == ("ann", Channel.CLI)
    assert opening.attributes == {"tier": "free"}
    (now,) = await schedules.listed(house.session, house._client)
    assert (now.last_at, now.last_run_id, now.next_at) == (_BEGIN, run.id, made.next_at)
    house.advance(seconds=1)
    await (await made.pause()).trigger()
    last = (await house.world.audit(AuditFilter(action="schedule.triggered")))[0]
    assert (last.note.actor, last.note.channel) == ("ann", Channel.CLI)
    assert last.note.details == {
        "name": "nightly",
        "run": "schedule:nightly:2030-01-01T00:00:01Z",
    }


async def test_a_process_without_code_may_trigger(house: House) -> None:
    """The active version is in the world."""
    made = await said(house, 3)
    registry, house.session.registry = house.session.registry, None
    run = await made.trigger()
    house.session.registry = registry
    await house.worker().run_until_idle()
    assert await run.result("10s") == 3


async def test_a_deleted_schedule_is_gone(house: House) -> None:
    """And says so, with the nearest name."""
    made = await said(house)
    await said(house, name="nightly-2")
    assert await made.delete()
    assert not await made.delete()
    with pytest.raises(ScheduleNotFound, match="Did you mean nightly-2"):
        await made.pause()
    with pytest.raises(ScheduleNotFound, match="lists them"):
        await schedules.read(house.session, "x")
    assert (await actions(house))[-1] == "schedule.deleted"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"name": "a:b"}, "^`name` = 'a:b' cannot name a schedule"),
        ({"name": ""}, "^`name` = '' cannot name a schedule"),
        ({"name": "a" * 101}, "cannot name a schedule"),
        ({"name": 7}, "^`name` = 7 cannot name a schedule"),
        ({}, "exactly one of the two"),
        ({"cron": "* * * * *", "every": "1h"}, "exactly one of the two"),
        ({"cron": "99 * * * *"}, "^`cron` = '99 .* is no cron expression: Bad minute"),
        ({"cron": "0 0 2 * * *"}, "it has 6 fields"),
        ({"every": "soon"}, "^`every` = 'soon'"),
        ({"every": "10ms"}, "is too often"),
        ({"every": "1h", "tz": "Mars/Olympus"}, "^`tz` = 'Mars/Olympus' is no time zone"),
        ({"every": "1h", "tz": 7}, "^`tz` = 7"),
        ({"every": "1h", "overlap": "both"}, "none of 'skip', 'queue', 'allow'"),
        ({"every": "1h", "catch_up": "some"}, "none of 'latest', 'all', 'none'"),
        ({"every": "1h", "start": datetime(2030, 1, 1)}, "no time zone"),  # noqa: DTZ001 - that is what it is about
        ({"every": "1h", "start": _BEGIN, "end": _BEGIN - timedelta(1)}, "lies before"),
        ({"every": "1h", "paused": "yes"}, "neither True nor False"),
        ({"every": "1h", "attributes": [1]}, "^`attributes` = "),
    ],
)
def test_what_no_schedule_may_have_is_refused(options: dict[str, Any], told: str) -> None:
    """By name, value and accepted forms."""
    with pytest.raises(OptionInvalid, match=told):
        ScheduleOptions(**{"name": "nightly", **options})


async def test_a_call_that_cannot_be_made_is_refused(house: House) -> None:
    """As `start` refuses it, before anything is written."""
    options = ScheduleOptions(name="nightly", every="1h")
    calls: list[tuple[Callable[..., Any], tuple[Any, ...], type[Exception]]] = [
        (FLOWS.chain, (), TypeError),
        (FLOWS.chain, ("many",), InputInvalid),
        (print, (1,), NotCompiled),
    ]
    for workflow, args, error in calls:
        with pytest.raises(error):
            await schedules.put(house.session, house._client, workflow, options, (args, {}))
    assert await house.world.schedules() == []


async def test_a_number_of_firings_is_bounded(house: House) -> None:
    """One to a thousand."""
    made = await said(house, every="1s")
    assert len(await made.next(1000)) == 1000
    with pytest.raises(OptionInvalid, match=r"^`count` = 0"):
        await made.next(0)


async def test_without_its_key_a_schedule_cannot_be_triggered(house: House) -> None:
    """It can be paused, and deleted."""
    made = await said(house)
    read = house.world.schedule

    async def sealed(name: str) -> Any:
        row = await read(name)
        return None if row is None else replace(row, arguments=None)

    house.world.schedule = sealed  # type: ignore[method-assign]  # as a world without the key reads it
    with pytest.raises(CannotDecrypt, match="WFC_ENCRYPTION_KEYS"):
        await made.trigger()
    assert (await made.pause()).paused
    house.world.schedule = read  # type: ignore[method-assign]  # likewise
    row = await read("nightly")
    assert row is not None
    assert row.arguments is not None


async def test_who_never_gets_to_write_is_told(house: House) -> None:
    """After some tries."""
    made = await said(house)

    async def others_first(*_: Any, **__: Any) -> Put:
        return Put.CHANGED

    house.world.put_schedule = others_first  # type: ignore[method-assign]  # somebody is always quicker
    for change in (made.pause, made.trigger, lambda: said(house, 9)):
        with pytest.raises(RunBusy, match="changes too fast"):
            await change()
