"""Workflows that restart with open hooks."""

from __future__ import annotations

from typing import Any

from tests.runtime.programs import Program

TEXT = '''
    """Chapters that listen."""
    import asyncio
    import sys

    from wfc import create_hook, restart, sleep


    async def find(token: str) -> str:
        "use step"
        return token


    async def listens(left: int, heard: list[int], per_chapter: int = 1) -> list[int]:
        "use workflow"
        hook = create_hook(int, token="line")
        for _ in range(per_chapter):
            heard.append(await hook)
        if left:
            await restart(left - 1, heard, per_chapter)
        return heard


    async def counts(left: int, last: int = -1) -> int:
        "use workflow"
        hook = create_hook(int, token="line")
        value = await hook
        if value != last + 1:
            return -value
        if left:
            await restart(left - 1, value)
        return value


    async def restarts_late(left: int, heard: list[int]) -> list[int]:
        "use workflow"
        line = create_hook(int, token="line")
        stop = create_hook(int, token="stop")
        if left:
            await stop
            await restart(left - 1, heard)
        return [await line for _ in range(3)]


    async def asks_first(left: int) -> int:
        "use workflow"
        hook = create_hook(int, token=await find("line"))
        if left:
            await restart(left - 1)
        return await hook


    async def first(hook: object) -> int:
        return await hook


    async def leaves(left: int) -> str:
        "use workflow"
        if left:
            hook = create_hook(int, token="line", retention="1h")
            drawn = create_hook(int)
            tasks = [asyncio.create_task(first(each)) for each in (hook, drawn)]
            await sleep(1)
            await restart(left - len(tasks) + 1)
        await sleep(10)
        return "left"


    async def passes_on(left: int) -> int:
        "use workflow"
        if left == 2:
            async with create_hook(int, token="line", retention="1h") as hook:
                await restart(left - 1)
                await hook
        if left:
            await restart(left - 1)
        return await create_hook(int, token="line")


    async def closes(left: int) -> list[int]:
        "use workflow"
        hook = create_hook(int, token="line")
        if left:
            await create_hook(int, token="go")
            await restart(left - 1)
        hook.dispose()
        again = create_hook(int, token="line")
        return [await again]


    async def hoards(left: int) -> int:
        "use workflow"
        async with create_hook(str, token="line") as hook:
            await create_hook(int, token="go")
            await restart(left - 1)
            await hook
'''
PROGRAM = Program("hook_chapter_flows", TEXT)
FLOWS: Any = PROGRAM.module
