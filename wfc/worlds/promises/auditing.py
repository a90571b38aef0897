"""What a world promises of audit facts and of goals."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from wfc.clock import MICROSECONDS, VirtualClock
from wfc.errors import VersionUnknown
from wfc.eventlog.event import Channel, RunCompleted
from wfc.ids import RunId, VersionId
from wfc.worlds.promises.given import (
    OTHER,
    RUN,
    VERSION,
    claimed,
    created,
    joined,
    started,
    wrote,
)
from wfc.worlds.protocol import AuditFilter, Note, RunFilter, World

_NOTE: Final = Note(
    action="token.refused",
    actor="ann",
    channel=Channel.CLI,
    details={"token": "wfc_ab", "count": 3, "why": None},
)


class Auditing:
    """Facts about no single run; runs that are late."""

    async def test_facts_come_back_newest_first(self, world: World, clock: VirtualClock) -> None:
        """With their number and time; a page begins before a number."""
        await world.note(_NOTE)
        clock.advance(timedelta(seconds=1))
        await world.note(Note(action="runs.collected"))
        last, first = await world.audit(AuditFilter())
        assert (first.note, last.note) == (_NOTE, Note(action="runs.collected"))
        assert last.number > first.number
        assert last.at - first.at == MICROSECONDS
        assert await world.audit(AuditFilter(), limit=1) == [last]
        assert await world.audit(AuditFilter(), before=last.number) == [first]

    async def test_facts_are_filtered(self, world: World, clock: VirtualClock) -> None:
        """By action, by actor and by time: the beginning included, the end not."""
        await world.note(_NOTE)
        clock.advance(timedelta(seconds=1))
        await world.note(replace(_NOTE, action="b", actor="bob"))
        b, a = await world.audit(AuditFilter())
        assert await world.audit(AuditFilter(action="b")) == [b]
        assert await world.audit(AuditFilter(actor="ann")) == [a]
        assert await world.audit(AuditFilter(since=b.at)) == [b]
        assert await world.audit(AuditFilter(until=b.at)) == [a]
        assert await world.audit(AuditFilter(action="b", actor="ann")) == []

    async def test_what_happens_all_the_time_is_one_fact_for_a_while(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Numbers add up, of one action, actor and channel; after that it is another fact."""
        gone = Note(action="runs.collected", details={"runs": 3, "how": "a"})
        more = replace(gone, details={"runs": 4, "how": "b"})
        await world.note(gone, within_us=MICROSECONDS)
        for other in (replace(more, actor="ann"), replace(more, channel=Channel.CLI), _NOTE):
            await world.note(other, within_us=MICROSECONDS)
        clock.advance(timedelta(seconds=1))
        await world.note(more, within_us=MICROSECONDS)
        first = (await world.audit(AuditFilter()))[-1]
        assert first.note.details == {"runs": 7, "how": "b"}
        clock.advance(timedelta(microseconds=1))
        await world.note(more, within_us=MICROSECONDS)
        assert len(await world.audit(AuditFilter(action="runs.collected"))) == len("abcd")

    async def test_old_facts_go(self, world: World, clock: VirtualClock) -> None:
        """Those before an instant; numbers are not given out twice."""
        await world.note(_NOTE)
        clock.advance(timedelta(seconds=1))
        assert await world.forget_audit(before=clock.now_us() - 1_000_000) == 0
        ((old),) = await world.audit(AuditFilter())
        assert await world.forget_audit(before=clock.now_us()) == 1
        await world.note(_NOTE)
        ((new),) = await world.audit(AuditFilter())
        assert new.number > old.number

    async def test_a_version_that_becomes_active_is_noted_with_it(self, world: World) -> None:
        """Only if it does; and what is refused is not noted."""
        note = Note(action="version.activated", details={"version": VERSION})
        assert await world.register_version(VERSION, b"archive", note=note)
        assert not await world.register_version(VERSION, b"archive", note=note)
        await world.register_version(VersionId("fedc"), b"other", activate=False, note=note)
        assert [one.note for one in await world.audit(AuditFilter())] == [note]
        await world.activate_version(VersionId("fedc"), note=note)
        with pytest.raises(VersionUnknown):
            await world.activate_version(VersionId("none"), note=note)
        assert [one.note for one in await world.audit(AuditFilter())] == [note, note]

    async def test_a_run_beyond_its_goal_is_late(self, world: World, clock: VirtualClock) -> None:
        """It is found and counted, and a run without goal never."""
        await started(world, RUN, replace(created(), goal_s=60.0))
        await started(world, OTHER)
        begun = clock.now_us()
        clock.advance(timedelta(seconds=60))
        assert await world.late_runs() == 0
        assert (await world.list_runs(RunFilter(late=True))).runs == ()
        others = (await world.list_runs(RunFilter(late=False))).runs
        assert {run.run_id for run in others} == {RUN, OTHER}
        clock.advance(timedelta(microseconds=1))
        assert await world.late_runs() == 1
        (late,) = (await world.list_runs(RunFilter(late=True))).runs
        assert (late.run_id, late.late_at) == (RUN, begun + 60_000_000)
        (other,) = (await world.list_runs(RunFilter(late=False))).runs
        assert (other.run_id, other.late_at) == (OTHER, None)

    async def test_what_ended_in_time_is_never_late(
        self, world: World, clock: VirtualClock
    ) -> None:
        """And what ended late stays late, but counts no more among those that are."""
        for number, after_s in enumerate((59, 2)):
            run_id = RunId(f"run_{number}")
            if number == 0:
                for name in ("run_0", "run_1"):
                    await started(world, RunId(name), replace(created(), goal_s=60.0))
            clock.advance(timedelta(seconds=after_s))
            await joined(world)
            owner = await claimed(world, run_id)
            wrote(await world.append(run_id, [RunCompleted(output=b"")], guard=owner))
        clock.advance(timedelta(days=1))
        assert await world.late_runs() == 0
        (late,) = (await world.list_runs(RunFilter(late=True))).runs
        assert late.run_id == "run_1"

    async def test_a_delayed_run_has_its_goal_from_then_on(
        self, world: World, clock: VirtualClock
    ) -> None:
        """The wait before its start was wanted."""
        later = clock.now_us() + 3_600_000_000
        await started(world, RUN, replace(created(not_before=later), goal_s=60.0))
        run = await world.run(RUN)
        assert run is not None
        assert run.late_at == later + 60_000_000
