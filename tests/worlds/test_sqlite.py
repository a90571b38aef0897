"""The world in a SQLite file keeps every promise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wfc.clock import Clock
from wfc.worlds.conformance import Conformance
from wfc.worlds.protocol import World
from wfc.worlds.sqlite import SqliteWorld


class TestSqliteWorld(Conformance):
    @pytest.fixture
    def make_world(self, tmp_path: Path) -> Callable[[Clock], World]:
        return lambda clock: SqliteWorld(tmp_path / "world.db", clock=clock)
