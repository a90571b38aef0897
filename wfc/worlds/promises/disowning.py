"""What a world promises to a worker that missed answers: it gets nothing that it does not know of.

A call whose answer is lost may have given the worker a run, an attempt or a message. As long as the
worker lives nobody else is given those, so it must be able to give them back without knowing them.
"""

from __future__ import annotations

from wfc.ids import RunId
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    OTHER,
    RUN,
    claimed,
    emptied,
    joined,
    owned,
    queued_step,
    started,
    step_created,
    step_id,
    taken_step,
    wrote,
)
from wfc.worlds.protocol import Attempt, Claimed, ClaimedAttempt, Held, Queued, Resume, World


class Disowning:
    """What is given back without being known."""

    async def test_a_run_that_is_not_named_is_lost(self, world: World) -> None:
        """Others are told so when they claim it; what is named stays."""
        await owned(world)
        await started(world, OTHER)
        await claimed(world, OTHER)
        await joined(world, BOB)
        await emptied(world, BOB)
        assert await world.disown(ALICE, runs={OTHER}, attempts=(), receipts=()) == 1
        assert [one.message for one in await world.take(BOB, 9)] == [Resume(RUN)]
        answer = await world.claim(RUN, BOB)
        assert isinstance(answer, Claimed)
        assert (answer.loss, answer.losses) == (True, 1)
        assert await world.claim(OTHER, BOB) == Held(ALICE)

    async def test_an_attempt_that_is_not_named_is_lost(self, world: World) -> None:
        """It is queued again, and its fence grows."""
        owner = await queued_step(world)
        other = Queued(message=Attempt(RUN, step_id(1)))
        wrote(await world.append(RUN, [step_created(1)], guard=owner, messages=[other]))
        await joined(world, BOB)
        first, _ = await taken_step(world), await taken_step(world, number=1)
        await emptied(world)
        kept = {(RUN, step_id(1))}
        assert await world.disown(BOB, runs=(), attempts=kept, receipts=()) == 1
        assert [one.message for one in await world.take(ALICE, 9)] == [Attempt(RUN, step_id(0))]
        again = await world.claim_attempt(RUN, step_id(0), ALICE)
        assert isinstance(again, ClaimedAttempt)
        assert again.lost
        assert again.fence > first.fence
        assert await world.claim_attempt(RUN, step_id(1), ALICE) == Held(BOB)

    async def test_messages_that_are_not_named_come_back(self, world: World) -> None:
        """Those in hand do not."""
        await joined(world, ALICE, BOB)
        await started(world)
        await started(world, OTHER)
        taken = await world.take(ALICE, 9)
        kept = {one.receipt for one in taken if one.message == Resume(OTHER)}
        assert await world.disown(ALICE, runs=(), attempts=(), receipts=kept) == 1
        assert [one.message for one in await world.take(BOB, 9)] == [Resume(RUN)]

    async def test_nothing_of_others_is_touched(self, world: World) -> None:
        """Nor anything of a worker that knows all that it holds, or holds nothing."""
        await owned(world)
        await joined(world, BOB)
        assert await world.disown(BOB, runs=(), attempts=(), receipts=()) == 0
        assert await world.disown(ALICE, runs=[RUN], attempts=(), receipts=()) == 0
        assert await world.disown(ALICE, runs=[RunId("none")], attempts=(), receipts=()) == 1
        assert await world.disown(ALICE, runs=(), attempts=(), receipts=()) == 0
