"""Starts two functions away."""

import asyncio

from wfc.api import start


async def daily(number: int) -> int:
    "use workflow"
    return number


async def begin() -> None:
    await start(daily, 1)


async def main() -> None:
    await begin()


def good_other() -> None:
    print("nothing starts here")


if "__main__" == __name__:  # WFC137: 1, "WFC161"
    asyncio.run(main())
