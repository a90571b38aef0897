"""Tokens that every run would claim."""

from wfc import create_hook, create_webhook

TOPIC = "orders"


async def literal(order: str) -> object:
    "use workflow"
    async with create_hook(dict, token="approval") as hook:  # WFC801: 40, "approval"
        return await hook


async def bare(order: str) -> object:
    "use workflow"
    async with create_hook(dict, token=f"approval") as hook:  # WFC801: 40, "approval"
        return await hook


async def web(order: str) -> object:
    "use workflow"
    async with create_webhook(token="stripe") as hook:  # WFC801: 37, "stripe"
        return await hook


async def good_subject(order: str) -> object:
    "use workflow"
    async with create_hook(dict, token=f"approval:{order}") as hook:
        return await hook


async def good_default(order: str) -> object:
    "use workflow"
    async with create_hook(dict) as hook:
        return await hook


async def good_sum(order: str) -> object:
    "use workflow"
    async with create_hook(dict, token=TOPIC + ":" + order) as hook:
        return await hook
