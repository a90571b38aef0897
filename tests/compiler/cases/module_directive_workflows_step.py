"""All of these are workflows."""

from __future__ import annotations



from wfc import sleep


async def first():
    __wfc__.refuse("first")



async def second():
    """Documented."""; __wfc__.refuse("second")
    


async def third():
    """Documented alone."""; __wfc__.refuse("third")


async def fourth():

    async def charge():
        
        return 1

    # A comment.
    await charge()


async def fifth(x):
    if x:

        async def charge():
            
            return x

        await charge()


async def sixth():
    for x in (
        1,
        2,
    ):

        async def charge():
            
            return x

        await charge()


async def seventh():
    x = 1

    async def charge():
        
        return x

    await charge()


async def eighth():
    try:
        with open as f:

            async def charge():
                
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
            
            return error

        await charge()
    else:

        async def refund():
            
            return 1

        await refund()
    finally:
        await sleep(2)


async def tenth():
    async def charge():
        
        return 1

    class Local:
        rate = 3


async def eleventh():
    async def charge(x=1 / 0):
        
        return x

    await charge()


async def _helper():
    return 3
__wfc__.register("workflow", "first", first)
__wfc__.register("workflow", "second", second)
__wfc__.register("workflow", "third", third)
__wfc__.register("workflow", "fourth", fourth)
__wfc__.register("step", "fourth.charge", fourth)
__wfc__.register("workflow", "fifth", fifth)
__wfc__.register("step", "fifth.charge", fifth)
__wfc__.register("workflow", "sixth", sixth)
__wfc__.register("step", "sixth.charge", sixth)
__wfc__.register("workflow", "seventh", seventh)
__wfc__.register("step", "seventh.charge", seventh)
__wfc__.register("workflow", "eighth", eighth)
__wfc__.register("step", "eighth.charge", eighth)
__wfc__.register("workflow", "ninth", ninth)
__wfc__.register("step", "ninth.charge", ninth)
__wfc__.register("step", "ninth.refund", ninth)
__wfc__.register("workflow", "tenth", tenth)
__wfc__.register("step", "tenth.charge", tenth)
__wfc__.register("workflow", "eleventh", eleventh)
__wfc__.register("step", "eleventh.charge", eleventh)
