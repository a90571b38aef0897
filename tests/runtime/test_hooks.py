"""Hooks as an execution sees them: asked for, filled by the log, taken by the code."""

from __future__ import annotations

from typing import Any

import pytest

from tests.runtime.histories import STEPS, Log, describe, output_of, template_of
from wfc import codec
from wfc.errors import OutsideWorkflow
from wfc.eventlog.event import (
    Event,
    FailureKind,
    HookConflicted,
    HookCreated,
    HookDisposed,
    HookKind,
    HookReceived,
    RunCancelRequested,
    WaitCreated,
)
from wfc.ids import OperationId, RunId
from wfc.runtime.hooks import Hook, open_hook
from wfc.runtime.operations import Cancelled, Failed, HookAsked, Suspended
from wfc.runtime.pending_hook import PendingHook

HEAD = (
    """
from pydantic import BaseModel
from wfc import Hook, create_hook
from wfc.errors import HookClosed, HookConflictError, PayloadMismatch

class Approval(BaseModel):
    approved: bool
"""
    + STEPS
)


def log_of(body: str, *args: Any, **created: Any) -> Log:
    return Log(template_of(body, head=HEAD, classes=["app:Approval"]), *args, **created)


def asked(log: Log, occurrence: int | None = None) -> HookAsked:
    found = log.named("create_hook", occurrence)
    assert isinstance(found, HookAsked)
    return found


def received(hook: HookAsked, value: Any) -> Event:
    return HookReceived(
        operation_id=hook.operation_id,
        receipt_id="rcpt_1",
        payload=codec.encode(value, path="payload"),
    )


ONE = """
async def flow():
    "use workflow"
    async with create_hook(Approval, token="order:1") as hook:
        return (await hook).approved
"""


def test_a_payload_is_awaited_and_the_hook_disposed() -> None:
    """The model comes back, whatever form it was sent in, and the block's end disposes."""
    log = log_of(ONE)
    log.start()
    hook = asked(log)
    assert (hook.created.token, hook.created.kind) == ("order:1", HookKind.HOOK)
    assert hook.created.hook_id.startswith("hook_")
    assert isinstance(log.deliver(hook.created), Suspended)
    assert output_of(log.deliver(received(hook, {"approved": True}))) is True
    assert log.withdrawn == [hook]
    assert output_of(log.replay()) is True


def test_a_hook_of_one_turn_leaves_no_trace() -> None:
    log = log_of("""
async def flow():
    "use workflow"
    create_hook().dispose()
    hook = create_hook(int, token="a")
    return await hook + await hook
""")
    log.start()
    hook = asked(log)
    assert log.withdrawn == []
    log.deliver(hook.created, received(hook, 1))
    assert output_of(log.deliver(received(hook, 2))) == 3


def test_ids_and_tokens_are_drawn_from_the_seed() -> None:
    """Equal seeds draw equally, other places and seeds do not; 128 and 192 bits."""
    body = """
async def flow():
    "use workflow"
    first, second = create_hook(), create_hook()
    return [await first, await second]
"""
    logs = [log_of(body), log_of(body), log_of(body, seed=b"x" * 32)]
    drawn = []
    for log in logs:
        log.start()
        hooks = [each for each in log.execution.open.values() if isinstance(each, HookAsked)]
        drawn.append([(each.created.hook_id, each.created.token) for each in hooks])
    assert drawn[0] == drawn[1]
    assert len({text for pairs in (drawn[0], drawn[2]) for pair in pairs for text in pair}) == 8
    (hook_id, token), _ = drawn[0]
    assert len(bytes.fromhex(hook_id.removeprefix("hook_"))) == 16
    assert len(token) == 32


MANY = """
async def flow():
    "use workflow"
    hook = create_hook(int)
    found = []
    async for number in hook:
        found.append(number)
        if number == 3:
            hook.dispose()
    return found
"""


def test_payloads_come_in_log_order_until_the_hook_is_disposed() -> None:
    """What came and was not taken before the disposal is left."""
    log = log_of(MANY)
    log.start()
    hook = asked(log)
    numbers = [received(hook, number) for number in (1, 2, 3, 4)]
    assert output_of(log.deliver(hook.created, *numbers)) == [1, 2, 3]
    for upto in range(1, len(log.recorded) + 1):
        log.replay(upto)
    assert output_of(log.replay()) == [1, 2, 3]


def test_a_disposal_from_outside_leaves_what_came_before() -> None:
    """As an expiry does: the log has an order, and the code follows it."""
    log = log_of("""
async def flow():
    "use workflow"
    hook = create_hook(int)
    await say("x")
    return [number async for number in hook]
""")
    log.start()
    hook = asked(log)
    log.deliver(hook.created, received(hook, 1), HookDisposed(operation_id=hook.operation_id))
    assert output_of(log.deliver(log.completed("say", "x"))) == [1]


def test_an_iteration_that_waits_ends_with_the_disposal() -> None:
    log = log_of(MANY)
    log.start()
    hook = asked(log)
    log.deliver(hook.created, received(hook, 1))
    assert output_of(log.deliver(HookDisposed(operation_id=hook.operation_id))) == [1]


def test_awaiting_a_disposed_hook_raises() -> None:
    log = log_of("""
async def flow():
    "use workflow"
    hook = create_hook()
    task = asyncio.create_task(wait_for(hook))
    await sleep(1)
    hook.dispose()
    hook.dispose()
    try:
        await hook
    except HookClosed:
        return await task

async def wait_for(hook):
    try:
        await hook
    except HookClosed as error:
        return str(error)
""")
    log.start()
    log.deliver(asked(log).created)
    assert "was disposed" in output_of(log.deliver(log.completed("sleep")))


CONFLICT = """
async def flow():
    "use workflow"
    hook = create_hook(token="mine")
    try:
        await hook
    except HookConflictError as error:
        return [error.token, error.owner_run_id, str(error), (await hook.conflict()).run_id]
"""


def test_a_taken_token_raises_at_the_await() -> None:
    log = log_of(CONFLICT)
    log.start()
    hook = asked(log)
    conflict = HookConflicted(
        operation_id=hook.operation_id,
        token="mine",  # noqa: S106 - no secret
        owner_run_id=RunId("run_2"),
    )
    token, owner, text, told = output_of(log.deliver(conflict))
    assert (token, owner, told) == ("mine", "run_2", "run_2")
    assert "run_2" in text
    assert log.execution.open == {}


def test_a_hook_can_be_asked_whether_it_has_its_token() -> None:
    """The answer is there when the hook is recorded."""
    log = log_of("""
async def flow():
    "use workflow"
    hook = create_hook()
    first = await hook.conflict()
    return [first, await hook.conflict()]
""")
    assert isinstance(log.start(), Suspended)
    assert output_of(log.deliver(asked(log).created)) == [None, None]


def test_a_payload_that_does_not_fit_raises_and_is_taken() -> None:
    log = log_of("""
async def flow():
    "use workflow"
    hook = create_hook(int)
    try:
        await hook
    except PayloadMismatch:
        return await hook
""")
    log.start()
    hook = asked(log)
    events = [received(hook, "much"), received(hook, 7)]
    assert output_of(log.deliver(hook.created, *events)) == 7


def test_a_waiter_that_is_cancelled_leaves_its_payload() -> None:
    """The timeout and the payload come in one turn's reach; whoever awaits next gets it."""
    log = log_of("""
async def flow():
    "use workflow"
    hook = create_hook(int)
    task = asyncio.create_task(take(hook))
    other = asyncio.create_task(take(hook))
    await sleep(1)
    task.cancel()
    return [await other, await asyncio.gather(task, return_exceptions=True) != [5]]

async def take(hook):
    return await hook
""")
    log.start()
    hook = asked(log)
    log.deliver(hook.created, log.completed("sleep"))
    assert output_of(log.deliver(received(hook, 5))) == [5, True]


def test_a_turn_that_is_cancelled_is_passed_on() -> None:
    """Woken by a payload and cancelled before it ran: the next waiter has it."""
    log = log_of("""
async def flow():
    "use workflow"
    hook = create_hook(int)
    by_hand = hook.__await__()
    next(by_hand)
    task = asyncio.create_task(take(hook))
    await sleep(1)
    try:
        by_hand.throw(asyncio.CancelledError())
    except asyncio.CancelledError:
        return await task

async def take(hook):
    return await hook
""")
    log.start()
    hook = asked(log)
    log.deliver(hook.created, received(hook, 5))
    assert output_of(log.deliver(log.completed("sleep"))) == 5


def test_a_hook_that_nobody_awaits_does_not_keep_a_run_alive() -> None:
    """Nothing that comes for it would let the code go on: a deadlock, told at once."""
    outcome = log_of("""
async def flow():
    "use workflow"
    hook = create_hook()
    await asyncio.Event().wait()
    await hook
""").start()
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.DEADLOCK


def test_cancellation_leaves_by_the_block() -> None:
    log = log_of(ONE)
    log.start()
    hook = asked(log)
    log.deliver(hook.created)
    assert isinstance(log.deliver(RunCancelRequested()), Cancelled)
    assert log.withdrawn == [hook]


def test_dropping_disposes_of_nothing() -> None:
    """The run only goes elsewhere: its block is not left."""
    log = log_of(ONE)
    log.start()
    hook = asked(log)
    log.deliver(hook.created)
    log.execution.drop()
    assert log.execution.withdrawn == {}
    log.replay()
    assert output_of(log.deliver(received(hook, {"approved": False}))) is False


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("token=''", "0 bytes"),
        ("token='x' * 513", "513 bytes"),
        ("token='é' * 257", "514 bytes"),
        ("token='\\ud800'", "no text"),
        ("token=5", "give a text"),
        ("token='apr_1'", "approvals"),
        ("retention='31 days'", "30 days"),
        ("retention=-1", "negative"),
        ("'Approval'", "pydantic cannot judge"),
    ],
)
def test_what_no_hook_may_have_is_refused_at_the_call(call: str, message: str) -> None:
    outcome = log_of(f"""
async def flow():
    "use workflow"
    await create_hook({call})
""").start()
    assert isinstance(outcome, Failed)
    assert message in describe(outcome)


def test_what_is_recorded_of_a_hook() -> None:
    """The type and its JSON Schema, the metadata, how long the token is kept."""
    log = log_of("""
async def flow():
    "use workflow"
    await create_hook(list[Approval], metadata={"who": "ann"}, retention="1 day")
""")
    log.start()
    created = asked(log).created
    assert created.retention_s == 86_400
    assert created.metadata is not None
    assert codec.decode(created.metadata) == {"who": "ann"}
    assert created.schema is not None
    schema = codec.decode(created.schema)
    assert schema["type"] == ["generic", "builtins:list", [["class", "app:Approval"]]]
    assert schema["json"]["items"] == {"$ref": "#/$defs/Approval"}


def test_another_kind_under_its_name_diverges() -> None:
    log = log_of(ONE)
    log.start()
    hook = asked(log)
    other = HookCreated(
        operation_id=hook.operation_id,
        hook_id="x",
        token="y",  # noqa: S106 - no secret
        kind=HookKind.WEBHOOK,
    )
    outcome = log.deliver(other)
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.DIVERGENCE


def test_a_hook_travels_as_a_name() -> None:
    """A step that is given one reads its token; awaiting it there is refused."""
    log = log_of("""
async def flow():
    "use workflow"
    hook = create_hook()
    return await send(hook)

async def send(hook: Hook) -> str:
    "use step"
""")
    log.start()
    hook = asked(log)
    sent = log.arguments(log.named("send"))["hook"]
    assert (sent.id, sent.token) == (hook.created.hook_id, hook.created.token)
    assert hook.created.token not in repr(sent)
    with pytest.raises(OutsideWorkflow, match="only a name"):
        sent.dispose()
    with pytest.raises(OutsideWorkflow, match="only a name"):
        sent.__await__().send(None)


def test_operations_of_a_dropped_run_park() -> None:
    """Cleanup in library code meets hooks that do nothing, and no hook is asked for."""
    log = log_of(ONE)
    log.start()
    execution, pending = log.execution, log.execution.pending[asked(log).operation_id]
    assert isinstance(pending, PendingHook)
    hook: Hook[Any] = Hook("hook_1", "token")
    hook._execution, hook._pending = execution, pending
    execution.kill()
    for operation in (hook._take(), hook.conflict()):
        operation.send(None)
        operation.close()
    hook.dispose()
    open_hook(execution, OperationId("create_hook~1#7"), None)
    assert list(execution.pending) == [pending.operation.operation_id]
    assert not pending.disposed


def test_approvals_have_ids_of_their_own() -> None:
    log = log_of(ONE)
    log.start()
    name = OperationId("approval~1#0")
    hook: Hook[Any] = open_hook(log.execution, name, None, kind=HookKind.APPROVAL)
    assert hook.id.startswith("apr_")


def test_a_question_that_is_cancelled_is_forgotten() -> None:
    log = log_of("""
async def flow():
    "use workflow"
    hook = create_hook()
    task = asyncio.create_task(hook.conflict())
    await sleep(1)
    task.cancel()
    return await asyncio.wait([task]) is not None and await hook
""")
    log.start()
    hook = asked(log)
    log.deliver(log.completed("sleep"))
    assert isinstance(log.deliver(hook.created), Suspended)
    assert output_of(log.deliver(received(hook, 1))) == 1


def test_a_hook_may_be_disposed_of_while_somebody_asks() -> None:
    """It had its token as far as anybody knows."""
    log = log_of("""
async def flow():
    "use workflow"
    hook = create_hook()
    task = asyncio.create_task(hook.conflict())
    await asyncio.sleep(0)
    hook.dispose()
    return [await task, await hook.conflict()]
""")
    assert output_of(log.start()) == [None, None]


def test_another_event_under_its_name_diverges() -> None:
    log = log_of(ONE)
    log.start()
    wait = WaitCreated(operation_id=asked(log).operation_id, wake_at=1)
    outcome = log.deliver(wait)
    assert isinstance(outcome, Failed)
    assert "another kind of operation" in describe(outcome)
    assert "a hook as create_hook" in describe(outcome)
