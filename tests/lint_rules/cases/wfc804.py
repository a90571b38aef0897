"""Hooks without a type."""

from wfc import create_hook, create_webhook


async def plain(order: str) -> object:
    "use workflow"
    async with create_hook() as hook:  # WFC804: 16, "any payload"
        return await hook


async def with_token(order: str) -> object:
    "use workflow"
    async with create_hook(token=f"a:{order}") as hook:  # WFC804: 16, "any payload"
        return await hook


async def web(order: str) -> object:
    "use workflow"
    async with create_webhook(token=f"b:{order}") as hook:  # WFC804: 16, "any payload"
        return await hook


async def good_positional(order: str) -> object:
    "use workflow"
    async with create_hook(dict) as hook:
        return await hook


async def good_keyword(order: str) -> object:
    "use workflow"
    async with create_hook(schema=dict) as hook:
        return await hook


def create_other() -> None:
    print("another function")


async def good_other(order: str) -> None:
    "use workflow"
    create_other()
