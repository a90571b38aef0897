"""What `append` promises of facts from outside a run's owner: none that may not follow is written.

Whoever owns a run asks `wfc.eventlog.legality` before it writes. Of all others the world sees to it
itself, in the transaction that writes, whatever has happened since they read the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import pytest

from wfc.errors import IllegalEvent
from wfc.eventlog.event import (
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
    FailureKind,
    HookConflicted,
    HookDisposed,
    RunCancelled,
    RunFailed,
    RunRestarted,
    RunStarted,
    RunUpgraded,
    StepCancelled,
    StepFailed,
    StepRetrying,
    StepStarted,
    WaitCause,
    WaitCompleted,
    WaitCreated,
)
from wfc.ids import DefinitionId, OperationId, VersionId
from wfc.worlds.promises.given import (
    BOB,
    OTHER,
    RECEIVED,
    RUN,
    VERSION,
    WAIT,
    claimed,
    hook_created,
    joined,
    log,
    owned,
    queued_step,
    step_created,
    step_done,
    step_ended,
    step_id,
    taken_step,
    wrote,
)
from wfc.worlds.protocol import (
    Appended,
    Attempt,
    AttemptOf,
    OpenHook,
    OpenRun,
    Owner,
    Queued,
    Release,
    Unowned,
    World,
)

_HOOK: Final = hook_created()
_DISPOSED: Final = HookDisposed(operation_id=_HOOK.operation_id)
_CONFLICTED: Final = HookConflicted(
    operation_id=_HOOK.operation_id,
    token="token",  # noqa: S106 - a hook's token is its name here, no secret
    owner_run_id=OTHER,
)
_ASLEEP: Final = WaitCreated(operation_id=WAIT, wake_at=9)
_AWAKE: Final = WaitCompleted(operation_id=WAIT, cause=WaitCause.WOKEN)
_CHILD: Final = OperationId("start#0")
_BORN: Final = ChildCreated(
    operation_id=_CHILD, run_id=OTHER, workflow=DefinitionId("shop:ship"), digest=bytes(16)
)
_GROWN: Final = ChildCompleted(operation_id=_CHILD, output=b"")
_LOST: Final = ChildFailed(operation_id=_CHILD, error=b"")
_CANCELLED: Final = StepCancelled(operation_id=step_id(0), attempt=1)
_FAILED: Final = StepFailed(
    operation_id=step_id(0), attempt=1, started_at=1, version=VERSION, error=b""
)
_UPGRADED: Final = RunUpgraded(
    from_version=VERSION, to_version=VersionId("fedcba9876543210"), fingerprint="new"
)
_TIMEOUT: Final = RunFailed(error=b"", kind=FailureKind.TIMEOUT)


def _started(attempt: int) -> StepStarted:
    return StepStarted(operation_id=step_id(0), attempt=attempt, worker_id=BOB)


def _retrying(attempt: int) -> StepRetrying:
    return StepRetrying(operation_id=step_id(0), attempt=attempt, error=b"", retry_at=1)


def _restarted(chapter: int) -> RunRestarted:
    return RunRestarted(
        chapter=chapter, arguments=b"", seed=bytes(32), version=VERSION, fingerprint="f" * 32
    )


_ILLEGAL: Final[Mapping[str, tuple[Sequence[Event], Event, str]]] = {
    "started twice": ((), RunStarted(worker_id=BOB), "started already"),
    "cancelled unasked": ((), RunCancelled(), "nobody asked"),
    "chapter skipped": ((), _restarted(3), "cannot follow chapter 1"),
    "chapter repeated": ((_restarted(2),), _restarted(2), "cannot follow chapter 2"),
    "upgraded from elsewhere": ((), replace(_UPGRADED, from_version=VersionId("x")), VERSION),
    "withdrawn success": (
        (step_done(),), replace(_UPGRADED, withdrawn=(step_id(0),)), "has succeeded",
    ),
    "withdrawn child's success": (
        (_BORN, _GROWN), replace(_UPGRADED, withdrawn=(_CHILD,)), "has succeeded",
    ),
    "unknown step started": ((), _started(1), "does not exist"),
    "running step started": ((step_created(), _started(1)), _started(2), "running"),
    "ended step started": ((step_done(),), _started(2), "completed"),
    "attempt skipped": ((step_created(),), _started(2), "pending"),
    "attempt repeated": (
        (step_created(), _started(1), _retrying(1)), _started(1), "pending",
    ),
    "step created twice": ((step_created(),), step_created(), "pending"),
    "unknown step completed": ((), step_ended(), "does not exist"),
    "completed twice": ((step_done(),), step_ended(), "completed"),
    "completed after cancelled": ((step_created(), _CANCELLED), step_ended(), "cancelled"),
    "completed after failed": ((step_created(), _FAILED), step_ended(), "failed"),
    "failed after completed": ((step_done(),), _FAILED, "completed"),
    "retried after completed": ((step_done(),), _retrying(1), "completed"),
    "cancelled after completed": ((step_done(),), _CANCELLED, "completed"),
    "completed in the pause": (
        (step_created(), _started(1), _retrying(1)), step_ended(), "pending",
    ),
    "another attempt's outcome": (
        (step_created(), _started(1)), step_ended(attempt=2), "running with attempt 1",
    ),
    "brings a second creation": ((step_created(), _started(1)), step_done(), "running"),
    "unknown hook received": ((), RECEIVED, "does not exist"),
    "disposed hook received": ((_HOOK, _DISPOSED), RECEIVED, "disposed"),
    "conflicted hook received": ((_CONFLICTED,), RECEIVED, "conflicted"),
    "withdrawn hook received": (
        (_HOOK, replace(_UPGRADED, withdrawn=(_HOOK.operation_id,))), RECEIVED, "does not exist",
    ),
    "unknown hook disposed": ((), _DISPOSED, "does not exist"),
    "hook disposed twice": ((_HOOK, _DISPOSED), _DISPOSED, "disposed"),
    "hook created twice": ((_HOOK,), _HOOK, "active"),
    "hook created after its end": ((_HOOK, _DISPOSED), _HOOK, "disposed"),
    "conflict of an active hook": ((_HOOK,), _CONFLICTED, "active"),
    "unknown wait completed": ((), _AWAKE, "does not exist"),
    "wait completed twice": ((_ASLEEP, _AWAKE), _AWAKE, "completed"),
    "withdrawn wait completed": (
        (_ASLEEP, replace(_UPGRADED, withdrawn=(WAIT,))), _AWAKE, "does not exist",
    ),
    "wait created twice": ((_ASLEEP,), _ASLEEP, "waiting"),
    "unknown child completed": ((), _GROWN, "does not exist"),
    "child completed twice": ((_BORN, _GROWN), _GROWN, "child_completed"),
    "child failed after completed": ((_BORN, _GROWN), _LOST, "child_completed"),
    "child created twice": ((_BORN,), _BORN, "child_created"),
    "of a later chapter": ((), replace(_AWAKE, operation_id=OperationId("2:s#0")), "not exist"),
    "of no operation": ((), replace(_AWAKE, operation_id=OperationId("x")), "names no operation"),
}  # fmt: skip


class Outsiders:
    """Facts from outside."""

    @pytest.mark.parametrize("case", _ILLEGAL)
    async def test_what_may_not_follow_is_refused(self, world: World, case: str) -> None:
        """By event, operation, state and position; nothing is written then, and the run goes on."""
        before, event, state = _ILLEGAL[case]
        owner = await owned(world)
        if before:
            wrote(await world.append(RUN, before, guard=owner))
        known, row = await log(world), await world.run(RUN)
        with pytest.raises(IllegalEvent) as refused:
            await world.append(RUN, [event], guard=OpenRun())
        text = str(refused.value)
        operation_id = getattr(event, "operation_id", None)
        assert text.startswith(
            event.name if operation_id is None else f"{event.name} of {operation_id} "
        )
        assert f"cannot be event {len(known) + 1} of the log" in text
        assert state in text
        assert (await log(world), await world.run(RUN)) == (known, row)
        length = len(known)
        wrote(await world.append(RUN, [step_done(9)], guard=Owner(owner.fence, length)))

    async def test_a_batch_is_judged_as_a_whole(self, world: World) -> None:
        """What its first event makes legal may follow, and one that may not stops them all."""
        owner = await owned(world)
        wrote(await world.append(RUN, [_ASLEEP], guard=owner))
        with pytest.raises(IllegalEvent, match="event 5 of the log: the wait is completed"):
            await world.append(RUN, [_AWAKE, replace(_AWAKE, actor="ann")], guard=OpenRun())
        wrote(await world.append(RUN, [_AWAKE], guard=OpenRun(3)))
        with pytest.raises(IllegalEvent, match="completed"):
            await world.append(RUN, [_AWAKE], guard=OpenRun(4))

    async def test_a_hook_of_an_earlier_chapter_is_passed_over(self, world: World) -> None:
        """What was sent to it may be on its way; the log takes it, and the run does not mind."""
        owner = await owned(world)
        wrote(await world.append(RUN, [_HOOK, _restarted(2)], guard=owner))
        wrote(await world.append(RUN, [RECEIVED], guard=OpenHook("token")))

    # -- attempts

    async def test_an_attempt_is_counted_once(self, world: World) -> None:
        """Its holder begins the next attempt and no other, and ends the one that it began."""
        await queued_step(world)
        await joined(world, BOB)
        guard = AttemptOf(step_id(0), (await taken_step(world)).fence)
        for wrong in (_started(2), _retrying(2), step_ended(attempt=2), step_done()):
            with pytest.raises(IllegalEvent, match="pending"):
                await world.append(RUN, [wrong], guard=guard)
        wrote(await world.append(RUN, [_started(1)], guard=guard))
        for wrong in (_started(1), _started(2), step_ended(attempt=2), step_done()):
            with pytest.raises(IllegalEvent, match="running"):
                await world.append(RUN, [wrong], guard=guard)
        again = Queued(message=Attempt(RUN, step_id(0)))
        wrote(await world.append(RUN, [_retrying(1)], guard=guard, messages=[again]))
        guard = AttemptOf(step_id(0), (await taken_step(world)).fence)
        with pytest.raises(IllegalEvent, match="attempt 1 cannot follow attempt 1"):
            await world.append(RUN, [_started(1)], guard=guard)
        wrote(await world.append(RUN, [_started(2), step_ended(attempt=2)], guard=guard))

    async def test_a_step_queued_long_after_its_announcement_is_known(self, world: World) -> None:
        """Whoever queues it; the log tells how far it had come."""
        owner = await owned(world)
        events = [step_created(), _started(1), _retrying(1), *map(step_created, range(10, 20))]
        wrote(await world.append(RUN, events, guard=owner))
        await world.enqueue(Queued(message=Attempt(RUN, step_id(0))))
        await joined(world, BOB)
        guard = AttemptOf(step_id(0), (await taken_step(world)).fence)
        with pytest.raises(IllegalEvent, match="pending"):
            await world.append(RUN, [_started(1)], guard=guard)
        wrote(await world.append(RUN, [_started(2)], guard=guard))

    async def test_an_attempt_of_a_retracted_step_goes_on_counting(self, world: World) -> None:
        """Also where the step is queued as it is announced anew."""
        owner = await owned(world)
        failed = [step_created(), _FAILED, replace(_UPGRADED, retracted=(step_id(0),))]
        wrote(await world.append(RUN, failed, guard=owner))
        message = Queued(message=Attempt(RUN, step_id(0)))
        owner = Owner(owner.fence, owner.length + 3)
        wrote(await world.append(RUN, [step_created()], guard=owner, messages=[message]))
        await joined(world, BOB)
        guard = AttemptOf(step_id(0), (await taken_step(world)).fence)
        with pytest.raises(IllegalEvent, match="attempt 1 cannot follow attempt 1"):
            await world.append(RUN, [_started(1)], guard=guard)
        wrote(await world.append(RUN, [_started(2)], guard=guard))

    async def test_an_attempt_writes_about_no_other_step(self, world: World) -> None:
        """Its row is the right to one step."""
        owner = await queued_step(world)
        wrote(await world.append(RUN, [step_created(1)], guard=owner))
        await joined(world, BOB)
        guard = AttemptOf(step_id(0), (await taken_step(world)).fence)
        with pytest.raises(IllegalEvent, match=f"runs an attempt of {step_id(0)} only"):
            await world.append(RUN, [step_ended(1)], guard=guard)
        assert len(await log(world)) == 4  # noqa: PLR2004 - the length of this log

    async def test_a_withdrawn_step_has_no_attempt(self, world: World) -> None:
        """An upgrade takes the step back, and with it the right to run it."""
        owner = await queued_step(world)
        withdrawn = replace(_UPGRADED, withdrawn=(step_id(0),))
        wrote(await world.append(RUN, [withdrawn], guard=owner))
        await joined(world, BOB)
        assert not [one for one in await world.take(BOB, 9) if isinstance(one.message, Attempt)]

    # -- upgrades

    @pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind != "timeout"])
    async def test_a_failure_of_each_kind_may_be_reopened(
        self, world: World, kind: FailureKind
    ) -> None:
        """Only a success is never taken back, and a hook that ended with the run has ended."""
        owner = await owned(world)
        events = [_HOOK, step_done(), RunFailed(error=b"", kind=kind)]
        wrote(await world.append(RUN, events, guard=owner))
        with pytest.raises(IllegalEvent, match="has succeeded"):
            await world.append(RUN, [replace(_UPGRADED, retracted=(step_id(0),))], guard=Unowned(5))
        wrote(await world.append(RUN, [_UPGRADED], guard=Unowned(5)))
        with pytest.raises(IllegalEvent, match="disposed"):
            await world.append(RUN, [RECEIVED], guard=OpenRun())
        assert isinstance(await claimed(world), Owner)

    async def test_a_timeout_is_final(self, world: World) -> None:
        """The time of a run is over on other code too."""
        owner = await owned(world)
        wrote(await world.append(RUN, [_TIMEOUT], guard=owner))
        with pytest.raises(IllegalEvent, match=r"nothing may follow run_failed \(timeout\)"):
            await world.append(RUN, [_UPGRADED], guard=Unowned(3))

    async def test_an_upgrade_knows_the_version_that_it_leaves(self, world: World) -> None:
        """Of two upgrades that race, the second is one from a version that the run has left."""
        owner = await owned(world)
        wrote(await world.append(RUN, [], guard=owner, release=Release()))
        assert isinstance(await world.append(RUN, [_UPGRADED], guard=Unowned(2)), Appended)
        with pytest.raises(IllegalEvent, match=f"and not on {VERSION}"):
            await world.append(RUN, [_UPGRADED], guard=Unowned(3))
