"""The world in PostgreSQL keeps every promise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.postgres_server import Database
from wfc.clock import Clock
from wfc.worlds.conformance import Conformance
from wfc.worlds.postgres import PostgresWorld
from wfc.worlds.protocol import World


class TestPostgresWorld(Conformance):
    @pytest.fixture
    def make_world(self, postgres_database: Database) -> Callable[[Clock], World]:
        url = postgres_database.clean()
        return lambda clock: PostgresWorld(url, clock=clock)
