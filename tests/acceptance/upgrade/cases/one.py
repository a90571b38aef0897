"""A shop, as it was deployed first. What a run does is in its argument."""

import asyncio
import os
from pathlib import Path

from wfc import FatalError, RetryableError, create_hook, policy, sleep, start

HERE = Path(os.environ.get("WFC_TEST_PLACE", "."))


def journal(line: str) -> None:
    with (HERE / "journal").open("a") as file:
        file.write(f"{line}\n")


async def charge(order: str, cents: int) -> str:
    "use step"
    journal(f"charge {order}")
    while order == "attempt" and not (HERE / "gate").exists():
        await asyncio.sleep(0.01)
    if order == "refused":
        raise FatalError("the card is refused")
    return f"{order}:{cents}"


@policy(attempts=3)
async def ship(order: str) -> str:
    "use step"
    journal(f"ship {order}")
    if order in {"backoff", "gather"} and not (HERE / "road").exists():
        raise RetryableError("no road", retry_after="1h")
    return f"shipped {order}"


async def notify(order: str) -> str:
    "use step"
    journal(f"notify {order}")
    return f"told {order}"


async def pack(order: str) -> str:
    "use workflow"
    await sleep("30 days")
    return f"packed {order}"


async def asked(order: str) -> list:
    async with create_hook(str, token=order) as hook:
        if order == "asked-2":
            await sleep("30 days")
        return [await hook, await hook]


async def checkout(order: str) -> list:
    "use workflow"
    if order == "gather":
        return list(await asyncio.gather(charge(order, 4200), ship(order)))
    paid = await charge(order, 4200)
    if order == "bug":
        raise ValueError("nobody thought of that")
    if order == "done":
        return [paid]
    if order == "parent":
        child = await start.options(id="child")(pack, order)
        paid = f"{paid}, {await child.result()}"
    elif order.startswith("asked"):
        first, second = await asked(order)
        paid = f"{paid}, {first}, {second}"
    if order != "backoff":
        await sleep("30 days")
    return [paid, await ship(order)]
