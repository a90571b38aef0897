"""Loops that ask and ask."""

import asyncio

from wfc import sleep


async def ready(name: str) -> bool:
    "use step"
    return bool(name)


async def polls(name: str) -> None:
    "use workflow"
    while not await ready(name):  # WFC506: 5, "every 5 s"
        await asyncio.sleep(5)


async def asks(name: str) -> None:
    "use workflow"
    while True:  # WFC506: 5, "every 2 s"
        if await ready(name):
            break
        await sleep("2s")


async def counts(name: str) -> bool:
    "use workflow"
    for _ in range(20):  # WFC506: 5, "every 1 s"
        if await ready(name):
            return True
        await asyncio.sleep(1)
    return False


async def in_branch(name: str) -> None:
    "use workflow"
    done = False
    while not done:  # WFC506: 5, "every 0.5 s"
        done = await ready(name)
        if not done:
            await sleep(0.5)


async def good_rare(name: str) -> None:
    "use workflow"
    while True:
        if await ready(name):
            break
        await sleep("10m")


async def good_backoff(name: str) -> None:
    "use workflow"
    pause = 1
    while not await ready(name):
        await asyncio.sleep(pause)
        pause *= 2


async def good_paced(names: list[str]) -> None:
    "use step"
    for name in names:
        await ready(name)
        await asyncio.sleep(1)
