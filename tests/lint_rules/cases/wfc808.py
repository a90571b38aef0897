"""Seconds that were meant as milliseconds."""

import asyncio

from wfc import sleep


async def million() -> None:
    "use workflow"
    await sleep(1_000_000)  # WFC808: 17, "days"


async def shim() -> None:
    "use workflow"
    await asyncio.sleep(3_600_000)  # WFC808: 25, "days"


async def fraction() -> None:
    "use workflow"
    await sleep(1.5e6)  # WFC808: 17, "days"


async def good_text() -> None:
    "use workflow"
    await sleep("16m")


async def good_day() -> None:
    "use workflow"
    await sleep(86_400)


async def good_computed(days: int) -> None:
    "use workflow"
    await sleep(days * 86_400)
