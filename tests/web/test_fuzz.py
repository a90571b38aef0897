"""Whatever is thrown at the application: it answers without a traceback, and loses nothing."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runtime.house import House
from tests.web.conftest import URL, client, waits
from tests.web.webhook_flows import FLOWS, WEBHOOKED
from wfc.clock import VirtualClock
from wfc.config import use_session
from wfc.eventlog.event import HookReceived
from wfc.runtime.run import Run
from wfc.web import asgi_app
from wfc.web.serving import server_of
from wfc.worlds.open import open_world

DOSE = 4000 if os.environ.get("WFC_SOAK") else 150
EXPECTED = {200, 202, 400, 404, 405, 413, 422}
BODIES = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["cents", "note", "\x00"]), inner, max_size=3)
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["idempotency-key", "webhook-id", "content-type", "accept", "cookie", "x-odd", "host"]
    ),
    st.binary(max_size=30).map(lambda value: value.replace(b"\n", b"").replace(b"\r", b"")),
    max_size=4,
)


@dataclass
class Town:
    """A loop of its own with two runs that wait, one for anything and one for a type."""

    runner: asyncio.Runner
    house: House
    runs: dict[str, Run[Any]]
    tokens: dict[str, str]

    async def received(self, name: str) -> int:
        return len(await self.house.events(self.runs[name], HookReceived))


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def built() -> Town:
            clock = VirtualClock()
            world = open_world("memory:", clock)
            await world.open()
            house = await House(world, clock, WEBHOOKED.version).open()
            house.session.public_url = URL
            await stack.enter_async_context(use_session(house.session))
            stack.push_async_callback(house.close)
            runs = {
                "any": await waits(house, FLOWS.collects, 1_000_000),
                "typed": await waits(house, FLOWS.listens),
            }
            tokens = {name: (await run.hooks())[0].token for name, run in runs.items()}
            return Town(runner, house, runs, tokens)

        made = runner.run(built())
        yield made
        runner.run(stack.aclose())


@settings(
    max_examples=DOSE, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    where=st.sampled_from(["any", "typed"]),
    method=st.sampled_from(["POST", "POST", "POST", "GET", "PUT", "HEAD", "OPTIONS", "TRACE", "X"]),
    headers=HEADERS,
    body=BODIES,
    query=st.text(max_size=20),
)
def test_any_request_has_its_answer_and_what_was_taken_is_there(  # noqa: PLR0917 - hypothesis names them
    town: Town, where: str, method: str, headers: dict[str, bytes], body: bytes, query: str
) -> None:
    """Exactly what was answered by 202, and is no repetition, is one more event."""

    async def one() -> None:
        before = await town.received(where)
        async with client(asgi_app()) as web:
            answer = await web.request(
                method,
                f"/webhook/{town.tokens[where]}",
                params={"q": query},
                content=body,
                headers=[(name.encode(), value) for name, value in headers.items()],
            )
        assert answer.status_code in EXPECTED
        assert "Traceback" not in answer.text
        fresh = answer.status_code == 202 and "idempotent-replayed" not in answer.headers
        assert await town.received(where) == before + fresh

    town.runner.run(one())


@settings(
    max_examples=DOSE, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(path=st.text(max_size=60), method=st.sampled_from(["GET", "POST"]))
def test_any_address_has_its_answer(town: Town, path: str, method: str) -> None:
    """As servers hand them over, lone surrogates included."""
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        said.append(message)

    scope = {
        "type": "http", "method": method, "path": f"/wfc/webhook/{path}", "headers": [],
        "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1),
    }  # fmt: skip
    town.runner.run(asgi_app()(scope, receive, send))
    assert said[0]["status"] == 404


def test_any_bytes_leave_a_server_alive(town: Town) -> None:
    """Over real sockets: it answers or hangs up, and works on; what came whole is recorded."""

    async def all_of_them() -> None:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            port = listening.getsockname()[1]
            server = server_of(asgi_app())
            serving = asyncio.create_task(server.serve([listening]))
            before = await town.received("any")
            taken = sum(await asyncio.gather(*(thrown(port, text) for text in texts)))
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/wfc") as web:
                assert (await web.get("/ready")).status_code == 200
                whole = await web.post(f"/webhook/{town.tokens['any']}", content=b"whole")
                assert whole.status_code == 202
            assert await town.received("any") == before + taken + 1
            server.should_exit = True
            await serving

    head = f"POST /wfc/webhook/{town.tokens['any']} HTTP/1.1\r\nhost: x\r\n".encode()
    texts = [
        b"\x00" * 100,
        b"\r\n" * 50,
        head + b"content-length: 10\r\n\r\nhalf",
        head + b"content-length: -1\r\n\r\n",
        head + b"content-length: ten\r\n\r\n",
        head + b"transfer-encoding: chunked\r\n\r\nZZ\r\n",
        head + b"x: " + b"y" * 100_000 + b"\r\n\r\n",
        head[:-4],
        b"GET / HTTP/9.9\r\n\r\n",
        *(os.urandom(300) for _ in range(20)),
    ]
    town.runner.run(all_of_them())


async def thrown(port: int, text: bytes) -> bool:
    """Send bytes, and hear whether they were taken for a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(text)
        writer.write_eof()
        heard = await reader.read()
    except ConnectionError:
        return False  # it hung up
    finally:
        writer.close()
    assert b"Traceback" not in heard
    assert heard[:10] in {b"", b"HTTP/1.1 4", b"HTTP/1.1 2"}
    return heard.startswith(b"HTTP/1.1 2")
