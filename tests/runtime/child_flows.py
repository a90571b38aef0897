"""Workflows that start child runs."""

from __future__ import annotations

from typing import Any

from tests.runtime.programs import Program

PROGRAM = Program(
    "child_flows",
    '''
    """Parents and children."""
    import asyncio
    import sys
    from dataclasses import dataclass

    from wfc import policy, sleep, start
    from wfc.errors import LimitExceeded, RunCancelled, RunFailed, RunIdConflict


    @dataclass
    class Order:
        name: str
        cents: int = 1


    class Refused(Exception):
        pass


    async def add(left: int, right: int) -> int:
        "use step"
        sys.journal.calls.append(("add", left, right))
        return left + right


    async def doubles(number: int) -> int:
        "use workflow"
        return await add(number, number)


    async def refuses(reason: str) -> None:
        "use workflow"
        raise Refused(reason, 7)


    async def sleeps(days: int) -> int:
        "use workflow"
        await sleep(f"{days} days")
        return days


    async def prices(order: Order, *, more: int = 0) -> Order:
        "use workflow"
        return Order(order.name.upper(), order.cents + more)


    async def one(number: int) -> int:
        "use workflow"
        child = await start(doubles, number)
        return await child.result() + 1


    async def fans_out(count: int) -> list[int]:
        "use workflow"
        children = [await start(doubles, each) for each in range(count)]
        return [await child.result() for child in children]


    async def gathers(count: int) -> list[int]:
        "use workflow"
        children = await asyncio.gather(*[start(doubles, each) for each in range(count)])
        return await asyncio.gather(*[child.result() for child in children])


    async def fibonacci(number: int) -> int:
        "use workflow"
        if number < 2:
            return number
        left = await start(fibonacci, number - 1)
        right = await start(fibonacci, number - 2)
        return await left.result() + await right.result()


    async def sees_failure(reason: str) -> list[object]:
        "use workflow"
        child = await start(refuses, reason)
        try:
            await child.result()
        except RunFailed as failure:
            cause = failure.cause
            return [failure.run_id == child.id, failure.kind, type(cause).__name__, *cause.args]
        return []


    async def fails_with_child(reason: str) -> None:
        "use workflow"
        await (await start(refuses, reason)).result()


    async def cancels_child(days: int) -> list[object]:
        "use workflow"
        child = await start(sleeps, days)
        await child.cancel("enough")
        try:
            return [await child.result()]
        except RunCancelled as cancelled:
            return [cancelled.run_id == child.id, cancelled.reason]


    async def cancels_and_ends(days: int) -> str:
        "use workflow"
        child = await start(sleeps, days)
        child.cancel()
        return child.id


    async def leaves(days: int) -> str:
        "use workflow"
        return (await start(sleeps, days)).id


    async def waits(days: int) -> int:
        "use workflow"
        child = await start.options(id=f"child-{days}")(sleeps, days)
        return await child.result()


    async def waits_detached(days: int) -> int:
        "use workflow"
        child = await start.options(id=f"child-{days}", detached=True)(sleeps, days)
        return await child.result()


    async def waits_above(days: int) -> int:
        "use workflow"
        return await (await start.options(id="middle")(waits, days)).result()


    async def begins_in_cleanup(days: int) -> int:
        "use workflow"
        try:
            await sleep("90 days")
        finally:
            child = await start.options(id="late")(doubles, days)
            await add(await child.result(), 0)
        return 0


    async def twice(number: int, other: int) -> list[object]:
        "use workflow"
        named = start.options(id="same")
        first = await named(doubles, number)
        try:
            second = await named(doubles, other)
        except RunIdConflict as conflict:
            return [await first.result(), "other arguments" in str(conflict)]
        return [first.id == second.id, await first.result(), await second.result()]


    async def twice_at_once(number: int, other: int) -> list[object]:
        "use workflow"
        named = start.options(id="same")
        found = await asyncio.gather(
            named(doubles, number), named(doubles, other), return_exceptions=True
        )
        return [
            type(each).__name__ if isinstance(each, Exception) else await each.result()
            for each in found
        ]


    async def joins(id: str, number: int) -> object:
        "use workflow"
        try:
            return await (await start.options(id=id)(doubles, number)).result()
        except RunIdConflict as conflict:
            return str(conflict).splitlines()[0]


    async def converts(name: str) -> list[object]:
        "use workflow"
        child = await start.options(attributes={"kind": "price"}, priority=3)(
            prices, Order(name), more=4
        )
        order = await child.result()
        again = await child.result()
        return [isinstance(order, Order), order.name, order.cents, again == order]


    async def timed_child() -> list[object]:
        "use workflow"
        delayed = await start.options(delay="2 days")(doubles, 1)
        slow = await start.options(timeout="1 day")(sleeps, 5)
        try:
            await slow.result()
        except RunFailed as failure:
            return [failure.kind, type(failure.cause).__name__, await delayed.result()]
        return []


    async def waits_at_most(days: int) -> object:
        "use workflow"
        child = await start(sleeps, days)
        try:
            async with asyncio.timeout(60):
                return await child.result()
        except TimeoutError:
            return ["late", await child.result()]


    async def gives_up(days: int) -> str:
        "use workflow"
        task = asyncio.create_task(start(sleeps, days))
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "given up"
        return "started"


    async def hangs(days: int) -> None:
        "use workflow"
        await start(sleeps, days)
        await asyncio.Event().wait()


    async def descends(depth: int) -> int:
        "use workflow"
        try:
            child = await start(descends, depth + 1)
        except LimitExceeded as limit:
            return depth if "limit is 50" in str(limit) else -1
        return await child.result()


    async def starts_a_step(number: int) -> str:
        "use workflow"
        try:
            await start(add, number, 1)
        except Exception as error:
            return type(error).__name__
        return "started"


    @policy(retention="2 days", goal="1h")
    async def keeps(number: int) -> int:
        "use workflow"
        return number


    async def keeps_children(number: int) -> list[str]:
        "use workflow"
        said = await start.options(retention="never")(keeps, number)
        own = await start(keeps, number)
        usual = await start(doubles, number)
        for child in (said, own, usual):
            await child.result()
        return [said.id, own.id, usual.id]


    async def misfits(number: int) -> str:
        "use workflow"
        try:
            await start(doubles)
        except TypeError as error:
            return str(error)
        return "started"


    async def itself(id: str) -> str:
        "use workflow"
        try:
            await start.options(id=id)(itself, id)
        except RunIdConflict as conflict:
            return str(conflict)
        return "started"


    async def both(number: int) -> list[int]:
        "use workflow"
        child, sum = await asyncio.gather(start(doubles, number), add(number, 1))
        return [await child.result(), sum]
    ''',
)
FLOWS: Any = PROGRAM.module
