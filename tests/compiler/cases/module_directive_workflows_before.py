"""All of these are workflows."""

from __future__ import annotations

"use workflow"

from wfc import sleep


async def first():
    await sleep(1)
    return await _helper()


async def second():
    """Documented."""
    await sleep(2)


async def third():
    """Documented alone."""


async def fourth():

    async def charge():
        "use step"
        return 1

    # A comment.
    await charge()


async def fifth(x):
    if x:

        async def charge():
            "use step"
            return x

        await charge()


async def sixth():
    for x in (
        1,
        2,
    ):

        async def charge():
            "use step"
            return x

        await charge()


async def seventh():
    x = 1

    async def charge():
        "use step"
        return x

    await charge()


async def eighth():
    try:
        with open as f:

            async def charge():
                "use step"
                return f

    finally:
        await charge()


async def ninth():
    try:
        await sleep(1)
    except (
        ValueError,
        TypeError,
    ) as error:

        async def charge():
            "use step"
            return error

        await charge()
    else:

        async def refund():
            "use step"
            return 1

        await refund()
    finally:
        await sleep(2)


async def tenth():
    async def charge():
        "use step"
        return 1

    class Local:
        rate = 3


async def eleventh():
    async def charge(x=1 / 0):
        "use step"
        return x

    await charge()


async def _helper():
    return 3
