"""A warm process that forks one real process per crash: `python zygote.py PROJECT`.

Importing wfc and building the flows takes most of a second; forking after that takes milliseconds,
so every fault point can be tried. The parent holds no thread, no loop and no database when it
forks. One JSON object per line on stdin asks for a case, one per line on stdout answers it.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

DEADLINE_S = 60
WARM = (
    "wfc.api",
    # What a session imports when it needs it, which each child would do again.
    "wfc.compiler.build",
    "wfc.runtime.registry",
    "wfc.runtime.worker",
    "wfc.settings_tables",
    "wfc.worlds.memory",
    "wfc.worlds.postgres",
    "wfc.worlds.sqlite",
)


def main() -> None:
    """Serve cases until stdin ends."""
    project, module = Path(sys.argv[1]), sys.argv[2]
    os.chdir(project)
    sys.path.insert(0, str(project))
    for name in WARM:
        importlib.import_module(name)
    from wfc.compiler.import_hook import install  # noqa: PLC0415 - likewise

    install([module])
    flows = importlib.import_module(module)
    for line in sys.stdin:
        case = json.loads(line)
        child = os.fork()
        if child == 0:
            _child(flows, case)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps({"code": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


def _child(flows: Any, case: dict[str, Any]) -> None:
    from wfc import fault  # noqa: PLC0415 - the parent imports wfc after changing its directory

    code = 70
    try:
        signal.alarm(DEADLINE_S)  # a hanging case ends as SIGALRM, not as a hanging suite
        os.environ.update(case["env"])
        fault.arm(case.get("fault"), case.get("fault_log"))
        answer = asyncio.run(_run(flows, case))
        Path(case["answer"]).write_text(json.dumps(answer), encoding="utf-8")
        code = 0
    except BaseException:  # noqa: BLE001 - the child must never return into the parent's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


async def _run(flows: Any, case: dict[str, Any]) -> dict[str, Any]:
    from wfc import api, errors  # noqa: PLC0415 - see main

    if case["flow"] == "by_clock":
        return await _by_clock(flows)
    async with api.runtime():
        arguments = getattr(flows, "ARGUMENTS", {}).get(case["flow"], (3,))
        run = await api.start.options(id="r1")(getattr(flows, case["flow"]), *arguments)
        driver = asyncio.create_task(flows.drive(run)) if hasattr(flows, "drive") else None
        try:
            return {"output": await run.result(timeout=DEADLINE_S)}
        except errors.RunFailed as failure:
            return {"failed": failure.kind, "cause": repr(failure.cause)}
        finally:
            if driver is not None:
                driver.cancel()


async def _by_clock(flows: Any) -> dict[str, Any]:
    """Let a schedule that is three firings behind catch up, and each end be told."""
    from wfc import api, codec  # noqa: PLC0415 - see main
    from wfc.cron import Timing  # noqa: PLC0415 - likewise
    from wfc.ids import DefinitionId  # noqa: PLC0415 - likewise
    from wfc.runtime.callbacks import REGISTERED  # noqa: PLC0415 - likewise
    from wfc.worlds.protocol import ScheduleRow, Telling  # noqa: PLC0415 - likewise
    from wfc.worlds.schedules import CatchUp, Overlap  # noqa: PLC0415 - likewise

    REGISTERED.register(flows.told)
    hour = 3_600_000_000
    arguments, _ = codec.encode_arguments({"number": 3}, call="sequence")
    row = ScheduleRow(
        name="behind",
        workflow=DefinitionId("crash_flows:sequence"),
        arguments=arguments,
        timing=Timing(every_us=hour, end=3 * hour),
        overlap=Overlap.QUEUE,
        catch_up=CatchUp.ALL,
        next_at=hour,
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


if __name__ == "__main__":
    main()
