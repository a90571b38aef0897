async def look(x):
    
    return x


async def flow(rows):
    __wfc__.refuse("flow")
    








__wfc__.register("step", "look", look)
__wfc__.register("workflow", "flow", flow)
