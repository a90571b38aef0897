"""Hooks that stay open."""

from wfc import create_hook


async def awaited(order: str) -> object:
    "use workflow"
    return await create_hook(dict, token=f"a:{order}")  # WFC803: 18, "claimed until the run ends"


async def named(order: str) -> object:
    "use workflow"
    hook = create_hook(dict, token=f"b:{order}")  # WFC803: 12, "claimed until the run ends"
    return await hook


async def iterated(order: str) -> None:
    "use workflow"
    async for payload in create_hook(dict, token=f"c:{order}"):  # WFC803: 26, "claimed until"
        print(payload)


async def good_with(order: str) -> object:
    "use workflow"
    async with create_hook(dict, token=f"d:{order}") as hook:
        return await hook


async def good_disposed(order: str) -> object:
    "use workflow"
    hook = create_hook(dict, token=f"e:{order}")
    try:
        return await hook
    finally:
        hook.dispose()


async def good_later(order: str) -> object:
    "use workflow"
    hook = create_hook(dict, token=f"f:{order}")
    async with hook:
        return await hook


async def good_handed_on(order: str) -> object:
    "use workflow"
    hook = create_hook(dict, token=f"g:{order}")
    return await helper(hook)


async def helper(hook: object) -> object:
    return hook
