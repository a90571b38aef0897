"""Loops in which calls wait for each other."""

import asyncio

from wfc import sleep


async def charge(order: str, cents: int = 0) -> int:
    "use step"
    return len(order) + cents


async def collects(orders: list[str]) -> list[int]:
    "use workflow"
    results = []
    for order in orders:  # WFC350: 5, "`charge`"
        results.append(await charge(order))
    return results


async def computes(orders: list[str]) -> None:
    "use workflow"
    for order in orders:  # WFC350: 5, "`charge`"
        if not order:
            continue
        cents = len(order) * 2
        await charge(order, cents)


async def listed(orders: list[str]) -> list[int]:
    "use workflow"
    return [await charge(order) for order in orders]  # WFC350: 12, "`charge`"


async def in_threads(orders: list[str]) -> int:
    "use workflow"
    total = 0
    for order in orders:  # WFC350: 5, "`weigh`"
        total += await asyncio.to_thread(weigh, order)
    return total


def weigh(order: str) -> int:
    "use step"
    return len(order)


async def good_carried(orders: list[str]) -> int:
    "use workflow"
    total = 0
    for order in orders:
        total = await charge(order, total)
    return total


async def good_first_that_fits(orders: list[str]) -> str | None:
    "use workflow"
    for order in orders:
        if await charge(order) > 3:
            return order
    return None


async def good_once_each(orders: list[str]) -> None:
    "use workflow"
    seen: set[str] = set()
    for order in orders:
        if order in seen:
            continue
        seen.add(order)
        await charge(order)


async def good_paced(orders: list[str]) -> None:
    "use workflow"
    for order in orders:
        await charge(order)
        await sleep("1m")


async def good_gathered(orders: list[str]) -> list[int]:
    "use workflow"
    return await asyncio.gather(*[charge(order) for order in orders])


async def good_step(orders: list[str]) -> None:
    "use step"
    for order in orders:
        await charge(order)


async def good_captured(orders: list[str]) -> None:
    "use workflow"
    for order in orders:

        async def ship() -> str:
            "use step"
            return order

        await ship()


async def good_arriving(orders: list[str]) -> list[int]:
    "use workflow"
    return [await charge(order) async for order in arriving(orders)]


async def arriving(orders: list[str]):
    for order in orders:
        await sleep(60)
        yield order
