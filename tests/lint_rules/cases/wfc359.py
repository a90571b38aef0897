"""Operations of workflows where no workflow runs."""

import asyncio

import wfc
from wfc import create_hook, create_webhook, restart, sleep
from wfc.api import start


async def charge(order_id: str) -> str:
    "use step"
    await sleep("1m")  # WFC359: 11, "sleep"
    return order_id


async def ask(order_id: str) -> str:
    "use step"
    async with create_hook(token=order_id) as hook:  # WFC359: 16, "create_hook"
        return str(await hook)


async def begin(order_id: str) -> None:
    "use step"
    async with create_webhook() as hook:  # WFC359: 16, "create_webhook"
        print(hook.url)
    await wfc.start(checkout, order_id)  # WFC359: 11, "wfc.start"


async def again(order_id: str) -> None:
    "use step"
    await restart(order_id)  # WFC359: 11, "restart"


async def checkout(order_id: str) -> str:
    "use workflow"
    await good_helper()
    return await charge(order_id)


async def good_helper() -> None:
    await sleep("1 day")


async def good_step() -> None:
    "use step"
    await asyncio.sleep(1)


async def good_workflow(order_id: str) -> None:
    "use workflow"
    await sleep("1 day")
    await wfc.start(checkout, order_id)
    await restart(order_id)


async def good_script() -> None:
    await start(checkout, "o-1")
    await asyncio.sleep(1)
