"""What the operator API does to runs: each answer comes once its event is on disk."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.runtime.house import House
from tests.web.api.conftest import Begin
from tests.web.api.flows import SHOP
from tests.web.conftest import LOCAL, client
from wfc.api import get_run
from wfc.eventlog.event import Channel
from wfc.ids import RunId
from wfc.web import asgi_app

ORDER = {"id": "o-9", "cents": 100}


async def last(shop: House, run_id: str) -> Any:
    return (await shop.world.history(RunId(run_id)))[-1]


async def test_a_cancel_is_answered_with_its_event(
    api: httpx.AsyncClient, begin: Begin, shop: House
) -> None:
    """Who did it, by what way, and the command that does the same."""
    await begin("waits")
    answer = await api.post("/runs/o-1/cancel", json={"reason": "it's late"})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    event = await last(shop, "o-1")
    assert told["recorded"] == {"position": event.position, "type": "run_cancel_requested"}
    assert (event.event.actor, event.event.channel) == ("loopback", Channel.REST)
    assert told["cli"] == """wfc cancel o-1 --reason 'it'"'"'s late'"""
    assert told["workers_awake"] == len(await shop.world.workers())
    again = (await api.post("/runs/o-1/cancel", json={})).json()
    assert again["already"]
    await shop.worker().run_until_idle()
    ended = await api.post("/runs/o-1/cancel", json={})
    assert (ended.status_code, ended.json()["code"]) == (409, "run-ended")


async def test_pause_and_unpause(api: httpx.AsyncClient, begin: Begin) -> None:
    """Each writes its event once."""
    await begin("waits")
    told = (await api.post("/runs/o-1/pause", json={"reason": "wait"})).json()
    assert told["recorded"]["type"] == "run_paused"
    assert (await api.get("/runs/o-1")).json()["paused"]
    assert (await api.post("/runs/o-1/unpause", json={})).json()["recorded"]["type"] == (
        "run_unpaused"
    )
    assert (await api.post("/runs/o-1/unpause", json={})).json()["already"]


async def test_waking_says_if_nothing_sleeps(
    api: httpx.AsyncClient, begin: Begin, shop: House
) -> None:
    """A hook is no sleep."""
    await begin("waits")
    refused = await api.post("/runs/o-1/wake", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing-to-wake")
    sent = {"token": "order:o-1", "payload": {"approved": True}}
    assert (await api.post("/hooks/resume", json=sent)).status_code == 200
    await shop.worker().run_until_idle()
    woken = (await api.post("/runs/o-1/wake", json={})).json()
    assert woken["recorded"]["type"] == "wait_completed"
    await shop.worker().run_until_idle()
    assert (await api.post("/runs/o-1/wake", json={})).json()["code"] == "run-ended"


async def test_a_run_is_started_by_name(api: httpx.AsyncClient, shop: House) -> None:
    """With its arguments judged by the code in the world; the same again is the same run."""
    body = {"workflow": "api_shop:plain", "input": {"order": ORDER}, "id": "n-1"}
    made = await api.post("/runs", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["created"]
    again = await api.post("/runs", json=body)
    assert (again.status_code, again.json()["created"]) == (200, False)
    assert again.headers["idempotent-replayed"] == "true"
    other = {**body, "input": {"order": {**ORDER, "cents": 5}}}
    assert (await api.post("/runs", json=other)).json()["code"] == "id-taken"
    await shop.worker().run_until_idle()
    assert (await get_run("n-1").result())["raw"] == b"bytes"


async def test_racing_posts_with_one_key_make_one_run(api: httpx.AsyncClient, shop: House) -> None:
    """The id comes from the key."""
    body = {"workflow": "api_shop:plain", "input": {"order": ORDER}}
    headers = {"idempotency-key": "once"}
    answers = await asyncio.gather(
        *(api.post("/runs", json=body, headers=headers) for _ in range(8))
    )
    assert sorted(one.status_code for one in answers) == [200] * 7 + [201]
    assert len({one.json()["run_id"] for one in answers}) == 1


FITS = {"workflow": "api_shop:plain", "input": {"order": ORDER}}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"workflow": "api_shop:plane", "input": {}}, 404, "no-such-workflow"),
        ({**FITS, "input": {}}, 422, "invalid-payload"),
        ({**FITS, "input": {"order": {"id": 1}}}, 422, "invalid-payload"),
        ({**FITS, "id": "a/b"}, 422, "invalid-payload"),
        ({**FITS, "queue": "q"}, 404, "no-such-queue"),
        ({**FITS, "version": "zz"}, 404, "no-such-version"),
        ({"workflw": "x"}, 422, "invalid-payload"),
        ({}, 422, "invalid-payload"),
    ],
)
async def test_a_start_that_cannot_be_is_refused(
    api: httpx.AsyncClient, shop: House, body: dict[str, Any], status: int, code: str
) -> None:
    """And nothing is written."""
    answer = await api.post("/runs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await api.get("/runs")).json()["items"] == []


async def test_rerun_and_fork_leave_the_original(
    api: httpx.AsyncClient, begin: Begin, shop: House
) -> None:
    """Both give the new run."""
    await begin("waits")
    length = (await last(shop, "o-1")).position
    anew = await api.post("/runs/o-1/rerun", json={"input": {"order": ORDER}})
    assert anew.status_code == 201, anew.text
    fork = await api.post("/runs/o-1/fork", json={"at": 3, "id": "f-1"})
    assert fork.status_code == 201, fork.text
    assert fork.json()["run_id"] == "f-1"
    view = (await api.get("/runs/f-1")).json()
    assert view["origin"]["kind"] == "fork"
    assert (await last(shop, "o-1")).position == length


async def test_attributes_are_a_merge_patch(api: httpx.AsyncClient, begin: Begin) -> None:
    """Null removes one."""
    await begin("waits", attributes={"a": 1, "b": 2})
    answer = await api.patch("/runs/o-1/attributes", json={"changes": {"a": None, "c": "x"}})
    assert answer.status_code == 200, answer.text
    assert (await api.get("/runs/o-1")).json()["attributes"] == {"b": 2, "c": "x"}


async def test_an_upgrade_is_judged(api: httpx.AsyncClient, begin: Begin) -> None:
    """A dry run writes nothing; a version that does not exist is named so."""
    await begin("waits")
    answer = await api.post("/runs/o-1/upgrade", json={"dry_run": True})
    assert answer.status_code == 200, answer.text
    assert answer.json()["verdict"]["run_id"] == "o-1"
    assert answer.json()["recorded"] is None
    unknown = await api.post("/runs/o-1/upgrade", json={"to": "zzzz"})
    assert unknown.json()["code"] == "no-such-version"


async def test_a_hook_is_answered_by_its_id(api: httpx.AsyncClient, begin: Begin) -> None:
    """By the schema that was recorded; the same key lands once."""
    await begin("waits")
    hook = (await api.get("/hooks")).json()["items"][0]["id"]
    wrong = await api.post(f"/hooks/{hook}/resume", json={"payload": {"approved": "maybe"}})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["pointer"] == "/approved"
    key = {"idempotency-key": "k"}
    sent = await api.post(
        f"/hooks/{hook}/resume", json={"payload": {"approved": True}}, headers=key
    )
    assert sent.status_code == 200, sent.text
    again = await api.post(
        f"/hooks/{hook}/resume", json={"payload": {"approved": True}}, headers=key
    )
    assert again.json()["already"]
    assert again.headers["idempotent-replayed"] == "true"
    other = await api.post(
        f"/hooks/{hook}/resume", json={"payload": {"approved": False}}, headers=key
    )
    assert other.json()["code"] == "key-reused"
    assert (await api.post("/hooks/hook_x/resume", json={})).json()["code"] == "no-such-hook"


async def test_many_runs_at_once(api: httpx.AsyncClient, begin: Begin) -> None:
    """Each id gets an answer of its own."""
    await begin("waits", "a-1")
    await begin("plain", "a-2")
    body = {"action": "cancel", "ids": ["a-1", "a-2", "none", "../x"], "dry_run": True}
    told = (await api.post("/bulk", json=body)).json()["results"]
    assert told == {
        "a-1": {"ok": True, "would": "cancel"},
        "a-2": {"ok": False, "code": "run-ended", "status": "completed"},
        "none": {"ok": False, "code": "no-such-run"},
        "../x": {"ok": False, "code": "no-such-run"},
    }
    for action in ("pause", "unpause", "upgrade", "wake", "cancel"):
        done = await api.post("/bulk", json={"action": action, "ids": ["a-1"]})
        assert done.json()["results"]["a-1"]["ok"], done.text


async def test_an_action_may_wait_for_what_it_brings(
    api: httpx.AsyncClient, begin: Begin, shop: House
) -> None:
    """`Prefer: wait` gives the run's next event beside its own."""
    await begin("waits")
    worker = await shop.embedded()
    answer = await api.post("/runs/o-1/cancel", json={}, headers={"prefer": "wait=20"})
    assert answer.json()["effect"]["position"] == answer.json()["recorded"]["position"] + 1
    await worker.stop()


async def test_a_run_that_moved_on_is_not_acted_on(api: httpx.AsyncClient, begin: Begin) -> None:
    """`If-Match` names the log's length that whoever acts has seen."""
    await begin("waits")
    tag = (await api.get("/runs/o-1")).headers["etag"]
    assert (
        await api.post("/runs/o-1/pause", json={}, headers={"if-match": tag})
    ).status_code == 200
    moved = await api.post("/runs/o-1/unpause", json={}, headers={"if-match": tag})
    assert (moved.status_code, moved.json()["code"]) == (412, "log-moved")


async def test_bodies_are_read_strictly(api: httpx.AsyncClient, begin: Begin) -> None:
    """By type, size and form."""
    await begin("waits")
    plain = await api.post("/runs/o-1/cancel", content=b"{}")
    assert plain.json()["code"] == "unsupported-media-type"
    kind = {"content-type": "application/json; charset=utf-8"}
    broken = await api.post("/runs/o-1/cancel", content=b'{"reason": }', headers=kind)
    assert "line 1, column 12" in broken.json()["detail"]
    large = await api.post("/runs/o-1/cancel", content=b" " * (1 << 21), headers=kind)
    assert large.json()["code"] == "too-large"
    assert (await api.post("/runs/o-1/cancel", content=b"", headers=kind)).status_code == 200


async def test_versions_and_schedules_are_steered(api: httpx.AsyncClient, shop: House) -> None:
    """Both are facts of the world, and stand in its audit."""
    version = SHOP.version.id
    told = (await api.post(f"/versions/{version[:8]}/activate", json={})).json()
    assert told["version"] == version
    assert (await api.post("/versions/zzzz/activate", json={})).json()["code"] == "no-such-version"
    from wfc.api import schedule  # noqa: PLC0415 - of the session that the fixture has opened

    order = SHOP.module.Order(id="s", cents=1)
    await schedule(SHOP.module.plain, order, name="nightly", cron="0 3 * * *")
    (one,) = (await api.get("/schedules")).json()["items"]
    assert one["next_at"] is not None
    paused = (await api.patch("/schedules/nightly", json={"paused": True})).json()
    assert paused["paused"]
    assert not (await api.patch("/schedules/nightly", json={"paused": False})).json()["paused"]
    fired = await api.post("/schedules/nightly/trigger", json={})
    assert fired.status_code == 201, fired.text
    assert (await api.post("/schedules/none/trigger", json={})).json()["code"] == "no-such-schedule"
    actions = [one["action"] for one in (await api.get("/audit")).json()["items"]]
    assert "schedule.triggered" in actions
    page = (await api.get("/audit?limit=1")).json()
    assert (await api.get(f"/audit?before={page['next']}")).json()["items"]


async def test_a_server_may_only_show(shop: House, begin: Begin) -> None:
    """Whoever asks."""
    await begin("waits")
    async with client(asgi_app(read_only=True), f"{LOCAL}/wfc/api/v1") as api:
        assert (await api.get("/runs/o-1")).status_code == 200
        refused = await api.post("/runs/o-1/cancel", json={})
        assert (refused.status_code, refused.json()["code"]) == (403, "read-only")
        assert not (await api.get("/me")).json()["act"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1"}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "none", "origin": "http://127.0.0.1"}, 403),
        ({"host": "evil.example"}, 421),
        ({"x-forwarded-for": "10.0.0.1"}, 401),
    ],
)
async def test_pages_of_others_may_not_act(
    api: httpx.AsyncClient, begin: Begin, headers: dict[str, str], status: int
) -> None:
    """Nor names that were bound anew, nor proxies."""
    await begin("waits")
    answer = await api.post("/runs/o-1/pause", json={}, headers=headers)
    assert answer.status_code == status, json.dumps(answer.json())
