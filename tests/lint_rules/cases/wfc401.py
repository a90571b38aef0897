"""Arguments that no log can hold."""

import asyncio
import json
import threading

import wfc
from wfc.api import start


async def price(order_id: str, rule: object = None) -> int:
    "use step"
    return len(order_id)


def render(rows: list[str]) -> str:
    "use step"
    return "".join(rows)


def doubled(number: int) -> int:
    return number * 2


def numbered(orders: list[str]):
    yield from orders


async def checkout(orders: list[str]) -> None:
    "use workflow"
    await price("o-1", rule=lambda cents: cents * 2)  # WFC401: 29, "a lambda"
    await asyncio.to_thread(render, (order for order in orders))  # WFC401: 37, "a generator"
    await price("o-1", price("o-2"))  # WFC401: 24, "nobody awaited"
    await price("o-1", doubled)  # WFC401: 24, "a function"


async def nightly(path: str) -> None:
    "use workflow"
    lock = threading.Lock()
    await price(path, lock)  # WFC401: 23, "threading.Lock"
    await price(path, json)  # WFC401: 23, "a module"
    await render(map(str, [1, 2]))  # WFC401: 18, "an iterator"
    await wfc.start(checkout, numbered(["a"]))  # WFC401: 31, "a generator"


async def importing(path: str) -> None:
    with open(path) as file:
        await start(nightly, file)  # WFC401: 30, "an open file"


async def good_data(orders: list[str]) -> None:
    "use workflow"
    await price("o-1", [order for order in orders])
    await render(list(map(str, [1, 2])))
    await price("o-1", await price("o-2"))
    await price("o-1", sorted(orders, key=lambda order: order[0]))


async def good_step(orders: list[str]) -> None:
    "use step"
    await price("o-1", lambda cents: cents)


async def good_steps_are_values(orders: list[str]) -> None:
    "use workflow"
    await price("o-1", render)


async def good_inline(orders: list[str]) -> None:
    "use workflow"
    await good_with_code(doubled)


async def good_with_code(rule: object) -> None:
    "use workflow"
    await asyncio.gather(*(price(name) for name in ("a", "b")))


async def held(orders: list[str]) -> None:
    "use workflow"
    task = asyncio.create_task(price("o-1"))
    await price("o-1", task)  # WFC401: 24, "a task"
    await price("o-1", [doubled, 1])  # WFC401: 25, "a function"
    await price("o-1", {"rule": lambda cents: cents})  # WFC401: 33, "a lambda"
    await price(*(order for order in orders))
