"""The world in memory keeps every promise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wfc.clock import Clock
from wfc.worlds.conformance import Conformance
from wfc.worlds.memory import MemoryWorld
from wfc.worlds.protocol import World


class TestMemoryWorld(Conformance):
    @pytest.fixture
    def make_world(self) -> Callable[[Clock], World]:
        return MemoryWorld
