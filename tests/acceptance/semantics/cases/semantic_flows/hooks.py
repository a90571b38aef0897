"""Workflows that wait for values from outside."""

import asyncio

from pydantic import BaseModel

from wfc import Hook, create_hook, get_step_metadata, sleep
from wfc.errors import HookClosed, HookConflictError

from .bodies import add, echo


class Approval(BaseModel):
    approved: bool
    note: str = ""


async def send(token: str, *values: object) -> int:
    """Send values to a hook, once each however often the step is tried."""
    "use step"
    from wfc.api import resume_hook

    key = get_step_metadata().idempotency_key
    for number, value in enumerate(values):
        await resume_hook(token, value, idempotency_id=f"{key}-{number}")
    return len(values)


async def hand_over(hook: Hook, value: object) -> str:
    """Send a value to a hook that was given as a value."""
    "use step"
    from wfc.api import resume_hook

    await resume_hook(hook, value, idempotency_id=get_step_metadata().idempotency_key)
    return hook.id


async def approved(token: str) -> list[object]:
    "use workflow"
    before = await add(1, 1)
    async with create_hook(Approval, token=token) as hook:
        approval = await hook
    return [before, approval.approved, approval.note, await add(before, 1)]


async def collected(token: str) -> list[object]:
    "use workflow"
    found = []
    async with create_hook(token=token) as hook:
        async for value in hook:
            if value is None:
                break
            found.append(await echo(value))
    return found


async def disposed_in_loop(token: str) -> list[object]:
    "use workflow"
    hook = create_hook(int, token=token)
    found = []
    async for value in hook:
        found.append(value)
        if value == 2:
            hook.dispose()
    try:
        await hook
    except HookClosed:
        found.append("closed")
    return found


async def in_time(token: str) -> object:
    "use workflow"
    try:
        async with asyncio.timeout(3600):
            return await create_hook(token=token)
    except TimeoutError:
        return "late"


async def raced(token: str) -> str:
    "use workflow"
    hook = create_hook(token=token)
    value = asyncio.ensure_future(hook)
    nap = asyncio.create_task(asyncio.sleep(60))
    done, left = await asyncio.wait([value, nap], return_when=asyncio.FIRST_COMPLETED)
    for each in left:
        each.cancel()
    return "value" if value in done else "nap"


async def several(token: str) -> list[object]:
    "use workflow"
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_next(create_hook(token=f"{token}:{n}"))) for n in range(3)]
    return [task.result() for task in tasks]


async def shared(token: str) -> list[object]:
    "use workflow"
    hook = create_hook(token=token)
    return sorted(await asyncio.gather(*[_next(hook) for _ in range(3)]))


async def _next(hook: Hook) -> object:
    return await hook


async def buffered(token: str) -> list[object]:
    "use workflow"
    hook = create_hook(token=token)
    await sleep("1 day")
    return [await hook, await hook]


async def by_itself(token: str) -> list[object]:
    "use workflow"
    async with create_hook(token=token) as hook:
        sent = await send(token, "a", 1, None)
        return [sent, await hook, await hook, await hook]


async def handed_over(value: int) -> list[object]:
    "use workflow"
    hook = create_hook(int)
    hook_id = await hand_over(hook, value)
    return [hook_id == hook.id, len(hook.token), await hook]


async def one_after_the_other(token: str, times: int) -> list[object]:
    "use workflow"
    found = []
    for number in range(times):
        async with create_hook(int, token=token) as hook:
            await send(token, number)
            found.append(await hook)
    return found


async def conflicting(token: str) -> list[object]:
    "use workflow"
    first, second = create_hook(token=token), create_hook(token=token)
    conflicts = [await first.conflict(), await second.conflict()]
    try:
        await second
    except HookConflictError as error:
        first.dispose()
        return [conflicts[0], conflicts[1].run_id == error.owner_run_id, error.token]


async def compensates(token: str) -> object:
    "use workflow"
    try:
        await sleep("1 day")
    finally:
        async with create_hook(token=token) as hook:
            await add(await hook, 1)


async def waits_for_ever(token: str) -> object:
    "use workflow"
    async with create_hook(token=token) as hook:
        return await hook


async def forgotten() -> None:
    "use workflow"
    hook = create_hook(token="forgotten")
    await asyncio.Event().wait()
    await hook
