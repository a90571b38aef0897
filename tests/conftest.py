"""What holds for all tests, and fixtures of more than one room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.postgres_server import Database, process_database

settings.register_profile("wfc", deadline=None)  # no test looks at a clock
settings.load_profile("wfc")


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
