"""Move all open and failed runs to a version, one after the other: `python move.py VERSION`."""

import asyncio
import sys

from wfc.api import runtime, upgrade_runs


async def main() -> None:
    async with runtime(worker=False):
        await upgrade_runs(to=sys.argv[1], concurrency=1, status=["pending", "suspended", "failed"])


asyncio.run(main())
