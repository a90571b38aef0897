

from __future__ import annotations



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

    charge = __wfc__.step("fourth.charge", lambda: {})



    # A comment.
    await charge()


async def fifth(x):
    if x:

        charge = __wfc__.step("fifth.charge", lambda: {"x": x})



        await charge()


async def sixth():
    for x in (
        1,
        2,
    ):

        charge = __wfc__.step("sixth.charge", lambda: {"x": x})



        await charge()


async def seventh():
    x = 1

    charge = __wfc__.step("seventh.charge", lambda: {"x": x})



    await charge()


async def eighth():
    try:
        with open as f:

            charge = __wfc__.step("eighth.charge", lambda: {"f": f})



    finally:
        await charge()


async def ninth():
    try:
        await sleep(1)
    except (
        ValueError,
        TypeError,
    ) as error:

        charge = __wfc__.step("ninth.charge", lambda: {"error": error})



        await charge()
    else:

        refund = __wfc__.step("ninth.refund", lambda: {})



        await refund()
    finally:
        await sleep(2)


async def tenth():
    charge = __wfc__.step("tenth.charge", lambda: {})



    class Local:
        rate = 3


async def eleventh():
    charge = __wfc__.step("eleventh.charge", lambda: {})



    await charge()


async def _helper():
    return 3
