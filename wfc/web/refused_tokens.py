"""Tells the audit that tokens were refused: somebody may be guessing, or one is out of date."""

from __future__ import annotations

import logging
from typing import Final

from wfc.clock import MICROSECONDS
from wfc.errors import WorldError
from wfc.eventlog.event import Channel
from wfc.web.sessions import Sessions
from wfc.worlds.audit import Note

_LOG: Final = logging.getLogger("wfc.web")
_PAUSE_US: Final = 60 * MICROSECONDS


class RefusedTokens:
    """Counts them, and writes at most one fact a minute: who guesses must not fill the disk."""

    def __init__(self) -> None:
        """Know of none."""
        self._count = 0
        self._next_us = 0

    async def add(self, sessions: Sessions) -> None:
        """Count one more. A world that cannot be written to changes no answer, and is logged."""
        self._count += 1
        try:
            world = (await sessions.get()).world
            now = world.now_us()
            if now < self._next_us:
                return
            count, self._count, self._next_us = self._count, 0, now + _PAUSE_US
            details = {"requests": count}
            await world.note(Note(action="token.refused", channel=Channel.REST, details=details))
        except WorldError as error:
            _LOG.warning("a refused token could not be noted: %s", error)
