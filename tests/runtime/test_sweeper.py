"""What a sweeper does beside repairs: it lets go of what is old."""

from __future__ import annotations

import asyncio

from tests.runtime.flows import FLOWS
from tests.runtime.house import House
from wfc.runtime.sweeper import sweep_for_ever, tidy
from wfc.runtime.worker_limits import WorkerLimits
from wfc.worlds.protocol import AuditFilter, Callback, Note

_DAY_S = 86_400.0


async def facts(house: House) -> list[str]:
    return [one.note.action for one in await house.world.audit(AuditFilter())]


async def test_audit_facts_are_kept_as_long_as_the_settings_say(house: House) -> None:
    """None keeps them for ever."""
    await house.world.note(Note(action="old"))
    house.advance(days=1)
    await house.world.note(Note(action="young"))
    await tidy(house.world, None)
    await tidy(house.world, _DAY_S)
    assert await facts(house) == ["young", "old"]
    house.advance(seconds=1)
    await tidy(house.world, _DAY_S)
    assert await facts(house) == ["young"]


async def test_a_sweeper_tidies_up(house: House) -> None:
    """Soon after its worker has begun, and then every hour."""
    await house.world.register_callbacks([Callback(name="gone")])
    await house.world.note(Note(action="old"))
    house.advance(days=31)
    limits = WorkerLimits(sweep_s=0.001, audit_retention_s=_DAY_S)
    sweeper = asyncio.create_task(sweep_for_ever(house.world, limits))
    async with asyncio.timeout(20):
        while await facts(house):  # noqa: ASYNC110 - nothing tells of what is gone
            await asyncio.sleep(0.001)
    sweeper.cancel()
    await asyncio.gather(sweeper, return_exceptions=True)
    assert await house.world.callbacks() == []


async def test_a_worker_that_runs_until_idle_tidies_up(house: House) -> None:
    """It may be all that ever runs here."""
    await house.world.note(Note(action="old"))
    house.advance(days=2)
    run = await house.start(FLOWS.chain, 3)
    await house.worker(audit_retention_s=_DAY_S).run_until_idle()
    assert await run.result("10s") == 3
    assert await facts(house) == []
