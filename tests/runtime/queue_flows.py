"""Workflows and steps under limits, and in queues."""

from __future__ import annotations

from typing import Any

from tests.runtime.programs import Program

PROGRAM = Program(
    "queue_flows",
    '''
    """Limits."""
    import asyncio
    import sys

    from wfc import Backoff, create_hook, policy, restart, sleep, start
    from wfc.errors import QueueUnknown


    async def note(word: str) -> str:
        "use step"
        sys.journal.calls.append(word)
        return word


    @policy(concurrency=1)
    async def alone(word: str) -> str:
        "use step"
        return await sys.journal.inside("alone", word)


    @policy(concurrency=1, by="user")
    async def per_user(word: str, user: str = "ann") -> str:
        "use step"
        return await sys.journal.inside(f"user {user}", word)


    @policy(concurrency=2, attempts=2, backoff=Backoff("1s", jitter=0))
    async def flaky(word: str) -> str:
        "use step"
        sys.journal.calls.append(word)
        if sys.journal.calls.count(word) == 1:
            raise ValueError(word)
        return await sys.journal.inside("flaky", word)


    @policy(rate="2/1m")
    async def rated(word: str) -> str:
        "use step"
        sys.journal.calls.append(word)
        return word


    @policy(queue="gpu")
    async def on_gpu(word: str) -> str:
        "use step"
        sys.journal.calls.append(word)
        return word


    async def plain(word: str) -> str:
        "use workflow"
        return await note(word)


    async def held(word: str) -> str:
        "use workflow"
        async with create_hook(str, token=word) as hook:
            return await note(await hook)


    async def sleeper(word: str) -> str:
        "use workflow"
        await note(f"{word} begins")
        await sleep("1h")
        return await note(f"{word} ends")


    async def many(words: list[str]) -> list[str]:
        "use workflow"
        return list(await asyncio.gather(*(alone(word) for word in words)))


    async def by_user(calls: list[list[str]]) -> list[str]:
        "use workflow"
        return list(await asyncio.gather(*(per_user(*call) for call in calls)))


    async def retried(words: list[str]) -> list[str]:
        "use workflow"
        return list(await asyncio.gather(*(flaky(word) for word in words)))


    async def slow(words: list[str]) -> list[str]:
        "use workflow"
        return list(await asyncio.gather(*(rated(word) for word in words)))


    async def computes(word: str) -> str:
        "use workflow"
        return await note(await on_gpu(word))


    @policy(concurrency=1, by="user")
    async def limited(word: str, user: str = "ann") -> str:
        "use workflow"
        async with create_hook(str, token=word) as hook:
            return await note(await hook)


    @policy(queue="one")
    async def fib(number: int) -> int:
        "use workflow"
        if number < 2:
            return number
        left = await start(fib, number - 1)
        right = await start.options(priority=1)(fib, number - 2)
        results = await asyncio.gather(left.result(), right.result())
        await note(f"fib {number}")
        return sum(results)


    async def counts(number: int) -> int:
        "use workflow"
        await note(f"count {number}")
        if number:
            await restart(number - 1)
        return number


    async def leaves_steps(number: int) -> int:
        "use workflow"
        tasks = [asyncio.create_task(alone(f"{number} {each}")) for each in range(3)]
        await note(f"chapter {number}")
        if number:
            await restart(number - 1)
        return len(tasks)


    async def parent(word: str) -> str:
        "use workflow"
        try:
            child = await start.options(queue="nowhere")(plain, word)
        except QueueUnknown as error:
            return str(error).partition(",")[0].partition(";")[0].partition(".")[0]
        return await child.result()


    async def mother(user: str) -> str:
        "use workflow"
        child = await start.options(queue="users", attributes={"user": user})(plain, user)
        return await child.result()
    ''',
)
FLOWS: Any = PROGRAM.module
