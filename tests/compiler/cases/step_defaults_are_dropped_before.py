import random


async def draw(low=random.random(), *, high=random.random() + 1):
    "use step"
    return low, high


async def flow():
    "use workflow"
    return await draw()
