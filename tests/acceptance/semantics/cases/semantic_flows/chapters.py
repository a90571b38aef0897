"""Runs that restart."""
import asyncio

from semantic_flows.bodies import add, hang

from wfc import create_hook, get_workflow_metadata, restart, set_attributes, sleep


async def counts(left: int, total: int = 0) -> list[int]:
    "use workflow"
    total = await add(total, left)
    if left:
        await restart(left - 1, total=total)
    return [total, get_workflow_metadata().chapter]


async def polls(left: int) -> int:
    "use workflow"
    await sleep("1 day")
    if left:
        await restart(left - 1)
    return get_workflow_metadata().chapter


async def drops_all(left: int) -> list[object]:
    "use workflow"
    if not left:
        return [get_workflow_metadata().attributes, get_workflow_metadata().chapter]
    sleeping = asyncio.create_task(sleep("9 days"))
    working = asyncio.create_task(hang(left))
    await set_attributes({"left": left})
    await sleep("1 minute")
    try:
        await restart(left - 1)
    finally:
        await add(sleeping.done(), working.done())
    return []


async def listens(left: int, heard: list[int], token: str) -> list[int]:
    "use workflow"
    hook = create_hook(int, token=token)
    heard = [*heard, await hook]
    if left:
        await restart(left - 1, heard, token)
    return heard


async def deaf(left: int, token: str) -> str:
    "use workflow"
    if left:
        async with create_hook(int, token=token) as hook:
            value = await hook
            await restart(left - 1, token)
            return str(value)
    await sleep("1 minute")
    async with create_hook(int, token=token) as again:
        return f"new {await again}"
