def price(x):
    return x


async def charge(price):
    
    return price


async def flow(charge):
    __wfc__.refuse("flow")
    


async def other(x):
    __wfc__.refuse("other")
    

__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "flow", flow)
__wfc__.register("workflow", "other", other)
