"""Child runs in every form."""
import asyncio

from semantic_flows.bodies import Refused, add

from wfc import sleep, start
from wfc.errors import RunCancelled, RunFailed, RunIdConflict


async def doubles(number: int) -> int:
    "use workflow"
    return await add(number, number)


async def refuses(reason: str) -> int:
    "use workflow"
    raise Refused(reason, await add(3, 4))


async def sleeps(days: int) -> int:
    "use workflow"
    await sleep(f"{days} days")
    return days


async def cleans_up(days: int) -> int:
    "use workflow"
    try:
        await sleep(f"{days} days")
    except asyncio.CancelledError:
        return await add(days, 100)
    return days


async def in_a_row(count: int) -> list[int]:
    "use workflow"
    found = []
    for each in range(count):
        child = await start(doubles, each)
        found.append(await child.result())
    return found


async def fanned_out(count: int) -> list[int]:
    "use workflow"
    children = await asyncio.gather(*[start(doubles, each) for each in range(count)])
    return await asyncio.gather(*[child.result() for child in children])


async def in_a_group(count: int) -> int:
    "use workflow"

    async def one(number: int) -> int:
        return await (await start(doubles, number)).result()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(each)) for each in range(count)]
    return sum(task.result() for task in tasks)


async def fibonacci(number: int) -> int:
    "use workflow"
    if number < 2:
        return number
    left = await start(fibonacci, number - 1)
    right = await start(fibonacci, number - 2)
    return await left.result() + await right.result()


async def first_to_end(days: int) -> list[int]:
    "use workflow"
    slow, fast = await start(sleeps, days), await start(sleeps, 1)
    tasks = [asyncio.create_task(each.result()) for each in (slow, fast)]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    early = [task.result() for task in done]
    return [*early, await slow.result()]


async def beside_a_step(number: int) -> list[int]:
    "use workflow"
    child, total = await asyncio.gather(start(doubles, number), add(number, 1))
    return [await child.result(), total]


async def catches(reason: str) -> list[object]:
    "use workflow"
    child = await start(refuses, reason)
    try:
        await child.result()
    except RunFailed as failure:
        cause = failure.cause
        return [failure.kind, isinstance(cause, Refused), cause.reason, cause.code]
    return []


async def lets_fail(reason: str) -> int:
    "use workflow"
    return await (await start(refuses, reason)).result()


async def cancels(days: int) -> str:
    "use workflow"
    child = await start(sleeps, days)
    await child.cancel("enough")
    try:
        await child.result()
    except RunCancelled as cancelled:
        return cancelled.reason
    return "ended"


async def cancels_what_cleans_up(days: int) -> int:
    "use workflow"
    child = await start(cleans_up, days)
    child.cancel()
    return await child.result()


async def cancels_too_late(number: int) -> int:
    "use workflow"
    child = await start(doubles, number)
    found = await child.result()
    child.cancel()
    return found + await child.result()


async def waits(days: int) -> int:
    "use workflow"
    child = await start(cleans_up, days)
    try:
        return await child.result()
    except asyncio.CancelledError:
        await add(await child.result(), 0)
        raise


async def detaches(days: int) -> int:
    "use workflow"
    child = await start.options(detached=True)(cleans_up, days)
    try:
        return await child.result()
    except asyncio.CancelledError:
        return await child.result()


async def same_twice(number: int) -> list[object]:
    "use workflow"
    named = start.options(id=f"same-{number}")
    first, second = await named(doubles, number), await named(doubles, number)
    try:
        await named(doubles, number + 1)
    except RunIdConflict:
        return [first.id, first.id == second.id, await first.result(), await second.result()]
    return []


async def in_time(days: int) -> list[object]:
    "use workflow"
    child = await start(sleeps, days)
    try:
        async with asyncio.timeout(3600):
            await child.result()
    except TimeoutError:
        return ["late", await child.result()]
    return []


async def left_alone(days: int) -> int:
    "use workflow"
    await start(sleeps, days)
    return await add(days, 0)


async def delayed(number: int) -> int:
    "use workflow"
    child = await start.options(delay="2 days", priority=5, attributes={"kind": "late"})(
        doubles, number
    )
    return await child.result()


async def limited(days: int) -> str:
    "use workflow"
    child = await start.options(timeout="1 hour")(sleeps, days)
    try:
        await child.result()
    except RunFailed as failure:
        return failure.kind
    return "ended"
