ask = __wfc__.step("ask")




async def flow(x):
    
    y = await ask(1) if x else await ask(2)
    z = x and await ask(3) or not await ask(4)
    return y, z, 1 < await ask(5) < 9, -await ask(6), (await ask(7))[await ask(8)]
