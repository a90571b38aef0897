"""Races whose losers run on."""

import asyncio
from asyncio import FIRST_COMPLETED


async def ask(name: str) -> str:
    "use step"
    return name


async def race(names: list[str]) -> str:
    "use workflow"
    tasks = [asyncio.create_task(ask(name)) for name in names]
    done, _ = await asyncio.wait(tasks, return_when=FIRST_COMPLETED)  # WFC507: 21, "losers"
    return done.pop().result()


async def race_named(names: list[str]) -> str:
    "use workflow"
    tasks = [asyncio.create_task(ask(name)) for name in names]
    done, pending = await asyncio.wait(tasks, return_when="FIRST_COMPLETED")  # WFC507: 27, "losers"
    return done.pop().result()


async def race_whole(names: list[str]) -> int:
    "use workflow"
    tasks = {asyncio.create_task(ask(name)) for name in names}
    both = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)  # WFC507: 18, "losers"
    return len(both[0])


async def good_cancelled(names: list[str]) -> str:
    "use workflow"
    tasks = [asyncio.create_task(ask(name)) for name in names]
    done, pending = await asyncio.wait(tasks, return_when=FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    return done.pop().result()


async def good_all(names: list[str]) -> int:
    "use workflow"
    done, _ = await asyncio.wait([asyncio.create_task(ask(name)) for name in names])
    return len(done)


async def good_shrinking(names: list[str]) -> None:
    "use workflow"
    pending = {asyncio.create_task(ask(name)) for name in names}
    while pending:
        done, pending = await asyncio.wait(pending, return_when=FIRST_COMPLETED)
        print(len(done))
