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


async def flow(order: str) -> str:
    "use workflow"
    try:
        async with asyncio.timeout(0):
            sent = await ship(order + "!")
    except TimeoutError:
        sent = ""
    return sent
