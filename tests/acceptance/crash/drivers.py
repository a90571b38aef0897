"""What the killed processes do, as code of a user: each may be done again, wherever it was killed.

Whatever the world has acknowledged is noted in the journal of the flows (`ack RUN`), so that a test
can look for it afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any, Final

from wfc import api, codec, errors
from wfc.cron import Timing
from wfc.eventlog.event import StepCompleted
from wfc.ids import DefinitionId
from wfc.runtime.callbacks import REGISTERED
from wfc.worlds.protocol import ScheduleRow, Telling
from wfc.worlds.schedules import CatchUp, Overlap

DEADLINE_S: Final = 60
_HOUR_US: Final = 3_600_000_000


async def began(flows: Any, flow: str) -> dict[str, Any]:
    """Start the run ``r1`` and wait for its end."""
    async with api.runtime():
        run = await _started(flows, flow, "r1")
        beside = asyncio.create_task(flows.drive(run)) if hasattr(flows, "drive") else None
        try:
            return await _told(run)
        finally:
            if beside is not None:
                beside.cancel()


async def _started(flows: Any, flow: str, name: str, **options: Any) -> api.Run[Any]:
    arguments = getattr(flows, "ARGUMENTS", {}).get(flow, (3,))
    run = await api.start.options(id=name, **options)(getattr(flows, flow), *arguments)
    if hasattr(flows, "note"):
        flows.note(f"ack {name}")
    return run


async def _told(run: api.Run[Any]) -> dict[str, Any]:
    try:
        return {"output": await run.result(timeout=DEADLINE_S)}
    except errors.RunFailed as failure:
        return {"failed": failure.kind, "cause": repr(failure.cause)}
    except errors.RunCancelled as end:
        return {"cancelled": end.reason}


async def cancelled(flows: Any, flow: str) -> dict[str, Any]:
    """Cancel the run when its first step is done."""
    async with api.runtime():
        run = await _started(flows, flow, "r1")
        await _until_done(run, 1)
        if await run.cancel("enough"):
            flows.note("cancelled r1")
        return await _told(run)


async def _until_done(run: api.Run[Any], count: int) -> None:
    """Wait until so many steps of the run are recorded."""
    while True:
        done = [one for one in await run.events() if isinstance(one.event, StepCompleted)]
        if len(done) >= count or (await run.status()).ended:
            return
        await asyncio.sleep(0.005)


async def many(flows: Any, flow: str) -> dict[str, Any]:
    """Start three runs into a queue that takes one at once."""
    async with api.runtime():
        runs = [await _started(flows, flow, f"r{one}", queue="narrow") for one in (1, 2, 3)]
        return {"outputs": [(await _told(run)).get("output") for run in runs]}


async def forked(flows: Any, flow: str) -> dict[str, Any]:
    """Run to the end, and fork with another result of the step in the middle."""
    async with api.runtime():
        run = await _started(flows, flow, "r1")
        first = await _told(run)
        middle = (await run.steps())[1]
        fork = await run.fork(middle.id, output=100, id="f1")
        flows.note("ack f1")
        return {"outputs": [first.get("output"), (await _told(fork)).get("output")]}


async def asleep(flows: Any, flow: str) -> dict[str, Any]:
    """Bring the run, on this code, to where it sleeps."""
    async with api.runtime():
        run = await _started(flows, flow, "r1")
        await _until_done(run, 1)
        while (await run.status()).value != "suspended":  # noqa: ASYNC110 - another process may do it
            await asyncio.sleep(0.005)
    return {}


async def moved(flows: Any, flow: str) -> dict[str, Any]:
    """Move the sleeping run to this code, wake it, and wait for its end."""
    async with api.runtime():
        run: api.Run[Any] = api.get_run("r1")
        if not (await run.status()).ended:
            verdict = await run.upgrade()
            assert verdict, f"{flow} may not be moved: {verdict}"
            flows.note("moved r1")
            await run.wake_up()
        return await _told(run)


async def collected(flows: Any, flow: str) -> dict[str, Any]:
    """Run to the end, and wait until the run is let go of."""
    begins = not _noted("done r1")
    async with api.runtime():
        if begins:
            run = await _started(flows, flow, "r1", retention="1ms")
            with contextlib.suppress(errors.RunNotFound):
                await run.result(timeout=DEADLINE_S)
            flows.note("done r1")
        while (await api.list_runs()).items:  # noqa: ASYNC110 - another process may do it
            await asyncio.sleep(0.005)
    return {}


def _noted(line: str) -> bool:
    journal = Path(os.environ["WFC_TEST_JOURNAL"])
    return journal.exists() and line in journal.read_text().splitlines()


async def by_clock(flows: Any, flow: str) -> dict[str, Any]:
    """Let a schedule that is three firings behind catch up, and each end be told."""
    REGISTERED.register(flows.told)
    arguments, _ = codec.encode_arguments({"number": 3}, call=flow)
    row = ScheduleRow(
        name="behind",
        workflow=DefinitionId(f"crash_flows:{flow}"),
        arguments=arguments,
        timing=Timing(every_us=_HOUR_US, end=3 * _HOUR_US),
        overlap=Overlap.QUEUE,
        catch_up=CatchUp.ALL,
        next_at=_HOUR_US,
    )
    async with api.runtime() as session:
        world = session.world
        watch = world.watch("ends")
        if await world.schedule("behind") is None:
            await world.put_schedule(row)
        while len(await world.deliveries(statuses=[Telling.DONE])) < 3:
            await watch.changed(1.0)
        runs = (await api.list_runs()).items
    return {"runs": sorted(run.id for run in runs), "statuses": sorted({*(r.status for r in runs)})}


# --- workers that are stopped --------------------------------------------------------------------


async def working(flows: Any, flow: str) -> dict[str, Any]:
    """Work until the file ``enough-ROLE`` is there; with a flow, start the run ``r1`` of it."""
    place = Path(os.environ["WFC_TEST_JOURNAL"]).parent
    if os.environ.get("WFC_TEST_TOLD"):
        REGISTERED.register(flows.told)
    enough = place / f"enough-{os.environ['WFC_TEST_ROLE']}"
    async with api.runtime():
        if flow:
            await _started(flows, flow, "r1")
        while not enough.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
    return {}


async def asked(flows: Any, flow: str) -> dict[str, Any]:
    """Start the run ``r2`` and leave it to others."""
    async with api.runtime(worker=False):
        await _started(flows, flow, "r2")
    return {}
