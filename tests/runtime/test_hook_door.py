"""Hooks from outside: what is sent lands once and on disk, or nothing is written and it is told."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.hook_flows import FLOWS, HOOKED
from tests.runtime.house import House
from wfc import api, codec
from wfc.clock import VirtualClock
from wfc.config import Session, use_session
from wfc.errors import (
    CodecError,
    CorruptEvent,
    HookClosed,
    HookConflictError,
    HookNotFound,
    HookPayloadInvalid,
    IdempotencyMismatch,
    OptionInvalid,
    PayloadTooLarge,
    RunBusy,
    RunFailed,
    RunLogFull,
    SchemaUnavailable,
    Unserialisable,
)
from wfc.eventlog.entity import HookStatus, RunStatus
from wfc.eventlog.event import (
    Channel,
    HookCreated,
    HookDisposed,
    HookKind,
    HookReceived,
    RunRestarted,
    StepCompleted,
)
from wfc.ids import OperationId, RunId
from wfc.runtime import hook_door
from wfc.runtime.answers import Receipt
from wfc.runtime.limits import Limits
from wfc.runtime.run import Run
from wfc.settings import load_settings
from wfc.worlds.open import open_world
from wfc.worlds.protocol import OpenHook, OpenRun


@pytest.fixture
async def house(house_url: str, journal: Any) -> AsyncIterator[House]:
    clock = VirtualClock()
    world = open_world(house_url, clock)
    await world.open()
    made = await House(world, clock, HOOKED.version).open()
    async with use_session(made.session):
        yield made
    await made.close()


@pytest.fixture(params=[False, True], ids=["normal", "always-replay"])
def always(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def waits(house: House, flow: Any, *args: Any, **limits: Any) -> Run[Any]:
    """Start a run and let it come to its hook."""
    run = await house.start(flow, *args)
    await house.worker(**limits).run_until_idle()
    return run


async def told(house: House) -> None:
    await house.workers[-1].run_until_idle()


async def test_a_value_is_sent_and_the_run_goes_on(house: House, always: bool) -> None:  # noqa: FBT001 - a fixture
    """By the token, judged by the type; the receipt says where it is."""
    run = await waits(house, FLOWS.approves, "order:1", always_replay=always)
    assert await run.status() is RunStatus.SUSPENDED
    receipt = await api.resume_hook("order:1", FLOWS.Approval(approved=True, by="ann"))
    assert receipt == Receipt(run_id=run.id, receipt_id=receipt.receipt_id, position=4)
    assert receipt.receipt_id.startswith("rcpt_")
    await told(house)
    assert await run.result() == [True, "ann"]
    assert await house.log(run) == [
        "run_created", "run_started", "hook_created", "hook_received", "hook_disposed",
        "run_completed",
    ]  # fmt: skip
    (received,) = await house.events(run, HookReceived)
    (disposed,) = await house.events(run, HookDisposed)
    assert (received.channel, disposed.channel) == (Channel.API, Channel.CODE)


async def test_a_payload_becomes_the_type_at_the_door(house: House) -> None:
    """A dict does for a model, and its defaults are filled in."""
    run = await waits(house, FLOWS.approves, "order:1")
    await api.resume_hook("order:1", {"approved": "yes"})
    await told(house)
    assert await run.result() == [True, "nobody"]


@pytest.mark.parametrize("flow", ["announces", "announces_once"])
async def test_a_token_is_in_the_log_before_a_step_sends_it_out(
    house: House,
    journal: Any,
    flow: str,
    always: bool,  # noqa: FBT001 - a fixture
) -> None:
    """Whoever was told the token can use it at once."""
    order: list[str] = []
    append = house.world.append

    async def noted(run_id: Any, events: Any, **rest: Any) -> Any:
        answer = await append(run_id, events, **rest)
        order.extend(event.name for event in events)
        order.extend(name for name, _ in journal.calls if name not in order)
        return answer

    house.world.append = noted  # type: ignore[method-assign]  # a spy around the real one
    run = await waits(house, getattr(FLOWS, flow), always_replay=always)
    assert order.index("hook_created") < order.index("send_out")
    ((_, token),) = journal.calls
    (hook,) = await run.hooks()
    assert (hook.token, hook.status) == (token, HookStatus.ACTIVE)
    assert [each.output for each in await house.events(run, StepCompleted)] == [
        codec.encode(hook.id, path="id")
    ]
    await api.resume_hook(hook, [5] if flow == "announces" else 5)
    await told(house)
    assert await run.result() in ([5], 5)


async def test_payloads_wait_for_the_run(house: House, always: bool) -> None:  # noqa: FBT001 - a fixture
    """What comes while nobody executes it is taken later, in the order in which it came."""
    run = await waits(house, FLOWS.collects, "chat:1", always_replay=always)
    receipts = [await api.resume_hook("chat:1", item) for item in ("a", 1, None, "end")]
    assert [receipt.position for receipt in receipts] == [4, 5, 6, 7]
    assert (await api.get_hook("chat:1")).received == 4
    await told(house)
    assert await run.result() == ["a", 1, None]


async def test_a_worker_of_this_process_hears_at_once(house: House, always: bool) -> None:  # noqa: FBT001 - a fixture
    await house.embedded(always_replay=always)
    run = await house.start(FLOWS.collects, "chat:1")
    await house.logged(run, "hook_created")
    for item in (1, 2, 3, "end"):
        await api.resume_hook("chat:1", item)
    assert await run.result("10s") == [1, 2, 3]


async def test_24_callers_with_one_id_land_once(house: House) -> None:
    """Each has the same receipt, one of them the first; later tries too, whatever has ended."""
    run = await waits(house, FLOWS.approves, "order:1")
    payload = {"approved": True}

    async def send() -> Receipt:
        return await api.resume_hook("order:1", payload, idempotency_id="once")

    receipts = await asyncio.gather(*(send() for _ in range(24)))
    assert sorted(receipt.duplicate for receipt in receipts) == [False] + [True] * 23
    assert {(each.run_id, each.receipt_id, each.position) for each in receipts} == {
        (run.id, receipts[0].receipt_id, 4)
    }
    await told(house)
    assert await run.result() == [True, "nobody"]
    assert (await send()).duplicate
    house.advance(minutes=2)
    assert (await send()).duplicate
    with pytest.raises(IdempotencyMismatch):
        await api.resume_hook("order:1", {"approved": False}, idempotency_id="once")
    assert len(await house.events(run, HookReceived)) == 1


async def test_a_repeated_payload_does_not_go_to_the_next_holder(house: House) -> None:
    """It landed at the hook that had the token then, of this run or of another one."""
    run = await waits(house, FLOWS.again, "t", 3)
    first = await api.resume_hook("t", 1, idempotency_id="one")
    await told(house)
    again = await api.resume_hook("t", 1, idempotency_id="one")
    assert (again.duplicate, again.position) == (True, first.position)
    with pytest.raises(IdempotencyMismatch):
        await api.resume_hook("t", 2, idempotency_id="one")
    await api.resume_hook("t", 2, idempotency_id="two")
    await told(house)
    await api.resume_hook("t", 3)
    await told(house)
    assert await run.result() == [1, 2, 3]
    other = await waits(house, FLOWS.again, "t", 1)
    again = await api.resume_hook("t", 2, idempotency_id="two")
    assert (again.run_id, again.duplicate) == (run.id, True)
    with pytest.raises(IdempotencyMismatch):
        await api.resume_hook("t", 9, idempotency_id="two")
    await api.resume_hook("t", 4, idempotency_id="three")
    await told(house)
    assert await other.result() == [4]


async def test_a_taken_token_is_told_to_the_second_run(house: House, always: bool) -> None:  # noqa: FBT001 - a fixture
    """It can ask, or it hears it at the await; uncaught, the run fails with it."""
    first = await waits(house, FLOWS.collects, "mine", always_replay=always)
    second = await waits(house, FLOWS.conflicts, "mine", always_replay=always)
    assert await second.result() == ["mine", first.id, first.id]
    (hook,) = await second.hooks()
    assert hook.status is HookStatus.CONFLICTED
    third = await waits(house, FLOWS.uncaught, "mine")
    with pytest.raises(RunFailed) as caught:
        await third.result()
    assert isinstance(caught.value.cause, HookConflictError)
    assert caught.value.cause.owner_run_id == first.id
    await api.resume_hook("mine", "end")
    await told(house)
    assert await first.result() == []


async def test_a_token_of_its_own_is_no_conflict(house: House) -> None:
    run = await waits(house, FLOWS.conflicts, "mine")
    await api.resume_hook("mine", 7)
    await told(house)
    assert await run.result() == 7


async def test_a_disposed_hook_is_closed_while_its_token_is_kept(house: House) -> None:
    """Then it is as unknown as one that never was."""
    run = await waits(house, FLOWS.approves, "order:1")
    assert await run.cancel()
    await told(house)
    assert await run.status() is RunStatus.CANCELLED
    before = await house.log(run)
    with pytest.raises(HookClosed, match="was disposed"):
        await api.resume_hook("order:1", {"approved": True})
    with pytest.raises(HookClosed):
        await api.resume_hook("order:1", {"approved": True}, idempotency_id="new")
    house.advance(minutes=1)
    for token in ("order:1", "order:2", "apr_0"):
        with pytest.raises(HookNotFound, match="no hook has this token"):
            await api.resume_hook(token, {"approved": True})
    assert await house.log(run) == before


@pytest.mark.parametrize("forced", [False, True])
async def test_the_end_of_a_run_disposes_of_its_hooks(house: House, *, forced: bool) -> None:
    run = await waits(house, FLOWS.races, ["a", "b"])
    await run.cancel(force=forced)
    await told(house)
    assert [hook.status for hook in await run.hooks()] == [HookStatus.DISPOSED] * 2
    assert (await api.list_hooks()).items == ()
    with pytest.raises(HookNotFound):
        await api.resume_hook("a", 1)


async def test_two_hooks_of_one_run(house: House, always: bool) -> None:  # noqa: FBT001 - a fixture
    run = await waits(house, FLOWS.races, ["a", "b"], always_replay=always)
    await api.resume_hook("b", 2)
    await told(house)
    assert await run.status() is RunStatus.SUSPENDED
    await api.resume_hook("a", 1)
    await told(house)
    assert await run.result() == [1, 2]


async def test_a_hook_awaited_for_an_hour(house: House, always: bool) -> None:  # noqa: FBT001 - a fixture
    run = await waits(house, FLOWS.times_out, "t", always_replay=always)
    house.advance(hours=1)
    await told(house)
    assert await run.result() == "too late"


async def test_cleanup_may_wait_for_a_hook(house: House) -> None:
    run = await waits(house, FLOWS.cleans_up, "t")
    await run.cancel()
    await told(house)
    assert await run.status() is RunStatus.SUSPENDED
    await api.resume_hook("t", None)
    await told(house)
    assert await run.status() is RunStatus.CANCELLED


async def test_what_does_not_fit_is_refused_at_the_door(house: House) -> None:
    """With the path of each fault, and nothing is written."""
    run = await waits(house, FLOWS.approves, "order:1")
    before = await house.log(run)
    with pytest.raises(HookPayloadInvalid, match="approved: Input should be a valid boolean"):
        await api.resume_hook("order:1", {"approved": "perhaps"})
    with pytest.raises(HookPayloadInvalid, match="the payload: Input should be a valid dict"):
        await api.resume_hook("order:1", 5)
    many = await waits(house, FLOWS.announces)
    (hook,) = await many.hooks()
    with pytest.raises(HookPayloadInvalid, match="and 2 more"):
        await api.resume_hook(hook.token, ["a", "b", "c", "d", "e"])
    assert await house.log(run) == before


async def test_what_cannot_be_stored_is_refused(house: House) -> None:
    run = await waits(house, FLOWS.collects, "chat:1")
    before = await house.log(run)
    with pytest.raises(Unserialisable):
        await api.resume_hook("chat:1", object())
    house.session.payload_max = 100
    with pytest.raises(PayloadTooLarge):
        await api.resume_hook("chat:1", "x" * 101)
    with pytest.raises(OptionInvalid, match="names no hook"):
        await api.resume_hook(5, 1)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(OptionInvalid, match="idempotency_id"):
        await api.resume_hook("chat:1", 1, idempotency_id=5)  # type: ignore[arg-type]  # likewise
    assert await house.log(run) == before


# -- without the application's code


@pytest.fixture
async def stranger(house: House) -> Session:
    """A session of the same world without any code."""
    return Session(house.world, channel=Channel.REST, actor="ann")


async def test_without_the_type_the_json_schema_judges(house: House, stranger: Session) -> None:
    """And the type again, when the payload is taken."""
    run = await waits(house, FLOWS.approves, "order:1")
    with pytest.raises(HookPayloadInvalid, match="approved: 'maybe' is not of type 'boolean'"):
        await hook_door.send(stranger, "order:1", {"approved": "maybe"})
    await hook_door.send(stranger, "order:1", {"approved": True, "by": "bob"})
    await told(house)
    assert await run.result() == [True, "bob"]
    (received,) = await house.events(run, HookReceived)
    assert (received.actor, received.channel) == ("ann", Channel.REST)


async def test_a_payload_that_only_the_type_refuses_raises_at_the_await(house: House) -> None:
    """Written by somebody who could not judge it; the workflow may go on with the next one."""
    run = await waits(house, FLOWS.insists, "order:1")
    (created,) = await house.events(run, HookCreated)
    sent = HookReceived(
        operation_id=created.operation_id,
        receipt_id="rcpt_1",
        payload=codec.encode({"approved": "maybe"}, path="payload"),
    )
    await house.world.append(run.id, [sent], guard=OpenHook("order:1"))
    await told(house)
    assert await run.status() is RunStatus.SUSPENDED
    await api.resume_hook("order:1", {"approved": True})
    await told(house)
    assert await run.result() is True


async def test_who_cannot_judge_is_told_so(
    house: House, stranger: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the type nor `jsonschema`, or a type that no JSON Schema describes."""
    run = await waits(house, FLOWS.approves, "order:1")
    odd = await waits(house, FLOWS.is_odd, "odd")
    with pytest.raises(SchemaUnavailable, match="no JSON Schema"):
        await hook_door.send(stranger, "odd", 1)
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(SchemaUnavailable, match="not installed"):
        await hook_door.send(stranger, "order:1", {"approved": True})
    assert "hook_received" not in await house.log(run) + await house.log(odd)


async def test_json_is_read_as_the_type_reads_json(house: House, stranger: Session) -> None:
    """What came by the command line or HTTP; a hook of anything needs no schema."""
    run = await waits(house, FLOWS.collects, "chat:1")
    await hook_door.send(stranger, "chat:1", {"a": [1]}, as_json=True)
    await hook_door.send(stranger, "chat:1", "end", as_json=True)
    await told(house)
    assert await run.result() == [{"a": [1]}]
    other = await waits(house, FLOWS.approves, "order:1")
    await hook_door.send(house.session, "order:1", {"approved": True}, as_json=True)
    await told(house)
    assert await other.result() == [True, "nobody"]


# -- logs that take no more


async def test_a_full_log_takes_nothing_more(house: House) -> None:
    run = await waits(house, FLOWS.collects, "chat:1")
    house.session.events_max = 4
    await api.resume_hook("chat:1", 1)
    await api.resume_hook("chat:1", 2)
    with pytest.raises(RunLogFull, match="has 4 events in this chapter, and the limit is 4"):
        await api.resume_hook("chat:1", 3)
    assert len(await house.events(run, HookReceived)) == 2


async def test_a_log_that_cannot_be_read_takes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could say what the payload would mean behind it."""
    run = await waits(house, FLOWS.collects, "chat:1")

    async def damaged(run_id: Any, *_: Any) -> Any:
        raise CorruptEvent(run_id, 3, "bytes are missing")

    with monkeypatch.context() as patch:
        patch.setattr(house.world, "history", damaged)
        with pytest.raises(CorruptEvent):
            await api.resume_hook("chat:1", 1)
    assert "hook_received" not in await house.log(run)


async def test_a_hook_that_changes_hands_is_looked_up_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the write another hook got the token."""
    run = await waits(house, FLOWS.again, "t", 2)
    stale = await house.world.hook_by_token("t")
    await api.resume_hook("t", 1)
    await told(house)
    looks = [stale, stale, await house.world.hook_by_token("t")]

    async def looked(_token: str) -> Any:
        return looks.pop(0)

    with monkeypatch.context() as patch:
        patch.setattr(house.world, "hook_by_token", looked)
        await api.resume_hook("t", 2)
    await told(house)
    assert await run.result() == [1, 2]


async def test_hooks_are_listed(house: House) -> None:
    """With what they take; active ones, unless told otherwise."""
    many = await waits(house, FLOWS.announces)
    (hook,) = (await api.list_hooks(run=many.id)).items
    assert (hook.id, hook.kind, hook.workflow) == (
        (await many.hooks())[0].id, HookKind.HOOK, "hook_flows:announces",
    )  # fmt: skip
    assert hook.site.startswith("create_hook~")
    assert hook.json_schema == {"type": "array", "items": {"type": "integer"}}
    assert hook.metadata == {"for": "ann"}
    assert await many.hooks() == [hook]
    house.advance(seconds=1)
    one = await waits(house, FLOWS.approves, "order:1")
    await api.resume_hook("order:1", {"approved": True})
    await told(house)
    assert (await api.list_hooks()).items == (hook,)
    everything = await api.list_hooks(status=None, limit=1)
    assert [each.run_id for each in everything.items] == [one.id]
    rest = await api.list_hooks(status=None, limit=1, cursor=everything.next)
    assert (rest.items, rest.next) == ((hook,), None)
    assert (await api.list_hooks(status=["disposed"], kind="hook")).items == everything.items
    assert (await api.list_hooks(kind=HookKind.APPROVAL)).items == ()
    gone = await api.get_hook("order:1")
    assert (gone.status, gone.disposed_at is not None) == (HookStatus.DISPOSED, True)
    with pytest.raises(HookNotFound):
        await api.get_hook("nobody")
    with pytest.raises(OptionInvalid, match="active, disposed, conflicted"):
        await api.list_hooks(status="open")


async def test_a_chapter_has_a_log_of_its_own(house: House) -> None:
    """Events of earlier chapters do not count against what is sent to this one."""
    run = await waits(house, FLOWS.collects, "chat:1")
    for number in range(3):
        await api.resume_hook("chat:1", number)
    begun = RunRestarted(
        chapter=2,
        arguments=codec.encode({"token": "chat:1"}, path="arguments"),
        seed=bytes(32),
        version=HOOKED.version.id,
        fingerprint="f",
    )
    await house.world.append(run.id, [begun], guard=OpenRun())
    house.session.events_max = 2
    await api.resume_hook("chat:1", 3)
    await api.resume_hook("chat:1", 4)
    with pytest.raises(RunLogFull, match="has 2 events in this chapter"):
        await api.resume_hook("chat:1", 5)


async def test_a_hook_that_changes_hands_all_the_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller is told to try again; a run that has gone meanwhile counts as that."""
    await waits(house, FLOWS.again, "t", 2)
    stale = await house.world.hook_by_token("t")
    assert stale is not None
    await api.resume_hook("t", 1)
    await told(house)
    gone = replace(stale, run_id=RunId("gone"))
    looks = itertools.cycle([stale, gone])

    async def looked(_token: str) -> Any:
        return next(looks)

    monkeypatch.setattr(house.world, "hook_by_token", looked)
    with pytest.raises(RunBusy, match="changes hands"):
        await api.resume_hook("t", 2)


async def test_an_approval_is_found_by_its_id(house: House) -> None:
    """Its token never leaves; what is unreadable of a hook is shown as the reason."""
    run = await waits(house, FLOWS.announces)
    created = HookCreated(
        operation_id=OperationId("approval~1#0"),
        hook_id="apr_1",
        token="secret",  # noqa: S106 - a test's
        kind=HookKind.APPROVAL,
        metadata=bytes([9, 0]),
    )
    await house.world.append(run.id, [created], guard=OpenRun())
    receipt = await api.resume_hook("apr_1", True)  # noqa: FBT003 - the payload
    assert receipt.run_id == run.id
    found = await api.get_hook("apr_1")
    assert (found.id, found.token, found.received) == ("apr_1", "apr_1", 1)
    assert isinstance(found.metadata, CodecError)
    assert [hook.id for hook in (await api.list_hooks(kind="approval")).items] == ["apr_1"]
    await api.resume_hook(found, True)  # noqa: FBT003 - the payload


async def test_a_fork_has_tokens_of_its_own(house: House, journal: Any) -> None:
    """Those of its past are replaced, those that it draws anew are others; each gets its own."""
    run = await waits(house, FLOWS.announces)
    forks = [await run.fork(at) for at in (3, len(await run.events()) + 1)]
    await told(house)
    tokens = [(await one.hooks())[0].token for one in (run, *forks)]
    assert len(set(tokens)) == 3
    assert [token for _, token in journal.calls] == tokens[:2]
    for number, (one, token) in enumerate(zip((run, *forks), tokens, strict=True)):
        receipt = await api.resume_hook(token, [number])
        assert receipt.run_id == one.id
    await told(house)
    assert [await one.result() for one in (run, *forks)] == [[0], [1], [2]]


def test_the_limits_are_those_of_the_settings(tmp_path: Path) -> None:
    assert load_settings(tmp_path).settings.limits.events == Limits().events
