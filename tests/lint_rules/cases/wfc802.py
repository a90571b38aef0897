"""Tokens that can be drawn again."""

import random
import uuid
from uuid import uuid4

from wfc import create_hook


async def drawn(order: str) -> object:
    "use workflow"
    async with create_hook(dict, token=str(uuid4())) as hook:  # WFC802: 40, "uuid4"
        return await hook


async def named(order: str) -> object:
    "use workflow"
    token = uuid.uuid4().hex
    async with create_hook(dict, token=token) as hook:  # WFC802: 40, "uuid.uuid4"
        return await hook


async def numbers(order: str) -> object:
    "use workflow"
    async with create_hook(dict, token=f"{order}:{random.randint(1, 9)}") as hook:  # WFC802: 40, "random.randint"
        return await hook


async def good_left_out(order: str) -> object:
    "use workflow"
    async with create_hook(dict) as hook:
        return await hook


async def good_subject(order: str) -> object:
    "use workflow"
    async with create_hook(dict, token=f"order:{order}") as hook:
        return await hook


async def good_elsewhere(order: str) -> uuid.UUID:
    "use workflow"
    return uuid4()
