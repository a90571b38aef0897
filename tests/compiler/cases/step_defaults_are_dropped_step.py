import random


async def draw(low=random.random(), *, high=random.random() + 1):
    
    return low, high


async def flow():
    __wfc__.refuse("flow")
    
__wfc__.register("step", "draw", draw)
__wfc__.register("workflow", "flow", flow)
