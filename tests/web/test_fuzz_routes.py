"""Any request to any route of the table: an answer that the table knows, and nothing is lost.

Routes are read from the table, so a new one is tried from the day it is there. Requests go straight
to the application, as a server hands them over, so that no client tidies them up.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import pytest

from tests.proofs import hostile
from tests.proofs.dose import SOAK_MINUTES, seeds_for
from tests.proofs.findings import Findings
from tests.proofs.record import proof
from tests.runtime.flows import Journal
from tests.runtime.house import House
from tests.web.conftest import URL, waits
from tests.web.webhook_flows import FLOWS, WEBHOOKED
from wfc.clock import VirtualClock
from wfc.config import use_session
from wfc.ids import RunId
from wfc.runtime.run import Run
from wfc.web import asgi_app
from wfc.web.api.table import API, BASE
from wfc.web.routes import ANY, TABLE
from wfc.worlds.open import open_world

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "X\x00")
NAMES: Final = (
    "accept", "accept-encoding", "authorization", "connection", "content-length", "content-type",
    "cookie", "expect", "forwarded", "host", "idempotency-key", "if-match", "if-none-match",
    "last-event-id", "origin", "range", "referer", "sec-fetch-site", "transfer-encoding", "upgrade",
    "webhook-id", "x-forwarded-for", "x-forwarded-host", "x-http-method-override", "x-odd",
)  # fmt: skip
VALUES: Final = (
    "application/json", "application/x-ndjson", "text/event-stream", "text/html", "*/*;q=nan",
    "text/event-stream;q=1e999,*/*;q=-1", ",;,q=;=", "localhost", "127.0.0.1", "[::1]", "[::1",
    "evil.example", "http://evil.example", "null", "Bearer", "Bearer x", "Basic eDp5", "chunked",
    "100-continue", "gzip", "bytes=0-5", "multipart/form-data", "application/json; charset=utf-16",
)  # fmt: skip
QUERIES: Final = (
    "start_index", "startIndex", "format", "limit", "after", "cursor", "token", "status", "search",
    "since", "q", "namespace", "timeout", "wait",
)  # fmt: skip
TOKEN: Final = "t0ken-of-an-operator-which-nobody-may-ever-see"  # noqa: S105 - of this test
DEFAULT: Final = (200, 201, 202, 204, 206, 303, 304, 400, 404, 405, 421)


def _names_of(model: Any) -> list[str]:
    """Give the names by which a model reads its fields."""
    fields = {} if model is None else model.model_fields
    return [field.alias or name for name, field in fields.items()]


@dataclass(frozen=True)
class Row:
    """A way to ask for something, of either table; `fields` are those of its body and its query."""

    method: str
    path: str
    problems: tuple[int, ...]
    fields: tuple[str, ...] = ()


ROWS: Final = {
    f"{row.method} {row.path}": row
    for row in (
        *(Row(row.method, row.path, row.problems) for row in TABLE),
        *(
            Row(
                row.method,
                BASE + row.path,
                row.problems,
                tuple(_names_of(row.body) + _names_of(row.query)),
            )
            for row in API
        ),
    )
}


@dataclass
class Town:
    """A loop of its own, runs in every state that matters here, and three applications."""

    runner: asyncio.Runner
    house: House
    known: tuple[str, ...]
    apps: dict[str, Any]

    async def lengths(self) -> dict[str, int]:
        """Give how many events each run has."""
        rows = [await self.house.world.run(RunId(name)) for name in self.known]
        return {row.run_id: row.length for row in rows if row is not None}


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with asyncio.Runner() as runner, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.journal", Journal(), raising=False)
        patch.setenv("WFC_WEB_TOKEN", TOKEN)
        stack = AsyncExitStack()
        yield runner.run(_furnished(runner, stack))
        runner.run(stack.aclose())


async def _furnished(runner: asyncio.Runner, stack: AsyncExitStack) -> Town:
    clock = VirtualClock()
    world = open_world("memory:", clock)
    await world.open()
    house = await House(world, clock, WEBHOOKED.version).open()
    house.session.public_url = URL
    await stack.enter_async_context(use_session(house.session))
    stack.push_async_callback(house.close)
    waiting: list[Run[Any]] = [
        await waits(house, FLOWS.collects, 1_000_000, id="collects"),
        await waits(house, FLOWS.listens, id="listens"),
        await waits(house, FLOWS.plain, "plain-token", id="plain"),
    ]
    await waits(house, FLOWS.writes, id="writes")
    tokens = [(await run.hooks())[0].token for run in waiting]

    async def everybody(*_: Any) -> bool:
        return True

    apps = {
        "local": asgi_app(),
        "token": asgi_app(auth="token"),
        "public": asgi_app(auth=None, public_streams=everybody),
    }
    known = ("collects", "listens", "plain", "writes", *tokens, "a/b", "default")
    return Town(runner, house, known, apps)


def request_for(chance: random.Random, row: Row, known: tuple[str, ...]) -> dict[str, Any]:
    """Make the scope of a request for a row: its path with hostile or known words in it."""

    def filling(_: re.Match[str]) -> str:
        return chance.choice(known) if chance.random() < 1 / 2 else hostile.word(chance, known)

    filled = re.sub(r"\{[^}]*\}", filling, row.path)
    method = row.method if row.method != ANY else "POST"
    if chance.random() < 1 / 10:
        filled = hostile.word(chance) + filled
    names = chance.sample(NAMES, chance.randrange(4))
    headers = [(name.encode(), _header(chance)) for name in names]
    if chance.random() < 3 / 4:
        headers.append((b"host", b"localhost"))
    query = "&".join(
        f"{chance.choice((*QUERIES, *row.fields))}={quote(hostile.word(chance), errors='replace')}"
        for _ in range(chance.randrange(3))
    )
    if chance.random() < 1 / 10:
        query = hostile.word(chance)
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": chance.choice(METHODS) if chance.random() < 1 / 4 else method,
        "path": f"/wfc{filled}",
        "raw_path": quote(filled, errors="replace").encode(),
        "query_string": query.encode("utf-8", "replace"),
        "root_path": "",
        "headers": headers,
        "client": chance.choice((("127.0.0.1", 1), ("10.0.0.1", 1), ("", 0), None)),
        "server": ("127.0.0.1", 80),
    }


def _header(chance: random.Random) -> bytes:
    if chance.random() < 1 / 2:
        return chance.choice(VALUES).encode()
    return hostile.word(chance).encode("utf-8", "replace")[:8000]


def body_for(chance: random.Random, row: Row, known: tuple[str, ...]) -> list[bytes]:
    """Make a body in pieces; an empty list is a client that hangs up."""
    if row.fields and chance.random() < 2 / 3:
        names = chance.sample(row.fields, chance.randrange(1, 1 + len(row.fields)))
        said = {
            name: chance.choice(known) if chance.random() < 1 / 3 else hostile.value(chance)
            for name in names
        }
        return [json.dumps(said).encode()]
    whole = chance.choice((
        [b""],
        [hostile.text(chance).encode("utf-8", "surrogatepass")],
        [hostile.some_bytes(chance)],
        [b"x" * 65_536] * 20,
        [b"{", b"", b'"a":', b"1}"],
        [],
    ))  # fmt: skip
    return list(whole)


@dataclass
class Answer:
    """What the application said."""

    status: int
    headers: dict[str, str]
    body: bytes


async def asked(app: Any, scope: dict[str, Any], pieces: list[bytes]) -> Answer | None:
    """Send one request; who has read so much as there is hangs up."""
    said: list[dict[str, Any]] = []
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        if not left:
            return {"type": "http.disconnect"}
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(left) or not pieces}

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    async with asyncio.timeout(60):
        await app(scope, receive, send)
    if not said:
        return None
    headers = {name.decode("latin-1"): text.decode("latin-1") for name, text in said[0]["headers"]}
    return Answer(said[0]["status"], headers, b"".join(one.get("body", b"") for one in said[1:]))


async def _tried(town: Town, name: str, seed: int) -> str:
    chance = random.Random(f"{name} {seed}")  # noqa: S311 - repeatable, and no secret
    row = ROWS[name]
    scope, pieces = request_for(chance, row, town.known), body_for(chance, row, town.known)
    if row.fields and chance.random() < 3 / 4:
        scope["headers"] = [(b"content-type", b"application/json"), (b"host", b"localhost")]
    before = await town.lengths()
    answer = await asked(town.apps[chance.choice(sorted(town.apps))], scope, pieces)
    after = await town.lengths()
    assert all(after[run] >= length for run, length in before.items()), scope
    if answer is None:
        return "hung up"
    told = (scope, pieces[:3], answer)
    assert answer.status in {*DEFAULT, *row.problems} - {503}, told
    assert b"Traceback" not in answer.body, told
    assert TOKEN.encode() not in answer.body, told
    assert not any("\n" in value or "\r" in value for value in answer.headers.values()), told
    if answer.status >= 400 and scope["method"] != "HEAD":
        assert answer.headers["content-type"] == "application/problem+json", told
        assert json.loads(answer.body)["status"] == answer.status, told
        assert after == before, told
    return str(answer.status)


def tried(town: Town, name: str, seed: int) -> str:
    """Send a hostile request to a route, and see what must hold of its answer."""
    return town.runner.run(_tried(town, name, seed))


@pytest.mark.parametrize("name", ROWS)
def test_any_request_has_an_answer_of_the_table(town: Town, name: str) -> None:
    """A few dozen for each row, and not all of them by the same answer."""
    answers = {tried(town, name, seed) for seed in range(60)}
    assert len(answers) > 1


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_many_requests(town: Town) -> None:
    """For as long as the dose says; all findings are told."""
    with proof(
        "fuzz-http",
        title="Hostile requests over HTTP",
        holds="an answer that the table of routes knows, no traceback, no event lost",
        dose=f"{SOAK_MINUTES:g} minutes",
        command=f"WFC_SOAK={SOAK_MINUTES:g} python -m pytest -m soak tests/web/test_fuzz_routes.py",
    ) as figures:
        answers: Counter[str] = Counter()
        findings = Findings()
        for seed in seeds_for():
            for name in ROWS:
                try:
                    answers[tried(town, name, seed)] += 1
                except Exception as error:  # noqa: BLE001 - the proof goes on, and fails at its end
                    findings.add((name, seed), error)
        figures["routes"] = len(ROWS)
        figures["requests"] = answers.total() + findings.count.total()
        figures.update({f"answered {one}": count for one, count in sorted(answers.items())})
        figures["findings"] = findings.count.total()
        findings.check()
