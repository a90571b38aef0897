"""The programs that are measured."""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

from wfc import sleep


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
