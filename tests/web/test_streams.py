"""Streams over HTTP: who may read them, and that they are those of the run."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.runtime.house import House
from tests.web.conftest import client, path_of, waits
from tests.web.webhook_flows import FLOWS
from wfc.errors import WorldFull
from wfc.eventlog.event import Channel
from wfc.http.auth import TOKEN_VARIABLE
from wfc.http.principal import Principal
from wfc.runtime.run import Run
from wfc.web import asgi_app
from wfc.worlds.audit import AuditFilter

TOKEN = "t" * 32


async def written(house: House) -> Run[Any]:
    """A run that has ended, with values in two streams."""
    return await waits(house, FLOWS.writes)


def lines(answer: httpx.Response) -> list[Any]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


NDJSON = {"accept": "application/x-ndjson"}


async def test_a_stream_is_read_from_any_index(house: House, web: httpx.AsyncClient) -> None:
    """By whoever sits here, in each format; a namespace may hold a slash."""
    run = await written(house)
    end = {"end": {"status": "completed", "tail_index": 2}}
    found = await web.get(f"/runs/{run.id}/stream", headers=NDJSON)
    assert lines(found) == [*({"index": n, "chunk": n * 10} for n in range(3)), end]
    assert (found.headers["wfc-run-id"], found.headers["wfc-stream-tail-index"]) == (run.id, "2")
    later = await web.get(f"/runs/{run.id}/stream?startIndex=-1&format=ndjson")
    assert lines(later) == [{"index": 2, "chunk": 20}, end]
    raw = await web.get(
        f"/runs/{run.id}/stream/a/b", headers={"accept": "application/octet-stream"}
    )
    assert raw.content == b"bytes"
    events = await web.get(f"/runs/{run.id}/stream", headers={"last-event-id": "1"})
    assert events.headers["content-type"].startswith("text/event-stream")
    assert "id: 2\ndata: 20\n" in events.text
    assert "event: end" in events.text


async def test_values_are_shown_without_their_classes(house: House, web: httpx.AsyncClient) -> None:
    """A server need not have the application's code."""
    run = await waits(house, FLOWS.writes_models)
    shown = [{"index": 0, "chunk": {"cents": 5, "note": "n"}}]
    async with client(asgi_app(house.world)) as alone:
        for one in (web, alone):
            assert lines(await one.get(f"/runs/{run.id}/stream", headers=NDJSON))[:-1] == shown


@pytest.mark.parametrize(
    "path", ["nobody/stream", "a%20b/stream", "../stream", "%F0%9F/stream", "nobody/stream/x"]
)
async def test_an_unknown_run_has_none(house: House, web: httpx.AsyncClient, path: str) -> None:
    answer = await web.get(f"/runs/{path}")
    assert answer.status_code == 404


async def test_what_cannot_be_is_refused(house: House, web: httpx.AsyncClient) -> None:
    run = await written(house)
    assert (await web.get(f"/runs/{run.id}/stream/a b")).json()["code"] == "no-such-run"
    assert (await web.get(f"/runs/{run.id}/stream?start_index=x")).status_code == 400
    wrong = await web.get(f"/runs/{run.id}/stream", headers={"accept": "image/png"})
    assert wrong.status_code == 406
    for method in ("HEAD", "POST"):
        answer = await web.request(method, f"/runs/{run.id}/stream")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


async def test_an_operator_is_wanted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run ids may be guessed; webhooks ask nobody who they are."""
    run = await written(house)
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    for auth in (None, "token"):
        async with client(asgi_app(auth=auth)) as web:
            refused = await web.get(f"/runs/{run.id}/stream")
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
            bearer = {"authorization": f"Bearer {TOKEN}", **NDJSON}
            known = await web.get(f"/runs/{run.id}/stream", headers=bearer)
            assert known.status_code == (200 if auth else 401)
            waiting = await waits(house, FLOWS.collects, 1)
            assert (await web.post(await path_of(waiting))).status_code == 202


async def test_refused_tokens_are_noted_once_a_minute(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their number; who sends no token has not guessed one."""
    run = await written(house)
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)

    async def noted() -> list[Any]:
        facts = await house.world.audit(AuditFilter(action="token.refused"))
        return [(one.note.channel, dict(one.note.details)) for one in reversed(facts)]

    async with client(asgi_app(auth="token")) as web:
        path = f"/runs/{run.id}/stream"
        assert (await web.get(path)).status_code == 401
        assert await noted() == []
        for guess in ("a", "b", "c"):
            refused = await web.get(path, headers={"authorization": f"Bearer {guess}"})
            assert refused.status_code == 401
        assert await noted() == [(Channel.REST, {"requests": 1})]
        house.advance(minutes=2)
        await web.get(path, headers={"authorization": "Bearer d"})
        assert await noted() == [(Channel.REST, {"requests": 1}), (Channel.REST, {"requests": 3})]


async def test_a_world_that_cannot_be_written_to_refuses_tokens_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await written(house)
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)

    async def full(*_: Any, **__: Any) -> None:
        raise WorldFull("the disk is full")

    monkeypatch.setattr(house.world, "note", full)
    async with client(asgi_app(auth="token")) as web:
        bearer = {"authorization": "Bearer a"}
        assert (await web.get(f"/runs/{run.id}/stream", headers=bearer)).status_code == 401


def only(run_id: str) -> Callable[..., Awaitable[bool]]:
    async def may(_connection: Any, asked: str, namespace: str | None) -> bool:
        return asked == run_id and namespace is None

    return may


async def test_the_application_may_open_streams(house: House) -> None:
    """No means that there is none, unless an operator asks; those of wfc are never open."""
    run, other = await written(house), await written(house)

    async def who(connection: Any) -> Principal | None:
        return Principal("ann", frozenset({"read"})) if "x-ann" in connection.headers else None

    async def everybody(*_: Any) -> bool:
        return True

    async with client(asgi_app(auth=who, public_streams=only(run.id))) as web:
        assert lines(await web.get(f"/runs/{run.id}/stream", headers=NDJSON))
        hidden = await web.get(f"/runs/{other.id}/stream", headers=NDJSON)
        unknown = await web.get("/runs/nobody/stream", headers=NDJSON)
        assert hidden.status_code == unknown.status_code == 404
        assert hidden.content == unknown.content
        assert lines(await web.get(f"/runs/{other.id}/stream", headers={"x-ann": "", **NDJSON}))
    async with client(asgi_app(auth=who, public_streams=everybody)) as web:
        assert (await web.get(f"/runs/{run.id}/stream/wfc.logs")).status_code == 401
        answer = await web.get(f"/runs/{run.id}/stream/wfc.logs", headers={"x-ann": "", **NDJSON})
        assert lines(answer) == [{"end": {"status": "completed", "tail_index": -1}}]
