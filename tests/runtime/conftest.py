"""Fixtures of the runtime's tests."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.postgres_server import Database
from tests.runtime.flows import PROGRAM, Journal
from tests.runtime.histories import drop_histories
from tests.runtime.house import House
from tests.runtime.moving_house import Moves
from wfc.clock import VirtualClock
from wfc.worlds.open import open_world


@pytest.fixture(autouse=True)
def _no_execution_is_left() -> Iterator[None]:
    """Drop what a test left suspended, as a worker does: a collection would enter its code."""
    yield
    drop_histories()


@pytest.fixture
async def journal(monkeypatch: pytest.MonkeyPatch) -> Journal:
    made = Journal()
    monkeypatch.setattr(sys, "journal", made, raising=False)
    return made


_ON_POSTGRES = ("test_worker.py",)
"""What is tried over PostgreSQL by default; the rest of it is of the long proofs."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "[postgres" in item.name and item.path.name not in _ON_POSTGRES:
            item.add_marker(pytest.mark.soak)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def house_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty world."""
    if request.param == "postgres":
        database: Database = request.getfixturevalue("postgres_database")
        return database.clean()
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/world.db"


@pytest.fixture
async def house(house_url: str, journal: Journal) -> AsyncIterator[House]:
    clock = VirtualClock()
    world = open_world(house_url, clock)
    await world.open()
    made = await House(world, clock, PROGRAM.version).open()
    yield made
    journal.gate.set()
    journal.thread_gate.set()
    await made.close()


@pytest.fixture
async def moves(house_url: str) -> AsyncIterator[Moves]:
    """A world where runs move from version to version."""
    clock = VirtualClock()
    world = open_world(house_url, clock)
    await world.open()
    made = Moves(world, clock)
    yield made
    await made.close()
