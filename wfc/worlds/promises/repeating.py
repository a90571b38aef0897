"""What `append` answers to a request that came before, or asks for what is so already."""
# ruff: noqa: PLR2004 - expected values are literals in a test

from __future__ import annotations

import asyncio

import pytest

from wfc.errors import IdempotencyMismatch
from wfc.eventlog.event import (
    Event,
    HookReceived,
    RunCancelled,
    RunCancelRequested,
    RunCompleted,
    RunPaused,
    RunUnpaused,
    RunWoken,
)
from wfc.worlds.promises.given import (
    CANCEL,
    OTHER,
    RECEIVED,
    RUN,
    hook_created,
    log,
    owned,
    started,
    wrote,
)
from wfc.worlds.protocol import (
    Appended,
    OpenHook,
    OpenRun,
    Owner,
    Refusal,
    Refused,
    World,
)


class Repeating:
    """Idempotency ids, and plain requests."""

    async def test_one_idempotency_id_lands_once(self, world: World) -> None:
        """The second try learns where the first one is, also after hook and run have ended."""
        owner = await owned(world)
        wrote(await world.append(RUN, [hook_created()], guard=owner))
        sent = HookReceived(
            operation_id=RECEIVED.operation_id,
            receipt_id="rcpt_1",
            payload=b"yes",
            idempotency_id="once",
            actor="ann",
        )
        again = HookReceived(
            operation_id=sent.operation_id,
            receipt_id="rcpt_2",
            payload=b"yes",
            idempotency_id="once",
        )
        first = wrote(await world.append(RUN, [sent], guard=OpenHook("token")))
        duplicate = Refused(reason=Refusal.DUPLICATE, events=first.recorded)
        assert await world.append(RUN, [again], guard=OpenHook("token")) == duplicate
        wrote(await world.append(RUN, [RunCompleted(output=b"")], guard=Owner(owner.fence, 4)))
        assert await world.append(RUN, [again], guard=OpenHook("token")) == duplicate

    async def test_another_payload_under_a_used_id_is_an_error(self, world: World) -> None:
        """A reused id must not hide that something else was sent."""
        await started(world)
        wrote(
            await world.append(
                RUN, [RunCancelRequested(reason="a", idempotency_id="i")], guard=OpenRun()
            )
        )
        with pytest.raises(IdempotencyMismatch):
            await world.append(
                RUN, [RunCancelRequested(reason="b", idempotency_id="i")], guard=OpenRun()
            )
        assert len(await log(world)) == 2

    async def test_one_idempotency_id_lands_once_among_racers(self, world: World) -> None:
        """Twenty-four callers at once, one event."""
        await started(world)
        event = RunCancelRequested(reason="a", idempotency_id="i")
        answers = await asyncio.gather(
            *(world.append(RUN, [event], guard=OpenRun()) for _ in range(24))
        )
        assert sum(isinstance(answer, Appended) for answer in answers) == 1
        assert len(await log(world)) == 2

    async def test_an_idempotency_id_belongs_to_its_run(self, world: World) -> None:
        """Two runs may see the same id."""
        event = RunCancelRequested(idempotency_id="i")
        for run_id in (RUN, OTHER):
            await started(world, run_id)
            wrote(await world.append(run_id, [event], guard=OpenRun()))

    @pytest.mark.parametrize(
        ("before", "request_"),
        [([], CANCEL), ([], RunPaused()), ([RunPaused()], RunUnpaused())],
        ids=["cancel", "pause", "unpause"],
    )
    async def test_of_racing_requests_one_is_written(
        self, world: World, before: list[Event], request_: Event
    ) -> None:
        """Twenty callers at once, one event; the others hear that it is so already."""
        await started(world)
        for event in before:
            wrote(await world.append(RUN, [event], guard=OpenRun()))
        length = len(await log(world))
        answers = await asyncio.gather(
            *(world.append(RUN, [request_], guard=OpenRun()) for _ in range(20))
        )
        refused = [answer for answer in answers if isinstance(answer, Refused)]
        assert refused == [Refused(reason=Refusal.ALREADY)] * 19
        assert len(await log(world)) == length + 1

    async def test_a_run_that_is_not_paused_is_not_unpaused(self, world: World) -> None:
        """Nothing is written for what was never asked for."""
        await started(world)
        answer = await world.append(RUN, [RunUnpaused()], guard=OpenRun())
        assert answer == Refused(reason=Refusal.ALREADY)

    async def test_a_forced_cancellation_follows_a_plain_one(self, world: World) -> None:
        """It asks for more than the plain request did."""
        await started(world)
        wrote(await world.append(RUN, [CANCEL], guard=OpenRun()))
        forced = [RunCancelRequested(force=True), RunCancelled(forced=True)]
        wrote(await world.append(RUN, forced, guard=OpenRun()))

    async def test_a_fact_from_outside_may_name_the_log_it_answers(self, world: World) -> None:
        """Whoever decided by an older log writes nothing and gets what it misses."""
        await owned(world)
        change = wrote(await world.append(RUN, [RunWoken()], guard=OpenRun(2)))
        answer = await world.append(RUN, [RunWoken()], guard=OpenRun(2))
        assert answer == Refused(reason=Refusal.BEHIND, events=change.recorded)
        wrote(await world.append(RUN, [RunWoken()], guard=OpenRun(3)))
