"""A workflow that uses some of them."""

import asyncio

import steps
from steps import used


async def good_flow() -> int:
    "use workflow"
    await steps.good_elsewhere(1)
    await asyncio.to_thread(steps.good_value, 2)
    return await used(1)


async def good_more() -> int:
    "use workflow"
    return 1


async def good_third() -> int:
    "use workflow"
    return 1
