"""Starts a workflow that stands in another file, which is imported and so compiled."""

import asyncio

from daily import daily
from wfc.api import start


async def good_client() -> None:
    await start(daily, 3)


if __name__ == "__main__":
    asyncio.run(good_client())
