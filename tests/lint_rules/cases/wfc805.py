"""Waits without a deadline."""

import asyncio

from wfc import create_hook


async def waits(order: str) -> object:
    "use workflow"
    async with create_hook(dict, token=f"a:{order}") as hook:
        return await hook  # WFC805: 16, "never ends"


async def at_once(order: str) -> object:
    "use workflow"
    return await create_hook(dict, token=f"b:{order}")  # WFC805: 12, "never ends"


async def named(order: str) -> object:
    "use workflow"
    hook = create_hook(dict, token=f"c:{order}")
    answer = await hook  # WFC805: 14, "never ends"
    hook.dispose()
    return answer


async def good_timeout(order: str) -> object:
    "use workflow"
    async with create_hook(dict, token=f"d:{order}") as hook, asyncio.timeout(3600):
        return await hook


async def good_wait_for(order: str) -> object:
    "use workflow"
    async with create_hook(dict, token=f"e:{order}") as hook:
        return await asyncio.wait_for(hook, 60)


async def good_inner(order: str) -> object:
    "use workflow"
    async with create_hook(dict, token=f"f:{order}") as hook:
        async with asyncio.timeout(3600):
            return await hook
