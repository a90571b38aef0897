"""Webhooks over HTTP: what is sent is on disk before it is answered, or nothing is written."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.runtime.house import House
from tests.web.conftest import URL, client, path_of, waits
from tests.web.webhook_flows import FLOWS
from wfc import api
from wfc.errors import WorldError, WorldFull
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import Channel, HookCreated, HookReceived
from wfc.runtime.hook_schemas import _pointer
from wfc.runtime.webhook_door import Refusal, webhook_at
from wfc.web import asgi_app

HTML = {"accept": "text/html,application/xhtml+xml"}


async def told(house: House) -> None:
    await house.workers[-1].run_until_idle()


async def test_a_request_is_recorded_and_the_run_goes_on(
    house: House, web: httpx.AsyncClient, journal: Any
) -> None:
    """202 and nothing; the workflow has what was sent, without what says who sent it."""
    run = await waits(house, FLOWS.takes_one)
    ((_, token, url),) = journal.calls
    assert url == f"{URL}/webhook/{token}"
    answer = await web.post(
        f"/webhook/{token}?a=0&a=1&b=x%20y",
        content=b"\x00paid",
        headers={"Cookie": "s=1", "Authorization": "Bearer 1", "X-Signature": "abc"},
    )
    assert (answer.status_code, answer.content) == (202, b"")
    (received,) = await house.events(run, HookReceived)
    assert (received.channel, received.actor) == (Channel.WEBHOOK, None)
    assert answer.headers["wfc-receipt"] == received.receipt_id
    await told(house)
    method, path, query, headers, body, sent = await run.result()
    assert (method, path, body) == ("POST", f"/wfc/webhook/{token}", b"\x00paid")
    assert query == {"a": "1", "b": "x y"}
    assert sent == "a=0&a=1&b=x%20y"
    assert headers["x-signature"] == "abc"
    assert not {"cookie", "authorization"} & set(headers)


async def test_repeated_headers_are_joined(house: House, web: httpx.AsyncClient) -> None:
    run = await waits(house, FLOWS.takes_one)
    await web.post(await path_of(run), headers=[("x-tag", "a"), ("x-tag", "b")])
    await told(house)
    assert (await run.result())[3]["x-tag"] == "a, b"


async def test_no_worker_need_be_alive(house: House, web: httpx.AsyncClient) -> None:
    """The request is on disk; whoever comes later goes on from there."""
    run = await waits(house, FLOWS.collects, 1)
    await house.workers[-1].stop()
    assert (await web.post(await path_of(run), content=b"1")).status_code == 202
    assert await run.status() is RunStatus.SUSPENDED
    await house.worker().run_until_idle()
    assert await run.result() == [b"1"]


async def test_a_step_checks_the_signature(house: House, web: httpx.AsyncClient) -> None:
    run = await waits(house, FLOWS.checks_signature)
    await web.post(await path_of(run), json={"n": 1}, headers={"x-signature": "s"})
    await told(house)
    assert await run.result() == [{"n": 1}, '{"n":1}', "s"]


# --- typed ---------------------------------------------------------------------------------------


async def test_a_typed_webhook_gives_the_model(house: House, web: httpx.AsyncClient) -> None:
    run = await waits(house, FLOWS.is_paid)
    answer = await web.post(await path_of(run), json={"cents": 4200})
    assert (answer.status_code, answer.content) == (202, b"")
    await told(house)
    assert await run.result() == ["Paid", 4200, ""]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"cents": "many"}', "/cents"),
        (b"{}", None),
        (b"[]", ""),
        (b"", ""),
        (b'{"cents": 1', ""),
        (b'{"cents": NaN}', ""),
        (b"[" * 100_000, ""),
        (b"\xff\xfe\xfd", ""),
        (b'{"cents": 1, "note": "\\ud800"}', None),
    ],
)
@pytest.mark.parametrize("with_code", [True, False])
async def test_a_wrong_body_is_refused_with_pointers(
    house: House,
    web: httpx.AsyncClient,
    body: bytes,
    pointer: str | None,
    with_code: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Nothing is recorded, and the run still waits; also where the type is not to be had."""
    run = await waits(house, FLOWS.is_paid)
    if not with_code:
        house.session.registry = None
    answer = await web.post(await path_of(run), content=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["code"], told["status"]) == ("invalid-payload", 422)
    pointers = [each["pointer"] for each in told["errors"]]
    assert pointers == [pointer] if pointer else len(pointers) == 1
    assert await house.events(run, HookReceived) == []


def test_a_pointer_is_written_as_its_rfc_says() -> None:
    assert _pointer(("a/b", 0, "m~n")) == "/a~1b/0/m~0n"


# --- what is not taken ---------------------------------------------------------------------------


async def test_hooks_that_are_no_webhooks_are_not_reachable(
    house: House, web: httpx.AsyncClient
) -> None:
    """A guessable token is answered as an unknown one, to the byte."""
    run = await waits(house, FLOWS.plain, "order:o-1")
    found = await web.post("/webhook/order:o-1", content=b"1")
    unknown = await web.post("/webhook/order:o-2", content=b"1")
    assert (found.status_code, unknown.status_code) == (404, 404)
    assert found.content == unknown.content
    assert await house.events(run, HookReceived) == []
    looked = [await web.get(f"/webhook/order:o-{n}", headers=HTML) for n in (1, 2)]
    assert looked[0].content == looked[1].content == found.content


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "PURGE"])
async def test_other_methods_are_refused(house: House, web: httpx.AsyncClient, method: str) -> None:
    run = await waits(house, FLOWS.takes_one)
    answer = await web.request(method, await path_of(run))
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert await house.events(run, HookReceived) == []
    assert (await web.request(method, "/webhook/unknown")).status_code == 404


async def test_a_browser_that_looks_gets_a_page_and_sends_nothing(
    house: House, web: httpx.AsyncClient
) -> None:
    """One button; scripts and frames are forbidden."""
    run = await waits(house, FLOWS.takes_one)
    page = await web.get(await path_of(run), headers=HTML)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Send this to <em>takes_one</em>?" in page.text
    assert page.text.count('<form method="post">') == page.text.count("<button>") == 1
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert await house.events(run, HookReceived) == []


async def test_get_acts_if_the_workflow_says_so(house: House, web: httpx.AsyncClient) -> None:
    """HEAD and OPTIONS never do."""
    run = await waits(house, FLOWS.answers, 200, "thanks")
    path = await path_of(run)
    assert (await web.head(path)).status_code == 405
    assert (await web.options(path)).headers["allow"] == "GET, PUT, POST"
    answer = await web.get(path, headers=HTML)
    assert (answer.status_code, answer.text, answer.headers["x-shop"]) == (200, "thanks", "yes")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert (await web.put(path)).status_code == 200
    await told(house)
    assert await run.result() == ["GET", "PUT"]


async def test_a_closed_webhook_is_gone_for_as_long_as_its_token_is_kept(
    house: House, web: httpx.AsyncClient
) -> None:
    """410, later 404; without a retention 404 at once."""
    run = await waits(house, FLOWS.keeps_its_token)
    path = await path_of(run)
    await web.post(path)
    await told(house)
    for answer in (await web.post(path), await web.get(path, headers=HTML)):
        assert (answer.status_code, answer.json()["code"]) == (410, "hook-disposed")
    house.advance(days=2)
    assert (await web.post(path)).status_code == 404
    short = await waits(house, FLOWS.takes_one)
    gone = await path_of(short)
    await short.cancel(force=True)
    assert (await web.post(gone)).status_code == 404


async def test_a_body_that_is_too_large_is_refused_early(
    house: House, web: httpx.AsyncClient
) -> None:
    """As soon as its length tells, or the count does; to the byte."""
    run = await waits(house, FLOWS.collects, 1)
    path = await path_of(run)
    read = 0

    async def endless() -> Any:
        nonlocal read
        while True:
            read += 1 << 16
            yield bytes(1 << 16)

    for content in (bytes((1 << 20) + 1), endless()):
        answer = await web.post(path, content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert read <= (1 << 20) + (1 << 16)
    assert await house.events(run, HookReceived) == []
    assert (await web.post(path, content=bytes(1 << 20))).status_code == 202


# --- once ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["Idempotency-Key", "webhook-id"])
async def test_a_key_lands_once(house: House, web: httpx.AsyncClient, header: str) -> None:
    """Again with it: the first answer, no event; other times and signatures change nothing."""
    run = await waits(house, FLOWS.takes_one)
    path = await path_of(run)
    first = await web.post(path, content=b"1", headers={header: "k", "x-signature": "1"})
    again = await web.post(path, content=b"1", headers={header: "k", "x-signature": "2"})
    assert (first.status_code, again.status_code) == (202, 202)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["wfc-receipt"] == first.headers["wfc-receipt"]
    await told(house)
    assert await run.status() is RunStatus.COMPLETED
    late = await web.post(path, content=b"1", headers={header: "k", "x-signature": "3"})
    assert (late.status_code, late.headers["idempotent-replayed"]) == (202, "true")
    assert (await web.post(path, content=b"1", headers={header: "l"})).status_code == 404
    assert len(await house.events(run, HookReceived)) == 1


async def test_a_key_with_another_body_is_refused(house: House, web: httpx.AsyncClient) -> None:
    """Whether or not a type judges it."""
    for flow, bodies in ((FLOWS.collects, "12"), (FLOWS.is_paid, ['{"cents":1}', '{"cents":2}'])):
        run = await waits(house, flow, *([2] if flow is FLOWS.collects else []))
        path, key = await path_of(run), {"idempotency-key": "k"}
        assert (await web.post(path, content=bodies[0], headers=key)).status_code == 202
        answer = await web.post(path, content=bodies[1], headers=key)
        assert (answer.status_code, answer.json()["code"]) == (422, "key-reused")
        assert len(await house.events(run, HookReceived)) == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 201])
async def test_a_key_that_is_none_is_refused(
    house: House, web: httpx.AsyncClient, key: str
) -> None:
    run = await waits(house, FLOWS.takes_one)
    answer = await web.post(await path_of(run), headers={"idempotency-key": key})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert await house.events(run, HookReceived) == []


async def test_racing_callers_with_one_key_make_one_event(
    house: House, web: httpx.AsyncClient
) -> None:
    """All 24 get the same answer, 23 of them as a repetition."""
    run = await waits(house, FLOWS.collects, 1)
    path = await path_of(run)
    sent = [web.post(path, content=b"1", headers={"idempotency-key": "k"}) for _ in range(24)]
    answers = await asyncio.gather(*sent)
    assert {each.status_code for each in answers} == {202}
    assert len({each.headers["wfc-receipt"] for each in answers}) == 1
    assert sum("idempotent-replayed" in each.headers for each in answers) == 23
    assert len(await house.events(run, HookReceived)) == 1


# --- trouble -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (WorldFull("the disk is full"), 507, "disk-full"),
        (WorldError("secret: the database is away"), 503, "world-unavailable"),
        (RuntimeError("secret: a bug"), 500, "our-fault"),
    ],
)
async def test_trouble_is_told_without_its_details(  # noqa: PLR0917 - fixtures, and what is tried
    house: House,
    web: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    code: str,
) -> None:
    """Nothing is recorded; no message of ours and no traceback reaches the caller."""
    run = await waits(house, FLOWS.takes_one)
    path = await path_of(run)

    async def fails(*_: Any, **__: Any) -> Any:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(house.world, "append", fails)
        answer = await web.post(path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text
    if status == 500:
        assert answer.json()["instance"] in caplog.text
        assert "secret: a bug" in caplog.text
    with monkeypatch.context() as patch:
        patch.setattr(house.world, "hook_by_token", fails)
        assert (await web.post(path)).status_code == status
    assert await house.events(run, HookReceived) == []
    assert (await web.post(path)).status_code == 202


async def test_a_full_log_takes_nothing(house: House, web: httpx.AsyncClient) -> None:
    run = await waits(house, FLOWS.takes_one)
    house.session.events_max = 3
    answer = await web.post(await path_of(run))
    assert (answer.status_code, answer.json()["title"]) == (507, "The run's log is full")


async def test_what_cannot_be_judged_here_is_refused(
    house: House, web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the type nor a validator of JSON Schema is to be had."""
    run = await waits(house, FLOWS.is_paid)
    house.session.registry = None
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    answer = await web.post(await path_of(run), json={"cents": 1})
    assert (answer.status_code, answer.json()["code"]) == (501, "not-in-this-world")


async def test_a_caller_that_goes_away_leaves_nothing(house: House) -> None:
    """Half a body is no request."""
    run = await waits(house, FLOWS.takes_one)
    path = f"/wfc{await path_of(run)}"
    said: list[Any] = []
    parts = [{"type": "http.request", "body": b"1", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return parts.pop(0)

    async def send(message: Any) -> None:
        said.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "headers": [],
        "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1),
    }  # fmt: skip
    await asgi_app()(scope, receive, send)
    assert said == []
    assert await house.events(run, HookReceived) == []


async def test_a_webhook_that_closes_meanwhile_takes_nothing(
    house: House, web: httpx.AsyncClient
) -> None:
    """It was open when it was looked for, and is closed when it is to be written to."""
    run = await waits(house, FLOWS.keeps_its_token)
    find = house.world.hook_by_token
    cancelled: list[bool] = []

    async def late(token: str) -> Any:
        row = await find(token)
        if not cancelled:
            cancelled.append(await run.cancel(force=True))
        return row

    house.world.hook_by_token = late  # type: ignore[method-assign]  # a spy around the real one
    answer = await web.post(await path_of(run))
    assert (answer.status_code, answer.json()["code"]) == (410, "hook-disposed")


async def test_what_fits_no_payload_is_too_large(house: House, web: httpx.AsyncClient) -> None:
    """The settings may say less than a body may have."""
    run = await waits(house, FLOWS.takes_one)
    house.session.payload_max = 100
    answer = await web.post(await path_of(run), content=bytes(101))
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


async def test_a_token_that_is_no_text_is_unknown(house: House) -> None:
    """Some servers hand over what is no UTF-8 so."""
    with pytest.raises(Refusal) as caught:
        await webhook_at(house.session, "\ud800")
    assert caught.value.status == 404


async def test_settings_that_cannot_be_read_are_told_to_the_log_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "wfc.toml").write_text('wolrd = "sqlite:///secret.db"\n')
    monkeypatch.chdir(tmp_path)
    async with client(asgi_app()) as web:
        answer = await web.post("/webhook/t")
    assert (answer.status_code, answer.json()["code"]) == (503, "world-unavailable")
    assert "wolrd" not in answer.text
    assert "wolrd" in caplog.text


# --- what is recorded when it is made ------------------------------------------------------------


async def test_the_url_is_that_of_the_runs_begin(house: House, journal: Any) -> None:
    """A replay elsewhere, under another name, gives the recorded one."""
    run = await waits(house, FLOWS.takes_one)
    house.session.public_url = "https://elsewhere.example"
    (created,) = await house.events(run, HookCreated)
    assert created.url == f"{URL}/webhook/{created.token}"
    assert (created.methods, created.response) == (("POST",), None)


async def test_without_a_public_url_the_error_names_the_key(house: House) -> None:
    house.session.public_url = None
    run = await house.start(FLOWS.reads_url)
    await house.worker().run_until_idle()
    with pytest.raises(Exception, match="public_url") as caught:
        await run.result()
    assert type(caught.value.__cause__ or caught.value).__name__ in {"ConfigError", "RunFailed"}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"methods": ()}, ["ValueError", "they are some of DELETE, GET, PATCH, POST, PUT"]),
        ({"methods": ["HEAD"]}, ["ValueError", "they are some of"]),
        ({"methods": "POST"}, ["TypeError", 'give a tuple, such as ("POST",)']),
        ({"methods": 5}, ["TypeError", "give a tuple"]),
        ({"response": "later"}, ["TypeError", 'give a `wfc.Response`, "manual" or None']),
        ({"response": 202}, ["TypeError", "give a `wfc.Response`"]),
        ({"response": "manual", "schema": "typed"}, ["ValueError", "webhooks without a schema"]),
    ],
)
async def test_what_cannot_be_made_is_refused_in_the_workflow(
    house: House, wrong: Any, says: list[str]
) -> None:
    run = await house.start(FLOWS.makes, wrong)
    await house.worker().run_until_idle()
    kind, text = await run.result()
    assert kind == says[0]
    assert says[1] in text


async def test_methods_are_kept_once_each(house: House) -> None:
    run = await house.start(FLOWS.makes, {"methods": ["PUT", "POST", "PUT"]})
    await house.worker().run_until_idle()
    assert len(await run.result()) == 32
    ((created, *_),) = [await house.events(run, HookCreated)]
    assert created.methods == ("PUT", "POST")


async def test_webhooks_are_listed_with_their_kind(house: House) -> None:
    await waits(house, FLOWS.is_paid)
    (hook,) = (await api.list_hooks(kind="webhook")).items
    assert (hook.kind, hook.metadata) == ("webhook", {"for": "ann"})
