async def charge(x):
    
    return x


async def flow(x):
    __wfc__.refuse("flow")

    async def first():
        
        return x

    async def both():
        
        return await first(), await charge(x)

    return await both()
__wfc__.register("step", "charge", charge)
__wfc__.register("workflow", "flow", flow)
__wfc__.register("step", "flow.first", flow)
__wfc__.register("step", "flow.both", flow)
