"""Sells things."""

import asyncio
import random
import uuid
from datetime import datetime

from wfc import changed, policy, remove_attributes, set_attributes, sleep


async def charge(order: str, cents: int) -> str:
    "use step"
    return f"paid {order} {cents}"


async def ship(order: str) -> str:
    "use step"
    return f"sent {order}"


async def notify(order: str) -> str:
    "use step"
    return f"told {order}"


async def flow(order: str) -> list:
    "use workflow"
    async with asyncio.TaskGroup() as group:
        one = group.create_task(charge(order, 1))
        two = group.create_task(ship(order))
    paid, sent = one.result(), two.result()
    return [paid, sent]
