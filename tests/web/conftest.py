"""A world with runs that wait at webhooks, and a client that speaks to the application."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sse_starlette.sse import AppStatus

from tests.runtime.flows import Journal
from tests.runtime.histories import drop_histories
from tests.runtime.house import House
from tests.web.webhook_flows import WEBHOOKED
from wfc.clock import VirtualClock
from wfc.config import use_session
from wfc.runtime.run import Run
from wfc.web import asgi_app
from wfc.worlds.open import open_world

URL = "https://shop.example/wfc"
LOCAL = "http://127.0.0.1"


@pytest.fixture(autouse=True)
def _no_execution_is_left() -> Any:
    yield
    drop_histories()


@pytest.fixture(autouse=True)
def _no_server_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a server ends all event streams of its process, and is forgotten here."""
    monkeypatch.setattr(AppStatus, "should_exit", False)


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> Journal:
    made = Journal()
    monkeypatch.setattr(sys, "journal", made, raising=False)
    return made


@pytest.fixture(params=["memory", "sqlite"])
async def house(
    request: pytest.FixtureRequest, tmp_path: Path, journal: Journal
) -> AsyncIterator[House]:
    clock = VirtualClock()
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/world.db"
    world = open_world(url, clock)
    await world.open()
    made = await House(world, clock, WEBHOOKED.version).open()
    made.session.public_url = URL
    async with use_session(made.session):
        yield made
    await made.close()


@pytest.fixture
async def web(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, below `/wfc`."""
    async with client(asgi_app()) as made:
        yield made


def client(app: Any, base: str = f"{LOCAL}/wfc") -> httpx.AsyncClient:
    """Make a client of an ASGI application."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base)


async def waits(house: House, flow: Any, *args: Any, **options: Any) -> Run[Any]:
    """Start a run and let it come to where it waits."""
    run = await house.start(flow, *args, **options)
    await house.worker().run_until_idle()
    return run


async def path_of(run: Run[Any]) -> str:
    """Give where the newest webhook of a run is sent to, below the mount."""
    hook = (await run.hooks())[-1]
    return f"/webhook/{hook.token}"


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Tell an application that it begins and ends, as a server does."""
    heard: asyncio.Queue[Any] = asyncio.Queue()
    said: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    task = asyncio.create_task(app(scope, heard.get, said.put))
    await heard.put({"type": "lifespan.startup"})
    assert (await said.get())["type"] == "lifespan.startup.complete"
    yield
    await heard.put({"type": "lifespan.shutdown"})
    assert (await said.get())["type"] == "lifespan.shutdown.complete"
    await task
