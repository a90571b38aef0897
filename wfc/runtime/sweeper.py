"""Every some seconds: repair what crashes left behind; the world lets one sweeper work at once."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from wfc import fault
from wfc.errors import WorldError
from wfc.runtime.neighbours import give_up_gone
from wfc.worlds.protocol import Swept, World

_LOG: Final = logging.getLogger("wfc.worker")


async def sweep_for_ever(world: World, every_s: float) -> None:
    """Sweep until cancelled; a world in trouble is tried again at the next time."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await sweep(world)
        except WorldError as error:
            _LOG.warning("the sweep failed and is tried again in %g s: %s", every_s, error)


async def sweep(world: World) -> Swept:
    """Sweep once."""
    await give_up_gone(world)
    fault.point("sweep.begun")
    swept = await world.sweep()
    fault.point("sweep.done")
    if swept.total():
        _LOG.info(
            "swept: %d runs of dead workers, %d runs without message, %d overdue waits, "
            "%d attempts",
            swept.orphans,
            swept.unqueued,
            swept.overdue,
            swept.attempts,
        )
    return swept
