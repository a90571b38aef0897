"""What every world must pass.

Subclass `Conformance`, give it a fixture, and run it with pytest::

    class TestMyWorld(Conformance):
        @pytest.fixture
        def make_world(self) -> Callable[[Clock], World]:
            return lambda clock: MyWorld("url of an empty place", clock=clock)

Needs pytest and pytest-asyncio in auto mode. Time is a `VirtualClock`: a world must take every
instant from the clock it was given. A promise of the protocol is one test here, told in its name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from wfc.clock import Clock, VirtualClock
from wfc.worlds.promises.admitting import Admitting
from wfc.worlds.promises.appending import Appending
from wfc.worlds.promises.attempts import Attempts
from wfc.worlds.promises.auditing import Auditing
from wfc.worlds.promises.children import Children
from wfc.worlds.promises.copying import Copying
from wfc.worlds.promises.disowning import Disowning
from wfc.worlds.promises.hooks import Hooks
from wfc.worlds.promises.leases import Leases
from wfc.worlds.promises.measuring import Measuring
from wfc.worlds.promises.outsiders import Outsiders
from wfc.worlds.promises.passing_on import PassingOn
from wfc.worlds.promises.queue import Queue
from wfc.worlds.promises.queueing_steps import QueueingSteps
from wfc.worlds.promises.reading import Reading
from wfc.worlds.promises.refusing import Refusing
from wfc.worlds.promises.repeating import Repeating
from wfc.worlds.promises.retaining import Retaining
from wfc.worlds.promises.scheduling import Scheduling
from wfc.worlds.promises.streams import Streams
from wfc.worlds.promises.sweeping import Sweeping
from wfc.worlds.promises.telling import TellingEnds
from wfc.worlds.promises.upgrading import Upgrading
from wfc.worlds.promises.versions import Versions
from wfc.worlds.promises.views import Views
from wfc.worlds.promises.watching import Watching
from wfc.worlds.protocol import World


class Conformance(
    Appending,
    Copying,
    Refusing,
    Outsiders,
    Repeating,
    PassingOn,
    Views,
    Hooks,
    Children,
    Leases,
    Disowning,
    Attempts,
    Queue,
    Admitting,
    QueueingSteps,
    Sweeping,
    Retaining,
    Scheduling,
    TellingEnds,
    Auditing,
    Measuring,
    Streams,
    Reading,
    Upgrading,
    Versions,
    Watching,
):
    """All promises of a world."""

    @pytest.fixture
    def make_world(self) -> Callable[[Clock], World]:
        """Give the maker of an empty world; it is called once per test."""
        raise NotImplementedError("override the fixture `make_world`: it makes an empty world")

    @pytest.fixture
    def clock(self) -> VirtualClock:
        """Give the time of the test."""
        return VirtualClock()

    @pytest.fixture
    async def world(
        self, make_world: Callable[[Clock], World], clock: VirtualClock
    ) -> AsyncIterator[World]:
        """Open an empty world and close it at the end."""
        made = make_world(clock)
        await made.open()
        yield made
        await made.close()
