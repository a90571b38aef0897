"""Starts with options, directly in the block."""

import asyncio

from wfc import api


async def hourly(number: int) -> int:
    "use workflow"
    return number


async def good_server() -> None:
    await api.start(hourly, 1)


if __name__ == "__main__":  # WFC137: 1, "WFC161"
    asyncio.run(api.start.options(id="h")(hourly, 2))
