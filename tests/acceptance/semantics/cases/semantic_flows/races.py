"""Races of steps, sleeps and hooks, and what runs do to each other by tokens."""

import asyncio
from datetime import datetime

from wfc import Writable, create_hook, get_workflow_metadata, get_writable, sleep, start
from wfc.errors import HookConflictError

from .bodies import add
from .hooks import send


async def shrinking(token: str) -> list[str]:
    """Take what comes first out of a set of a step, sleeps and a hook, until it is empty."""
    "use workflow"
    hook = create_hook(token=token)
    left = {
        asyncio.create_task(asyncio.sleep(60)): "nap",
        asyncio.create_task(asyncio.sleep(7200)): "sleep",
        asyncio.create_task(add(1, 1)): "step",
        asyncio.ensure_future(hook): "hook",
    }
    order = []
    while left:
        done, _ = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            order.append(left.pop(each))
    return order


async def first_of_many(width: int) -> list[int]:
    """Race steps against a sleep, again and again, with what is left."""
    "use workflow"
    left = {asyncio.create_task(add(number, 0)) for number in range(width)}
    found = []
    while left:
        nap = asyncio.create_task(asyncio.sleep(60))
        done, left = await asyncio.wait({*left, nap}, return_when=asyncio.FIRST_COMPLETED)
        left.discard(nap)
        nap.cancel()
        found.extend(each.result() for each in done if each is not nap)
    return sorted(found)


async def entered(token: str) -> tuple[datetime, datetime]:
    """Hold a token for a minute, alone; try again while somebody else has it."""
    "use workflow"
    while True:
        hook = create_hook(token=token)
        if await hook.conflict() is None:
            break
        await sleep(25)
    begun = datetime.now()
    await sleep("1m")
    ended = datetime.now()
    hook.dispose()
    return begun, ended


async def exclusive(token: str, count: int) -> list[bool]:
    """Have children exclude each other by a token."""
    "use workflow"
    children = [await start(entered, token) for _ in range(count)]
    spans = sorted([await child.result() for child in children])
    return [before[1] <= after[0] for before, after in zip(spans, spans[1:])]


async def signals(token: str, value: int) -> str:
    """Find the owner of a token by the conflict, and send it a value."""
    "use workflow"
    try:
        await create_hook(token=token)
    except HookConflictError as error:
        await send(error.token, value)
        return error.owner_run_id
    return "nobody had it"


async def signalled(token: str, count: int) -> list[object]:
    """Own a token that children want, and hear from each of them."""
    "use workflow"
    async with create_hook(int, token=token) as hook:
        children = [await start(signals, token, number) for number in range(count)]
        values = sorted([await hook for _ in children])
        owners = {await child.result() for child in children}
    return [values, owners == {get_workflow_metadata().run_id}]


async def split(out: Writable[bytes], text: str) -> None:
    """Write a text byte by byte, so that characters are cut."""
    "use step"
    for byte in text.encode():
        await out.write(bytes([byte]))


async def joined(run_id: str) -> str:
    """Read the bytes of a run's stream as one text."""
    "use step"
    from wfc.api import get_run

    run = get_run(run_id)
    found = []
    async for chunk in run.stream().chunks():
        found.append(chunk.value)
        if chunk.index == await run.tail_index():
            break
    return b"".join(found).decode()


async def cut(text: str) -> str:
    """Cut a text within its characters, and join it."""
    "use workflow"
    await split(get_writable(bytes), text)
    return await joined(get_workflow_metadata().run_id)
