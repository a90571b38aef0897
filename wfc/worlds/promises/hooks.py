"""What is promised of hooks: one holder a token, retention, lists that find them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from wfc.clock import VirtualClock
from wfc.errors import ConfigError, HookConflictError
from wfc.eventlog.entity import Hook, HookStatus
from wfc.eventlog.event import (
    Event,
    FailureKind,
    HookConflicted,
    HookDisposed,
    HookKind,
    HookReceived,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunRestarted,
    RunUpgraded,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId
from wfc.worlds.promises.given import (
    OTHER,
    RECEIVED,
    RUN,
    VERSION,
    hook_created,
    owned,
    started,
    wrote,
)
from wfc.worlds.protocol import (
    Appended,
    HookFilter,
    HookRow,
    OpenHook,
    OpenRun,
    Owner,
    Refusal,
    Refused,
    Release,
    Unowned,
    World,
)

_NAME = hook_created().operation_id
_DISPOSED = HookDisposed(operation_id=_NAME)
_B = hook_created(number=1).operation_id
_HEIR = OperationId(f"2:{_NAME}")
_KEPT = replace(hook_created(), retention_s=60.0)
_OTHERS = replace(hook_created("b", 1), retention_s=60.0)
_ACTIVE = frozenset({"active"})


def _later(owner: Owner, events: int) -> Owner:
    return Owner(owner.fence, owner.length + events)


async def _made(world: World, *events: Event, run_id: RunId = RUN) -> Owner:
    """Own a run with these events; give the guard of what follows."""
    owner = await owned(world, run_id)
    wrote(await world.append(run_id, events, guard=owner))
    return _later(owner, len(events))


async def _found(world: World, token: str = "token") -> HookRow:  # noqa: S107 - no secret
    found = await world.hook_by_token(token)
    assert found is not None
    return found


class Hooks:
    """Tokens and who has them."""

    async def test_a_hook_is_found_by_its_token(self, world: World, clock: VirtualClock) -> None:
        """With all that its event says, and how much has come for it."""
        told = replace(
            hook_created(), kind=HookKind.APPROVAL, schema=b"schema", metadata=b"m" * 40_000
        )
        await _made(world, told)
        wrote(await world.append(RUN, [RECEIVED], guard=OpenHook("token")))
        assert await world.hook_by_token("other") is None
        assert await _found(world) == HookRow(
            run_id=RUN,
            workflow=DefinitionId("shop:checkout"),
            hook=Hook(
                operation_id=_NAME,
                hook_id="hook_0",
                token="token",  # noqa: S106 - no secret
                status=HookStatus.ACTIVE,
                received=1,
                kind=HookKind.APPROVAL,
                schema=b"schema",
                metadata=b"m" * 40_000,
                created_at=clock.now_us(),
            ),
        )

    async def test_of_many_that_want_a_token_one_gets_it(self, world: World) -> None:
        """The others are told which run has it, in the place of their `hook_created`."""
        runs = [RunId(f"run_{number}") for number in range(8)]
        for run_id in runs:
            await started(world, run_id)
        answers = await asyncio.gather(
            *(world.append(run_id, [hook_created()], guard=OpenRun()) for run_id in runs)
        )
        events = [wrote(answer).recorded[0].event for answer in answers]
        holder = runs[events.index(hook_created())]
        conflict = HookConflicted(operation_id=_NAME, token="token", owner_run_id=holder)  # noqa: S106 - no secret
        assert sorted(event.name for event in events) == ["hook_conflicted"] * 7 + ["hook_created"]
        assert [event for event in events if event != hook_created()] == [conflict] * 7
        assert (await _found(world)).run_id == holder

    async def test_a_disposed_hook_leaves_its_token(self, world: World) -> None:
        """Without retention at once, to another run as to the same one."""
        owner = await _made(world, hook_created(), _DISPOSED)
        assert (await _found(world)).hook.status is HookStatus.DISPOSED
        again = hook_created(number=1)
        assert wrote(await world.append(RUN, [again], guard=owner)).recorded[0].event == again
        assert (await _found(world)).hook.hook_id == "hook_1"

    @pytest.mark.parametrize(
        "end", [_DISPOSED, RunCompleted(output=b""), RunCancelled(forced=True)]
    )
    async def test_a_retained_token_is_kept_from_others(
        self, world: World, clock: VirtualClock, end: Event
    ) -> None:
        """For as long as was asked, from the disposal or the run's end on; then it is free."""
        await _made(world, _KEPT, end)
        ended_at = clock.now_us()
        found = await _found(world)
        assert (found.hook.status, found.hook.disposed_at) == (HookStatus.DISPOSED, ended_at)
        assert found.reserved_until == ended_at + 60_000_000
        clock.advance(timedelta(seconds=59))
        other = await owned(world, OTHER)
        taken = wrote(await world.append(OTHER, [hook_created()], guard=other))
        assert isinstance(taken.recorded[0].event, HookConflicted)
        clock.advance(timedelta(seconds=1))
        free = wrote(await world.append(OTHER, [hook_created(number=1)], guard=_later(other, 1)))
        assert free.recorded[0].event == hook_created(number=1)
        assert (await _found(world)).run_id == OTHER

    async def test_a_payload_is_for_the_hook_that_has_the_token(self, world: World) -> None:
        """Whoever looked before it changed hands, even within a run, is refused."""
        owner = await _made(world, hook_created(), _DISPOSED, hook_created(number=1))
        assert await world.append(RUN, [RECEIVED], guard=OpenHook("token")) == Refused(
            reason=Refusal.CLOSED
        )
        sent = replace(RECEIVED, operation_id=hook_created(number=1).operation_id)
        wrote(await world.append(RUN, [sent], guard=OpenHook("token")))
        wrote(await world.append(RUN, [RunCompleted(output=b"")], guard=_later(owner, 1)))
        assert await world.append(RUN, [sent], guard=OpenHook("token")) == Refused(
            reason=Refusal.OVER
        )

    async def test_one_idempotency_id_lands_once_of_24_that_race(self, world: World) -> None:
        """Everybody learns the one place."""
        await _made(world, hook_created())
        answers = await asyncio.gather(
            *(
                world.append(
                    RUN,
                    [replace(RECEIVED, receipt_id=f"rcpt_{number}", idempotency_id="once")],
                    guard=OpenHook("token"),
                )
                for number in range(24)
            )
        )
        landed = [answer for answer in answers if isinstance(answer, Appended)]
        assert len(landed) == 1
        told = {answer.events for answer in answers if isinstance(answer, Refused)}
        assert told == {landed[0].recorded}
        assert (await _found(world)).hook.received == 1

    async def test_a_later_chapter_takes_a_token_over(self, world: World) -> None:
        """From a hook of its own run, in one append, whatever retention that one had."""
        owner = await _made(world, _KEPT)
        wrote(await world.append(RUN, [RECEIVED, _restarted(2)], guard=owner))
        assert (await _found(world)).hook.status is HookStatus.ACTIVE
        later = replace(RECEIVED, receipt_id="rcpt_2")
        wrote(await world.append(RUN, [later], guard=OpenHook("token")))
        heir = replace(_KEPT, operation_id=_HEIR, hook_id="hook_1")
        both = wrote(await world.append(RUN, [_DISPOSED, heir], guard=_later(owner, 3)))
        assert [one.event for one in both.recorded] == [_DISPOSED, heir]
        found = await _found(world)
        assert (found.hook.operation_id, found.hook.received) == (_HEIR, 0)
        late = replace(RECEIVED, receipt_id="rcpt_3")
        assert await world.append(RUN, [late], guard=OpenHook("token")) == Refused(
            reason=Refusal.CLOSED
        )
        again = replace(later, operation_id=_HEIR, receipt_id="rcpt_4", idempotency_id="x")
        wrote(await world.append(RUN, [again], guard=OpenHook("token")))
        plain = HookDisposed(operation_id=_HEIR)
        wrote(await world.append(RUN, [plain], guard=_later(owner, 6)))
        assert (await _found(world)).reserved_until is not None

    async def test_an_endless_run_has_no_endless_list_of_hooks(
        self, world: World, clock: VirtualClock
    ) -> None:
        """What became of hooks two chapters ago is forgotten, once their tokens are free."""
        owner = await _made(world, hook_created("a"), _OTHERS)
        ends = [_DISPOSED, HookDisposed(operation_id=_B)]
        wrote(await world.append(RUN, [*ends, _restarted(2)], guard=_later(owner, 0)))
        listed = (await world.list_hooks(HookFilter(run_id=RUN))).hooks
        assert [one.hook.token for one in listed] == ["b", "a"]
        wrote(await world.append(RUN, [_restarted(3)], guard=_later(owner, 3)))
        (left,) = (await world.list_hooks(HookFilter(run_id=RUN))).hooks
        assert left.hook.token == "b"  # noqa: S105 - no secret
        clock.advance(timedelta(seconds=61))
        wrote(await world.append(RUN, [_restarted(4)], guard=_later(owner, 4)))
        assert (await world.list_hooks(HookFilter(run_id=RUN))).hooks == ()
        assert await world.hook_by_token("b") is None

    async def test_lists_are_exact_and_paged(self, world: World, clock: VirtualClock) -> None:
        """By run, token, id, kind and status, newest first; a cursor belongs to its filters."""
        await _made(world, hook_created("a"), replace(hook_created("b", 1), kind=HookKind.WEBHOOK))
        clock.advance(timedelta(seconds=1))
        await _made(world, hook_created("c"), hook_created("a", 1), run_id=OTHER)
        names = {(RUN, 0): "a", (RUN, 1): "b", (OTHER, 0): "c", (OTHER, 1): "conflict"}

        async def listed(**where: object) -> str:
            page = await world.list_hooks(HookFilter(**where))  # type: ignore[arg-type]  # as given
            assert page.next is None
            return " ".join(names[one.run_id, int(one.hook.operation_id[-1])] for one in page.hooks)

        assert await listed() == "conflict c b a"
        assert await listed(run_id=RUN) == "b a"
        assert await listed(token="a") == "conflict a"  # noqa: S106 - no secret
        assert await listed(hook_id="hook_1") == "b"
        assert await listed(kind=HookKind.WEBHOOK) == "b"
        assert await listed(statuses=_ACTIVE) == "c b a"
        assert await listed(statuses=frozenset({"conflicted", "disposed"})) == "conflict"
        where = HookFilter(statuses=_ACTIVE)
        cursor: str | None = None
        found: list[HookRow] = []
        for _ in range(3):
            page = await world.list_hooks(where, cursor=cursor, limit=1)
            found += page.hooks
            cursor = page.next
        assert cursor is None
        assert [one.hook.token for one in found] == ["c", "b", "a"]
        first = await world.list_hooks(where, limit=1)
        with pytest.raises(ConfigError, match="other filters"):
            await world.list_hooks(HookFilter(), cursor=first.next)
        with pytest.raises(ConfigError, match="no cursor"):
            await world.list_hooks(where, cursor="x")
        with pytest.raises(ConfigError, match="limit=0"):
            await world.list_hooks(where, limit=0)

    async def test_a_revived_run_has_the_hooks_that_were_retracted(self, world: World) -> None:
        """Active again, with what came for them; not those that it does not retract."""
        failed = RunFailed(error=b"", kind=FailureKind.USER)
        made = (_KEPT, hook_created("other", 1))
        received = HookReceived(operation_id=_NAME, receipt_id="r", payload=b"")
        await _made(world, *made, received, failed)
        revived = _upgraded(retracted=(_NAME,))
        wrote(await world.append(RUN, [revived], guard=Unowned(6)))
        found = await _found(world)
        assert (found.hook.status, found.hook.received) == (HookStatus.ACTIVE, 1)
        assert (found.hook.disposed_at, found.reserved_until) == (None, None)
        wrote(await world.append(RUN, [RECEIVED], guard=OpenHook("token")))
        other = replace(RECEIVED, operation_id=made[1].operation_id)
        assert await world.append(RUN, [other], guard=OpenHook("other")) == Refused(
            reason=Refusal.CLOSED
        )

    async def test_a_run_is_not_revived_without_its_tokens(self, world: World) -> None:
        """Somebody took one meanwhile: the answer names the holder, and nothing is written."""
        failed = RunFailed(error=b"", kind=FailureKind.USER)
        await _made(world, hook_created(), failed)
        await _made(world, hook_created(), run_id=OTHER)
        before = await world.run(RUN)
        with pytest.raises(HookConflictError) as caught:
            await world.append(RUN, [_upgraded(retracted=(_NAME,))], guard=Unowned(4))
        assert (caught.value.token, caught.value.owner_run_id) == ("token", OTHER)
        assert await world.run(RUN) == before

    async def test_a_withdrawn_hook_leaves_its_token(self, world: World) -> None:
        """It is gone from the lists too, and its old name means nothing."""
        owner = await _made(world, _KEPT)
        wrote(await world.append(RUN, [], guard=owner, release=Release()))
        wrote(await world.append(RUN, [_upgraded(withdrawn=(_NAME,))], guard=Unowned(3)))
        assert await world.hook_by_token("token") is None
        await started(world, OTHER)
        assert (await world.list_hooks(HookFilter())).hooks == ()

    async def test_a_renamed_hook_is_found_by_its_present_name(self, world: World) -> None:
        """A payload names it so, and lands."""
        owner = await _made(world, hook_created())
        wrote(await world.append(RUN, [], guard=owner, release=Release()))
        moved = _upgraded(site_map={"create_hook~c3d4": "create_hook~e5f6"})
        wrote(await world.append(RUN, [moved], guard=Unowned(3)))
        present = (await _found(world)).hook.operation_id
        assert present == OperationId("create_hook~e5f6#0")
        sent = replace(RECEIVED, operation_id=present)
        wrote(await world.append(RUN, [sent], guard=OpenHook("token")))
        assert (await _found(world)).hook.received == 1
        disposed = HookDisposed(operation_id=present)
        wrote(await world.append(RUN, [disposed], guard=OpenRun()))
        assert (await _found(world)).hook.status is HookStatus.DISPOSED


def _restarted(chapter: int) -> RunRestarted:
    return RunRestarted(
        chapter=chapter, arguments=b"", seed=bytes(32), version=VERSION, fingerprint="g"
    )


def _upgraded(**changes: object) -> RunUpgraded:
    return RunUpgraded(
        from_version=VERSION,
        to_version=VersionId("fedc"),
        fingerprint="fp2",
        **changes,  # type: ignore[arg-type]  # as given
    )
