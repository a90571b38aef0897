"""One compiled workflow that plays any program of the grammar, which it takes as its argument."""

from __future__ import annotations

from typing import Any

from tests.runtime.programs import Program

PROGRAM = Program(
    "simulated_flows",
    '''
    """Plays trees of operations."""
    import asyncio
    import sys

    from wfc import (
        Backoff, FatalError, Writable, create_hook, get_writable, policy, restart, set_attributes,
        sleep, start,
    )


    @policy(attempts=12, backoff=Backoff("100ms", factor=1.0, jitter=0))
    async def note(key: str) -> str:
        "use step"
        await sys.stage.enters(key)
        return key + "!"


    @policy(attempts=12, backoff=Backoff("100ms", factor=1.0, jitter=0))
    async def slow(key: str, ms: int) -> str:
        "use step"
        await sys.stage.enters(key)
        await asyncio.sleep(ms / 1000)
        return key + "!"


    @policy(attempts=12, backoff=Backoff("100ms", factor=2.0, jitter=0))
    async def flaky(key: str, fails: int) -> str:
        "use step"
        await sys.stage.enters(key, fails)
        return key + "!"


    @policy(attempts=12, backoff=Backoff("3s", factor=1.0, jitter=0))
    async def pausing(key: str, fails: int) -> str:
        "use step"
        await sys.stage.enters(key, fails)
        return key + "!"


    @policy(attempts=2, backoff=Backoff("50ms", jitter=0))
    async def broken(key: str) -> str:
        "use step"
        await sys.stage.enters(key, 99)
        return key + "!"


    async def fatal(key: str) -> str:
        "use step"
        await sys.stage.enters(key)
        raise FatalError(key)


    @policy(attempts=2, timeout="300ms", backoff=Backoff("50ms", jitter=0))
    async def late(key: str) -> str:
        "use step"
        await sys.stage.enters(key)
        await asyncio.sleep(60)
        return key + "!"


    @policy(concurrency=1, attempts=12, backoff=Backoff("100ms", jitter=0))
    async def limited(key: str, ms: int) -> str:
        "use step"
        await sys.stage.enters(key)
        await asyncio.sleep(ms / 1000)
        return key + "!"


    @policy(attempts=12, backoff=Backoff("100ms", jitter=0))
    async def writes(key: str, chunks: int, out: Writable[str]) -> str:
        "use step"
        await sys.stage.enters(key)
        for number in range(chunks):
            await out.write(f"{key} {number}")
        return key + "!"


    STEPS = {
        "note": note, "slow": slow, "flaky": flaky, "pausing": pausing, "broken": broken,
        "fatal": fatal, "late": late, "limited": limited,
    }


    async def first(name: str, parts: list) -> object:
        tasks = [asyncio.create_task(play(name, part)) for part in parts]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        won = [each for each in ended if not isinstance(each, asyncio.CancelledError)]
        if isinstance(won[0], Exception):
            raise won[0]
        return won[0]


    async def hear(name: str, word: str, count: int) -> list:
        async with create_hook(int, token=f"{name}:{word}") as hook:
            return [await hook for _ in range(count)]


    async def play(name: str, node: list) -> object:
        kind, *rest = node
        if kind in STEPS:
            return await STEPS[kind](*rest)
        match kind:
            case "nap":
                await sleep(rest[0] / 1000)
                return "slept"
            case "attr":
                await set_attributes({rest[0]: rest[1]})
                return rest[1]
            case "stream":
                return await writes(*rest, get_writable(str, namespace="words"))
            case "hook":
                return await hear(name, *rest)
            case "child":
                word, part = rest
                child = await start.options(id=f"{name}.{word}")(flow, f"{name}.{word}", part)
                return await child.result()
            case "seq":
                return [await play(name, part) for part in rest[0]]
            case "gather":
                return list(await asyncio.gather(*(play(name, part) for part in rest[0])))
            case "settle":
                parts = [play(name, part) for part in rest[0]]
                ended = await asyncio.gather(*parts, return_exceptions=True)
                return [
                    ["error", type(each).__name__] if isinstance(each, BaseException) else each
                    for each in ended
                ]
            case "group":
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(play(name, part)) for part in rest[0]]
                return [task.result() for task in tasks]
            case "race":
                return await first(name, rest[0])
            case "limit":
                try:
                    async with asyncio.timeout(rest[0] / 1000):
                        return await play(name, rest[1])
                except TimeoutError:
                    return "late"
            case "try":
                try:
                    return await play(name, rest[0])
                except Exception:
                    return await play(name, rest[1])
            case "guard":
                try:
                    return await play(name, rest[0])
                finally:
                    await note(rest[1])
        raise ValueError(kind)


    async def flow(name: str, node: list, chapters: int = 0, done: list = ()) -> object:
        "use workflow"
        done = [*done, await play(f"{name}" if not chapters else f"{name}-{chapters}", node)]
        if chapters:
            await restart(name, node, chapters - 1, done)
        return done
    ''',
)
FLOWS: Any = PROGRAM.module
