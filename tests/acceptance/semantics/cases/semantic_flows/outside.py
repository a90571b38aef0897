"""What happens to a run from outside: cancel, pause, wake, attributes."""
import asyncio

from semantic_flows.bodies import add, flaky, hang, labels, slowly_retried

from wfc import get_workflow_metadata, policy, remove_attributes, set_attributes, sleep


async def sleeper(number: int) -> int:
    "use workflow"
    await add(number)
    await sleep("10 days")
    return await add(number, 10)


async def in_step(number: int) -> int:
    "use workflow"
    return await hang(number)


async def in_gather(number: int) -> list:
    "use workflow"
    return await asyncio.gather(hang(number), sleep("1 day"), add(number))


async def cleans_up(number: int) -> int:
    "use workflow"
    try:
        await sleep("10 days")
    finally:
        await add(number, 100)
        await sleep("1h")
        await add(number, 200)
    return number


async def cleans_up_after_step(number: int) -> int:
    "use workflow"
    try:
        return await hang(number)
    except asyncio.CancelledError:
        await add(number)
        raise


async def survives(number: int) -> str:
    "use workflow"
    try:
        await sleep("10 days")
    except asyncio.CancelledError:
        return f"survived {await add(number)}"
    return "slept"


async def fails_when_cancelled(number: int) -> None:
    "use workflow"
    try:
        await sleep("10 days")
    except asyncio.CancelledError:
        raise ValueError("instead") from None


async def cancelled_group(number: int) -> None:
    "use workflow"
    async with asyncio.TaskGroup() as group:
        group.create_task(hang(number))
        group.create_task(sleep("1 day"))


@policy(cleanup="1m")
async def dawdles() -> None:
    "use workflow"
    try:
        await sleep("10 days")
    finally:
        await sleep("1 day")


async def retrying(fails: int) -> int:
    "use workflow"
    return await slowly_retried(fails)


async def labelled(name: str) -> dict:
    "use workflow"
    await set_attributes({"name": name, "gone": 1})
    await labels(name)
    await remove_attributes("gone")
    seen = dict(get_workflow_metadata().attributes)
    await sleep("1h")
    return seen


async def sees_attributes() -> object:
    "use workflow"
    await sleep("1 day")
    return get_workflow_metadata().attributes.get("from_outside")


async def two_sleeps() -> list[bool]:
    "use workflow"
    return [(await sleep("1 day")).early, (await sleep("1 day")).early]


@policy(timeout="1h")
async def limited() -> None:
    "use workflow"
    await sleep("1 day")


async def about_itself() -> list:
    "use workflow"
    meta = get_workflow_metadata()
    return [meta.run_id, meta.workflow.partition(":")[2], meta.chapter, meta.parent_id]


async def swallows(number: int) -> str:
    "use workflow"
    await add(number)
    while True:
        try:
            await sleep("10 days")
        except BaseException:
            return "swallowed"
        finally:
            return f"in finally {await add(number)}"
