"""Ended runs go when they were kept as long as their start or the settings say."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from wfc import fault
from wfc.clock import MICROSECONDS
from wfc.eventlog.event import Channel
from wfc.worlds.protocol import Note, World

_HOUR_US: Final = 3600 * MICROSECONDS
_LOG: Final = logging.getLogger("wfc.worker")


async def collect(
    world: World,
    kept_us: int | None,
    on_progress: Callable[[int], None] | None = None,
    *,
    actor: str | None = None,
    channel: Channel = Channel.RUNTIME,
) -> int:
    """Remove all expired runs, some at a time, so that others may write between; say how many.

    `kept_us` is how long runs are kept that say nothing else, None for ever. It may be killed and
    repeated at any point. What `actor` has removed so is noted.
    """
    count = 0
    while removed := await world.gc(kept_us=kept_us):
        fault.point("runs.collected")
        count += len(removed)
        if on_progress is not None:
            on_progress(count)
    if count:
        details = {"runs": count}
        note = Note(action="runs.collected", actor=actor, channel=channel, details=details)
        # Workers collect every some seconds, and nobody wants to read of each time.
        within_us = _HOUR_US if channel is Channel.RUNTIME else None
        await world.note(note, within_us=within_us)
    return count


async def collect_if_due(world: World, kept_us: int | None) -> int:
    """Do as `collect`, and write nothing if there is nothing to remove."""
    if not (await world.expired(kept_us=kept_us, limit=0)).count:
        return 0
    count = await collect(world, kept_us)
    _LOG.info("collected: %d runs that had been kept long enough", count)
    return count


def kept_us(retention_s: float | None) -> int | None:
    """Give a retention of the settings in microseconds; None keeps runs for ever."""
    return None if retention_s is None else round(retention_s * MICROSECONDS)
