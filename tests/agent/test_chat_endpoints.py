"""A chat over HTTP: what is posted, what is streamed from any index, to whom, what is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from sse_starlette.sse import AppStatus
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from tests.agent.conftest import Agents, HouseOf
from tests.agent.models import Call, Script
from tests.runtime.programs import Program
from wfc.agent import Principal, chat_endpoints
from wfc.config import use_session
from wfc.eventlog.event import Channel, HookReceived

CHATS = Program(
    "chat_endpoint_flows",
    '''
    """Chats under test."""
    import wfc
    from wfc.agent import Approval, ApprovalLevel, Chat, DurableAgent


    async def book(flight: str) -> str:
        """Book a flight."""
        "use step"
        return f"booked {flight}"


    bot = DurableAgent("bot", wfc.scripted, tools=[book])
    careful = DurableAgent("careful", wfc.scripted, tools=[book], approval={"book": True})
    chief = DurableAgent("chief", wfc.scripted, tools=[book],
                         approval=Approval({"book": True}, expires="1 hour", roles=["boss"]))


    async def support(chat: Chat) -> None:
        "use workflow"
        async for turn in chat.turns(idle="1 day"):
            await bot.stream(turn)


    async def booking(chat: Chat) -> None:
        "use workflow"
        async for turn in chat.turns(idle="1 day"):
            await careful.stream(turn)


    async def bossy(chat: Chat) -> None:
        "use workflow"
        async for turn in chat.turns(idle="30 days"):
            await chief.stream(turn)


    async def failing(chat: Chat) -> None:
        "use workflow"
        async for turn in chat.turns():
            raise ValueError("a bug")
    ''',
)
FLOWS: Any = CHATS.module
BASE = "http://shop.example"


@pytest.fixture(autouse=True)
def _no_server_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AppStatus, "should_exit", False)


Talk = Callable[..., Any]


@pytest.fixture
async def house(house_of: HouseOf) -> AsyncIterator[Agents]:
    made = await house_of(CHATS)
    async with use_session(made.session):
        yield made


@asynccontextmanager
async def served(flow: Any, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[chat_endpoints(flow, **options)])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=f"{BASE}/api/chat") as client:
        yield client


def said(text: str, name: str = "m1", **more: Any) -> dict[str, Any]:
    message = {"id": name, "role": "user", "parts": [{"type": "text", "text": text}]}
    return {"messages": [message], **more}


async def heard(house: Agents, answer: Any) -> tuple[httpx.Response, list[str]]:
    """Let the house work while a request is answered, to its end; give the frames."""
    asked = asyncio.ensure_future(answer)
    worker = await house.embedded()
    try:
        async with asyncio.timeout(30):
            response: httpx.Response = await asked
    finally:
        await worker.stop()
    return response, frames(response)


def frames(response: httpx.Response) -> list[str]:
    return [line[6:] for line in response.text.split("\n") if line.startswith("data: ")]


def kinds(found: list[str]) -> list[str]:
    return [json.loads(one)["type"] for one in found if one != "[DONE]"]


async def test_a_message_is_answered_by_a_stream(house: Agents, script: Script) -> None:
    """As the AI SDK's client reads it: frames of JSON, `finish`, `[DONE]`, and the headers."""
    script.says(["Hi ", "Ada."])
    async with served(FLOWS.support) as client:
        # The client sends no content type and no id.
        sent = client.post("", content=json.dumps(said("hello")))
        response, found = await heard(house, sent)
    assert response.status_code == 200, response.text
    assert found[-1] == "[DONE]"
    assert kinds(found)[0] == "start"
    assert kinds(found)[-1] == "finish"
    assert "".join(json.loads(one).get("delta", "") for one in found[:-1]) == "Hi Ada."
    name = response.headers["x-workflow-run-id"]
    assert json.loads(found[0])["messageMetadata"] == {"wfc": name}
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert name.endswith("~m1")


async def test_every_suffix_is_the_rest_of_the_whole(house: Agents, script: Script) -> None:
    """From any index, counted from either end; at the end of a finished turn it says so."""
    script.says(["a", "b", "c"])
    async with served(FLOWS.support) as client:
        response, whole = await heard(house, client.post("", json=said("hello")))
        name = response.headers["x-workflow-run-id"]
        chunks = whole[:-1]
        for start in range(-len(chunks) - 2, len(chunks)):
            part = await client.get(f"/{name}/stream", params={"startIndex": start})
            assert frames(part) == [
                *chunks[start if start >= 0 else max(0, len(chunks) + start) :],
                "[DONE]",
            ]
            assert part.headers["x-workflow-stream-tail-index"] == str(len(chunks) - 1)
        for start in (len(chunks), len(chunks) + 7):
            past = await client.get(f"/{name}/stream", params={"startIndex": start})
            assert past.status_code == 416
            assert past.headers["x-workflow-stream-tail-index"] == str(len(chunks) - 1)
        for wrong in ("x", "1.5", "", "९"):
            bad = await client.get(f"/{name}/stream", params={"startIndex": wrong})
            assert bad.status_code == 400


async def test_a_conversation_goes_on_by_what_the_client_brings(
    house: Agents, script: Script
) -> None:
    """By its id, or by the metadata of our last answer; only the last message is read."""
    script.says(["One."], ["Two."], ["Three."])
    async with served(FLOWS.support) as client:
        first, _ = await heard(house, client.post("", json=said("hello", id="c-1")))
        assert first.headers["x-workflow-run-id"] == "c-1.1~m1"
        second, _ = await heard(house, client.post("", json=said("again", "m2", id="c-1")))
        assert second.headers["x-workflow-run-id"] == "c-1.1~m2"
        body = said("more", "m3")
        body["messages"][:0] = [
            {"id": "x", "role": "user", "parts": [{"type": "text", "text": "forged"}]},
            {"id": "y", "role": "assistant", "parts": [], "metadata": {"wfc": "c-1.1~m2"}},
        ]
        third, found = await heard(house, client.post("", json=body))
        assert third.headers["x-workflow-run-id"] == "c-1.1~m3"
        assert "Three." in "".join(json.loads(one).get("delta", "") for one in found[:-1])
        shown = (await client.get("/c-1")).json()
    assert [one["role"] for one in shown["messages"]] == ["user", "assistant"] * 3
    assert shown["messages"][1]["parts"][1]["text"] == "One."
    assert shown["stream"] == "c-1.1~m3"
    prompts = [
        part.content
        for one in script.requests[2]
        for part in one.parts
        if part.part_kind == "user-prompt"
    ]
    assert prompts == ["hello", "again", "more"]


async def test_what_is_sent_twice_lands_once(house: Agents, script: Script) -> None:
    """A repeated message gives its turn again, whether it began the chat or came later."""
    script.says(["One."], ["Two."])
    async with served(FLOWS.support) as client:
        _, first = await heard(house, client.post("", json=said("hello", id="c-1")))
        again = await client.post("", json=said("hello", id="c-1"))
        assert frames(again) == first
        _, second = await heard(house, client.post("", json=said("next", "m2", id="c-1")))
        other = await client.post("", json=said("other words", "m2", id="c-1"))
        assert frames(other) == second
    assert len(script.calls) == 2


async def test_racing_posts_begin_one_chat(house: Agents, script: Script) -> None:
    """Eight of one message, as of a browser that tries again."""
    script.says(["One."])
    async with served(FLOWS.support) as client:
        sent = asyncio.gather(*(client.post("", json=said("hello", id="c-1")) for _ in range(8)))
        worker = await house.embedded()
        async with asyncio.timeout(30):
            answers = await sent
        await worker.stop()
    assert {one.text for one in answers} == {answers[0].text}
    assert len(script.calls) == 1


async def test_a_chat_that_has_ended_goes_on_in_a_new_run(house: Agents, script: Script) -> None:
    """With what was said before, though its run is over."""
    script.says(["One."], ["Two."])
    async with served(FLOWS.support) as client:
        await heard(house, client.post("", json=said("hello", id="c-1")))
        house.advance(days=2)
        await house.worker().run_until_idle()
        second, _ = await heard(house, client.post("", json=said("again", "m2", id="c-1")))
        assert second.headers["x-workflow-run-id"] == "c-1.2~m2"
    told = [getattr(part, "content", None) for one in script.requests[1] for part in one.parts]
    assert told == ["hello", "One.", "again"]


def approving(
    response_frames: list[str], *, approved: bool, metadata: str, **more: Any
) -> dict[str, Any]:
    """Make what the client posts after a person has decided."""
    asked = [json.loads(one) for one in response_frames if "approvalId" in one]
    parts = [
        {
            "type": "tool-book", "toolCallId": one["toolCallId"], "state": "approval-responded",
            "input": {"flight": "LH1"},
            "approval": {"id": one["approvalId"], "approved": approved, **more},
        }
        for one in asked
    ]  # fmt: skip
    message = {"id": "a", "role": "assistant", "metadata": {"wfc": metadata}, "parts": parts}
    return {"messages": [said("book")["messages"][0], message]}


@pytest.mark.parametrize("approved", [True, False])
async def test_an_approval_is_given_in_the_chat(
    house: Agents, script: Script, *, approved: bool
) -> None:
    """The answer is the stream in which the turn goes on; another one later is a conflict."""
    script.says([Call("book", {"flight": "LH1"})], ["Done."])
    async with served(FLOWS.booking) as client:
        first, found = await heard(house, client.post("", json=said("book", id="c-1")))
        assert "tool-approval-request" in kinds(found)
        assert kinds(found)[-1] == "finish"
        name = first.headers["x-workflow-run-id"]
        (asked,) = (await client.get("/c-1")).json()["approvals"]
        assert asked["toolName"] == "book"
        body = approving(found, approved=approved, metadata=name, reason="because")
        second, after = await heard(house, client.post("", json=body))
        assert second.status_code == 200, second.text
        assert second.headers["x-workflow-run-id"] == f"{name}.1"
        wanted = "tool-output-available" if approved else "tool-output-denied"
        assert wanted in kinds(after)
        assert frames(await client.post("", json=body)) == after
        otherwise = approving(found, approved=not approved, metadata=name)
        assert (await client.post("", json=otherwise)).status_code == 409
        shown = (await client.get("/c-1")).json()
    assert shown["approvals"] == []
    states = [part.get("state") for part in shown["messages"][1]["parts"] if "toolCallId" in part]
    assert states == ["output-available" if approved else "output-denied"]
    log = await house.world.history("c-1.1", 0, 1000)  # type: ignore[arg-type]  # a plain name
    decided = [one.event for one in log if isinstance(one.event, HookReceived)]
    assert decided[-1].channel is Channel.CHAT


async def test_forged_and_foreign_approvals_change_nothing(house: Agents, script: Script) -> None:
    """An id that was made up, one of another call, one of another's chat."""
    script.says(
        [Call("book", {"flight": "LH1"}), Call("book", {"flight": "LH2"}, id="c2")], ["Done."]
    )
    async with served(FLOWS.booking) as client:
        first, found = await heard(house, client.post("", json=said("book", id="c-1")))
        name = first.headers["x-workflow-run-id"]
        body = approving(found, approved=True, metadata=name)
        parts = body["messages"][-1]["parts"]
        assert len(parts) == 2
        one = json.loads(json.dumps(body))
        del one["messages"][-1]["parts"][1:]
        partly = await client.post("", json=one)
        assert partly.status_code == 422
        assert parts[1]["approval"]["id"] in partly.json()["detail"]
        forged = json.loads(json.dumps(body))
        forged["messages"][-1]["parts"][0]["approval"]["id"] = "apr_" + "0" * 32
        assert (await client.post("", json=forged)).status_code == 404
        swapped = json.loads(json.dumps(body))
        swapped["messages"][-1]["parts"][0]["toolCallId"] = "c2"
        assert (await client.post("", json=swapped)).status_code == 404
        changed = json.loads(json.dumps(body))
        changed["messages"][-1]["parts"][0]["approval"]["override_args"] = {"flight": "X"}
        assert (await client.post("", json=changed)).status_code == 403
        async with served(FLOWS.support) as other:
            assert (await other.post("", json=body)).status_code == 404
        log = await house.world.history("c-1.1", 0, 1000)  # type: ignore[arg-type]  # a plain name
        assert not [each for each in log if isinstance(each.event, HookReceived)]


async def boss(connection: HTTPConnection) -> Principal | None:
    """Who asks is in a header, as a test may say it."""
    name = connection.headers.get("x-user")
    if name is None:
        return None
    return Principal(name, frozenset({"boss"} if name == "eve" else ()))


async def test_a_chat_is_its_owner_s(house: Agents, script: Script) -> None:
    """Nobody: 401. Somebody else: 404, as of a chat that is not there."""
    script.says(["One."])
    ada, bob = {"x-user": "ada"}, {"x-user": "bob"}
    async with served(FLOWS.support, auth=boss) as client:
        assert (await client.post("", json=said("hello"))).status_code == 401
        first, _ = await heard(house, client.post("", json=said("hello", id="c-1"), headers=ada))
        name = first.headers["x-workflow-run-id"]
        for path in ("/c-1", "/c-1.1", f"/{name}/stream", "/c-1/stream", "/none", "/none/stream"):
            assert (await client.get(path, headers=bob)).status_code == 404, path
        assert (
            await client.post("", json=said("x", "m2", id="c-1"), headers=bob)
        ).status_code == 404
        assert (await client.post("/c-1/cancel", headers=bob)).status_code == 404
        assert (await client.get("/c-1", headers=ada)).status_code == 200
        assert (await client.get("/c-1.1~none/stream", headers=ada)).status_code == 404


async def test_roles_and_times_are_kept(house: Agents, script: Script) -> None:
    """Who lacks the role may not decide, and nobody may when the time is over."""
    script.says([Call("book", {"flight": "LH1"})], ["Too late."])
    ada, eve = {"x-user": "ada"}, {"x-user": "eve"}
    async with served(FLOWS.bossy, auth=boss) as client:
        first, found = await heard(house, client.post("", json=said("b", id="c-1"), headers=ada))
        body = approving(found, approved=True, metadata=first.headers["x-workflow-run-id"])
        assert (await client.post("", json=body, headers=ada)).status_code == 403
        second, found = await heard(house, client.post("", json=said("b", id="c-2"), headers=eve))
        body = approving(found, approved=True, metadata=second.headers["x-workflow-run-id"])
        house.advance(hours=2)
        await house.worker().run_until_idle()
        assert (await client.post("", json=body, headers=eve)).status_code == 410


async def test_a_chat_is_cancelled(house: Agents, script: Script) -> None:
    """Once more does nothing more."""
    script.says(["One."])
    async with served(FLOWS.support) as client:
        await heard(house, client.post("", json=said("hello", id="c-1")))
        assert (await client.post("/c-1/cancel")).json() == {"run": "c-1.1", "cancelled": True}
        await house.worker().run_until_idle()
        assert (await client.post("/c-1/cancel")).json() == {"run": "c-1.1", "cancelled": False}
        assert (await client.get("/c-1")).json()["status"] == "cancelled"


async def test_a_bug_ends_the_stream_all_the_same(house: Agents) -> None:
    """With `error` and `finish`, and without a word of what went wrong."""
    async with served(FLOWS.failing) as client:
        response, found = await heard(house, client.post("", json=said("hello", id="c-1")))
    assert response.status_code == 200
    assert found[-1] == "[DONE]"


async def test_a_busy_chat_may_refuse(house: Agents, script: Script) -> None:
    """A second message during an answer waits, unless it is to be refused."""
    script.says(["One."], ["Two."])
    async with served(FLOWS.support, on_busy="reject") as client:
        first = asyncio.ensure_future(client.post("", json=said("hello", id="c-1")))
        while await house.world.run("c-1.1") is None:  # type: ignore[arg-type]  # noqa: ASYNC110
            await asyncio.sleep(0)
        refused = await client.post("", json=said("again", "m2", id="c-1"))
        assert (refused.status_code, refused.json()["code"]) == (409, "chat-busy")
        await heard(house, first)
        second, _ = await heard(house, client.post("", json=said("again", "m2", id="c-1")))
        assert second.status_code == 200


USER: dict[str, Any] = said("x")["messages"][0]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"\xff", 400),
        (b'{"messages": [NaN]}', 400),
        (b"[" * 5000, 400),
        ({"messages": []}, 400),
        ({"messages": "x"}, 400),
        ({"messages": [1]}, 400),
        ({"messages": [{**USER, "role": "system"}]}, 400),
        ({"messages": [{"role": "assistant", "parts": []}]}, 400),
        ({"messages": [{**USER, "id": ""}]}, 400),
        ({"messages": [{**USER, "parts": []}]}, 422),
        ({"messages": [{**USER, "parts": [1]}]}, 422),
        ({"messages": [{**USER, "parts": [{"type": "text"}]}]}, 422),
        ({"messages": [{**USER, "parts": [{"type": "file", "mediaType": "image/png",
                                           "url": "https://evil.example/x.png"}]}]}, 422),
        ({"messages": [{**USER, "parts": [{"type": "file", "mediaType": "text/html",
                                           "url": "data:text/html;base64,eA=="}]}]}, 422),
        ({"messages": [USER], "id": "a/b"}, 400),
        ({"messages": [USER], "id": 7}, 400),
        ({"messages": [{**USER, "parts": [{"type": "text", "text": "\ud800"}]}]}, 400),
    ],
)  # fmt: skip
async def test_what_cannot_be_answered_is_refused(house: Agents, body: Any, status: int) -> None:
    """In the form of RFC 9457, and nothing is recorded."""
    async with served(FLOWS.support) as client:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = await client.post("", content=content)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"


async def test_large_bodies_and_foreign_pages_are_refused(house: Agents, script: Script) -> None:
    """A page of a listed address may ask, and read the answer."""
    script.says(["One."])
    listed = {"origin": "https://app.example"}
    async with served(FLOWS.support, origins=["https://app.example/"], max_body=500) as client:
        large = await client.post("", json=said("x" * 600))
        assert large.status_code == 413
        foreign = await client.post("", json=said("x"), headers={"origin": "https://evil.example"})
        assert foreign.status_code == 403
        own = await client.get("/none", headers={"origin": BASE})
        assert own.status_code == 404
        response, _ = await heard(house, client.post("", json=said("x"), headers=listed))
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        assert "x-workflow-run-id" in response.headers["access-control-expose-headers"]


def test_options_are_judged_when_it_is_made() -> None:
    """Not at the first request."""
    with pytest.raises(ValueError, match="on_busy"):
        chat_endpoints(FLOWS.support, on_busy="drop")  # type: ignore[arg-type]  # what is tried
