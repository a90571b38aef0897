import asyncio

from wfc import sleep


def join(right: str, left: str) -> str:
    "use step"
    return left + right


async def flow(order: str) -> str:
    "use workflow"
    one = await asyncio.to_thread(join, left=order, right="1")
    await sleep(60)
    return one
