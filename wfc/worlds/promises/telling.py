"""What a world promises of end callbacks: whoever ends a run, each is told at least once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from wfc.clock import VirtualClock
from wfc.errors import LeaseLost
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    ChildCreated,
    Event,
    FailureKind,
    Parent,
    RunCancelled,
    RunCancelRequested,
    RunCompleted,
    RunFailed,
    RunUpgraded,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    ENDS,
    LEASE_S,
    OTHER,
    RUN,
    VERSION,
    claimed,
    created,
    emptied,
    joined,
    owned,
    released,
    started,
    step_done,
    wrote,
)
from wfc.worlds.protocol import (
    Callback,
    CallbackRow,
    Child,
    DeliveryRow,
    Ended,
    OpenRun,
    TakenEnd,
    Telling,
    Unowned,
    World,
)

_ANY: Final = Callback(name="shop:tell")
_FAILED: Final = RunFailed(error=b"error", kind=FailureKind.USER)


async def _ended(
    world: World, run_id: RunId = RUN, end: Event | None = None, *callbacks: Callback
) -> None:
    """End a run of which somebody is to hear."""
    await world.register_callbacks(callbacks or (_ANY,))
    owner = await owned(world, run_id)
    wrote(await world.append(run_id, [end or RunCompleted(output=b"")], guard=owner))


async def _taken(world: World, *names: str) -> list[TakenEnd]:
    return await world.take_ends(ALICE, names or (_ANY.name,), 100)


class TellingEnds:
    """End callbacks."""

    async def test_callbacks_are_known_as_they_were_told_last(
        self, world: World, clock: VirtualClock
    ) -> None:
        """By name, and with the time at which a worker last had them."""
        now = clock.now_us()
        narrow = replace(_ANY, workflow=DefinitionId("shop:checkout"), status=RunStatus.FAILED)
        await world.register_callbacks([_ANY, Callback(name="a")])
        clock.advance(timedelta(seconds=1))
        await world.register_callbacks([narrow])
        assert await world.callbacks() == [
            CallbackRow(callback=Callback(name="a"), seen_at=now),
            CallbackRow(callback=narrow, seen_at=now + 1_000_000),
        ]

    async def test_each_end_reaches_those_who_want_it(self, world: World) -> None:
        """By workflow and by status; the position is that of the terminal event."""
        shop = DefinitionId("shop:checkout")
        callbacks = [
            _ANY,
            Callback(name="of_shop", workflow=shop),
            Callback(name="of_other", workflow=DefinitionId("shop:other")),
            *(Callback(name=status, status=status) for _, status in ENDS),
            Callback(name="both", workflow=shop, status=RunStatus.FAILED),
        ]
        for number, (end, status) in enumerate(ENDS):
            run_id = RunId(f"run_{number}")
            await _ended(world, run_id, end, *callbacks)
            rows = await world.deliveries(run_id=run_id)
            both = {"both"} if status is RunStatus.FAILED else set()
            assert {row.callback for row in rows} == {"shop:tell", "of_shop", status, *both}
            assert {row.position for row in rows} == {3}

    async def test_a_run_that_ended_before_is_not_told_of(self, world: World) -> None:
        """A callback hears of what ends from then on."""
        owner = await owned(world)
        wrote(await world.append(RUN, [RunCompleted(output=b"")], guard=owner))
        await world.register_callbacks([_ANY])
        assert await world.deliveries() == []

    async def test_whoever_ends_it(self, world: World) -> None:
        """A client by force, also a run that nobody has begun; and another for a run it took."""
        await world.register_callbacks([_ANY])
        await started(world, RUN)
        forced = [RunCancelRequested(force=True), RunCancelled(reason=None, forced=True)]
        wrote(await world.append(RUN, forced, guard=OpenRun()))
        await released(world, run_id=OTHER)
        wrote(await world.append(OTHER, [_FAILED], guard=Unowned(2)))
        assert {row.run_id for row in await world.deliveries()} == {RUN, OTHER}

    async def test_the_end_of_a_child_is_told_too(self, world: World) -> None:
        """It is a run like others."""
        await world.register_callbacks([_ANY])
        await joined(world)
        await started(world, RUN)
        guard = await claimed(world)
        workflow, name = DefinitionId("shop:ship"), OperationId("start~a#0")
        event = ChildCreated(operation_id=name, run_id=OTHER, workflow=workflow, digest=bytes(16))
        above = Parent(run_id=RUN, operation_id=name)
        child = Child(run_id=OTHER, event=replace(created(), parent=above, root_id=RUN, depth=1))
        wrote(await world.append(RUN, [event], guard=guard, create=[child]))
        forced = [RunCancelRequested(force=True), RunCancelled(reason=None, forced=True)]
        wrote(await world.append(OTHER, forced, guard=OpenRun()))
        assert [row.run_id for row in await world.deliveries()] == [OTHER]

    async def test_an_end_is_taken_by_one_and_the_try_is_counted(self, world: World) -> None:
        """Before anybody is told, so that a callback which kills its worker uses tries up."""
        await _ended(world)
        await joined(world, BOB)
        (taken,) = await _taken(world)
        assert taken == TakenEnd(message=Ended(RUN, "shop:tell"), position=3, attempt=1)
        assert await world.take_ends(BOB, [_ANY.name], 100) == []
        (row,) = await world.deliveries()
        assert (row.attempts, row.held, row.status) == (1, True, Telling.PENDING)

    async def test_a_worker_takes_only_what_it_has(self, world: World) -> None:
        """What has no taker waits, and hides nothing else."""
        await _ended(world, RUN, None, _ANY, Callback(name="b"))
        assert await world.take_ends(ALICE, ["c"], 100) == []
        assert await world.take_ends(ALICE, [], 100) == []
        assert [one.message.callback for one in await _taken(world, "b", "c")] == ["b"]
        assert await world.next_end(["b", "c"]) is None
        assert await world.next_end([]) is None
        assert await world.next_end([_ANY.name]) is not None

    async def test_no_more_than_asked_for_are_taken(self, world: World) -> None:
        """The oldest first."""
        for number in range(3):
            await _ended(world, RunId(f"run_{number}"))
        first = await world.take_ends(ALICE, [_ANY.name], 2)
        assert [one.message.run_id for one in first] == ["run_0", "run_1"]
        assert [one.message.run_id for one in await _taken(world)] == ["run_2"]

    async def test_no_callback_keeps_another_waiting(
        self, world: World, clock: VirtualClock
    ) -> None:
        """The oldest end goes first, whoever is to hear of it."""
        await world.register_callbacks([Callback(name="z"), Callback(name="a")])
        for number in (3, 4):
            owner = await owned(world, RunId(f"run_{number}"))
            done = RunCompleted(output=b"")
            wrote(await world.append(RunId(f"run_{number}"), [done], guard=owner))
            clock.advance(timedelta(seconds=1))
        first = await world.take_ends(ALICE, ["z", "a"], 2)
        assert [(one.message.run_id, one.message.callback) for one in first] == [
            ("run_3", "a"),
            ("run_3", "z"),
        ]

    async def test_a_worker_without_lease_takes_nothing(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Others may be telling what it told."""
        await _ended(world)
        clock.advance(timedelta(seconds=LEASE_S))
        with pytest.raises(LeaseLost):
            await _taken(world)

    async def test_what_was_told_stays_told(self, world: World) -> None:
        """It is kept, with the number of tries, and taken no more."""
        await _ended(world)
        (taken,) = await _taken(world)
        assert await world.settle_end(ALICE, taken)
        assert await _taken(world) == []
        (row,) = await world.deliveries(statuses=[Telling.DONE])
        assert (row.status, row.attempts, row.error, row.held) == (Telling.DONE, 1, None, False)

    async def test_a_failure_is_tried_again_at_its_time(
        self, world: World, clock: VirtualClock
    ) -> None:
        """With its error in sight; and one for good is kept so."""
        await _ended(world)
        (taken,) = await _taken(world)
        again = clock.now_us() + 5_000_000
        assert await world.settle_end(ALICE, taken, error=b"first", again_at=again)
        assert await _taken(world) == []
        assert await world.next_end([_ANY.name]) == again
        (row,) = await world.deliveries(statuses=[Telling.PENDING])
        assert (row.error, row.due) == (b"first", again)
        clock.advance(timedelta(seconds=5))
        (second,) = await _taken(world)
        assert second == replace(taken, attempt=2)
        assert await world.settle_end(ALICE, second, error=b"second")
        (row,) = await world.deliveries(statuses=[Telling.FAILED])
        assert (row.error, row.attempts) == (b"second", 2)
        assert await world.next_end([_ANY.name]) is None

    async def test_a_dead_worker_gives_its_ends_up(self, world: World, clock: VirtualClock) -> None:
        """The next one counts a try more; what the dead one says after that is not heard."""
        await _ended(world)
        (taken,) = await _taken(world)
        clock.advance(timedelta(seconds=LEASE_S))
        await world.sweep()
        await joined(world, BOB)
        (second,) = await world.take_ends(BOB, [_ANY.name], 100)
        assert second == replace(taken, attempt=2)
        assert not await world.settle_end(ALICE, taken, error=b"late")
        assert await world.settle_end(BOB, second)
        assert not await world.settle_end(BOB, second)
        (row,) = await world.deliveries()
        assert row.status is Telling.DONE

    async def test_a_worker_that_leaves_gives_its_ends_up_at_once(self, world: World) -> None:
        """And one that has not begun to tell gives a try back."""
        await _ended(world)
        (taken,) = await _taken(world)
        await world.give_back_end(ALICE, taken)
        (again,) = await _taken(world)
        assert again == taken
        await world.leave(ALICE)
        await world.give_back_end(ALICE, again)
        await joined(world, BOB)
        (other,) = await world.take_ends(BOB, [_ANY.name], 100)
        assert other == replace(taken, attempt=2)

    async def test_a_second_end_is_told_like_the_first(self, world: World) -> None:
        """A run that an upgrade reopened ends again; who heard of the first end hears of both."""
        await _ended(world, RUN, _FAILED)
        (first,) = await _taken(world)
        upgrade = RunUpgraded(from_version=VERSION, to_version=VersionId("fedc"), fingerprint="g")
        wrote(await world.append(RUN, [upgrade], guard=Unowned(3)))
        wrote(await world.append(RUN, [_FAILED], guard=Unowned(4)))
        assert not await world.settle_end(ALICE, first)
        (second,) = await _taken(world)
        assert (second.position, second.attempt) == (5, 1)

    async def test_what_no_worker_has_is_given_up_in_the_end(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Only what was not seen since then, and not what somebody is telling."""
        await _ended(world, RUN, None, _ANY, Callback(name="gone"))
        clock.advance(timedelta(seconds=9))
        since = clock.now_us()
        await world.register_callbacks([_ANY])
        assert await world.forget_callbacks(unseen_since=since) == 1
        assert [row.callback.name for row in await world.callbacks()] == [_ANY.name]
        (row,) = await world.deliveries(statuses=[Telling.UNTAKEN])
        assert row.callback == "gone"
        assert await world.forget_callbacks(unseen_since=since) == 0

    async def test_deliveries_are_listed_by_run_and_status(
        self, world: World, clock: VirtualClock
    ) -> None:
        """The last changed first, and no more than asked for."""
        await _ended(world, RUN)
        clock.advance(timedelta(seconds=1))
        await _ended(world, OTHER)
        assert [row.run_id for row in await world.deliveries()] == [OTHER, RUN]
        assert [row.run_id for row in await world.deliveries(limit=1)] == [OTHER]
        assert await world.deliveries(statuses=[Telling.DONE, Telling.FAILED]) == []
        (row,) = await world.deliveries(run_id=RUN, statuses=[Telling.PENDING])
        now = clock.now_us() - 1_000_000
        assert row == DeliveryRow(
            run_id=RUN,
            callback=_ANY.name,
            position=3,
            status=Telling.PENDING,
            attempts=0,
            due=now,
            changed_at=now,
        )

    async def test_whoever_watches_hears_of_ends(self, world: World) -> None:
        """So a worker tells at once."""
        await world.register_callbacks([_ANY])
        owner = await owned(world)
        watch = world.watch("ends")
        wrote(await world.append(RUN, [step_done(), RunCompleted(output=b"")], guard=owner))
        assert await watch.changed(10.0)
        watch.close()
        await emptied(world)
