import asyncio


crunch = __wfc__.step("crunch")




async def flow(xs):
    
    first = await asyncio.to_thread(crunch, xs)
    return await asyncio.gather(*map(crunch, xs)), first
