import asyncio


def crunch(x):
    
    return x


async def flow(xs):
    __wfc__.refuse("flow")
    

__wfc__.register("step", "crunch", crunch)
__wfc__.register("workflow", "flow", flow)
