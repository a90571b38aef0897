"""What holds for every route: limits of the host, readiness, and the last door."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.runtime.house import House
from tests.web.conftest import client, path_of, waits
from tests.web.webhook_flows import FLOWS
from wfc.errors import WorldTooNew
from wfc.eventlog.event import HookReceived
from wfc.web import asgi_app, probes


async def test_the_host_limits_how_often(house: House) -> None:
    """It is asked with the name of the route, and a refused request is not recorded."""
    run = await waits(house, FLOWS.takes_one)
    asked: list[str] = []

    async def limit(connection: Any, name: str) -> float | None:
        asked.append(f"{name} {connection.client.host}")
        return 2.5 if len(asked) == 1 else None

    async with client(asgi_app(rate_limit=limit)) as web:
        path = await path_of(run)
        answer = await web.post(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
        assert answer.json()["code"] == "too-often"
        assert await house.events(run, HookReceived) == []
        assert (await web.post(path)).status_code == 202
    assert asked == ["webhook 127.0.0.1"] * 2


async def test_a_world_that_is_away_is_not_ready(
    house: House, web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says why, and health is not concerned."""

    async def hangs() -> Any:
        await asyncio.Event().wait()

    async def too_new() -> Any:
        raise WorldTooNew("the tables are of a newer wfc.\nInstall it.")

    monkeypatch.setattr(probes, "_READY_S", 0.01)
    monkeypatch.setattr(house.world, "workers", hangs)
    slow = await web.get("/ready")
    assert (slow.status_code, slow.json()["why"]) == (503, "the world did not answer within 0.01 s")
    monkeypatch.setattr(house.world, "workers", too_new)
    answer = await web.get("/ready")
    assert answer.json() == {
        "status": "not ready", "why": "the tables are of a newer wfc.", "code": "WFC951",
    }  # fmt: skip
    assert (await web.get("/health")).status_code == 200
