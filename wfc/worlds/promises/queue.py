"""What the queue promises: in order, never early, at least once, and rebuilt by the sweeper."""
# ruff: noqa: PLR2004 - expected values are literals in a test

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from wfc.clock import VirtualClock
from wfc.errors import LeaseLost
from wfc.eventlog.event import RunCompleted, RunPaused, RunUnpaused
from wfc.ids import RunId
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    LEASE_S,
    RUN,
    emptied,
    joined,
    owned,
    queued_step,
    started,
    step_id,
    wrote,
)
from wfc.worlds.protocol import (
    Attempt,
    Message,
    OpenRun,
    Queued,
    Release,
    Resume,
    Taken,
    World,
)


def _messages(taken: list[Taken]) -> list[Message]:
    return [one.message for one in taken]


def _resume(number: int) -> Resume:
    return Resume(RunId(f"run_{number}"))


class Queue:
    """Messages."""

    async def test_messages_come_by_priority_then_age(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Age counts from the time at which a message became due."""
        await joined(world)
        later = clock.now_us() + 1_000_000
        await world.enqueue(Queued(message=_resume(0), not_before=later, priority=5))
        for number, priority in enumerate([0, 5, -100, 100, 5], 1):
            await world.enqueue(Queued(message=_resume(number), priority=priority))
        clock.advance(timedelta(seconds=1))
        order = [4, 2, 5, 0, 1, 3]
        assert _messages(await world.take(ALICE, 10)) == [_resume(number) for number in order]

    async def test_a_message_never_comes_early(self, world: World, clock: VirtualClock) -> None:
        """Not by a microsecond."""
        await joined(world)
        due = clock.now_us() + 3_000_000
        await world.enqueue(Queued(message=_resume(0), not_before=due))
        clock.advance(timedelta(microseconds=2_999_999))
        assert await world.take(ALICE, 10) == []
        clock.advance(timedelta(microseconds=1))
        assert len(await world.take(ALICE, 10)) == 1

    async def test_a_limit_is_kept(self, world: World) -> None:
        """The rest stays for others."""
        await joined(world, ALICE, BOB)
        for number in range(5):
            await world.enqueue(Queued(message=_resume(number)))
        assert _messages(await world.take(ALICE, 3)) == [_resume(number) for number in range(3)]
        assert _messages(await world.take(BOB, 3)) == [_resume(number) for number in (3, 4)]

    async def test_workers_that_race_share_the_messages(self, world: World) -> None:
        """Each message goes to one of them."""
        await joined(world, ALICE, BOB)
        for number in range(40):
            await world.enqueue(Queued(message=_resume(number)))
        answers = await asyncio.gather(
            *(world.take(worker, 7) for _ in range(4) for worker in (ALICE, BOB))
        )
        receipts = [one.receipt for taken in answers for one in taken]
        assert len(receipts) == len(set(receipts)) == 40

    async def test_every_kind_of_message_comes_back_whole(self, world: World) -> None:
        """A resume and an attempt."""
        owner = await queued_step(world)
        wrote(await world.append(RUN, [], guard=owner, release=Release(wake_at=0)))
        assert set(_messages(await world.take(ALICE, 10))) == {
            Resume(RUN),
            Attempt(RUN, step_id(0)),
        }

    async def test_equal_messages_are_one(self, world: World, clock: VirtualClock) -> None:
        """Unless the new one is due earlier than what waits, or the old one was taken."""
        await joined(world)
        late, now = clock.now_us() + 5_000_000, clock.now_us()
        for not_before in (late, late + 1, 0, now, late):
            await world.enqueue(Queued(message=_resume(0), not_before=not_before))
        assert len(await world.take(ALICE, 10)) == 1
        await world.enqueue(Queued(message=_resume(0)))
        await world.enqueue(Queued(message=_resume(0)))
        assert len(await world.take(ALICE, 10)) == 1

    async def test_a_done_message_is_forgotten(self, world: World, clock: VirtualClock) -> None:
        """Also when its worker dies afterwards; to forget it twice does nothing."""
        await joined(world)
        await world.enqueue(Queued(message=_resume(0)))
        receipts = [one.receipt for one in await world.take(ALICE, 10)]
        await world.done(receipts)
        await world.done([*receipts, 999_999])
        clock.advance(timedelta(seconds=LEASE_S + 1))
        await world.sweep()
        await joined(world, BOB)
        assert await world.take(BOB, 10) == []

    async def test_a_receipt_is_never_used_again(self, world: World) -> None:
        """Or a late `done` would forget somebody else's message."""
        await joined(world)
        receipts = []
        for _ in range(3):
            await world.enqueue(Queued(message=_resume(0)))
            taken = await world.take(ALICE, 1)
            receipts += [one.receipt for one in taken]
            await world.done(receipts)
        assert len(set(receipts)) == 3

    @pytest.mark.parametrize("leave", [False, True])
    async def test_what_a_dead_worker_took_comes_back(
        self, world: World, clock: VirtualClock, *, leave: bool
    ) -> None:
        """A message is delivered at least once."""
        await joined(world)
        await world.enqueue(Queued(message=_resume(0)))
        await world.take(ALICE, 10)
        await world.sweep()
        await joined(world, BOB)
        assert await world.take(BOB, 10) == []
        if leave:
            await world.leave(ALICE)
        else:
            clock.advance(timedelta(seconds=LEASE_S + 1))
            await joined(world, BOB)
            await world.sweep()
        assert _messages(await world.take(BOB, 10)) == [_resume(0)]

    async def test_only_a_worker_with_a_lease_takes(
        self, world: World, clock: VirtualClock
    ) -> None:
        """What others may take from it at once it should not take."""
        with pytest.raises(LeaseLost):
            await world.take(ALICE, 1)
        await joined(world)
        clock.advance(timedelta(seconds=LEASE_S))
        with pytest.raises(LeaseLost):
            await world.take(ALICE, 1)

    async def test_messages_of_a_paused_run_wait(self, world: World) -> None:
        """They are there when it is unpaused, and due to nobody before."""
        await joined(world)
        await started(world)
        wrote(await world.append(RUN, [RunPaused()], guard=OpenRun()))
        assert await world.take(ALICE, 10) == []
        assert await world.next_due() is None
        wrote(await world.append(RUN, [RunUnpaused()], guard=OpenRun()))
        assert set(_messages(await world.take(ALICE, 10))) == {Resume(RUN)}

    async def test_messages_of_a_blocked_run_wait(self, world: World) -> None:
        """They are there when it is freed."""
        await joined(world)
        await started(world)
        await world.block(RUN, "why")
        assert await world.take(ALICE, 10) == []
        assert await world.next_due() is None
        await world.block(RUN, None)
        assert set(_messages(await world.take(ALICE, 10))) == {Resume(RUN)}

    async def test_news_of_an_owned_run_go_to_its_owner(self, world: World) -> None:
        """Others leave them, and need not look for them again and again."""
        await owned(world)
        await joined(world, BOB)
        await world.enqueue(Queued(message=Resume(RUN)))
        assert await world.take(BOB, 10) == []
        assert await world.next_due() is None
        assert _messages(await world.take(ALICE, 10)) == [Resume(RUN)]

    async def test_steps_of_an_owned_run_go_to_anybody(self, world: World) -> None:
        """That is what they are queued for."""
        await queued_step(world)
        await joined(world, BOB)
        assert _messages(await world.take(BOB, 10)) == [Attempt(RUN, step_id(0))]

    async def test_nothing_is_queued_for_a_run_that_ended(self, world: World) -> None:
        """Neither by its last append nor later."""
        owner = await owned(world)
        await emptied(world)
        ended = RunCompleted(output=b"")
        messages = [Queued(message=Resume(RUN))]
        wrote(await world.append(RUN, [ended], guard=owner, messages=messages))
        await world.enqueue(Queued(message=Resume(RUN)))
        await world.enqueue(Queued(message=Attempt(RUN, step_id(0))))
        assert _messages(await world.take(ALICE, 10)) == []

    async def test_the_next_due_message_is_known(self, world: World, clock: VirtualClock) -> None:
        """Over all priorities, whether its time has come or not."""
        await joined(world)
        assert await world.next_due() is None
        now = clock.now_us()
        await world.enqueue(Queued(message=_resume(0), not_before=now + 7, priority=9))
        await world.enqueue(Queued(message=_resume(1), not_before=now + 5, priority=-9))
        assert await world.next_due() == now + 5
        clock.advance(timedelta(seconds=1))
        assert await world.next_due() == now + 5
        await emptied(world)
        assert await world.next_due() is None

    async def test_an_owned_run_is_due_at_its_time(self, world: World, clock: VirtualClock) -> None:
        """A message of an owned run counts while it is not due: its owner plans by it."""
        await owned(world)
        due = clock.now_us() + 1_000_000
        await world.enqueue(Queued(message=Resume(RUN), not_before=due))
        assert await world.next_due() == due
