async def ask(x):
    
    return x


async def flow(x):
    __wfc__.refuse("flow")
    


__wfc__.register("step", "ask", ask)
__wfc__.register("workflow", "flow", flow)
