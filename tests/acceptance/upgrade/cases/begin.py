"""Begin the runs whose names are given, on the build of this folder: `python begin.py NAME...`."""

import asyncio
import os
import sys

from wfc import install

sys.path.insert(0, os.getcwd())
install(["shop"])

import shop  # noqa: E402 - compiled from here on

from wfc.api import runtime, start  # noqa: E402 - likewise


async def main() -> None:
    """Names that begin with `pending` and `cancelled` are begun much later."""
    async with runtime(worker=False):
        for name in sys.argv[1:]:
            delay = "30 days" if name.startswith(("pending", "cancelled")) else None
            run = await start.options(id=name, delay=delay)(shop.checkout, name)
            if name.startswith("cancelled"):
                await run.cancel(force=True)


asyncio.run(main())
