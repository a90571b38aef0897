"""What holds for all tests, and fixtures of more than one room."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.postgres_server import Database, process_database

settings.register_profile("wfc", deadline=None)  # no test looks at a clock
settings.load_profile("wfc")


def pytest_collection_finish() -> None:
    """Take what collecting has left, for good, out of the reach of the garbage collector.

    Each of its full rounds would walk over all tests and their modules again: 4 % of the suite.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres_database(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[Database]:
    """Give the PostgreSQL database of this test process; asked for, it makes the server."""
    base = tmp_path_factory.getbasetemp()
    # Under xdist the folder of the session is the parent of each process's own.
    with process_database(base if worker_id == "master" else base.parent) as database:
        yield database


@pytest.fixture
def postgres_url(postgres_database: Database) -> str:
    """Give the address of that database, with nothing in it."""
    return postgres_database.clean()
