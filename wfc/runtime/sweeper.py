"""Every some seconds: repair what crashes left behind, and let ended runs go.

The world lets one sweeper work at once.

Between two sweeps it looks every second for neighbours whose process is gone: that is one small
read, and nobody then waits for a sweep or a lease because a worker on this machine was killed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final

from wfc import fault
from wfc.errors import WorldError
from wfc.runtime.callbacks import forget_unseen
from wfc.runtime.collecting import collect_if_due, kept_us
from wfc.runtime.measuring import measure
from wfc.runtime.neighbours import give_up_gone
from wfc.runtime.worker_limits import WorkerLimits
from wfc.worlds.protocol import Swept, World

if TYPE_CHECKING:
    from wfc.runtime.otel import Telemetry

_LOG: Final = logging.getLogger("wfc.worker")
_LOOK_S: Final = 1.0
_TIDY_S: Final = 3600.0


async def sweep_for_ever(
    world: World, limits: WorkerLimits, telemetry: Telemetry | None = None
) -> None:
    """Sweep until cancelled, and tell what waits; a world in trouble is tried again at the next
    time.
    """
    loop, every_s = asyncio.get_running_loop(), limits.sweep_s
    tidied_at = loop.time()
    while True:
        due = loop.time() + every_s
        while (left_s := due - loop.time()) > _LOOK_S:
            await asyncio.sleep(_LOOK_S)
            await _tried(give_up_gone(world), again_s=_LOOK_S)
        await asyncio.sleep(left_s)
        await _tried(sweep(world, limits.retention_s), again_s=every_s)
        await _tried(measure(world, telemetry), again_s=every_s)
        if loop.time() >= tidied_at:
            await _tried(tidy(world, limits.audit_retention_s), again_s=every_s)
            tidied_at = loop.time() + _TIDY_S


async def _tried(repair: Awaitable[object], *, again_s: float) -> None:
    try:
        await repair
    except WorldError as error:
        _LOG.warning("a repair failed and is tried again in %g s: %s", again_s, error)


async def tidy(world: World, audit_retention_s: float | None = None) -> None:
    """Let go of what is old beside runs: audit facts older than they are kept (None: for ever), and
    end callbacks that no worker has had for a month.
    """
    await forget_unseen(world)
    kept = kept_us(audit_retention_s)
    if kept is not None:
        await world.forget_audit(before=world.now_us() - kept)


async def sweep(world: World, retention_s: float | None = None) -> Swept:
    """Sweep once; ended runs go that say nothing else and ended `retention_s` ago (None: never)."""
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
    await collect_if_due(world, kept_us(retention_s))
    return swept
