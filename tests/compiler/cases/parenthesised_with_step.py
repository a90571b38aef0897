async def act(x):
    
    return x


async def flow(a, b):
    __wfc__.refuse("flow")
    






__wfc__.register("step", "act", act)
__wfc__.register("workflow", "flow", flow)
