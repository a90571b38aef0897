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


class Till:
    def __init__(self, order: str) -> None:
        self.order = order

    async def take(self, cents: int) -> str:
        return await charge(self.order, cents)


async def flow(order: str) -> list:
    "use workflow"
    till = Till(order)
    await sleep(5)
    return [await till.take(1), await till.take(2)]
