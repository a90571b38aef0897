def max(*values):
    return sorted(values)[-1]


async def list(x):
    
    return x


async def flow(x):
    __wfc__.refuse("flow")
    
__wfc__.register("step", "list", list)
__wfc__.register("workflow", "flow", flow)
