"""Durations that nobody can read."""

from wfc import create_hook, sleep


async def misspelt() -> None:
    "use workflow"
    await sleep("3 dayz")  # WFC807: 17, "the duration of a sleep '3 dayz' has the unknown unit"


async def negative() -> None:
    "use workflow"
    await sleep(-5)  # WFC807: 17, "-5"


async def kept(order: str) -> object:
    "use workflow"
    async with create_hook(dict, token=order, retention="a week") as hook:  # WFC807: 57, "a week"
        return await hook


async def good_text() -> None:
    "use workflow"
    await sleep("1h30m")
    await sleep("3 days")


async def good_number() -> None:
    "use workflow"
    await sleep(0.5)


async def good_name(pause: str) -> None:
    "use workflow"
    await sleep(pause)
