async def charge(x):
    
    return x


async def flow(x):
    __wfc__.refuse("flow")
    





__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "flow", flow)
