async def name(x):
    
    return x


async def flow(x):
    __wfc__.refuse("flow")
    
__wfc__.register("step", "name", name)
__wfc__.register("workflow", "flow", flow)
