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
    __wfc__.refuse("fourth"); await charge()


async def fifth(x):
    if __wfc__.refuse("fifth"):

        async def charge():
            
            return x

        await charge()


async def sixth():
    for x in (__wfc__.refuse("sixth")


)    :

        async def charge():
            
            return x

        await charge()


async def seventh():
    __wfc__.refuse("seventh"); x = 1

    async def charge():
        
        return x

    await charge()


async def eighth():
    if __wfc__.refuse("eighth"):
        with open as f:

            async def charge():
                
                return f





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
