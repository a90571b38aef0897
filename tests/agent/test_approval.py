"""Asking people: a run waits for days, and the first decision counts."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai import ToolDenied

from tests.agent.conftest import Agents, HouseOf
from tests.agent.models import Call, Script
from tests.runtime.programs import Program
from wfc import codec
from wfc.agent import Approval, ApprovalLevel
from wfc.agent.deciding import DENIED, EXPIRED
from wfc.errors import (
    ApprovalExpired,
    HookClosed,
    HookNotFound,
    HookPayloadInvalid,
    IdempotencyMismatch,
    RunFailed,
)
from wfc.eventlog.event import HookCreated, HookDisposed, HookKind
from wfc.runtime.approving import decide
from wfc.runtime.hook_door import send
from wfc.runtime.run import Run

ASKING = Program(
    "agent_asking",
    '''
    """Agents that ask people."""
    import sys

    import wfc
    from pydantic_ai import ApprovalRequired, ExternalToolset, Tool, ToolDefinition
    from wfc.agent import AgentResult, Approval, ApprovalLevel, DurableAgent


    async def search(query: str) -> str:
        """Search."""
        "use step"
        sys.script.calls.append(("search", query))
        return "X1"


    async def book(flight: str, cents: int = 0) -> str:
        """Book a flight."""
        "use step"
        sys.script.calls.append(("book", flight, cents))
        return f"booked {flight}"


    def is_dear(ctx, args) -> bool:
        return args["cents"] > 1000


    bot = DurableAgent("bot", wfc.scripted, tools=[search, book], approval={"book": True})
    dear = DurableAgent("dear", wfc.scripted, tools=[search, book], approval={"book": is_dear})
    chain = DurableAgent(
        "chain",
        wfc.scripted,
        tools=[book],
        approval={"book": [ApprovalLevel("manager"), ApprovalLevel("finance", when=is_dear)]},
    )
    hurried = DurableAgent("hurried", wfc.scripted, tools=[book])
    marked = DurableAgent("marked", wfc.scripted, tools=[Tool(book, requires_approval=True)])
    outer = DurableAgent(
        "outer",
        wfc.scripted,
        toolsets=[
            ExternalToolset(
                [ToolDefinition(name="locate", parameters_json_schema={"type": "object"})],
                id="browser",
            )
        ],
    )


    async def books(question: str) -> AgentResult:
        "use workflow"
        return await bot.stream(question)


    async def books_dear(question: str) -> AgentResult:
        "use workflow"
        return await dear.stream(question)


    async def books_in_chain(question: str) -> AgentResult:
        "use workflow"
        return await chain.stream(question)


    async def books_marked(question: str) -> AgentResult:
        "use workflow"
        return await marked.stream(question)


    async def hurries(question: str, on_expiry: str) -> AgentResult:
        "use workflow"
        approval = Approval({"book": True}, expires="1h", on_expiry=on_expiry, redact=["flight"])
        return await hurried.stream(question, approval=approval, timeout="2h")


    async def locates(question: str) -> AgentResult:
        "use workflow"
        return await outer.stream(question)
    ''',
)
FLOWS: Any = ASKING.module
BOOK = Call("book", {"flight": "X1", "cents": 5}, "c2")


async def asks(house: Agents, workflow: Any, *arguments: Any) -> Run[Any]:
    run = await house.start(workflow, "fly me", *arguments)
    await house.worker().run_until_idle()
    return run


async def approvals(house: Agents, run: Run[Any]) -> list[HookCreated]:
    return await house.events(run, HookCreated)


async def says(house: Agents, hook: HookCreated, *, approved: bool, **more: Any) -> Any:
    client: Any = house.session
    return await decide(client, hook.hook_id, approved=approved, **more)


async def test_a_call_waits_for_a_person(house_of: HouseOf, script: Script) -> None:
    """Siblings run first; the turn ends with the request, and goes on in a stream of its own."""
    house = await house_of(ASKING, sqlite=True)
    script.says([Call("search", {"query": "LHR"}), BOOK], ["Booked."])
    run = await asks(house, FLOWS.books)
    (hook,) = await approvals(house, run)
    assert (hook.kind, hook.hook_id[:4]) == (HookKind.APPROVAL, "apr_")
    assert codec.decode(hook.metadata or b"") == {
        "tool": "book", "call": "c2", "args": {"flight": "X1", "cents": 5}, "roles": [],
        "expires_at": None, "turn": "1", "then": "1.1",
    }  # fmt: skip
    frames = await house.frames(run)
    assert frames[-4:] == [
        {"type": "tool-output-available", "toolCallId": "c1", "output": "X1"},
        {"type": "tool-approval-request", "approvalId": hook.hook_id, "toolCallId": "c2"},
        {"type": "finish-step"},
        {"type": "finish", "finishReason": "tool-calls"},
    ]
    assert await house.is_closed(run)
    house.advance(days=30)
    await says(house, hook, approved=True)
    await house.worker().run_until_idle()
    result = await run.result()
    assert (result.output, result.turn) == ("Booked.", "1.1")
    assert script.calls == [("scripted", 0), ("search", "LHR"), ("book", "X1", 5), ("scripted", 1)]
    assert [one["type"] for one in await house.frames(run, "1.1")] == [
        "start", "tool-output-available", "start-step", "text-start", "text-delta", "text-end",
        "finish-step", "finish",
    ]  # fmt: skip
    await house.replayed(run, ASKING)


async def test_who_is_denied_does_nothing(house_of: HouseOf, script: Script) -> None:
    """The model hears why; the same answer again is the same receipt, another one is refused."""
    house = await house_of(ASKING)
    script.says([BOOK], ["Well then."])
    run = await asks(house, FLOWS.books)
    (hook,) = await approvals(house, run)
    first = await says(house, hook, approved=False, reason="too dear")
    assert (await says(house, hook, approved=False, reason="too dear")).duplicate
    with pytest.raises(IdempotencyMismatch):
        await says(house, hook, approved=True)
    assert not first.duplicate
    await house.worker().run_until_idle()
    result = await run.result()
    assert [one.content for one in result.tool_results] == ["too dear"]
    assert [one["type"] for one in await house.frames(run, "1.1")][:2] == [
        "start", "tool-output-denied",
    ]  # fmt: skip
    assert script.calls == [("scripted", 0), ("scripted", 1)]
    with pytest.raises((HookClosed, HookNotFound)):
        await send(house.session, hook.token, {"approved": True})
    await house.replayed(run, ASKING)


async def test_arguments_may_be_overridden(house_of: HouseOf, script: Script) -> None:
    """What the tool could not take is refused at the door, and nothing is written."""
    house = await house_of(ASKING)
    script.says([BOOK], ["Booked."])
    run = await asks(house, FLOWS.books)
    (hook,) = await approvals(house, run)
    client: Any = house.session
    before = await house.log(run)
    with pytest.raises(HookPayloadInvalid):
        await send(
            client, hook.token, {"approved": True, "override_args": {"cents": "x"}}, as_json=True
        )
    assert await house.log(run) == before
    override = {"flight": "Y2", "cents": 7}
    await send(client, hook.token, {"approved": True, "override_args": override}, as_json=True)
    await house.worker().run_until_idle()
    assert (await run.result()).output == "Booked."
    assert ("book", "Y2", 7) in script.calls


@pytest.mark.parametrize(("cents", "hooks"), [(5, 0), (5000, 1)])
async def test_a_function_says_whether_to_ask(
    house_of: HouseOf, script: Script, cents: int, hooks: int
) -> None:
    house = await house_of(ASKING)
    script.says([Call("book", {"flight": "X1", "cents": cents})], ["Done."])
    run = await asks(house, FLOWS.books_dear)
    asked = await approvals(house, run)
    assert len(asked) == hooks
    for hook in asked:
        await says(house, hook, approved=True)
    await house.worker().run_until_idle()
    assert (await run.result()).output == "Done."
    await house.replayed(run, ASKING)


async def test_a_tool_may_ask_by_itself(house_of: HouseOf, script: Script) -> None:
    house = await house_of(ASKING)
    script.says([BOOK], ["Done."])
    run = await asks(house, FLOWS.books_marked)
    (hook,) = await approvals(house, run)
    await says(house, hook, approved=False)
    await house.worker().run_until_idle()
    assert [one.content for one in (await run.result()).tool_results] == [DENIED]


async def test_a_chain_asks_one_after_the_other(house_of: HouseOf, script: Script) -> None:
    house = await house_of(ASKING)
    script.says([Call("book", {"flight": "X1", "cents": 5000})], ["Done."])
    run = await asks(house, FLOWS.books_in_chain)
    roles = []
    for number in range(2):
        hook = (await approvals(house, run))[number]
        roles.append(codec.decode(hook.metadata or b"")["roles"])
        await says(house, hook, approved=True)
        await house.worker().run_until_idle()
    assert roles == [["manager"], ["finance"]]
    assert (await run.result()).output == "Done."
    await house.replayed(run, ASKING)


async def test_a_refusal_ends_the_chain(house_of: HouseOf, script: Script) -> None:
    house = await house_of(ASKING)
    script.says([Call("book", {"flight": "X1", "cents": 5000})], ["Done."])
    run = await asks(house, FLOWS.books_in_chain)
    await says(house, (await approvals(house, run))[0], approved=False)
    await house.worker().run_until_idle()
    assert (await run.result()).output == "Done."
    assert len(await approvals(house, run)) == 1


@pytest.mark.parametrize(
    ("on_expiry", "said"), [("deny", EXPIRED), ("approve", "booked X1"), ("fail", None)]
)
async def test_what_nobody_decides_expires(
    house_of: HouseOf, script: Script, on_expiry: str, said: str | None
) -> None:
    """The commit that says so closes the hook: no late answer can be taken for one in time."""
    house = await house_of(ASKING)
    script.says([BOOK], ["Done."])
    run = await asks(house, FLOWS.hurries, on_expiry)
    (hook,) = await approvals(house, run)
    assert codec.decode(hook.metadata or b"")["args"] == {"flight": codec.REDACTED, "cents": 5}
    house.advance(hours=1)
    await house.worker().run_until_idle()
    log = await house.log(run)
    assert log[log.index("wait_completed") + 1] == "hook_disposed"
    (disposed,) = await house.events(run, HookDisposed)
    assert disposed.channel == "expiry"
    with pytest.raises((HookClosed, HookNotFound)):
        await says(house, hook, approved=True)
    if said is None:
        with pytest.raises(RunFailed) as caught:
            await run.result()
        assert isinstance(caught.value.cause, ApprovalExpired)
    else:
        assert [one.content for one in (await run.result()).tool_results] == [said]
        await house.replayed(run, ASKING)


async def test_a_decision_in_time_is_none_too_late(house_of: HouseOf, script: Script) -> None:
    """It stands in the log before the wait could end, and so it counts."""
    house = await house_of(ASKING)
    script.says([BOOK], ["Done."])
    run = await asks(house, FLOWS.hurries, "deny")
    (hook,) = await approvals(house, run)
    await says(house, hook, approved=True)
    house.advance(hours=1)
    await house.worker().run_until_idle()
    assert [one.content for one in (await run.result()).tool_results] == ["booked X1"]
    await house.replayed(run, ASKING)


async def test_a_tool_may_run_elsewhere(house_of: HouseOf, script: Script) -> None:
    """Its value comes through a hook whose token both sides know."""
    house = await house_of(ASKING)
    script.says([Call("locate", {}, "c9")], ["There."])
    run = await asks(house, FLOWS.locates)
    client: Any = house.session
    await send(client, f"tool:{run.id}:c9", {"city": "Rome"})
    await house.worker().run_until_idle()
    result = await run.result()
    assert [one.content for one in result.tool_results] == [{"city": "Rome"}]
    assert result.turn == "1.1"
    await house.replayed(run, ASKING)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Approval({"book": []}).rules(),
        lambda: Approval({"book": "manager"}).rules(),  # type: ignore[dict-item]  # on purpose
        lambda: Approval(["book"], on_expiry="wait"),  # type: ignore[arg-type]  # on purpose
        lambda: Approval(["book"], expires="soon"),
    ],
)
def test_what_says_nothing_is_refused(make: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        make()


def test_levels_are_named_by_roles() -> None:
    rules = Approval({"book": [ApprovalLevel("manager")]}, roles=["clerk"]).rules()
    assert rules["book"].levels[0].role == "manager"
    assert ToolDenied().message
