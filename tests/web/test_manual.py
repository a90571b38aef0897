"""A step answers the sender, who waits: on any process, once, and kept for whoever asks again."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.runtime.house import House, until
from tests.web.conftest import client, path_of, waits
from tests.web.webhook_flows import FLOWS
from wfc.errors import RunFailed
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import HookReceived, StepCompleted
from wfc.web import asgi_app, webhook

KEY = {"idempotency-key": "k"}


async def asked(house: House, web: httpx.AsyncClient, run: Any) -> asyncio.Task[httpx.Response]:
    """Send a request whose answer is still to come."""
    task = asyncio.create_task(web.post(await path_of(run), content=b"ann", headers=KEY))
    await house.logged(run, "hook_received")
    return task


async def test_a_step_answers_the_sender(house: House, web: httpx.AsyncClient) -> None:
    run = await waits(house, FLOWS.answers_by_step, "once")
    sender = await asked(house, web, run)
    assert not sender.done()
    await house.worker().run_until_idle()
    answer = await sender
    assert (answer.status_code, answer.content, answer.headers["x-attempt"]) == (
        201,
        b"got it",
        "1",
    )
    (received,) = await house.events(run, HookReceived)
    assert answer.headers["wfc-receipt"] == received.receipt_id
    assert await run.result() == 1


async def test_who_asks_again_gets_the_same_answer(house: House, web: httpx.AsyncClient) -> None:
    """Also after the run has ended; nothing is recorded or executed again."""
    run = await waits(house, FLOWS.answers_by_step, "once")
    sender = await asked(house, web, run)
    other = asyncio.create_task(web.post(await path_of(run), content=b"ann", headers=KEY))
    await house.workers[-1].run_until_idle()
    first, second = await sender, await other
    third = await web.post(await path_of(run), content=b"ann", headers=KEY)
    for again in (second, third):
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers["wfc-receipt"] == first.headers["wfc-receipt"]
    assert len(await house.events(run, HookReceived)) == 1
    assert len(await house.events(run, StepCompleted)) == 1


async def test_nobody_answers_in_time(
    house: House, web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """504 names the receipt; asked again with the key, the answer is there."""
    run = await waits(house, FLOWS.answers_by_step, "once")
    with monkeypatch.context() as patch:
        patch.setattr(webhook, "_PATIENCE_S", 0.01)
        late = await web.post(await path_of(run), content=b"ann", headers=KEY)
    receipt = late.headers["wfc-receipt"]
    assert (late.status_code, late.json()["code"]) == (504, "no-answer-yet")
    assert receipt in late.json()["detail"]
    await house.workers[-1].run_until_idle()
    answer = await web.post(await path_of(run), content=b"ann", headers=KEY)
    assert (answer.status_code, answer.headers["wfc-receipt"]) == (201, receipt)


async def test_a_run_that_ends_without_an_answer_keeps_nobody_waiting(
    house: House, web: httpx.AsyncClient
) -> None:
    """30 seconds would change nothing."""
    run = await waits(house, FLOWS.answers_by_step, "ends")
    sender = await asked(house, web, run)
    await house.workers[-1].run_until_idle()
    assert await run.status() is RunStatus.FAILED
    assert (await sender).status_code == 504


async def test_a_step_that_is_tried_again_keeps_its_answer(
    house: House, web: httpx.AsyncClient
) -> None:
    """Its first attempt has answered and failed after that."""
    run = await waits(house, FLOWS.answers_by_step, "fails")
    sender = await asked(house, web, run)
    worker = house.workers[-1]
    await worker.run_until_idle()
    house.advance(seconds=5)
    await worker.run_until_idle()
    assert (await sender).headers["x-attempt"] == "1"
    assert await run.result() == 2


async def test_a_second_answer_is_refused(house: House, web: httpx.AsyncClient) -> None:
    """And not tried again."""
    run = await waits(house, FLOWS.answers_by_step, "twice")
    sender = await asked(house, web, run)
    await house.workers[-1].run_until_idle()
    assert (await sender).status_code == 201
    with pytest.raises(RunFailed, match="answered before"):
        await run.result()


async def test_a_child_run_answers_too(house: House, web: httpx.AsyncClient) -> None:
    """A request may be handed on."""
    run = await waits(house, FLOWS.answers_in_a_child)
    sender = await asked(house, web, run)
    await house.workers[-1].run_until_idle()
    assert (await sender).content == b"got it"
    assert await run.result() == 1


async def test_where_nobody_waits_an_answer_is_refused(
    house: House, web: httpx.AsyncClient
) -> None:
    run = await waits(house, FLOWS.answers_what_nobody_waits_for)
    assert (await web.post(await path_of(run), content=b"ann")).status_code == 202
    worker = house.workers[-1]
    await worker.run_until_idle()
    house.advance(seconds=5)
    await worker.run_until_idle()
    with pytest.raises(RunFailed, match="nobody waits for an answer"):
        await run.result()


async def test_a_sender_that_goes_away_changes_nothing(
    house: House, web: httpx.AsyncClient, journal: Any
) -> None:
    """The request is recorded and the step runs on."""
    run = await waits(house, FLOWS.answers_by_step, "stays")
    sender = await asked(house, web, run)
    work = asyncio.create_task(house.workers[-1].run_until_idle())
    await until(lambda: bool(journal.calls))
    sender.cancel()
    journal.gate.set()
    await work
    assert await run.result() == 1


async def test_nobody_is_waited_for_who_has_gone(house: House) -> None:
    """The call ends at once; the request is recorded, and whoever repeats it is answered."""
    run = await waits(house, FLOWS.answers_by_step, "once")
    path = await path_of(run)
    heard: asyncio.Queue[Any] = asyncio.Queue()
    said: asyncio.Queue[Any] = asyncio.Queue()
    headers = [(name.encode(), value.encode()) for name, value in KEY.items()]
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
        "root_path": "", "query_string": b"", "headers": headers, "scheme": "http",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 9),
    }  # fmt: skip
    call = asyncio.create_task(asgi_app()(scope, heard.get, said.put))
    await heard.put({"type": "http.request", "body": b"ann", "more_body": False})
    await house.logged(run, "hook_received")
    await heard.put({"type": "http.disconnect"})
    await call
    assert said.empty(), "30 seconds later it would be told that there is no answer yet"
    await house.workers[-1].run_until_idle()
    async with client(asgi_app()) as web:
        assert (await web.post(path, content=b"ann", headers=KEY)).status_code == 201
