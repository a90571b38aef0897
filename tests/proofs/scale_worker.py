"""A process with a worker over a file with many runs; prints what it takes to be there.

Usage: scale_worker.py FILE. Prints bytes of memory before the world is opened and when all is
quiet, and seconds of CPU in between, as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path

from tests.proofs.scale_flows import PROGRAM
from tests.runtime.flows import Journal
from tests.runtime.house import House
from wfc.clock import VirtualClock
from wfc.worlds.open import open_world


def resident() -> int:
    """Give the memory of this process that is in use, in bytes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


async def main(path: str) -> None:
    """Open, sweep, and wait until nothing is to be done."""
    before, began = resident(), time.process_time()
    clock = VirtualClock()
    world = open_world(f"sqlite:///{path}", clock)
    await world.open()
    house = await House(world, clock, PROGRAM.version).open()
    await house.worker().run_until_idle()
    told = {
        "bytes before": before,
        "bytes quiet": resident(),
        "CPU milliseconds": round(1000 * (time.process_time() - began)),
    }
    await house.close()
    print(json.dumps(told))  # noqa: T201 - what it is for


if __name__ == "__main__":
    sys.journal = Journal()  # type: ignore[attr-defined]  # where bodies look for it
    asyncio.run(main(sys.argv[1]))
