from wfc import start
async def other(a: int):
    "use workflow"
    return a
async def flow(x, y=None):
    "use workflow"
    return await start(other, x)
