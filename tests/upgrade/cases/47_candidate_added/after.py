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


TABLE = {"ship": ship, "notify": notify, "tell": notify}


async def flow(order: str, word: str = "ship") -> list:
    "use workflow"
    step = TABLE[word]
    await sleep(5)
    return [await step(order)]
