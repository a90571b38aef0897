import asyncio
import functools

from app.saying import notify
from wfc import sleep


async def flow(order: str) -> list:
    "use workflow"
    told = await asyncio.gather(*map(functools.partial(notify), [order, order + "b"]))
    await sleep(5)
    return told
# file: saying.py
async def notify(order: str) -> str:
    "use step"
    return f"told {order}"
