"""The workflows that tests of worker, runs and front door execute. Bodies act by `Journal`."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from tests.runtime.programs import Program


class Journal:
    """What bodies did, and what they are told to do; replaced before each test."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.metadata: list[Any] = []
        self.failures: list[BaseException] = []
        self.gate = asyncio.Event()
        self.entered = asyncio.Event()
        self.thread_gate = threading.Event()
        self.cancelled = 0
        self.holds_once = False


PROGRAM = Program(
    "runtime_flows",
    '''
    """Workflows under test."""
    import asyncio
    import sys
    from dataclasses import dataclass

    from wfc.errors import CodecError
    from wfc import FatalError, get_step_metadata, policy, set_attributes, sleep


    async def add(left: int, right: int = 1) -> int:
        "use step"
        sys.journal.calls.append(("add", left, right))
        return left + right


    def double(number: int) -> int:
        "use step"
        sys.journal.calls.append(("double", number))
        return 2 * number


    async def flaky(number: int) -> int:
        "use step"
        sys.journal.metadata.append(get_step_metadata())
        sys.journal.calls.append(("flaky", number))
        if sys.journal.failures:
            raise sys.journal.failures.pop(0)
        return number


    @policy(attempts=1)
    async def once(number: int) -> int:
        "use step"
        sys.journal.calls.append(("once", number))
        sys.journal.entered.set()
        if sys.journal.holds_once:
            await sys.journal.gate.wait()
        if sys.journal.failures:
            raise sys.journal.failures.pop(0)
        return number


    @policy(attempts=2, timeout=0.01)
    async def slow(number: int) -> int:
        "use step"
        sys.journal.calls.append(("slow", number))
        await asyncio.sleep(3600)
        return number


    @policy(attempts=1, timeout=0.01)
    def stuck(number: int) -> int:
        "use step"
        sys.journal.calls.append(("stuck", number))
        sys.journal.thread_gate.wait(30)
        return number


    async def gated(number: int) -> int:
        "use step"
        sys.journal.calls.append(("gated", number))
        sys.journal.entered.set()
        try:
            await sys.journal.gate.wait()
        except asyncio.CancelledError:
            sys.journal.cancelled += 1
            raise
        return number


    async def later(number: int) -> int:
        "use step"
        sys.journal.metadata.append(get_step_metadata())
        if sys.journal.failures:
            raise sys.journal.failures.pop(0)
        sys.journal.entered.set()
        await sys.journal.gate.wait()
        return number


    async def begin_another(count: int) -> str:
        "use step"
        from wfc.api import start
        return (await start(chain, count)).id


    async def begins_another(count: int) -> str:
        "use workflow"
        return await begin_another(count)


    async def held_later(number: int) -> int:
        "use workflow"
        return await later(number)


    async def chain(count: int) -> int:
        "use workflow"
        total = 0
        for each in range(count):
            total = await add(total, each)
        return total


    async def fan_out(count: int) -> int:
        "use workflow"
        return sum(await asyncio.gather(*[add(each) for each in range(count)]))


    async def talks(count: int) -> int:
        "use workflow"

        async def one(number: int) -> None:
            print("has", await add(number, 0))

        print("begins")
        await asyncio.gather(*[one(each) for each in range(count)])
        await sleep("1 day")
        print("ends")
        return count


    async def threads(number: int) -> int:
        "use workflow"
        return await asyncio.to_thread(double, number)


    async def retried(number: int) -> int:
        "use workflow"
        return await flaky(number)


    async def at_most_once(number: int) -> str:
        "use workflow"
        try:
            return f"ran {await once(number)}"
        except Exception as error:
            return f"lost {type(error).__name__}"


    async def timed(number: int) -> str:
        "use workflow"
        try:
            await slow(number)
        except TimeoutError as error:
            return type(error).__name__
        return "never"


    async def thread_timed(number: int) -> str:
        "use workflow"
        try:
            await stuck(number)
        except TimeoutError as error:
            return type(error).__name__
        return "never"


    async def tells(days: int) -> int:
        "use workflow"
        print("begins")
        await add(days)
        print("has added")
        await sleep(f"{days} days")
        print("is awake")
        await sleep(f"{days} days")
        print("ends")
        return days


    async def waits(days: int) -> int:
        "use workflow"
        await sleep(days * 86400)
        return await add(days)


    async def held(number: int) -> int:
        "use workflow"
        first = await gated(number)
        return await add(first, 1)


    async def held_many(count: int) -> int:
        "use workflow"
        return sum(await asyncio.gather(*[gated(each) for each in range(count)]))


    async def careful(number: int) -> int:
        "use workflow"
        try:
            await gated(number)
        finally:
            await add(number, 100)
            await sleep(60)
            await add(number, 200)


    @policy(cleanup="1m")
    async def dawdles(number: int) -> int:
        "use workflow"
        try:
            return await gated(number)
        finally:
            await sleep("1 day")


    @dataclass
    class Order:
        name: str

        async def ship(self, to: str = "Bern") -> str:
            "use step"
            return f"{self.name} to {to}"

        @classmethod
        async def blank(cls) -> "Order":
            "use step"
            return cls("blank")

        @staticmethod
        def tax(cents: int) -> int:
            "use step"
            return cents // 10


    class Rush(Order):
        pass


    async def shapes(order: Order, *rates: int) -> list:
        "use workflow"
        factor = 3

        async def times(number: int, *more: int) -> int:
            "use step"
            return number * factor + sum(more)

        blank = await Order.blank()
        rush = await Rush.blank()
        nested = [await times(rate, 1, 1) for rate in rates]
        shipped = [await order.ship(), await blank.ship("Rome")]
        return [*shipped, await Order.tax(50), nested, type(rush) is Rush]


    async def race(number: int) -> str:
        "use workflow"
        try:
            async with asyncio.timeout(60):
                await gated(number)
        except TimeoutError:
            return "late"
        return "early"


    async def labelled(name: str) -> str:
        "use workflow"
        await set_attributes({"name": name})
        await add(1)
        return name


    async def refuses(number: int) -> int:
        "use workflow"
        raise FatalError(f"no {number}")


    async def compensates(number: int) -> int:
        "use workflow"
        await flaky(number)
        return await add(number)


    async def unstorable(number: int) -> object:
        "use workflow"
        return await flawed(number)


    async def flawed(number: int) -> object:
        "use step"
        sys.journal.calls.append(("flawed", number))
        return sys.journal


    async def interrupts(number: int) -> int:
        "use workflow"
        await add(number)
        raise KeyboardInterrupt("by the workflow itself")


    async def miscounts(what: str) -> list[int]:
        "use step"
        sys.journal.calls.append(("miscounts", what))
        return what


    async def misread(what: str) -> str:
        "use workflow"
        try:
            return f"counted {await miscounts(what)}"
        except CodecError as error:
            return f"{type(error).__name__}: {error}"


    async def never_ends(number: int) -> int:
        "use workflow"
        while True:
            number += 1
    ''',
)
FLOWS = PROGRAM.module
