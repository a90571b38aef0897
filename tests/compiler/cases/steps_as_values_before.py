import asyncio
from functools import partial


async def charge(x, y=1):
    "use step"
    return x


TOOLS = [charge]
by_name = {"charge": charge}


async def main():
    "use workflow"
    await asyncio.gather(*map(charge, [1, 2]), *[t(3) for t in TOOLS])
    return await partial(by_name["charge"], 1)()
