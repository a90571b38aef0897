"""Sells things."""

import asyncio
import random
import uuid
from datetime import datetime

from wfc import changed, policy, remove_attributes, set_attributes, sleep


async def charge(order: str, cents: int) -> str:
    "use step"
    return f"paid {order} {cents}"


async def ship(name: str) -> str:
    "use step"
    return f"sent {name}"


async def notify(order: str) -> str:
    "use step"
    return f"told {order}"


async def flow(order: str) -> list:
    "use workflow"
    first = await notify(order)
    paid = await charge(order, 4200)
    await sleep("1 day")
    sent = await ship(order)
    return [paid, sent]
