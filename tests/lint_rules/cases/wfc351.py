"""Gathers of as many operations as there are items."""

import asyncio
from asyncio import gather
from itertools import batched

from wfc import policy


async def fetch(url: str) -> str:
    "use step"
    return url


@policy(concurrency=5)
async def limited(url: str) -> str:
    "use step"
    return url


async def all_at_once(urls: list[str]) -> list[str]:
    "use workflow"
    return await asyncio.gather(*[fetch(url) for url in urls])  # WFC351: 18, "`fetch`"


async def lazily(urls: list[str]) -> list[str]:
    "use workflow"
    return await gather(*(fetch(url) for url in urls if url))  # WFC351: 18, "`fetch`"


async def as_tasks(urls: list[str]) -> list[str]:
    "use workflow"
    tasks = [asyncio.create_task(fetch(url)) for url in urls]
    return await asyncio.gather(*tasks, return_exceptions=True)  # WFC351: 18, "`fetch`"


async def good_pair(url: str) -> list[str]:
    "use workflow"
    return await asyncio.gather(fetch(url), fetch(f"{url}/next"))


async def good_batches(urls: list[str]) -> list[str]:
    "use workflow"
    found: list[str] = []
    for batch in batched(urls, 10):
        found += await asyncio.gather(*[fetch(url) for url in batch])
    return found


async def good_semaphore(urls: list[str]) -> list[str]:
    "use workflow"
    limit = asyncio.Semaphore(5)

    async def one(url: str) -> str:
        async with limit:
            return await fetch(url)

    return await asyncio.gather(*[one(url) for url in urls])


async def good_policy(urls: list[str]) -> list[str]:
    "use workflow"
    return await asyncio.gather(*[limited(url) for url in urls])


async def good_few() -> list[str]:
    "use workflow"
    return await asyncio.gather(*[fetch(url) for url in ("a", "b", "c")])
