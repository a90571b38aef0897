"""A shop with runs, and a client of the operator API."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.runtime.flows import Journal
from tests.runtime.house import House
from tests.web.api.flows import CANARY, SHOP
from tests.web.conftest import LOCAL, client
from wfc.clock import VirtualClock
from wfc.config import use_session
from wfc.runtime.limits import Limits
from wfc.runtime.run import Run
from wfc.web import asgi_app
from wfc.worlds.open import open_world

Begin = Callable[..., Awaitable[Run[Any]]]


@pytest.fixture(params=["memory", "sqlite"])
async def shop(
    request: pytest.FixtureRequest, tmp_path: Path, journal: Journal
) -> AsyncIterator[House]:
    assert sys.journal is journal  # type: ignore[attr-defined]  # the flows write there
    clock = VirtualClock()
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/world.db"
    world = open_world(url, clock)
    await world.open()
    made = await House(world, clock, SHOP.version).open()
    async with use_session(made.session):
        yield made
    await made.close()


@pytest.fixture
async def api(shop: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the operator API, on this machine."""
    async with client(asgi_app(), f"{LOCAL}/wfc/api/v1") as made:
        yield made


@pytest.fixture
def begin(shop: House) -> Begin:
    """Start a run of the shop and let it come to where it waits, or ends."""

    async def begin(flow: str, name: str = "o-1", cents: int = 4200, **options: Any) -> Run[Any]:
        order = SHOP.module.Order(id=name, cents=cents, api_key=CANARY)
        run = await shop.start(getattr(SHOP.module, flow), order, id=name, **options)
        await shop.worker(chapter=Limits(log_level=logging.INFO)).run_until_idle()
        return run

    return begin
