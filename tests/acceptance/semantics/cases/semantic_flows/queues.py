"""Runs in queues, and steps under limits."""
import asyncio

from semantic_flows.bodies import add

from wfc import policy, restart, sleep, start
from wfc.errors import QueueUnknown


@policy(concurrency=1)
async def alone(number: int) -> int:
    "use step"
    return number * 10


@policy(concurrency=1, rate="2/1m", by="kind")
async def rated(number: int, kind: str = "a") -> int:
    "use step"
    return number * 10


@policy(queue="gpu")
def on_gpu(number: int) -> int:
    "use step"
    return number * 100


@policy(queue="one")
async def fib(number: int) -> int:
    "use workflow"
    if number < 2:
        return number
    left = await start(fib, number - 1)
    right = await start(fib, number - 2)
    found = await asyncio.gather(left.result(), right.result())
    return await add(*found)


@policy(concurrency=1)
async def factorial(number: int) -> int:
    "use workflow"
    if number == 0:
        return 1
    child = await start(factorial, number - 1)
    return number * await child.result()


async def in_turn(count: int) -> list[int]:
    "use workflow"
    return list(await asyncio.gather(*(alone(each) for each in range(count))))


async def at_a_rate(count: int) -> list[int]:
    "use workflow"
    kinds = [{}, {"kind": "b"}]
    calls = (rated(each, **kinds[each % 2]) for each in range(count))
    return list(await asyncio.gather(*calls))


async def elsewhere(count: int) -> list[int]:
    "use workflow"
    found = await asyncio.gather(*(on_gpu(each) for each in range(count)), add(1, 1))
    return list(found)


async def sleeps_in_a_queue(days: int) -> int:
    "use workflow"
    await sleep(f"{days} days")
    return await add(days, 1)


async def beside_sleepers(count: int) -> list[int]:
    "use workflow"
    begin = start.options(queue="active")
    children = [await begin(sleeps_in_a_queue, each) for each in range(1, count + 1)]
    return [await child.result() for child in children]


async def again_in_a_queue(number: int) -> int:
    "use workflow"
    total = await add(number, 0)
    if number < 3:
        await restart(number + 1)
    return total


async def nowhere(number: int) -> str:
    "use workflow"
    try:
        await start.options(queue="nowhere")(again_in_a_queue, number)
    except QueueUnknown as error:
        return str(error).partition("'")[2].partition("'")[0]
    return ""
