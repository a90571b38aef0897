BASE = 2
RATE = BASE * 3
UNUSED = RATE + 1
LIMITS = (RATE, BASE)


async def flow(x):
    "use workflow"
    return LIMITS[0] * x
