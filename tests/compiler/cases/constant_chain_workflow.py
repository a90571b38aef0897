BASE = 2
RATE = BASE * 3

LIMITS = (RATE, BASE)


async def flow(x):
    
    return LIMITS[0] * x
