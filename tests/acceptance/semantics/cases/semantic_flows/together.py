"""What asyncio offers for doing things together."""
import asyncio

from semantic_flows.bodies import Refused, add, echo, flaky, hang, refuse

from wfc import sleep


async def gathers(count: int) -> list[int]:
    "use workflow"
    return await asyncio.gather(*[add(each) for each in range(count)])


async def gather_nothing() -> list:
    "use workflow"
    return await asyncio.gather()


async def gather_nested(count: int) -> list:
    "use workflow"
    return await asyncio.gather(
        asyncio.gather(*[add(each) for each in range(count)]), add(100), asyncio.gather(add(7))
    )


async def gather_raises(number: int) -> str:
    "use workflow"
    try:
        await asyncio.gather(add(number), refuse("no"))
    except Refused as error:
        return error.reason
    return "none"


async def gather_returns_exceptions(number: int) -> list:
    "use workflow"
    found = await asyncio.gather(add(number), refuse("no"), add(1), return_exceptions=True)
    return [type(each).__name__ if isinstance(each, Exception) else each for each in found]


async def task_group(count: int) -> int:
    "use workflow"
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(add(each)) for each in range(count)]
    return sum(task.result() for task in tasks)


async def task_group_fails(number: int) -> list[str]:
    "use workflow"
    found = []
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(hang(number))
            group.create_task(refuse("one"))
    except* Refused as errors:
        found = [each.reason for each in errors.exceptions]
    return found


async def create_task(number: int) -> int:
    "use workflow"
    task = asyncio.create_task(add(number), name="mine")
    other = await add(10)
    return await task + other + len(task.get_name())


async def wait_first(number: int) -> list:
    "use workflow"
    tasks = [asyncio.create_task(sleep("1 day")), asyncio.create_task(add(number))]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return [len(done), len(pending), done.pop().result()]


async def wait_first_exception(number: int) -> list[int]:
    "use workflow"
    tasks = [asyncio.create_task(hang(number)), asyncio.create_task(refuse("x"))]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in pending:
        task.cancel()
    return [len(done), len(pending), done.pop().exception().code]


async def wait_with_timeout(number: int) -> list[int]:
    "use workflow"
    tasks = [asyncio.create_task(sleep("1 day")), asyncio.create_task(add(number))]
    done, pending = await asyncio.wait(tasks, timeout=60)
    for task in pending:
        task.cancel()
    return [len(done), len(pending)]


async def as_completed(count: int) -> list[int]:
    "use workflow"
    found = []
    for each in asyncio.as_completed([add(number) for number in range(count)]):
        found.append(await each)
    return sorted(found)


async def as_completed_by_time() -> list[str]:
    "use workflow"

    async def after(name: str, seconds: int) -> str:
        await sleep(seconds)
        return name

    waits = [after("late", 300), after("soon", 10), after("middle", 60)]
    return [await each for each in asyncio.as_completed(waits)]


async def times_out(number: int) -> str:
    "use workflow"
    try:
        async with asyncio.timeout(60):
            await hang(number)
    except TimeoutError:
        return "late"
    return "early"


async def times_out_in_sleep() -> str:
    "use workflow"
    try:
        async with asyncio.timeout(60):
            await sleep("1 day")
    except TimeoutError:
        return "late"
    return "early"


async def in_time(number: int) -> int:
    "use workflow"
    async with asyncio.timeout(60) as scope:
        found = await add(number)
        scope.reschedule(asyncio.get_running_loop().time() + 3600)
    return found


async def waits_for(number: int) -> list:
    "use workflow"
    found = [await asyncio.wait_for(add(number), 60)]
    try:
        await asyncio.wait_for(sleep(3600), timeout=60)
    except TimeoutError as error:
        found.append(type(error).__name__)
    return found


async def shielded(number: int) -> list:
    "use workflow"
    inner = asyncio.create_task(sleep(120))
    try:
        await asyncio.wait_for(asyncio.shield(inner), 60)
    except TimeoutError:
        woke = await inner
        return ["kept", woke.early, await add(number)]
    return []


async def queue(count: int) -> list[int]:
    "use workflow"
    waiting: asyncio.Queue = asyncio.Queue(maxsize=2)
    found = []

    async def produce() -> None:
        for each in range(count):
            await waiting.put(await add(each))
        await waiting.put(None)

    async def consume() -> None:
        while (each := await waiting.get()) is not None:
            found.append(await add(each, 10))
            waiting.task_done()

    await asyncio.gather(produce(), consume())
    return found


async def priority_queue() -> list:
    "use workflow"
    waiting: asyncio.PriorityQueue = asyncio.PriorityQueue()
    for each in (3, 1, 2):
        waiting.put_nowait((each, await echo(str(each))))
    return [waiting.get_nowait()[1] for _ in range(3)]


async def event(number: int) -> list:
    "use workflow"
    ready, order = asyncio.Event(), []

    async def waiter(name: str) -> None:
        await ready.wait()
        order.append(name)

    tasks = [asyncio.create_task(waiter(name)) for name in "abc"]
    await add(number)
    ready.set()
    await asyncio.gather(*tasks)
    return order


async def lock(count: int) -> list[str]:
    "use workflow"
    held, order = asyncio.Lock(), []

    async def worker(name: int) -> None:
        async with held:
            order.append(f"in {name}")
            await add(name)
            order.append(f"out {name}")

    await asyncio.gather(*[worker(each) for each in range(count)])
    return order


async def semaphore(count: int) -> int:
    "use workflow"
    room, inside, most = asyncio.Semaphore(2), 0, 0

    async def worker(name: int) -> None:
        nonlocal inside, most
        async with room:
            inside += 1
            most = max(most, inside)
            await add(name)
            inside -= 1

    await asyncio.gather(*[worker(each) for each in range(count)])
    return most


async def condition(count: int) -> list[int]:
    "use workflow"
    changed, stock, taken = asyncio.Condition(), [], []

    async def taker() -> None:
        async with changed:
            await changed.wait_for(lambda: bool(stock))
            taken.append(stock.pop(0))

    takers = [asyncio.create_task(taker()) for _ in range(count)]
    for each in range(count):
        number = await add(each)
        async with changed:
            stock.append(number)
            changed.notify()
    await asyncio.gather(*takers)
    return taken


async def barrier(count: int) -> int:
    "use workflow"
    meeting = asyncio.Barrier(count)

    async def come(number: int) -> int:
        await add(number)
        return await meeting.wait()

    return len(set(await asyncio.gather(*[come(each) for each in range(count)])))


async def pipelines(count: int) -> list[int]:
    "use workflow"

    async def pipeline(number: int) -> int:
        first = await add(number)
        await sleep(first * 10)
        return await add(first, await flaky(0))

    return await asyncio.gather(*[pipeline(each) for each in range(count)])


async def left_over(number: int) -> int:
    "use workflow"
    asyncio.create_task(hang(number))
    await sleep(1)
    return number


async def many(count: int) -> int:
    "use workflow"
    return sum(await asyncio.gather(*[add(each, 0) for each in range(count)]))
