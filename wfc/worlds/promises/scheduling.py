"""What a world promises of schedules: each firing once, whoever makes it, and nothing half done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from wfc.clock import VirtualClock
from wfc.cron import Timing
from wfc.errors import IllegalEvent, VersionUnknown
from wfc.eventlog.event import Channel, RunCompleted
from wfc.ids import DefinitionId, RunId
from wfc.worlds.promises.given import (
    ALICE,
    RUN,
    VERSION,
    claimed,
    created,
    emptied,
    joined,
    log,
    started,
    wrote,
)
from wfc.worlds.protocol import (
    AuditFilter,
    Child,
    DueSchedules,
    Note,
    Put,
    Resume,
    ScheduleRow,
    World,
)
from wfc.worlds.schedules import CatchUp, Overlap

_NIGHTLY: Final = ScheduleRow(
    name="nightly",
    workflow=DefinitionId("shop:report"),
    arguments=b"\x01arguments",
    timing=Timing(cron="0 3 * * *", tz="Europe/Berlin", anchor=5, start=6, end=7),
    overlap=Overlap.QUEUE,
    catch_up=CatchUp.ALL,
    attributes={"tier": "free", "seats": 3, "rate": 0.5, "paid": True},
    created_at=5,
)
_FIRST: Final = RunId("schedule:nightly:2030-01-01T03:00:00Z")
_SECOND: Final = RunId("schedule:nightly:2030-01-02T03:00:00Z")
_CHANGED: Final = Note(action="schedule.changed", actor="ann", channel=Channel.CLI)
_MINUTE: Final = timedelta(minutes=1)


def _run(run_id: RunId = _FIRST) -> Child:
    return Child(run_id=run_id, event=created(workflow="shop:report"))


async def _put(world: World, row: ScheduleRow = _NIGHTLY) -> ScheduleRow:
    assert await world.put_schedule(row) is Put.DONE
    found = await world.schedule(row.name)
    assert found is not None
    return found


async def _ended(world: World, run_id: RunId) -> None:
    await joined(world, ALICE)
    owner = await claimed(world, run_id)
    wrote(await world.append(run_id, [RunCompleted(output=b"")], guard=owner))


class Scheduling:
    """Schedules."""

    async def test_a_schedule_comes_back_whole(self, world: World) -> None:
        """Every field of it, from one read and from a list, which is by name."""
        assert await world.schedule("nightly") is None
        assert await world.schedules() == []
        row = await _put(world)
        assert row == replace(_NIGHTLY, revision=1)
        full = replace(
            row,
            next_at=9,
            waiting=(3, 4),
            last_at=2,
            last_run=_FIRST,
            skipped=7,
            problem="broken",
            paused=True,
        )
        changed = await _put(world, full)
        assert changed == replace(full, revision=2)
        plain = replace(_NIGHTLY, name="a", timing=Timing(every_us=5), attributes={})
        other = await _put(world, plain)
        assert await world.schedules() == [other, changed]

    async def test_arguments_that_are_not_known_stay(self, world: World) -> None:
        """Whoever has no key for them may change the rest."""
        row = await _put(world)
        assert await world.put_schedule(replace(row, arguments=None, paused=True)) is Put.DONE
        assert await world.schedule("nightly") == replace(row, paused=True, revision=2)

    async def test_who_has_not_seen_the_last_change_writes_nothing(self, world: World) -> None:
        """Neither the row nor a run nor a note."""
        row = await _put(world)
        for stale in (replace(row, revision=0, skipped=9), replace(row, revision=2, skipped=9)):
            assert await world.put_schedule(stale, run=_run(), note=_CHANGED) is Put.CHANGED
        assert await world.put_schedule(replace(row, name="b")) is Put.CHANGED
        assert await world.schedules() == [row]
        assert await world.run(_FIRST) is None
        assert await world.audit(AuditFilter()) == []

    async def test_a_schedule_made_anew_is_another_one(self, world: World) -> None:
        """Whoever read the one before it writes nothing, though their revisions are alike."""
        row = await _put(world)
        await world.delete_schedule(row.name)
        anew = await _put(world, replace(_NIGHTLY, created_at=6))
        assert anew.revision == row.revision
        assert await world.put_schedule(row, run=_run()) is Put.CHANGED
        assert await world.schedules() == [anew]
        assert await world.run(_FIRST) is None

    async def test_a_firing_and_its_run_are_one_commit(self, world: World) -> None:
        """The run waits for a worker; the note tells who did it."""
        row = await _put(world)
        await joined(world, ALICE)
        fired = replace(row, last_run=_FIRST)
        assert await world.put_schedule(fired, run=_run(), note=_CHANGED) is Put.DONE
        assert [one.event for one in await log(world, _FIRST)] == [_run().event]
        assert [one.message for one in await emptied(world)] == [Resume(_FIRST)]
        assert [one.note for one in await world.audit(AuditFilter())] == [_CHANGED]

    async def test_of_workers_that_race_one_fires(self, world: World) -> None:
        """The others learn that it was done."""
        row = await _put(world)
        answers = await asyncio.gather(
            *(world.put_schedule(row, run=_run()) for _ in range(20)),
        )
        assert sorted(answers) == [*[Put.CHANGED] * 19, Put.DONE]
        assert len(await log(world, _FIRST)) == 1

    async def test_a_run_that_is_there_is_not_begun_again(self, world: World) -> None:
        """The row goes on all the same: somebody started it by hand, or a copy of the schedule."""
        row = await _put(world)
        await started(world, _FIRST, created(workflow="shop:other"))
        assert await world.put_schedule(row, run=_run(), alone=True) is Put.DONE
        (opening,) = await log(world, _FIRST)
        assert opening.event == created(workflow="shop:other")

    async def test_alone_waits_for_open_runs_of_the_schedule(self, world: World) -> None:
        """Of this schedule only, and whoever is asked to begin beside them does."""
        row = await _put(world)
        await started(world, RUN)
        await started(world, RunId("schedule:nightl:2030-01-01T03:00:00Z"))
        await started(world, RunId("schedule:nightly.2:2030-01-01T03:00:00Z"))
        assert await world.put_schedule(row, run=_run(), alone=True) is Put.DONE
        row = replace(row, revision=2)
        assert await world.put_schedule(row, run=_run(_SECOND), alone=True) is Put.BUSY
        assert await world.run(_SECOND) is None
        assert await world.schedule("nightly") == row
        await _ended(world, _FIRST)
        assert await world.put_schedule(row, run=_run(_SECOND), alone=True) is Put.DONE
        row = replace(row, revision=3)
        third = RunId("schedule:nightly:3")
        assert await world.put_schedule(row, run=_run(third)) is Put.DONE

    async def test_a_run_must_be_one_and_its_version_must_be_there(self, world: World) -> None:
        """Nothing is written of a firing that cannot be."""
        row = await _put(world)
        with pytest.raises(IllegalEvent):
            await world.put_schedule(row, run=Child(run_id=RunId("no id"), event=created()))
        await world.register_version(VERSION, b"archive", activate=False)
        await world.prune_versions(keep=0, failed_since=0)
        with pytest.raises(VersionUnknown):
            await world.put_schedule(row, run=_run())
        assert await world.schedule("nightly") == row
        assert await world.run(_FIRST) is None

    async def test_what_is_due_is_found(self, world: World, clock: VirtualClock) -> None:
        """And the instant of the next one after that, whatever else there is."""
        now = clock.now_us()
        assert await world.due_schedules() == DueSchedules(rows=())
        await _put(world, replace(_NIGHTLY, name="never"))
        due = await _put(world, replace(_NIGHTLY, name="due", next_at=now))
        soon = await _put(world, replace(_NIGHTLY, name="soon", next_at=now + 60_000_000))
        await _put(world, replace(_NIGHTLY, name="later", next_at=now + 60_000_001))
        assert await world.due_schedules() == DueSchedules(rows=(due,), next_at=now + 60_000_000)
        clock.advance(_MINUTE)
        found = await world.due_schedules()
        assert {row.name for row in found.rows} == {due.name, soon.name}
        assert found.next_at == now + 60_000_001
        assert len((await world.due_schedules(limit=1)).rows) == 1

    async def test_what_waits_is_due_when_no_run_is_open(self, world: World) -> None:
        """Not while the schedule is paused, and not before the last of its runs has ended."""
        row = await _put(world)
        assert await world.put_schedule(replace(row, waiting=(1, 2)), run=_run()) is Put.DONE
        assert (await world.due_schedules()).rows == ()
        watch = world.watch("schedules")
        await _ended(world, _FIRST)
        assert await watch.changed(10.0)
        watch.close()
        (waiting,) = (await world.due_schedules()).rows
        assert waiting.waiting == (1, 2)
        await _put(world, replace(waiting, paused=True))
        assert (await world.due_schedules()).rows == ()

    async def test_a_schedule_that_is_due_and_waits_is_found_once(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Else it would be fired twice in one look."""
        await _put(world, replace(_NIGHTLY, waiting=(1,), next_at=clock.now_us()))
        assert len((await world.due_schedules()).rows) == 1

    async def test_a_deleted_schedule_is_gone_and_its_runs_go_on(self, world: World) -> None:
        """Deleting it again tells that there was none, and notes nothing."""
        row = await _put(world)
        await world.put_schedule(row, run=_run())
        assert await world.delete_schedule("nightly", note=_CHANGED)
        assert not await world.delete_schedule("nightly", note=_CHANGED)
        assert await world.schedules() == []
        assert await world.run(_FIRST) is not None
        assert len(await world.audit(AuditFilter())) == 1
        assert await world.put_schedule(replace(row, revision=0)) is Put.DONE

    async def test_whoever_watches_hears_of_schedules(self, world: World) -> None:
        """Of a new one, of a change and of a deletion."""
        watch = world.watch("schedules")
        row = await _put(world)
        assert await watch.changed(10.0)
        await _put(world, row)
        assert await watch.changed(10.0)
        await world.delete_schedule("nightly")
        assert await watch.changed(10.0)
        watch.close()
