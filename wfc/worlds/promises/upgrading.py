"""What an upgrade promises that renames operations: nobody who knows the old names is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from wfc.clock import VirtualClock
from wfc.eventlog.event import (
    HookReceived,
    RunRestarted,
    RunUpgraded,
    StepCancelled,
    StepCompleted,
    StepRetrying,
    StepStarted,
)
from wfc.ids import OperationId, VersionId
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    LEASE_S,
    OTHER,
    RECEIVED,
    RUN,
    VERSION,
    claimed,
    hook_created,
    joined,
    log,
    owned,
    queued_step,
    step_created,
    step_ended,
    step_id,
    taken_step,
    wrote,
)
from wfc.worlds.protocol import (
    Attempt,
    AttemptOf,
    ClaimedAttempt,
    OpenHook,
    Over,
    Owner,
    Queued,
    Refused,
    Release,
    Unowned,
    World,
)

_SITE: Final = "charge~a1b2"
_MOVED: Final = "charge~c3d4"
_NOW: Final = OperationId(f"{_MOVED}#0")
_UPGRADED: Final = RunUpgraded(
    from_version=VERSION, to_version=VersionId("fedc"), fingerprint="g", site_map={_SITE: _MOVED}
)


async def _upgraded(world: World, owner: Owner, event: RunUpgraded = _UPGRADED) -> int:
    """Let the owner go, move the run, and give the length of its log."""
    wrote(await world.append(RUN, [], guard=owner, release=Release()))
    return wrote(await world.append(RUN, [event], guard=Unowned(owner.length))).length


async def _events(world: World) -> list[tuple[str, str]]:
    """Give name and operation of the events behind the upgrade."""
    recorded = [one.event for one in await log(world)]
    at = next(at for at, one in enumerate(recorded) if isinstance(one, RunUpgraded))
    return [(one.name, getattr(one, "operation_id", "")) for one in recorded[at + 1 :]]


class Upgrading:
    """Runs whose operations are called otherwise."""

    async def test_an_attempt_under_way_records_its_outcome(self, world: World) -> None:
        """Its worker knows the old name; the log, from then on, the present one."""
        owner = await queued_step(world)
        await joined(world, BOB)
        guard = AttemptOf(step_id(0), (await taken_step(world)).fence)
        began = StepStarted(operation_id=step_id(0), attempt=1, worker_id=BOB)
        owner = Owner(owner.fence, wrote(await world.append(RUN, [began], guard=guard)).length)
        await _upgraded(world, owner)
        wrote(await world.append(RUN, [step_ended()], guard=guard))
        assert await _events(world) == [("step_completed", _NOW)]
        assert await world.claim_attempt(RUN, _NOW, BOB) == Over()
        assert isinstance(await world.append(RUN, [step_ended()], guard=guard), Refused)

    async def test_a_retry_keeps_its_time_and_number(
        self, world: World, clock: VirtualClock
    ) -> None:
        """Asked for under the old name, it waits in the queue under the present one."""
        owner = await queued_step(world)
        await joined(world, BOB)
        guard = AttemptOf(step_id(0), (await taken_step(world)).fence)
        await _upgraded(world, owner)
        due = clock.now_us() + 2_000_000
        retrying = StepRetrying(operation_id=step_id(0), attempt=1, error=b"", retry_at=due)
        again = Queued(message=Attempt(RUN, step_id(0)), not_before=due)
        wrote(await world.append(RUN, [retrying], guard=guard, messages=[again]))
        clock.advance(timedelta(seconds=2))
        messages = [one.message for one in await world.take(BOB, 9)]
        assert Attempt(RUN, _NOW) in messages
        assert Attempt(RUN, step_id(0)) not in messages
        fence = (await _taken(world, _NOW)).fence
        began = StepStarted(operation_id=_NOW, attempt=2, worker_id=BOB)
        wrote(await world.append(RUN, [began], guard=AttemptOf(_NOW, fence)))
        ended = replace(step_ended(attempt=2), operation_id=_NOW)
        wrote(await world.append(RUN, [ended], guard=AttemptOf(_NOW, fence)))

    async def test_a_queued_attempt_goes_by_its_present_name(self, world: World) -> None:
        """The owner learns it so, too; other runs keep their names."""
        owner = await queued_step(world)
        theirs = await owned(world, OTHER, BOB)
        message = Queued(message=Attempt(OTHER, step_id(0)))
        wrote(await world.append(OTHER, [step_created()], guard=theirs, messages=[message]))
        await _upgraded(world, owner)
        await joined(world, BOB)
        messages = [one.message for one in await world.take(BOB, 9)]
        assert {one for one in messages if isinstance(one, Attempt)} == {
            Attempt(RUN, _NOW), Attempt(OTHER, step_id(0)),
        }  # fmt: skip
        answer = await world.claim(RUN, ALICE)
        assert getattr(answer, "attempts", None) == {_NOW}
        assert isinstance(await world.claim_attempt(RUN, _NOW, BOB), ClaimedAttempt)

    async def test_a_message_taken_before_is_still_good(self, world: World) -> None:
        """Whoever took it claims by the old name and gets the attempt."""
        owner = await queued_step(world)
        await joined(world, BOB)
        await world.take(BOB, 9)
        await _upgraded(world, owner)
        assert isinstance(await world.claim_attempt(RUN, step_id(0), BOB), ClaimedAttempt)

    async def test_the_outcome_of_a_withdrawn_step_is_refused(self, world: World) -> None:
        """Its row is gone, and its holder hears that it is not wanted."""
        owner = await queued_step(world)
        await joined(world, BOB)
        guard = AttemptOf(step_id(0), (await taken_step(world)).fence)
        gone = replace(_UPGRADED, site_map={_SITE: ""}, withdrawn=(step_id(0),))
        await _upgraded(world, owner, gone)
        assert isinstance(await world.append(RUN, [step_ended()], guard=guard), Refused)
        assert await _events(world) == []
        assert world.renew(BOB, lease_s=LEASE_S).cancelled == ((RUN, step_id(0)),)

    async def test_a_name_that_is_used_again_is_another_step(self, world: World) -> None:
        """The new code has a call where the old one had another: it is written with a number."""
        owner = await queued_step(world)
        length = await _upgraded(world, owner)
        again = replace(step_created(), operation_id=OperationId(f"{_SITE}@1#0"))
        owner = await claimed(world)
        assert owner.length == length
        message = Queued(message=Attempt(RUN, again.operation_id))
        wrote(await world.append(RUN, [again], guard=owner, messages=[message]))
        await joined(world, BOB)
        for name in (_NOW, again.operation_id):
            await _taken(world, name)

    async def test_names_lead_through_every_upgrade(self, world: World) -> None:
        """From the first to the last."""
        owner = await queued_step(world)
        await joined(world, BOB)
        guard = AttemptOf(step_id(0), (await taken_step(world)).fence)
        length = await _upgraded(world, owner)
        back = replace(
            _UPGRADED,
            from_version=VersionId("fedc"),
            to_version=VERSION,
            site_map={_MOVED: f"{_SITE}@2"},
        )
        wrote(await world.append(RUN, [back], guard=Unowned(length)))
        wrote(await world.append(RUN, [step_ended()], guard=guard))
        assert (await _events(world))[-1] == ("step_completed", f"{_SITE}@2#0")

    async def test_a_chapter_begins_without_former_names(self, world: World) -> None:
        """What was renamed in the chapter before is called what the code calls it."""
        owner = await owned(world)
        length = await _upgraded(world, owner)
        owner = await claimed(world)
        restarted = RunRestarted(
            chapter=2, arguments=b"", seed=bytes(32), version=VersionId("fedc"), fingerprint="g"
        )
        name = OperationId(f"2:{_SITE}#0")
        begun = replace(step_created(), operation_id=name)
        wrote(
            await world.append(
                RUN, [restarted, begun], guard=owner, messages=[Queued(message=Attempt(RUN, name))]
            )
        )
        assert length == owner.length
        await joined(world, BOB)
        fence = (await _taken(world, name)).fence
        ended = replace(step_ended(), operation_id=name)
        wrote(await world.append(RUN, [ended], guard=AttemptOf(name, fence)))
        last = (await log(world))[-1].event
        assert isinstance(last, StepCompleted)
        assert last.operation_id == name

    @pytest.mark.parametrize("known", ["old", "present"])
    async def test_a_renamed_hook_is_found_by_its_token(self, world: World, known: str) -> None:
        """Whoever looked it up before the move, or after it, gets his payload in."""
        owner = await owned(world)
        owner = Owner(
            owner.fence, wrote(await world.append(RUN, [hook_created()], guard=owner)).length
        )
        present = OperationId("create_hook~e5f6#0")
        moved = replace(_UPGRADED, site_map={"create_hook~c3d4": "create_hook~e5f6"})
        await _upgraded(world, owner, moved)
        name = RECEIVED.operation_id if known == "old" else present
        received: HookReceived = replace(RECEIVED, operation_id=name)
        wrote(await world.append(RUN, [received], guard=OpenHook("token")))
        assert len(await _events(world)) == 1

    async def test_a_cancelled_attempt_is_told_by_its_present_name(self, world: World) -> None:
        """To a worker that began it under the old one."""
        owner = await queued_step(world)
        await joined(world, BOB)
        await taken_step(world)
        await _upgraded(world, owner)
        owner = await claimed(world)
        cancelled = StepCancelled(operation_id=_NOW, attempt=1)
        wrote(await world.append(RUN, [cancelled], guard=owner))
        assert world.renew(BOB, lease_s=LEASE_S).cancelled == ((RUN, _NOW),)


async def _taken(world: World, name: OperationId) -> ClaimedAttempt:
    answer = await world.claim_attempt(RUN, name, BOB)
    assert isinstance(answer, ClaimedAttempt), answer
    return answer
