"""Streams over HTTP: every chunk once and in order, wherever a connection is cut."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wfc import codec
from wfc.clock import VirtualClock
from wfc.config import Session, use_session
from wfc.eventlog.event import RunCompleted
from wfc.http import streams
from wfc.http.streams import stream_response
from wfc.worlds.chunks import Form
from wfc.worlds.memory import MemoryWorld
from wfc.worlds.promises.given import RUN, owned, step_id, wrote
from wfc.worlds.protocol import NewChunk, Owner, StreamWrite, WritingStep, Written


async def endpoint(request: Request) -> Response:
    return await stream_response(
        request, request.path_params["run_id"], request.path_params.get("namespace")
    )


APP = Starlette(
    routes=[
        Route("/runs/{run_id}/stream", endpoint),
        Route("/runs/{run_id}/stream/{namespace:path}", endpoint),
    ]
)
APP.add_middleware(GZipMiddleware, minimum_size=1)


class Stage:
    """An owned run in a world of its own, and a client that speaks to the application."""

    def __init__(self, world: MemoryWorld, owner: Owner, client: httpx.AsyncClient) -> None:
        self.world = world
        self.owner = owner
        self.client = client

    async def write(self, *values: Any, close: bool = False, begins: bool = False) -> None:
        chunks = tuple(
            NewChunk(form=Form.RAW, body=value)
            if isinstance(value, bytes)
            else NewChunk(form=Form.VALUE, body=codec.encode(value, path="a chunk"))
            for value in values
        )
        step = WritingStep(operation_id=step_id(0), attempt=2, begins=begins)
        wanted = StreamWrite(namespace="default", chunks=chunks, step=step, close=close)
        answer = await self.world.write_chunks(RUN, wanted, guard=self.owner)
        assert isinstance(answer, Written)

    async def end(self) -> None:
        wrote(await self.world.append(RUN, [RunCompleted(output=b"")], guard=self.owner))

    async def get(self, path: str = "", accept: str = "*/*", **headers: str) -> httpx.Response:
        return await self.client.get(
            f"/runs/{RUN}/stream{path}",
            headers={"accept": accept, **{k.replace("_", "-"): v for k, v in headers.items()}},
        )


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    world = MemoryWorld(VirtualClock())
    await world.open()
    owner = await owned(world)
    transport = httpx.ASGITransport(app=APP)
    async with (
        use_session(Session(world, None)),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        yield Stage(world, owner, client)


def events_of(text: str) -> list[dict[str, str]]:
    """Read server-sent events as a browser does."""
    found = []
    for block in text.split("\n\n"):
        lines = [line.partition(": ") for line in block.split("\n") if line]
        if lines and lines[0][0]:
            found.append({name: value for name, _, value in lines})
    return found


async def test_server_sent_events_resume_by_their_index(stage: Stage) -> None:
    """A reset is an event of its own kind; the last says how the run stands."""
    await stage.write({"n": 1}, "two\nlines", b"\x00", begins=True)
    await stage.write([3], begins=True)
    await stage.end()
    answer = await stage.get(accept="text/event-stream")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert events_of(answer.text) == [
        {"id": "0", "data": '{"n":1}'},
        {"id": "1", "data": '"two\\nlines"'},
        {"id": "2", "data": '{"$bytes":"AA=="}'},
        {
            "id": "3",
            "event": "reset",
            "data": json.dumps({"step_id": step_id(0), "attempt": 2, "from_index": 0}),
        },
        {"id": "4", "data": "[3]"},
        {"event": "end", "data": '{"status": "completed", "tail_index": 4}'},
    ]
    again = await stage.get(accept="text/event-stream", last_event_id="2")
    assert [one.get("id") for one in events_of(again.text)] == ["3", "4", None]


async def test_lines_of_json(stage: Stage) -> None:
    """Each with its index; the last is the end."""
    await stage.write("a", begins=True)
    await stage.write(begins=True)
    await stage.write(None, close=True)
    answer = await stage.get(accept="application/x-ndjson")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line) for line in answer.text.splitlines()] == [
        {"index": 0, "chunk": "a"},
        {"index": 1, "reset": {"step_id": step_id(0), "attempt": 2, "from_index": 0}},
        {"index": 2, "chunk": None},
        {"end": {"status": "running", "tail_index": 2}},
    ]


async def test_bytes_are_joined(stage: Stage) -> None:
    """Text among them; a reset is left out, and anything else is refused."""
    await stage.write("täx", b"\xff", begins=True)
    await stage.write(b".", begins=True)
    await stage.end()
    answer = await stage.get(accept="application/octet-stream")
    assert answer.content == b"t\xc3\xa4x\xff."
    assert (await stage.get("?format=raw&start_index=-1")).content == b"."


async def test_what_is_no_bytes_is_refused_as_such(stage: Stage) -> None:
    """Before anything is sent; of what comes later the connection breaks."""
    await stage.write(b"a", {"n": 1}, close=True)
    answer = await stage.get("?format=raw")
    assert answer.status_code == 406
    assert "Chunk 1 is neither bytes nor text" in answer.json()["detail"]


async def test_raw_breaks_where_it_cannot_go_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So nobody takes a part for the whole."""

    async def nothing(_: object) -> None: ...

    monkeypatch.setattr(streams._Served, "check_raw", nothing)
    await stage.write(b"a", {"n": 1}, close=True)
    with pytest.raises(streams._RefusedError):
        await stage.get("?format=raw")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "text/event-stream"),
        ("text/*", "text/event-stream"),
        ("application/json, application/ndjson", "application/x-ndjson"),
        ("text/event-stream;q=0.1, application/jsonl", "application/x-ndjson"),
        ("text/event-stream;q=none, application/*", "application/x-ndjson"),
        ("application/octet-stream;q=0.5;v=1, text/html", "application/octet-stream"),
    ],
)
async def test_the_format_is_what_the_client_wants_most(
    stage: Stage, accept: str, media_type: str
) -> None:
    await stage.end()
    answer = await stage.get(accept=accept)
    assert answer.headers["content-type"].partition(";")[0] == media_type
    raw = await stage.get("?format=raw", accept=accept)
    assert raw.headers["content-type"] == "application/octet-stream"


async def test_headers_say_what_proxies_must_not_do(stage: Stage) -> None:
    """Neither keep nor compress nor gather; and where the stream is."""
    await stage.write("a" * 2000, "b")
    await stage.end()
    for wanted in ("sse", "ndjson", "raw"):
        answer = await stage.get(f"?format={wanted}", accept_encoding="gzip")
        headers = answer.headers
        assert headers["wfc-run-id"] == headers["x-workflow-run-id"] == RUN
        assert headers["wfc-stream-tail-index"] == headers["x-workflow-stream-tail-index"] == "1"
        assert headers["cache-control"] == "no-cache"
        assert headers["x-accel-buffering"] == "no"
        assert headers.get("content-encoding") == "identity"
    other = await stage.get("/none?format=raw")
    assert other.headers["wfc-stream-tail-index"] == "-1"


@pytest.mark.parametrize(
    ("path", "headers", "status", "says"),
    [
        ("?start_index=x", {}, 400, "start_index is 'x'"),
        ("?startIndex=1.5", {}, 400, "startIndex is '1.5'"),
        ("", {"last_event_id": "abc"}, 400, "Last-Event-ID is 'abc'"),
        ("", {"last_event_id": "-5"}, 400, "Last-Event-ID is -5"),
        (f"?start_index={'1' * 5000}", {}, 400, "start_index is '111"),
        ("?format=xml", {}, 400, "format='xml'"),
        ("", {"accept": "text/html, image/png;q=0"}, 406, "Accept names none"),
    ],
)
async def test_what_cannot_be_answered_is_told(
    stage: Stage, path: str, headers: dict[str, str], status: int, says: str
) -> None:
    answer = await stage.get(path, **headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]


async def test_an_unknown_run_is_not_found(stage: Stage) -> None:
    assert (await stage.client.get("/runs/run_none/stream")).status_code == 404


async def test_an_unknown_namespace_ends_with_the_run(stage: Stage) -> None:
    """It waits while the run is open, for the stream may still come."""
    waiting = asyncio.ensure_future(stage.get("/some/name?format=ndjson"))
    await stage.write("elsewhere")
    await asyncio.sleep(0)
    assert not waiting.done()
    await stage.end()
    lines = (await waiting).text.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"end": {"status": "completed", "tail_index": -1}}
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("start_index=2", [2, 3]),
        ("startIndex=1", [1, 2, 3]),
        ("start_index=-1", [3]),
        ("start_index=-9", [0, 1, 2, 3]),
        ("start_index=9", []),
    ],
)
async def test_any_index_may_be_the_first(stage: Stage, query: str, found: list[int]) -> None:
    """A negative one counts from the end; `Last-Event-ID` wins."""
    await stage.write(0, 1, 2, 3, close=True)
    answer = await stage.get(f"?format=ndjson&{query}")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["chunk"] for line in lines[:-1]] == found
    resumed = await stage.get(f"?format=ndjson&{query}", last_event_id="2")
    assert len(resumed.text.splitlines()) == 2


async def test_arguments_of_the_function_win(stage: Stage) -> None:
    """A route of the application's own knows better than the request."""

    async def own(request: Request) -> Response:
        return await stream_response(request, RUN, "default", start_index=-1, format="raw")

    await stage.write(b"a", b"b", close=True)
    transport = httpx.ASGITransport(app=Starlette(routes=[Route("/", own)]))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        answer = await client.get("/?format=sse&start_index=0", headers={"last-event-id": "0"})
    assert answer.content == b"b"


class Token(BaseModel):
    text: str
    data: bytes = b""


@dataclass
class Parcel:
    tokens: tuple[Token, ...]


def test_values_become_json() -> None:
    """As pydantic writes them; bytes are named wherever they are."""
    parcel = Parcel((Token(text="a", data=b"\x01"),))
    assert json.loads(streams._json({1: parcel, "nan": float("nan"), "odd": object})) == {
        "1": {"tokens": [{"text": "a", "data": {"$bytes": "AQ=="}}]},
        "nan": "NaN",
        "odd": repr(object),
    }


async def test_a_value_that_nobody_here_can_read_is_described(stage: Stage) -> None:
    await stage.write(Parcel(()), close=True)
    (line, _) = (await stage.get("?format=ndjson")).text.splitlines()
    assert "Parcel" in json.loads(line)["chunk"]["$unreadable"]


# --- over real sockets ---------------------------------------------------------------------------


@asynccontextmanager
async def served(stage: Stage) -> AsyncIterator[int]:
    """Serve the application on a port of this machine."""
    del stage  # its session is that of the loop
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(APP, log_level="critical", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        server.force_exit = True
        await serving
        listening.close()


async def taken(port: int, query: str, headers: str, limit: int) -> bytes:
    """Read at most `limit` bytes of an answer's body, and cut the connection there."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /runs/{RUN}/stream?{query} HTTP/1.0\r\nhost: x\r\n{headers}\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head.partition(b"\r\n")[0]
    body = b""
    while len(body) < limit and (more := await reader.read(min(64, limit - len(body)))):
        body += more
    writer.close()
    return body


@pytest.mark.parametrize("seed", range(4))
async def test_a_connection_may_be_cut_at_any_byte(stage: Stage, seed: int) -> None:
    """A client that resumes by the last whole event has every chunk once, in order."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    whole = [{"n": number, "pad": "é" * chance.randrange(40)} for number in range(60)]

    async def write() -> None:
        for at in range(0, len(whole), 7):
            await stage.write(*whole[at : at + 7])
            await asyncio.sleep(0)
        await stage.write(close=True)

    async with served(stage) as port:
        writing = asyncio.create_task(write())
        found: list[Any] = []
        ended = False
        for _ in range(2000):
            if ended:
                break
            headers = f"last-event-id: {len(found) - 1}\r\n" if found else ""
            body = await taken(port, "format=sse", headers, chance.randrange(1, 900))
            text = body[: body.rfind(b"\n\n") + 2].decode() if b"\n\n" in body else ""
            for event in events_of(text):
                if event.get("event") == "end":
                    ended = True
                elif "data" in event:
                    assert int(event["id"]) == len(found)
                    found.append(json.loads(event["data"]))
        await writing
    assert found == whole


async def test_a_quiet_connection_is_kept_alive(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a comment, which no client takes for an event; who leaves is not written to."""
    monkeypatch.setattr(streams, "PING_S", 0.01)
    async with served(stage) as port:
        body = await taken(port, "format=sse", "", 30)
        assert body.startswith(b": still here\n\n")
