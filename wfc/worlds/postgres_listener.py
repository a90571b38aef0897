"""News of other processes: notifications, and a look now and then whether one was lost."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

from wfc.clock import SystemClock
from wfc.errors import WorldError
from wfc.worlds.feed import Feed
from wfc.worlds.postgres_clock import ASK, DatabaseClock
from wfc.worlds.postgres_connect import Raw, connect
from wfc.worlds.postgres_errors import TROUBLE, is_lost
from wfc.worlds.postgres_news import CHANNEL, EVERYTHING, NUMBER, Taken, read

POLL_S: Final = 0.4
_AWAY: Final[tuple[type[Exception], ...]] = (*TROUBLE, WorldError)
_LOOKS: Final = 8
_SOON_S: Final = 0.02
_LOOK: Final = f"SELECT ({NUMBER}), ({ASK})"


class Listener:
    """A connection that listens, for as long as the world is open."""

    def __init__(
        self, url: str, feed: Feed, origin: str, taken: Taken, clock: DatabaseClock | None
    ) -> None:
        """Tell `feed` what others than `origin` wrote, who has `taken` its own numbers.

        `clock` learns the database's time.
        """
        self._url = url
        self._feed = feed
        self._origin = origin
        self._clock = clock
        self._taken = taken
        self._number = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen; a second call does nothing."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._main(), name="wfc-listener")

    async def close(self) -> None:
        """Stop."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _main(self) -> None:
        while True:
            try:
                await self._listen()
            except _AWAY as error:
                if not is_lost(error) and not isinstance(error, WorldError):
                    raise
            # Nobody told us meanwhile, so whoever watches must look.
            self._feed.publish_all()
            await asyncio.sleep(POLL_S)

    async def _listen(self) -> None:
        raw = await connect(self._url, prepares=True)
        try:
            await raw.add_listener(CHANNEL, self._heard)
            if await self._others_wrote(raw):
                self._feed.publish_all()
            while True:
                await asyncio.sleep(POLL_S)
                number = await self._look(raw)
                if number > self._number:
                    # Taken, and no notification of it came: it is under way, or lost.
                    self._number = number
                    self._feed.publish_all()
        finally:
            raw.terminate()

    async def _others_wrote(self, raw: Raw) -> bool:
        """Tell whether numbers were taken since the world was opened, and not by us.

        Those of our own that are under way are counted soon; a false alarm does no harm.
        """
        for _ in range(_LOOKS):
            self._number = await self._look(raw)
            if self._number == self._taken.last():
                return False
            await asyncio.sleep(_SOON_S)
        return True

    async def _look(self, raw: Raw) -> int:
        asked = SystemClock().now_us()
        row = await raw.fetchrow(_LOOK)
        assert row is not None
        number, told = row
        if self._clock is not None:
            self._clock.learn(told, asked, SystemClock().now_us())
        return int(number)

    def _heard(self, _raw: Any, _pid: int, _channel: str, payload: object) -> None:
        number, origin, told = read(str(payload))
        self._number = max(self._number, number)
        if origin == self._origin:
            return
        if EVERYTHING in told:
            self._feed.publish_all()
        else:
            self._feed.publish(told)
