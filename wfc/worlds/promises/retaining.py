"""What a world promises of retention: ended runs go when they may, and nothing else ever does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from wfc.clock import MICROSECONDS, VirtualClock
from wfc.eventlog.event import (
    KEPT_FOR_EVER,
    ChildCreated,
    FailureKind,
    Parent,
    RunCancelled,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunUpgraded,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    ENDS,
    OTHER,
    RUN,
    VERSION,
    claimed,
    created,
    emptied,
    hook_created,
    joined,
    log,
    owned,
    queued_step,
    started,
    step_done,
    taken_step,
    wrote,
)
from wfc.worlds.protocol import (
    Appended,
    Callback,
    Child,
    Expired,
    HookFilter,
    NewRun,
    OpenRun,
    Owner,
    Release,
    RunFilter,
    Unowned,
    World,
)

_DAY: Final = 86_400 * MICROSECONDS
_START: Final = OperationId("start~a#0")


async def _ended(
    world: World, run_id: RunId = RUN, *, retention_s: float | None = None, output: bytes = b"out"
) -> None:
    """Leave a run that ended just now, and no message."""
    await joined(world, ALICE)
    opening = created(attributes={"tier": "free"})
    await started(world, run_id, replace(opening, retention_s=retention_s))
    owner = await claimed(world, run_id)
    wrote(await world.append(run_id, [step_done(), RunCompleted(output=output)], guard=owner))
    await emptied(world)


async def _day_passes(world: World, clock: VirtualClock, days: int = 1) -> None:
    clock.advance(timedelta(days=days))
    await joined(world, ALICE)


class Retaining:
    """Retention."""

    async def test_an_ended_run_goes_when_it_was_kept_long_enough(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Not a microsecond earlier; with its row, log and attributes, and an id that is new."""
        await _ended(world)
        clock.advance(timedelta(days=1, microseconds=-1))
        assert await world.gc(kept_us=_DAY) == ()
        assert await world.expired(kept_us=_DAY) == Expired(count=0)
        clock.advance(timedelta(microseconds=1))
        assert await world.expired(kept_us=_DAY) == Expired(count=1, run_ids=(RUN,))
        assert await world.gc(kept_us=_DAY) == (RUN,)
        assert await world.run(RUN) is None
        assert await log(world) == []
        assert await world.attributes(RUN) == {}
        assert (await world.list_runs(RunFilter(attributes={"tier": "free"}))).runs == ()
        assert await world.gc(kept_us=_DAY) == ()
        assert isinstance(await world.append(RUN, [created()], guard=NewRun()), Appended)

    async def test_every_end_counts(self, world: World, clock: VirtualClock) -> None:
        """Completed, failed and cancelled."""
        for number, (end, _) in enumerate(ENDS):
            run_id = RunId(f"ended_{number}")
            owner = await owned(world, run_id)
            wrote(await world.append(run_id, [end], guard=owner))
        await _day_passes(world, clock)
        assert set(await world.gc(kept_us=_DAY)) == {RunId(f"ended_{n}") for n in range(len(ENDS))}

    async def test_a_run_of_its_own_retention_keeps_to_that(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Shorter or longer than the settings, or for ever; also where those keep everything."""
        await _ended(world, RunId("short"), retention_s=3600.0)
        await _ended(world, RunId("long"), retention_s=3 * 86_400.0)
        await _ended(world, RunId("ever"), retention_s=KEPT_FOR_EVER)
        await _ended(world, RunId("usual"))
        await _day_passes(world, clock)
        assert await world.gc(kept_us=None) == ("short",)
        assert await world.gc(kept_us=_DAY) == ("usual",)
        await _day_passes(world, clock, 2)
        assert await world.gc(kept_us=0) == ("long",)
        await _day_passes(world, clock, 36_500)
        assert await world.gc(kept_us=0) == ()

    async def test_an_open_run_never_goes(self, world: World, clock: VirtualClock) -> None:
        """Pending, owned or waiting, however long, even for no retention at all."""
        await started(world, RunId("pending"), replace(created(), retention_s=0.0))
        await owned(world, RunId("owned"))
        owner = await owned(world, RunId("waiting"))
        wrote(await world.append(RunId("waiting"), [step_done()], guard=owner, release=Release()))
        await _day_passes(world, clock, 1000)
        assert await world.gc(kept_us=0) == ()
        assert {run.run_id for run in (await world.list_runs(RunFilter())).runs} == {
            "pending",
            "owned",
            "waiting",
        }
        assert [one.position for one in await log(world, RunId("waiting"))] == [1, 2, 3]

    async def test_the_longest_ended_go_first_and_not_too_many_at_once(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Whoever wants all calls until none is left."""
        names = [RunId(f"run_{number}") for number in (2, 1, 3)]
        for name in names:
            await _ended(world, name)
            clock.advance(timedelta(seconds=1))
        await _day_passes(world, clock)
        expired = await world.expired(kept_us=_DAY, limit=2)
        assert expired == Expired(count=3, run_ids=tuple(names[:2]))
        assert await world.gc(kept_us=_DAY, limit=2) == tuple(names[:2])
        assert await world.gc(kept_us=_DAY, limit=2) == (names[2],)
        assert await world.gc(kept_us=_DAY, limit=2) == ()

    async def test_a_large_payload_goes_with_its_run_alone(
        self, world: World, clock: VirtualClock
    ) -> None:
        """The same bytes in another run stay readable."""
        large = bytes(range(256)) * 300
        await _ended(world, RUN, output=large)
        await _day_passes(world, clock)
        await _ended(world, OTHER, output=large)
        assert await world.gc(kept_us=_DAY) == (RUN,)
        row = await world.run(OTHER)
        assert row is not None
        assert row.output == large

    async def test_a_child_stays_until_its_parent_has_heard(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Else that one would wait for ever."""
        await self._child_of(world)
        owner = await claimed(world, OTHER)
        wrote(await world.append(OTHER, [RunCompleted(output=b"out")], guard=owner))
        await emptied(world)
        await _day_passes(world, clock)
        assert await world.gc(kept_us=0) == ()
        parent = await claimed(world)
        (ended,) = await world.ended_children(RUN)
        assert ended.run.output == b"out"
        wrote(await world.append(RUN, [RunCancelled(reason=None, forced=True)], guard=parent))
        await emptied(world)
        assert set(await world.gc(kept_us=0)) == {RUN, OTHER}

    async def test_a_child_stays_for_a_failed_parent_that_may_be_revived(
        self, world: World, clock: VirtualClock
    ) -> None:
        """It goes after that parent has gone."""
        parent = await self._child_of(world, retention_s=2 * 86_400.0)
        failed = RunFailed(error=b"error", kind=FailureKind.USER)
        wrote(await world.append(RUN, [failed], guard=await claimed(world)))
        owner = await claimed(world, OTHER)
        wrote(await world.append(OTHER, [RunCompleted(output=b"out")], guard=owner))
        await emptied(world)
        await _day_passes(world, clock)
        assert await world.gc(kept_us=_DAY) == ()
        await _day_passes(world, clock)
        assert await world.gc(kept_us=_DAY) == (RUN,)
        assert await world.gc(kept_us=_DAY) == (OTHER,)
        assert parent.length > 0

    async def _child_of(self, world: World, retention_s: float | None = None) -> Owner:
        """Leave a released run with an open child, and no message."""
        await joined(world)
        await started(world, RUN, replace(created(), retention_s=retention_s))
        owner = await claimed(world)
        workflow = DefinitionId("shop:ship")
        event = ChildCreated(operation_id=_START, run_id=OTHER, workflow=workflow, digest=bytes(16))
        opening = created(workflow=workflow)
        assert isinstance(opening, RunCreated)
        above = Parent(run_id=RUN, operation_id=_START, detached=True)
        child = Child(run_id=OTHER, event=replace(opening, parent=above, root_id=RUN, depth=1))
        wrote(await world.append(RUN, [event], guard=owner, create=[child], release=Release()))
        await emptied(world)
        return owner

    async def test_an_open_child_survives_its_parent(
        self, world: World, clock: VirtualClock
    ) -> None:
        """And its end, of which nobody hears any more, is no trouble."""
        await self._child_of(world)
        wrote(await world.append(RUN, [RunCompleted(output=b"")], guard=await claimed(world)))
        await emptied(world)
        await _day_passes(world, clock)
        assert await world.gc(kept_us=_DAY) == (RUN,)
        owner = await claimed(world, OTHER)
        wrote(await world.append(OTHER, [RunCompleted(output=b"out")], guard=owner))
        assert await emptied(world) == []

    async def test_a_run_stays_while_one_of_its_tokens_is_kept(
        self, world: World, clock: VirtualClock
    ) -> None:
        """A sender must be told that the hook is closed, and nobody else may get the token."""
        owner = await owned(world)
        hook = replace(hook_created(), retention_s=2 * 86_400.0)
        events = [hook, RunCompleted(output=b"")]
        wrote(await world.append(RUN, events, guard=owner))
        await emptied(world)
        await _day_passes(world, clock)
        assert await world.gc(kept_us=0) == ()
        assert await world.hook_by_token("token") is not None
        await _day_passes(world, clock)
        assert await world.gc(kept_us=0) == (RUN,)
        assert await world.hook_by_token("token") is None
        assert (await world.list_hooks(HookFilter())).hooks == ()

    async def test_a_run_stays_while_somebody_is_to_be_told_of_its_end(
        self, world: World, clock: VirtualClock
    ) -> None:
        """How it came out goes with the run."""
        await world.register_callbacks([Callback(name="shop:tell")])
        owner = await owned(world)
        wrote(await world.append(RUN, [RunCompleted(output=b"")], guard=owner))
        await emptied(world)
        await _day_passes(world, clock)
        assert await world.gc(kept_us=0) == ()
        (taken,) = await world.take_ends(ALICE, ["shop:tell"], 1)
        assert await world.gc(kept_us=0) == ()
        assert await world.settle_end(ALICE, taken, error=b"error")
        assert len(await world.deliveries(run_id=RUN)) == 1
        assert await world.gc(kept_us=0) == (RUN,)
        assert await world.deliveries() == []

    async def test_a_run_stays_while_a_body_of_it_is_under_way(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Its worker learns by heartbeat that nobody wants it any more."""
        owner = await queued_step(world)
        await joined(world, BOB)
        await taken_step(world, BOB)
        wrote(await world.append(RUN, [RunCancelled(reason=None, forced=True)], guard=owner))
        await emptied(world)
        assert await world.gc(kept_us=0) == ()
        await world.leave(BOB)
        await world.sweep()
        await emptied(world)
        clock.advance(timedelta(microseconds=1))
        assert await world.gc(kept_us=0) == (RUN,)

    async def test_a_revived_run_is_open_again(self, world: World, clock: VirtualClock) -> None:
        """However long ago it failed."""
        owner = await owned(world)
        failed = RunFailed(error=b"error", kind=FailureKind.USER)
        answer = wrote(await world.append(RUN, [failed], guard=owner))
        await _day_passes(world, clock)
        upgrade = RunUpgraded(from_version=VERSION, to_version=VersionId("fedc"), fingerprint="g")
        wrote(await world.append(RUN, [upgrade], guard=Unowned(answer.length)))
        assert await world.expired(kept_us=0) == Expired(count=0)
        assert await world.gc(kept_us=0) == ()

    async def test_whoever_watches_hears_that_a_run_has_gone(
        self, world: World, clock: VirtualClock
    ) -> None:
        """A list that shows it is old."""
        await _ended(world)
        await _day_passes(world, clock)
        with_run = world.watch(f"run:{RUN}")
        assert await world.gc(kept_us=_DAY) == (RUN,)
        assert await with_run.changed(5.0)
        with_run.close()
        refused = await world.append(RUN, [RunCancelled(reason=None)], guard=OpenRun())
        assert not isinstance(refused, Appended)
