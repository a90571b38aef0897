import asyncio
from functools import partial


charge = __wfc__.step("charge")




TOOLS = [charge]
by_name = {"charge": charge}


async def main():
    
    await asyncio.gather(*map(charge, [1, 2]), *[t(3) for t in TOOLS])
    return await partial(by_name["charge"], 1)()
