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
    paid = await charge(order, 4200)
    await sleep("1 day")
    sent = await ship(order)
    return [paid, sent]
