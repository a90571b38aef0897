async def act(x):
    
    return x


async def flow(x):
    __wfc__.refuse("flow")
    








COUNT = 0
__wfc__.register("step", "act", act)
__wfc__.register("workflow", "flow", flow)
