


async def charge(cents):
    return cents


async def checkout(cents):
    __wfc__.refuse("checkout")
    
__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "checkout", checkout)
