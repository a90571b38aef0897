"""Gathers that leave the others running when one fails."""

import asyncio


async def work(number: int) -> int:
    "use step"
    await asyncio.gather(asyncio.sleep(1))
    return number


async def pair() -> list[int]:
    "use workflow"
    return await asyncio.gather(work(1), work(2))  # WFC503: 18, "gather"


async def many() -> list[int]:
    "use workflow"
    return await asyncio.gather(*[work(number) for number in range(3)])  # WFC503: 18, "gather"


async def named() -> list[int]:
    "use workflow"
    both = asyncio.gather(asyncio.to_thread(other, 1), work(2))  # WFC503: 12, "gather"
    return await both


def other(number: int) -> int:
    "use step"
    return number


async def good_collected() -> list[object]:
    "use workflow"
    return await asyncio.gather(work(1), work(2), return_exceptions=True)


async def good_group() -> None:
    "use workflow"
    async with asyncio.TaskGroup() as group:
        group.create_task(work(1))


async def good_plain() -> None:
    await asyncio.gather(work(1), work(2))
