"""What a world promises of lineage: who hears of whose end, and whom a cancellation reaches."""

from __future__ import annotations

from dataclasses import replace

from wfc.clock import VirtualClock
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    CancelCause,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    FailureKind,
    Parent,
    RunCancelled,
    RunCancelRequested,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunPaused,
    RunRestarted,
    RunUpgraded,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId
from wfc.worlds.promises.given import (
    ALICE,
    OTHER,
    RUN,
    VERSION,
    claimed,
    created,
    emptied,
    log,
    owned,
    started,
    wrote,
)
from wfc.worlds.protocol import (
    Child,
    Claimed,
    EndedChild,
    OpenRun,
    Owner,
    Release,
    Resume,
    Unowned,
    World,
)

_START = OperationId("start~a#0")
_GRAND = RunId("grand")


def _born(
    name: OperationId = _START,
    run_id: RunId = OTHER,
    *,
    parent: RunId = RUN,
    detached: bool = False,
) -> tuple[ChildCreated, Child]:
    """Give what a parent's log says of a child, and the child."""
    workflow = DefinitionId("shop:ship")
    event = ChildCreated(operation_id=name, run_id=run_id, workflow=workflow, digest=bytes(16))
    opening = created(workflow=workflow)
    assert isinstance(opening, RunCreated)
    above = Parent(run_id=parent, operation_id=name, detached=detached)
    return event, Child(run_id=run_id, event=replace(opening, parent=above, root_id=RUN, depth=1))


async def _with_child(world: World, *, detached: bool = False) -> None:
    """Leave a released run that has started a child, and no message."""
    owner = await owned(world)
    event, child = _born(detached=detached)
    wrote(await world.append(RUN, [event], guard=owner, create=[child], release=Release()))
    await emptied(world)


async def _ends(world: World, run_id: RunId = OTHER) -> None:
    owner = await claimed(world, run_id)
    wrote(await world.append(run_id, [RunCompleted(output=b"out")], guard=owner))


async def _heard(world: World, run_id: RunId = RUN) -> list[tuple[OperationId, RunId]]:
    return [(one.operation_id, one.run.run_id) for one in await world.ended_children(run_id)]


async def _owner(world: World, run_id: RunId = RUN) -> Owner:
    return await claimed(world, run_id)


class Children:
    """Lineage."""

    async def test_an_ended_child_is_told_until_its_end_is_written(self, world: World) -> None:
        """With its output."""
        await _with_child(world)
        assert await world.ended_children(RUN) == []
        await _ends(world)
        row = await world.run(OTHER)
        assert row is not None
        assert row.output == b"out"
        assert await world.ended_children(RUN) == [EndedChild(operation_id=_START, run=row)]
        end = ChildCompleted(operation_id=_START, output=b"out")
        wrote(await world.append(RUN, [end], guard=await _owner(world)))
        assert await world.ended_children(RUN) == []

    async def test_no_more_ended_children_are_told_than_asked_for(self, world: World) -> None:
        """In the order of their operations."""
        owner = await owned(world)
        pairs = [_born(OperationId(f"start~a#{n}"), RunId(f"child_{n}")) for n in range(3)]
        events, children = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        wrote(await world.append(RUN, events, guard=owner, create=children, release=Release()))
        for child in children:
            await _ends(world, child.run_id)
        found = [one.operation_id for one in await world.ended_children(RUN, 2)]
        assert found == ["start~a#0", "start~a#1"]

    async def test_a_run_hears_of_one_that_others_began(self, world: World) -> None:
        """Whether it ends before or after; who hears is woken."""
        await started(world, OTHER)
        owner = await owned(world)
        event, _ = _born()
        wrote(await world.append(RUN, [event], guard=owner, release=Release()))
        await emptied(world)
        await _ends(world)
        assert Resume(RUN) in [one.message for one in await world.take(ALICE, 10)]
        assert await _heard(world) == [(_START, OTHER)]
        end = ChildFailed(operation_id=_START, error=b"error")
        guard = await _owner(world)
        wrote(await world.append(RUN, [end], guard=guard))
        again = OperationId("start~a#1")
        guard = replace(guard, length=guard.length + 1)
        wrote(await world.append(RUN, [replace(event, operation_id=again)], guard=guard))
        assert await _heard(world) == [(again, OTHER)]

    async def test_a_lost_message_of_an_end_is_swept_up(self, world: World) -> None:
        """Also if the parent was owned when the child ended; not while it is paused."""
        await _with_child(world)
        owner = await _owner(world)
        await _ends(world)
        wrote(await world.append(RUN, [], guard=owner, release=Release()))
        await emptied(world)
        assert (await world.sweep()).unqueued == 1
        assert (await world.sweep()).total() == 0
        assert [one.message for one in await world.take(ALICE, 10)] == [Resume(RUN)]
        wrote(await world.append(RUN, [RunPaused()], guard=OpenRun()))
        await emptied(world)
        assert (await world.sweep()).total() == 0

    async def test_a_cancellation_reaches_open_children_and_theirs(self, world: World) -> None:
        """In the commit of the request; each is woken, delayed or not."""
        await _with_child(world)
        event, grand = _born(run_id=_GRAND, parent=OTHER)
        opening = grand.event
        assert isinstance(opening, RunCreated)
        late = Child(run_id=_GRAND, event=replace(opening, not_before=world.now_us() + 10**9))
        guard = await claimed(world, OTHER)
        wrote(await world.append(OTHER, [event], guard=guard, create=[late], release=Release()))
        await emptied(world)
        wrote(await world.append(RUN, [RunCancelRequested(reason="no")], guard=OpenRun()))
        for run_id, parent in ((OTHER, RUN), (_GRAND, OTHER)):
            request = (await log(world, run_id))[-1].event
            assert request == RunCancelRequested(
                reason=f"its parent {parent} was cancelled", cause=CancelCause.PARENT, actor=parent
            )
            row = await world.run(run_id)
            assert row is not None
            assert (row.cancel_requested, row.not_before) == (True, None)
            assert row.length == len(await log(world, run_id))
        taken = {one.message for one in await world.take(ALICE, 10)}
        assert taken == {Resume(RUN), Resume(OTHER), Resume(_GRAND)}

    async def test_a_cancellation_spares_whom_it_does_not_concern(self, world: World) -> None:
        """Detached and ended children, and those that were asked already."""
        await _with_child(world, detached=True)
        guard = await _owner(world)
        for number, name in enumerate(("ended", "asked"), 1):
            event, child = _born(OperationId(f"start~a#{number}"), RunId(name))
            wrote(await world.append(RUN, [event], guard=guard, create=[child]))
            guard = replace(guard, length=guard.length + 1)
        await _ends(world, RunId("ended"))
        wrote(await world.append(RunId("asked"), [RunCancelRequested()], guard=OpenRun()))
        before = {name: await log(world, RunId(name)) for name in (OTHER, "ended", "asked")}
        wrote(await world.append(RUN, [RunCancelRequested()], guard=OpenRun()))
        after = {name: await log(world, RunId(name)) for name in before}
        assert after == before

    async def test_a_forced_cancellation_reaches_children(self, world: World) -> None:
        """They may clean up; the parent hears of nothing any more."""
        await _with_child(world)
        events = [RunCancelRequested(force=True), RunCancelled(forced=True)]
        wrote(await world.append(RUN, events, guard=OpenRun()))
        row = await world.run(OTHER)
        assert row is not None
        assert (row.status, row.cancel_requested) == (RunStatus.PENDING, True)
        await _ends(world)
        assert await world.ended_children(RUN) == []

    async def test_a_child_of_the_same_append_is_cancelled_too(self, world: World) -> None:
        """The request comes after it."""
        owner = await owned(world)
        event, child = _born()
        request = RunCancelRequested(cause=CancelCause.TIMEOUT)
        wrote(await world.append(RUN, [event, request], guard=owner, create=[child]))
        assert [one.event.name for one in await log(world, OTHER)] == [
            "run_created", "run_cancel_requested",
        ]  # fmt: skip

    async def test_whoever_watches_a_child_sees_it_cancelled(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Though the append is of its parent; its instant is no earlier than its last one."""
        await _with_child(world)
        watch = world.watch(f"run:{OTHER}")
        wrote(await world.append(RUN, [RunCancelRequested()], guard=OpenRun()))
        assert await watch.changed(1)
        watch.close()
        times = [one.recorded_at for one in await log(world, OTHER)]
        assert times == sorted(times)
        assert times[-1] <= clock.now_us()

    async def test_a_restart_hears_of_no_earlier_child(self, world: World) -> None:
        """The end is ignored."""
        await _with_child(world)
        await _ends(world)
        restarted = RunRestarted(
            chapter=2, arguments=b"", seed=bytes(32), version=VERSION, fingerprint="f"
        )
        wrote(await world.append(RUN, [restarted], guard=await _owner(world)))
        assert await world.ended_children(RUN) == []

    async def test_a_claim_tells_where_the_chapter_begins(self, world: World) -> None:
        """So that nobody has to read what came before."""
        owner = await owned(world)
        restarted = RunRestarted(
            chapter=2, arguments=b"", seed=bytes(32), version=VERSION, fingerprint="f"
        )
        wrote(await world.append(RUN, [restarted], guard=owner, release=Release()))
        await started(world, OTHER)
        for run_id, position in ((RUN, owner.length + 1), (OTHER, 1)):
            claim = await world.claim(run_id, ALICE)
            assert isinstance(claim, Claimed)
            assert claim.chapter_at == position

    async def test_an_upgrade_cancels_the_child_that_it_takes_back(self, world: World) -> None:
        """And calls the others what the new code calls them."""
        owner = await owned(world)
        event, child = _born()
        kept, other = _born(OperationId("start~b#0"), _GRAND)
        wrote(
            await world.append(
                RUN, [event, kept], guard=owner, create=[child, other], release=Release()
            )
        )
        upgraded = RunUpgraded(
            from_version=VERSION,
            to_version=VersionId("fedc"),
            fingerprint="g",
            withdrawn=(_START,),
            site_map={"start~b": "start~c"},
        )
        length = len(await log(world))
        wrote(await world.append(RUN, [upgraded], guard=Unowned(length)))
        assert (await log(world, OTHER))[-1].event.name == "run_cancel_requested"
        assert (await log(world, _GRAND))[-1].event.name == "run_created"
        await _ends(world)
        await _ends(world, _GRAND)
        assert await _heard(world) == [(OperationId("start~c#0"), _GRAND)]

    async def test_a_failed_run_hears_once_it_is_reopened(self, world: World) -> None:
        """Its children went on meanwhile."""
        await _with_child(world)
        failed = RunFailed(error=b"error", kind=FailureKind.USER)
        wrote(await world.append(RUN, [failed], guard=await _owner(world)))
        await _ends(world)
        assert (await world.sweep()).total() == 0
        upgraded = RunUpgraded(from_version=VERSION, to_version=VERSION, fingerprint="g")
        length = len(await log(world))
        wrote(await world.append(RUN, [upgraded], guard=Unowned(length)))
        assert await _heard(world) == [(_START, OTHER)]
