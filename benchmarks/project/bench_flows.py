"""The programs that are measured."""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

from wfc import Writable, get_writable, sleep


async def trivial(number: int) -> int:
    """Do next to nothing."""
    "use step"
    return number + 1


async def chain(length: int) -> int:
    """Call `length` steps one after the other."""
    "use workflow"
    number = 0
    for _ in range(length):
        number = await trivial(number)
    return number


async def fan_out(width: int) -> int:
    """Gather `width` steps."""
    "use workflow"
    return sum(await asyncio.gather(*[trivial(number) for number in range(width)]))


async def five(number: int) -> int:
    """Call five steps."""
    "use workflow"
    for _ in range(5):
        number = await trivial(number)
    return number


async def sleeper(number: int) -> int:
    """Wait for a day."""
    "use workflow"
    number = await trivial(number)
    await sleep("1 day")
    return number


def mark(number: int) -> int:
    """Write down when it ran."""
    "use step"
    with Path(os.environ["BENCH_MARKS"]).open("a", encoding="ascii") as marks:
        marks.write(f"{time.time()}\n")
    return number + 1


async def marked(length: int) -> int:
    """Call `length` marked steps."""
    "use workflow"
    number = 0
    for _ in range(length):
        number = await asyncio.to_thread(mark, number)
    return number


@dataclass(frozen=True)
class Parcel:
    """What is weighed."""

    number: int


async def weigh(parcel: Parcel) -> int:
    """Do next to nothing with a parcel."""
    "use step"
    return parcel.number + 1


async def ship(length: int) -> int:
    """Weigh `length` parcels one after the other, then wait for a day."""
    "use workflow"
    number = 0
    for _ in range(length):
        number = await weigh(Parcel(number))
    await sleep("1 day")
    return number


async def pour(count: int, out: Writable[str]) -> int:
    """Write `count` short texts."""
    "use step"
    for number in range(count):
        await out.write(f"token {number}")
    return count


async def poured(count: int) -> int:
    """Write to a stream by one step."""
    "use workflow"
    return await pour(count, get_writable(str))


async def drip(count: int, out: Writable[float]) -> int:
    """Write the time, `count` times, with a pause in between."""
    "use step"
    for _ in range(count):
        await out.write(time.perf_counter())
        await asyncio.sleep(0.01)
    return count


async def dripped(count: int) -> int:
    """Write times to a stream by one step."""
    "use workflow"
    return await drip(count, get_writable(float))
