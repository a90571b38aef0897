"""Runs of three steps, two values from outside and a stream, whose bodies keep a journal."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager

from wfc import Backoff, Writable, create_hook, get_writable, policy

CHUNKS = 10


def journal(*words: object) -> None:
    """Add a line in one write, so that those of several processes do not mix."""
    line = " ".join(map(str, words)) + "\n"
    file = os.open(os.environ["WFC_TEST_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


@contextmanager
def inside(number: int, part: int) -> Iterator[None]:
    """Tell when a body begins and ends, by whatever it does."""
    body = f"{os.getpid()}-{os.urandom(4).hex()}"
    journal("enter", os.getpid(), body, number, part)
    try:
        yield
    finally:
        journal("exit", os.getpid(), body, number, part)


@policy(attempts=20, backoff=Backoff(initial=0.05, maximum=1.0))
async def work(number: int, part: int, value: int) -> int:
    "use step"
    with inside(number, part):
        await asyncio.sleep(0.3)  # so that there is something to be killed
    return 1000 * number + value


@policy(attempts=20, backoff=Backoff(initial=0.05, maximum=1.0), concurrency=4)
async def pour(number: int, value: int, out: Writable[int]) -> int:
    "use step"
    with inside(number, 2):
        for index in range(CHUNKS):
            await out.write(value + index)
            await asyncio.sleep(0.02)
    return value


async def order(number: int) -> list[int]:
    "use workflow"
    first = await work(number, 0, 1)
    async with create_hook(int, token=f"chaos-{number}") as hook:
        one = await hook
        second = await work(number, 1, one)
        two = await hook
    third = await pour(number, second + two, get_writable(int))
    return [first, second, third]
