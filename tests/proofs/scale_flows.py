"""Workflows that the proofs of scale execute in great numbers."""

from __future__ import annotations

from tests.runtime.programs import Program

PROGRAM = Program(
    "scale_flows",
    '''
    """Small things, many times."""
    import asyncio
    import sys

    from wfc import get_writable, sleep, start, Writable


    async def one(number: int) -> int:
        "use step"
        return number


    async def chain(count: int) -> int:
        "use workflow"
        total = 0
        for number in range(count):
            total += await one(number)
        return total


    async def sleeps() -> None:
        "use workflow"
        await one(1)
        await sleep("900 days")


    async def child(number: int) -> int:
        "use workflow"
        return number


    async def family(count: int) -> int:
        "use workflow"
        children = await asyncio.gather(*[start(child, number) for number in range(count)])
        return sum(await asyncio.gather(*[each.result() for each in children]))


    async def write(stream: Writable, count: int) -> None:
        "use step"
        for number in range(count):
            await stream.write(number)
            if number == count // 2:
                await sys.journal.gate.wait()


    async def writes(count: int) -> None:
        "use workflow"
        await write(get_writable(), count)
    ''',
)
FLOWS = PROGRAM.module
