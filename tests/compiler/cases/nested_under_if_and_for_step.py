from wfc import policy


async def checkout(rate: int):
    __wfc__.refuse("checkout")
    if rate:

        @policy(attempts=5)
        async def charge() -> int:
            
            return rate

    else:

        async def charge_other() -> int:
            
            return -rate

    for x in range(3):

        async def each():
            
            return x

        await each()
    return await charge()
__wfc__.register("workflow", "checkout", checkout)
__wfc__.register("step", "checkout.charge", checkout)
__wfc__.register("step", "checkout.charge_other", checkout)
__wfc__.register("step", "checkout.each", checkout)
