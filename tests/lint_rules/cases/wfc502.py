"""Tasks that nobody keeps."""

import asyncio
from asyncio import create_task as spawn


async def work(number: int) -> int:
    "use step"
    asyncio.create_task(asyncio.sleep(1))
    return number


async def helper() -> None:
    asyncio.ensure_future(work(2))  # WFC502: 5, "asyncio.ensure_future"


async def checkout() -> None:
    "use workflow"
    asyncio.create_task(work(1))  # WFC502: 5, "asyncio.create_task"
    if await work(3):
        spawn(work(4))  # WFC502: 9, "spawn"
    await helper()


async def good_kept() -> None:
    "use workflow"
    task = asyncio.create_task(work(1))
    await task


async def good_group() -> None:
    "use workflow"
    async with asyncio.TaskGroup() as group:
        group.create_task(work(1))


async def good_elsewhere() -> None:
    asyncio.create_task(work(1))
