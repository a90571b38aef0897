"""What the operator API shows of runs."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.runtime.house import House
from tests.web.api.conftest import Begin
from tests.web.api.flows import CANARY, SHOP
from tests.web.conftest import LOCAL, client
from wfc.runtime.lines import NAMESPACE
from wfc.web import asgi_app


async def got(api: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await api.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_run_says_where_it_is_and_why(api: httpx.AsyncClient, begin: Begin) -> None:
    """The sentence, the counts, what may be done, and nothing of the seed."""
    await begin("waits")
    run = await got(api, "/runs/o-1")
    assert run["status"] == "suspended"
    assert run["reason"]["kind"] == "hook"
    assert "order:o-1" in run["reason"]["sentence"]
    assert run["counts"] == {
        "steps": 1, "hooks": 1, "waits": 0, "children": 0, "steps_completed": 1,
    }  # fmt: skip
    assert run["actions"][0] == "cancel"
    assert run["arguments"]["order"]["fields"]["cents"] == 4200
    assert "seed" not in json.dumps(run)


async def test_a_run_that_has_not_moved_is_not_sent_again(
    api: httpx.AsyncClient, begin: Begin
) -> None:
    """Its tag is the length of its log."""
    await begin("waits")
    first = await api.get("/runs/o-1")
    tag = first.headers["etag"]
    assert (await api.get("/runs/o-1", headers={"if-none-match": tag})).status_code == 304


async def test_an_error_is_told_with_its_frames(api: httpx.AsyncClient, begin: Begin) -> None:
    """By class, message and lines; the run may be revived."""
    await begin("fails")
    run = await got(api, "/runs/o-1")
    assert run["status"] == "failed"
    assert run["error"]["type"] == "wfc.errors:FatalError"
    assert run["error"]["message"] == "rejected with [redacted]"
    assert run["error"]["frames"]
    assert run["actions"] == ["upgrade", "rerun", "fork"]


async def test_no_answer_holds_a_secret(api: httpx.AsyncClient, begin: Begin) -> None:
    """Planted in arguments, outputs, errors and log lines, it is in no response."""
    await begin("fails")
    await begin("waits", "o-2", cents=-1)
    answers = [
        (await api.get(f"/runs/{name}{path}")).text
        for name in ("o-1", "o-2")
        for path in ("", "/events", "/trace", "/steps", "/hooks", "/logs", "/waits")
    ]
    answers += [(await api.get(path)).text for path in ("/runs", "/hooks")]
    for secret in (CANARY, "hunter2hunter2", "t0ps3cr3t-token"):
        assert [text for text in answers if secret in text] == []


async def test_values_may_be_shown_or_hidden(shop: House, begin: Begin) -> None:
    """As the application was made."""
    await begin("plain")
    async with client(asgi_app(payloads="shown"), f"{LOCAL}/wfc/api/v1") as shown:
        assert CANARY in (await shown.get("/runs/o-1")).text
    async with client(asgi_app(payloads="hidden"), f"{LOCAL}/wfc/api/v1") as hidden:
        run = (await hidden.get("/runs/o-1")).json()
        assert run["output"]["$hidden"]
        assert "4200" not in json.dumps(run)


async def test_events_come_in_pages(api: httpx.AsyncClient, begin: Begin) -> None:
    """By position, type and site, each with its payloads as trees."""
    await begin("waits")
    every = (await got(api, "/runs/o-1/events"))["items"]
    assert [one["position"] for one in every] == list(range(1, len(every) + 1))
    first = await got(api, "/runs/o-1/events", limit=2)
    rest = await got(api, "/runs/o-1/events", after=first["next"])
    assert first["items"] + rest["items"] == every
    steps = (await got(api, "/runs/o-1/events", type="step_completed"))["items"]
    assert [one["type"] for one in steps] == ["step_completed"]
    one = await got(api, f"/runs/o-1/events/{steps[0]['position']}")
    assert one == steps[0]
    assert one["fields"]["output"]["paid"] == {"$type": "Decimal", "value": "42"}
    assert (await api.get("/runs/o-1/events/99")).status_code == 404
    assert (await api.get("/runs/o-1/events/x")).status_code == 404


async def test_a_retried_step_shows_its_attempts(
    api: httpx.AsyncClient, begin: Begin, shop: House
) -> None:
    """Each with its error, and the pause between as a segment of the bar."""
    await begin("plain", cents=-1)
    for _ in range(2):
        shop.advance(hours=5)
        await shop.worker().run_until_idle()
    (step,) = (await got(api, "/runs/o-1/steps"))["items"]
    assert [one["outcome"] for one in step["attempts"]] == ["retrying", "retrying", "completed"]
    assert step["attempts"][0]["error"]["message"] == "no money, key [redacted]"
    assert step["attempts_max"] == 3
    assert step["at"].startswith("api_shop.py:")
    assert await got(api, f"/runs/o-1/steps/{step['id'].replace('#', '%23')}") == step
    assert (await api.get("/runs/o-1/steps/nobody")).status_code == 404
    trace = await got(api, "/runs/o-1/trace")
    kinds = [segment[0] for segment in trace["columns"]["segments"][0]]
    assert kinds.count("attempt") == 3
    assert kinds.count("retry_pause") == 2
    for kind, since, until, _ in trace["columns"]["segments"][0]:
        assert until is not None, kind
        assert since <= until


async def test_a_trace_gives_what_is_new(api: httpx.AsyncClient, begin: Begin, shop: House) -> None:
    """Spans that changed behind a position, and no others."""
    await begin("waits")
    first = await got(api, "/runs/o-1/trace")
    assert first["columns"]["kind"] == ["step", "hook"]
    assert (await got(api, "/runs/o-1/trace", after=first["position"]))["count"] == 0
    answer = await api.post("/hooks/resume", json={
        "token": "order:o-1", "payload": {"approved": True},
    })  # fmt: skip
    assert answer.status_code == 200, answer.text
    await shop.worker().run_until_idle()
    news = await got(api, "/runs/o-1/trace", after=first["position"])
    assert news["columns"]["kind"] == ["hook", "wait"]
    assert news["columns"]["status"] == ["disposed", "waiting"]
    waits = (await got(api, "/runs/o-1/waits"))["items"]
    assert waits[0]["status"] == "waiting"


async def test_children_logs_and_streams_are_listed(api: httpx.AsyncClient, begin: Begin) -> None:
    """Of the run that has them."""
    await begin("parent")
    children = (await got(api, "/runs/o-1/children"))["items"]
    assert [one["workflow"] for one in children] == ["api_shop:plain"]
    streams = (await got(api, "/runs/o-1/streams"))["items"]
    assert "default" in [one["namespace"] for one in streams]
    assert streams[0]["closed"]
    child = children[0]["id"]
    lines = (await got(api, f"/runs/{child}/logs"))["items"]
    assert [one["message"] for one in lines] == ["charging with [redacted]"]
    assert await got(api, f"/runs/{child}/logs", level="ERROR") == {
        "items": [], "next": 1, "closed": True,
    }  # fmt: skip
    assert (await got(api, f"/runs/{child}/logs", step=lines[0]["step_id"], attempt=1))["items"]
    assert NAMESPACE in [
        one["namespace"] for one in (await got(api, f"/runs/{child}/streams"))["items"]
    ]


async def test_runs_are_filtered_and_paged(api: httpx.AsyncClient, begin: Begin) -> None:
    """By state, workflow, attribute and text; a cursor is of its filters."""
    await begin("plain", "a-1", attributes={"tier": "free", "seats": 3})
    await begin("waits", "a-2", attributes={"tier": "paid"})
    await begin("plain", "b-1")

    async def ids(**query: Any) -> list[str]:
        return [one["id"] for one in (await got(api, "/runs", **query))["items"]]

    assert await ids() == ["b-1", "a-2", "a-1"]
    assert await ids(status="completed") == ["b-1", "a-1"]
    assert await ids(status=["completed", "suspended"]) == ["b-1", "a-2", "a-1"]
    assert await ids(workflow="api_shop:waits") == ["a-2"]
    assert await ids(**{"attr.tier": "free"}) == ["a-1"]
    assert await ids(**{"attr.seats": "3"}) == ["a-1"]
    assert await ids(q="a-") == ["a-2", "a-1"]
    first = await got(api, "/runs", limit=2)
    assert [one["id"] for one in first["items"]] == ["b-1", "a-2"]
    assert await ids(limit=2, cursor=first["next"]) == ["a-1"]
    wrong = await api.get("/runs", params={"cursor": first["next"], "status": "failed"})
    assert wrong.json()["code"] == "bad-cursor"
    assert await got(api, "/counts/runs", status="completed") == {"count": 2, "exact": True}


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/runs?limt=3", 400, "Did you mean `limit`?"),
        ("/runs?limit=0", 400, "greater than or equal to 1"),
        ("/runs?limit=9&limit=8", 400, "stands twice"),
        ("/runs?status=runing", 400, "'running'"),
        ("/runs?created_after=2030-01-01T00:00:00", 400, "no time zone"),
        ("/runs?attributes=x", 400, "no parameter"),
        ("/runs?" + "&".join(f"attr.a{n}=1" for n in range(9)), 400, "at most 8"),
        ("/runs/none", 404, "No run has this id"),
        ("/runs/..%2f..%2fetc", 404, "nothing"),
        ("/nothing", 404, "mistyped"),
    ],
)
async def test_what_cannot_be_asked_is_explained(
    api: httpx.AsyncClient, path: str, status: int, said: str
) -> None:
    """In the form of RFC 9457, with a hint."""
    answer = await api.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in json.dumps(answer.json(), ensure_ascii=False)


async def test_the_world_is_shown(api: httpx.AsyncClient, begin: Begin) -> None:
    """Hooks, workflows, versions, schedules, queues, workers, audit, and who asks."""
    await begin("waits")
    (hook,) = (await got(api, "/hooks"))["items"]
    assert hook["token"] == "orde…"  # noqa: S105 - what is left of it
    assert hook["json_schema"]["properties"]["approved"] == {"title": "Approved", "type": "boolean"}
    assert await got(api, f"/hooks/{hook['id']}") == hook
    assert (await got(api, "/hooks", kind="approval"))["items"] == []
    assert (await api.get("/hooks/hook_none")).status_code == 404
    flows = await got(api, "/workflows")
    assert flows["version"] == SHOP.version.id
    assert "api_shop:waits" in [one["id"] for one in flows["items"]]
    (version,) = (await got(api, "/versions"))["items"]
    assert version["open_runs"] == 1
    code = await got(api, "/runs/o-1/code")
    assert "async def waits" in code["modules"][0]["source"]
    assert [one["kind"] for one in code["counters"]] == ["hook"]
    for path in ("/schedules", "/queues", "/workers", "/audit"):
        assert "items" in await got(api, path)
    me = await got(api, "/me")
    assert me["act"]


async def test_source_may_be_kept_back(shop: House, begin: Begin) -> None:
    """By whoever makes the application."""
    await begin("waits")
    async with client(asgi_app(show_source=False), f"{LOCAL}/wfc/api/v1") as api:
        assert (await api.get("/runs/o-1/code")).json()["code"] == "no-source"
