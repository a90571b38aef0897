BASE = 2
RATE = BASE * 3
UNUSED = RATE + 1
LIMITS = (RATE, BASE)


async def flow(x):
    __wfc__.refuse("flow")
    
__wfc__.register("workflow", "flow", flow)
