"""A script that Python would run uncompiled."""

import asyncio

from wfc.api import start


async def nightly(tables: list[str]) -> int:
    "use workflow"
    return len(tables)


async def main() -> None:
    run = await start(nightly, ["a"])
    print(run)


async def good_server() -> None:
    await start(nightly, ["b"])


def good_other() -> None:
    print("nothing starts here")


async def good_unused() -> None:
    await start.options(id="n")(nightly, ["c"])


if __name__ == "__main__":  # WFC137: 1, "WFC161"
    asyncio.run(main())
