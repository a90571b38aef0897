"""Primitives that a module holds for all runs."""

import asyncio
from asyncio import Queue

LOCK = asyncio.Lock()  # WFC504: 8, "Lock"
LINE: Queue[int] = Queue(3)  # WFC504: 20, "Queue"
GATE = asyncio.Semaphore(4)  # WFC504: 8, "Semaphore"
UNUSED = asyncio.Event()


async def flow() -> None:
    "use workflow"
    async with LOCK, GATE:
        await LINE.put(1)


async def good_own() -> None:
    "use workflow"
    lock = asyncio.Lock()
    async with lock:
        print("mine")


async def good_event() -> None:
    "use workflow"
    event = asyncio.Event()
    event.set()
    await event.wait()


async def good_step() -> None:
    "use step"
    async with asyncio.Lock():
        print("a step may do anything")
